"""By which rule a request finds its answer on a tape."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeAlias, cast

from pytest_mcpflow.cassette.values import as_object, encoder
from pytest_mcpflow.errors import CassetteError

__all__ = ["Matching", "SameRequest", "first_difference"]

SameRequest: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Any]], bool]
"""Is given the recorded parameters and the live ones, and says whether they ask the same."""

CALL = "tools/call"
INSIGNIFICANT = frozenset({"_meta", "inputResponses", "requestState"})
"""Who asks, under which token and trace, and what a person answered in an earlier round."""

_encode = encoder(in_ascii=True)


def _canonical(value: object) -> str:
    """What equal JSON values have in common as text, and no others.

    Some clients write a whole number as `1.0`. By JSON Schema numbers are equal if they have the same mathematical
    value (Core 2020-12, section 4.2.2), and one without a fractional part is an integer, however it is written.
    """
    text = _encode(value)
    return _encode(_with_whole_numbers(value)) if ".0" in text or "e+" in text else text


def _with_whole_numbers(value: object) -> object:
    """A JSON value in which each number without a fractional part is an integer of Python."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {name: _with_whole_numbers(each) for name, each in cast("dict[str, object]", value).items()}
    return [*map(_with_whole_numbers, cast("list[object]", value))] if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class Matching:
    """How alike a request must be to what was recorded. The default: method and parameters are equal, as JSON is.

    Args:
        ignore: JSON pointers into the parameters (RFC 6901) that do not count, such as `/arguments/now`.
        ordered: Whether tools must be called in the order in which they were recorded.
        same: Decides in place of the comparison, for requests of one method and name.

    Raises:
        CassetteError: A pointer is malformed.
    """

    ignore: tuple[str, ...] = ()
    ordered: bool = False
    same: SameRequest | None = None

    def __post_init__(self) -> None:
        for pointer in self.ignore:
            if not pointer.startswith("/"):
                raise CassetteError(f"{pointer!r} is no JSON pointer; one reads like '/arguments/now'")

    def key(self, method: str, params: Mapping[str, Any]) -> str:
        """What equal requests have in common."""
        if not self.ignore and INSIGNIFICANT.isdisjoint(params) and ("arguments" in params or method != CALL):
            return method + _canonical(params)  # as below, for most requests
        significant = {name: value for name, value in params.items() if name not in INSIGNIFICANT}
        if method == CALL:
            significant.setdefault("arguments", {})
        if self.ignore:
            significant = copy.deepcopy(significant)
            for pointer in self.ignore:
                _drop(significant, [_unescaped(part) for part in pointer.split("/")[1:]])
        return method + _canonical(significant)


def first_difference(recorded: object, live: object, pointer: str = "") -> tuple[str, object, object] | None:
    """Where two JSON values differ first: a JSON pointer and both values there; `None` if they are equal."""
    old, new = recorded, live
    if isinstance(old, dict) and isinstance(new, dict):
        return _first_in_objects(as_object(recorded), as_object(live), pointer)
    if isinstance(old, list) and isinstance(new, list):
        return _first_in_lists(cast("list[object]", recorded), cast("list[object]", live), pointer)
    return None if _canonical(recorded) == _canonical(live) else (pointer, recorded, live)


def _first_in_objects(
    recorded: Mapping[str, object], live: Mapping[str, object], pointer: str
) -> tuple[str, object, object] | None:
    for name in sorted({*recorded, *live}):
        here = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        if name not in recorded or name not in live:
            return here, recorded.get(name, _Absent()), live.get(name, _Absent())
        found = first_difference(recorded[name], live[name], here)
        if found is not None:
            return found
    return None


def _first_in_lists(
    recorded: list[object], live: list[object], pointer: str
) -> tuple[str, object, object] | None:
    for index, (was, now) in enumerate(zip_longest(recorded, live, fillvalue=_Absent())):
        if isinstance(was, _Absent) or isinstance(now, _Absent):
            return f"{pointer}/{index}", was, now
        found = first_difference(was, now, f"{pointer}/{index}")
        if found is not None:
            return found
    return None


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


def _drop(value: object, path: list[str]) -> None:
    for name in path[:-1]:
        value = _step(value, name)
    last = path[-1]
    if isinstance(value, dict):
        cast("dict[str, Any]", value).pop(last, None)
    elif _step(value, last) is not None:
        cast("list[object]", value)[int(last)] = None  # the others keep their places


def _step(value: object, name: str) -> object:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).get(name)
    if not isinstance(value, list) or not name.isdecimal():
        return None
    items = cast("list[object]", value)
    return items[int(name)] if int(name) < len(items) else None


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
