"""What stands in the place of a secret: `[REDACTED:rule:hash8]`, the same for the same secret everywhere.

The hash is 32 bits of SHA-256. It tells two secrets apart and says nothing of a random one; a guess at a weak
password can be checked against it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable

__all__ = ["OPENING", "PLACEHOLDER", "Cut", "digest", "is_redacted", "placeholder", "substitute"]

PLACEHOLDER = re.compile(r"\[REDACTED:[a-z][a-z0-9-]*:[0-9a-f]{8}\]")
OPENING = "[REDACTED:"
ALPHANUMERIC = re.compile(r"[^\W_]")

Cut = tuple[int, int, str]
"""From where to where a text is replaced, and by what."""


def digest(text: str, *, length: int = 8) -> str:
    """The first hexadecimal digits of a text's SHA-256."""
    import hashlib  # costs 2 ms, which a session without secrets need not spend

    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()[:length]


def placeholder(rule: str, secret: str) -> str:
    return f"{OPENING}{rule}:{digest(secret)}]"


def is_redacted(text: str) -> bool:
    """Whether a text has placeholders and next to nothing besides."""
    return OPENING in text and len(ALPHANUMERIC.findall(PLACEHOLDER.sub("", text))) < 3


def substitute(
    text: str, pattern: re.Pattern[str], replace: Callable[[re.Match[str]], Cut | int | None]
) -> str:
    """Replace what `replace` says of each match; what begins inside of a placeholder is left alone.

    Args:
        replace: Returns what to cut, or the position to go on from (`None`: after the match) where the match
            is no secret.
    """
    match = pattern.search(text)
    if match is None:
        return text
    kept = [found.span() for found in PLACEHOLDER.finditer(text)] if OPENING in text else []
    pieces, copied = list[str](), 0
    while match is not None:
        cut = _end_around(kept, match.start()) or replace(match)
        if isinstance(cut, tuple):
            cut = _end_around(kept, cut[0]) or _end_around(kept, cut[1]) or cut
        if isinstance(cut, tuple):
            pieces += [text[copied : cut[0]], cut[2]]
            copied = position = cut[1]
        else:
            position = match.end() if cut is None else cut
        match = pattern.search(text, max(position, match.start() + 1))
    return "".join([*pieces, text[copied:]]) if pieces else text


def _end_around(kept: list[tuple[int, int]], position: int) -> int | None:
    """Where the placeholder ends that a position is inside of; what were cut there would have no end."""
    index = bisect_left(kept, (position,)) - 1
    return kept[index][1] if index >= 0 and position < kept[index][1] else None
