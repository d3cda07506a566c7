"""The first line of a cassette: what it is a tape of.

Only the standard library is imported, since recorders write it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_mcpflow.cassette.format import FORMAT
from pytest_mcpflow.cassette.values import as_object, decoded, dump

__all__ = ["begins_cassette", "goes_on", "headed", "new_header", "says_whose"]

WHOSE = ("capabilities", "era", "protocol", "server")
"""What the header says of the first session that was opened, in the words of its `opened` line."""

HEADER_BEGINS = b'{"format":'
"""How a new header begins, of which a recorder that was killed may have left a part."""


def new_header(redaction: str | None) -> bytes:
    """The header of a cassette on which no session was opened so far."""
    return dump({"format": FORMAT, "kind": "header", "recorder": "pytest-mcpflow", "redaction": redaction})


def headed(header: bytes, lines: Sequence[bytes]) -> list[bytes]:
    """The lines of a cassette, the first of which says what the first `opened` line does.

    Args:
        header: What stands first now, and goes on doing so to the byte if it says all that already.
        lines: What stands below it.
    """
    said = as_object(decoded(header))
    opened = _first_opened(lines)
    whose = {key: opened[key] for key in WHOSE if key in opened}
    complete = {**{key: value for key, value in said.items() if key not in WHOSE}, **whose}
    return [header if complete == said else dump(complete), *lines]


def says_whose(header: bytes) -> bool:
    """Whether the header of a cassette tells of a session."""
    return "era" in as_object(decoded(header))


def begins_cassette(data: bytes) -> bool:
    """Whether a file that begins like this is a cassette, even if no more than a part of its first line is there."""
    first, line_feed, _ = data.partition(b"\n")
    return _is_header(first) if line_feed else data.startswith(HEADER_BEGINS)


def goes_on(before: bytes, after: bytes) -> bool:
    """Whether a cassette has all that another one had, so that whoever wrote on that one can write on here.

    Args:
        before: What was in the one, all of it whole lines.
        after: What is in the other.
    """
    old, _, old_lines = before.partition(b"\n")
    new, _, new_lines = after.partition(b"\n")
    return _without_whose(old) == _without_whose(new) and new_lines.startswith(old_lines)


def _without_whose(header: bytes) -> dict[str, object] | None:
    if not _is_header(header):
        return None
    return {key: value for key, value in as_object(decoded(header)).items() if key not in WHOSE}


def _is_header(line: bytes) -> bool:
    try:
        return as_object(decoded(line)).get("kind") == "header"
    except (ValueError, RecursionError):
        return False


def _first_opened(lines: Iterable[bytes]) -> dict[str, object]:
    for line in lines:
        if b'"opened"' in line:  # most lines need not be decoded to know that they are something else
            frame = as_object(decoded(line))
            if frame.get("kind") == "opened":
                return dict(frame)
    return {}
