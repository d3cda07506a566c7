"""What arguments mean to a server that takes a value written as another type for what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, cast

__all__ = ["lenient_readings"]

TRUE, FALSE = (
    frozenset({"true", "t", "yes", "y", "on", "1"}),
    frozenset({"false", "f", "no", "n", "off", "0"}),
)
"""The words that pydantic takes for a truth value, in any case."""


def lenient_readings(arguments: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The arguments with one value in place of what it says, as pydantic and `MCPServer` read it, whatever its place.

    Text may be a number, a truth value, or any JSON (models send lists as text), a truth value may be a number, and 0
    and 1 truth values.
    """
    for name, value in arguments.items():
        for read in _readings(value):
            yield {**arguments, name: read}


def _readings(value: object) -> Iterator[Any]:
    match value:
        case str():
            yield from _in_text(value)
        case bool():
            yield int(value)
        case 0 | 1:
            yield bool(value)
        case dict():
            yield from lenient_readings(cast("dict[str, Any]", value))
        case list():
            items = cast("list[object]", value)
            for index, item in enumerate(items):
                yield from ([*items[:index], read, *items[index + 1 :]] for read in _readings(item))
        case _:
            pass


def _in_text(text: str) -> Iterator[Any]:
    word = text.strip().lower()
    if word in TRUE | FALSE:
        yield word in TRUE
    for read in (int, float, json.loads):
        with suppress(ValueError, RecursionError):
            yield read(text)
