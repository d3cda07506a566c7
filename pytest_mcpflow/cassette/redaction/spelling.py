"""One text in all the ways in which others hold it: in JSON, in JSON inside of JSON, in a `repr`, in a URL, in base64.

A secret with a quote, a backslash or a letter beyond ASCII looks otherwise in each of them, and otherwise again where
one stands inside of another. What ASCII has of letters and digits looks the same in all but base64.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode

__all__ = ["base64_cores", "in_base64", "in_text", "may_be_escaped"]

PLAIN = re.compile(r"[A-Za-z0-9_.~-]*")
PIECES = re.compile(r"\\+|[^\\]")
ESCAPE = r"(?:\\|%(?:25)*+5[Cc])"
"""A backslash, which a URL may have encoded, and encoded again."""
SHORT = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
MOST = 24
"""How many spellings of a text are looked for in base64; those that are longer are found once it is decoded."""


def may_be_escaped(text: str) -> bool:
    """Whether there is more than one way to write it."""
    return PLAIN.fullmatch(text) is None


def in_text(text: str) -> str:
    """The pattern of a text however often it was escaped.

    Repeats are possessive, so that no run of backslashes takes more than one look.
    """
    pattern, after_backslash = list[str](), False
    for piece in PIECES.findall(text):
        if piece[0] == "\\":
            pattern.append(rf"{ESCAPE}{{{len(piece)},}}+")
        elif PLAIN.fullmatch(piece) is not None:
            pattern.append(re.escape(piece))
        else:
            pattern.append(_character(piece, after_backslash=after_backslash))
        after_backslash = piece[0] == "\\"
    return "".join(pattern)


def in_base64(core: str) -> str:
    """The pattern of a run of base64, in both of its alphabets and in a URL."""
    return core.replace("+", r"(?:[+-]|%(?:25)*+2[Bb])").replace("/", r"(?:\\*+/|_|%(?:25)*+2[Ff])")


def base64_cores(text: str) -> list[str]:
    """What base64 makes of a text at each of the three places where it may begin, less the edges."""
    cores = list[str]()
    for spelling in _spellings(text):
        data = spelling.encode("utf-8", errors="surrogatepass")
        for shift in range(3):
            encoded = b64encode(bytes(shift) + data).decode()
            cores.append(encoded[-(-shift * 8 // 6) : (shift + len(data)) * 8 // 6])
    return [*dict.fromkeys(cores)]


def _character(character: str, *, after_backslash: bool) -> str:
    """A character that may be escaped; after a backslash, all there are of them were taken for that one."""
    escapes = rf"{ESCAPE}{'*' if after_backslash else '+'}+"
    utf8 = [f"{byte:02x}" for byte in character.encode("utf-8", errors="surrogatepass")]
    utf16 = character.encode("utf-16-be", errors="surrogatepass").hex()
    units = [utf16[at : at + 4] for at in range(0, len(utf16), 4)]
    names = [
        f"u{rf'{ESCAPE}++u'.join(units)}",  # JSON, Java, and `repr` where there is one unit
        f"U{ord(character):08x}",
        f"x{rf'{ESCAPE}++x'.join(utf8)}",  # the `repr` of bytes
        *([f"x{ord(character):02x}"] if ord(character) < 256 else []),
        *([SHORT[character]] if character in SHORT else []),
    ]
    ways = [
        rf"{ESCAPE}*+{re.escape(character)}",
        rf"{escapes}(?i:{'|'.join(names)})",
        rf"{ESCAPE}*+(?i:{''.join(f'%(?:25)*+{byte}' for byte in utf8)})",
    ]
    if character == "%":
        ways = ["%(?:25)*"]
    elif character == " ":
        ways += [r"\+", r"%(?:25)*+2[Bb]"]
    return f"(?:{'|'.join(ways)})"


def _spellings(text: str) -> list[str]:
    """The shortest ways to write a text, escaped twice at most."""
    if not may_be_escaped(text):
        return [text]
    spellings = newest = {text}
    for _ in range(2):
        newest = {
            written
            for each in newest
            for written in (
                json.dumps(each)[1:-1],
                json.dumps(each, ensure_ascii=False)[1:-1],
                repr(each)[1:-1],
                repr(each.encode("utf-8", errors="surrogatepass"))[2:-1],
                _quoted(each, "/"),
                _quoted(each, ""),
                _quoted(each, " ").replace(" ", "+"),
            )
        }
        spellings = spellings | newest
    return sorted(spellings, key=lambda each: (len(each), each))[:MOST]


def _quoted(text: str, safe: str) -> str:
    """As in a URL; `urllib.parse`, which does the same, takes a recorder 6 ms to import."""
    data = text.encode("utf-8", errors="surrogatepass")
    return "".join(
        chr(byte) if byte < 128 and (PLAIN.fullmatch(chr(byte)) or chr(byte) in safe) else f"%{byte:02X}"
        for byte in data
    )
