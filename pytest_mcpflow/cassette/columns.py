"""Text from strangers in columns of a terminal: nothing in it moves the cursor, and lines keep to their width."""

from __future__ import annotations

import json
import unicodedata

from pytest_mcpflow.cassette.compare import MISSING

__all__ = ["COLUMNS", "columns", "counted", "excerpt", "fitted", "json_text", "printable"]

COLUMNS = 80
ELLIPSIS = "…"


def printable(text: str) -> str:
    """The text with everything escaped that is no visible character: line feeds, escape sequences, half surrogates."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def columns(text: str) -> int:
    """How many columns a printable text takes."""
    if text.isascii():
        return len(text)
    return sum(_columns_of(character) for character in text)


def fitted(text: str, width: int) -> str:
    """The text as one printable line of at most `width` columns; what is cut off becomes an ellipsis."""
    line = printable(text[: 4 * width])  # more than can ever be shown, and not all of a huge one
    if len(text) <= 4 * width and columns(line) <= width:
        return line
    kept, taken = list[str](), 0
    for character in line:
        taken += _columns_of(character)
        if taken > width - 1:
            break
        kept.append(character)
    return "".join(kept) + ELLIPSIS


def counted(number: int, noun: str) -> str:
    """`1 tool`, `2 tools`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def json_text(value: object) -> str:
    """A JSON value on one line."""
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    except RecursionError:
        return "(nested too deeply to be shown)"


def excerpt(old: object, new: object, *, width: int = COLUMNS, lines: int = 6) -> list[str]:
    """Two values that differ, as a few lines that begin with `-` and `+`.

    Of long values only the neighbourhood of the first difference is shown; of texts with several lines, the lines that
    differ.
    """
    before, after = _lines(old), _lines(new)
    first = 0
    while first < min(len(before), len(after)) and before[first] == after[first]:
        first += 1
    last = 0
    while last < min(len(before), len(after)) - first and before[-1 - last] == after[-1 - last]:
        last += 1
    gone, come = before[first : len(before) - last], after[first : len(after) - last]
    if len(gone) == len(come):
        windows = [_window(one, other, width - 2) for one, other in zip(gone, come, strict=True)]
        gone, come = [one for one, _ in windows], [other for _, other in windows]
    half = max(lines // 2, 1)
    return [*_marked("-", gone, width, half), *_marked("+", come, width, half)]


def _lines(value: object) -> list[str]:
    if value is MISSING:
        return []
    return value.split("\n") if isinstance(value, str) and "\n" in value else [json_text(value)]


def _marked(mark: str, texts: list[str], width: int, limit: int) -> list[str]:
    shown = texts if len(texts) <= limit else texts[: max(limit - 1, 1)]
    marked = [f"{mark} {fitted(text, width - 2)}" for text in shown]
    more = len(texts) - len(shown)
    return [*marked, f"{mark} ({counted(more, 'more line')})"] if more else marked


def _window(one: str, other: str, width: int) -> tuple[str, str]:
    """Both texts, cut at the left so that their first difference can be seen."""
    if max(columns(printable(one)), columns(printable(other))) <= width:
        return one, other
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    cut = min(same - width // 4, max(len(one), len(other)) - width + 1)
    if cut <= 0:
        return one, other
    return ELLIPSIS + one[cut:], ELLIPSIS + other[cut:]


def _columns_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
