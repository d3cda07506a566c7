"""What in a server's words a reader should see before a model does.

The patterns follow the attacks that have been shown on MCP clients: instructions in tool descriptions ("tool
poisoning") and in results, text that is invisible or that reads in another order than it is written. They are hints
for a person, not a proof: who knows them can write around them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

__all__ = ["hidden_characters", "hidden_instructions", "instructions"]

MODEL_RULES = r"(?:instruction|rule|prompt|guideline|direction|message|command|constraint|context)s?"
INSTRUCTIONS = re.compile(
    rf"""\b(?:ignore|disregard|forget|override|bypass)\b[^.\n]{{0,30}}
            \b(?:previous|prior|above|earlier|preceding|all|any|your|other|system)\b[^.\n]{{0,30}}\b{MODEL_RULES}\b
      | \b(?:new|updated|real|actual)\s+(?:system\s+)?(?:instructions?|prompt)\s*:
      | \byou\s+are\s+now\s+(?:an?|the|in|no\s+longer)\b | \bfrom\s+now\s+on,?\s+you\s+(?:are|will|must)\b
      | <\|(?:im_start|im_end|system|user|assistant|endoftext)\|> | \[/?INST\] | <</?SYS>>
      | </?(?:system|important|secret|instructions?|admin)> | ^\s*\#{{2,}}\s*(?:system|instructions?)\s*:
      | \b(?:send|post|forward|upload|transmit|exfiltrate)\b[^.\n]{{0,80}}
            \b(?:conversation|chat\s+history|api\s+keys?|secrets?|credentials?|passwords?|private\s+keys?|environment\s+variables)\b
            [^.\n]{{0,40}}\bto\s+(?:https?://|\S+@\S)""",
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)
PEOPLE = r"(?:the\s+)?(?:users?|humans?|person|people|operator|owner|anyone|anybody|them)"
HIDDEN = re.compile(
    rf"""\b(?:do\s+not|don['\u2019]t|never|must\s+not|should\s+not|without)\s+(?:ever\s+)?
            (?:tell|inform|notify|alert|warn|telling|informing|notifying|alerting|warning)\s+{PEOPLE}\b
      | \b(?:do\s+not|don['\u2019]t|never|must\s+not|without)\s+(?:ever\s+)?
            (?:mention|reveal|disclose|mentioning|revealing|disclosing)\b[^.\n]{{0,60}}\bto\s+{PEOPLE}\b
      | \b(?:hide|conceal|keep)\b[^.\n]{{0,40}}\bfrom\s+{PEOPLE}\b
      | \b(?:users?|humans?)\s+(?:must|should|does|do|may|need)\s*(?:not|n['\u2019]t)\s+
            (?:know|notice|see\s+this|find\s+out|be\s+(?:told|aware))
      | \b(?:before|when)\s+(?:using|calling|running)\s+th(?:is|e|ese)\s+tools?\b[^.\n]{{0,80}}
            (?:~/\.(?:ssh|aws|netrc|kube|config|cursor)|id_rsa|\.env\b|mcp\.json|/etc/(?:passwd|shadow))""",
    re.IGNORECASE | re.VERBOSE,
)

REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
INVISIBLE = frozenset("\u200b\u2060\u2061\u2062\u2063\u2064\u180e\u3164\u115f\u1160\ufeff")
JOINERS = frozenset("\u200c\u200d")
"""Invisible, but scripts and emoji need them: suspicious only between letters that never join."""

BYTE_ORDER_MARK = "\ufeff"
BLACK_FLAG = "\U0001f3f4"
TAGS = ("\U000e0000", "\U000e01ef")
"""Tags and variation selectors, by which a whole text can be smuggled."""


def instructions(text: str) -> str | None:
    """The part of a text that speaks to a model as if it were its master."""
    return _shown(INSTRUCTIONS.search(text))


def hidden_instructions(text: str) -> str | None:
    """The part of a text that asks to hide something from people, or to read their files in passing."""
    return _shown(HIDDEN.search(text))


def hidden_characters(text: str) -> str | None:
    """What is invisible in a text, or changes the order in which it is read; with what it spells, if it spells."""
    if text.isascii():
        return None
    found = list(dict.fromkeys(_hidden(text)))
    if not found:
        return None
    tags = "".join(
        chr(ord(character) - 0xE0000) for character in text if "\U000e0020" <= character <= "\U000e007e"
    )
    names = ", ".join(f"U+{ord(each):04X} {unicodedata.name(each, 'without a name')}" for each in found[:3])
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return names + more + (f", which spell {tags[:60]!r}" if tags else "")


def _hidden(text: str) -> Iterator[str]:
    for index, character in enumerate(text):
        if character in REORDERING or (character in INVISIBLE and (index or character != BYTE_ORDER_MARK)):
            yield character
        elif character in JOINERS:
            if text[index - 1 : index].isascii() and text[index + 1 : index + 2].isascii():
                yield character
        elif TAGS[0] <= character <= TAGS[1] and not _is_flag(text, index):
            yield character


def _is_flag(text: str, index: int) -> bool:
    """Whether a tag belongs to the emoji of a region's flag."""
    while index and "\U000e0020" <= text[index] <= "\U000e007f":
        index -= 1
    return text[index] == BLACK_FLAG


def _shown(found: re.Match[str] | None) -> str | None:
    return None if found is None else " ".join(found[0].split())[:100]
