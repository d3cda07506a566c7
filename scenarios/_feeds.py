"""Lists that are checked as a whole before anything is done about their first line."""

from __future__ import annotations

__all__ = ["rows"]


def rows(text: str, *columns: str) -> list[list[str]]:
    """The lines of a list, split at blanks; the last column may have blanks in it.

    Args:
        columns: What each line must have, by name. Those that end in `?` may be missing.

    Raises:
        ValueError: A line has other columns; it names the line.
    """
    required = sum(not column.endswith("?") for column in columns)
    split = [line.split(maxsplit=len(columns) - 1) for line in text.splitlines()]
    for number, (fields, line) in enumerate(zip(split, text.splitlines(), strict=True), 1):
        if len(fields) < required:
            raise ValueError(f"line {number} is {line!r}, and not: {' '.join(columns)}")
    return split
