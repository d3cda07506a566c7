"""By which rule a request finds its answer on a tape."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from pytest_mcpflow.cassette.format import as_object
from pytest_mcpflow.errors import CassetteError

__all__ = ["Matching", "SameRequest", "first_difference"]

SameRequest: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Any]], bool]
"""Is given the recorded parameters and the live ones, and says whether they ask the same."""

INSIGNIFICANT = frozenset({"_meta", "inputResponses", "requestState"})
"""Who asks, under which token and trace, and what a person answered in an earlier round."""


@dataclass(frozen=True, slots=True)
class Matching:
    """How alike a request must be to what was recorded. The default: method and parameters are equal.

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
        significant = {name: value for name, value in params.items() if name not in INSIGNIFICANT}
        if method == "tools/call":
            significant.setdefault("arguments", {})
        if self.ignore:
            significant = copy.deepcopy(significant)
            for pointer in self.ignore:
                _drop(significant, [_unescaped(part) for part in pointer.split("/")[1:]])
        return method + json.dumps(significant, sort_keys=True, separators=(",", ":"))


def first_difference(recorded: object, live: object, pointer: str = "") -> tuple[str, object, object] | None:
    """Where two JSON values differ first: a JSON pointer and both values there; `None` if they are equal."""
    if isinstance(recorded, dict) and isinstance(live, dict):
        left, right = as_object(cast("object", recorded)), as_object(cast("object", live))
        for name in sorted({*left, *right}):
            here = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            if name not in left or name not in right:
                return here, left.get(name, _Absent()), right.get(name, _Absent())
            found = first_difference(left[name], right[name], here)
            if found is not None:
                return found
        return None
    if isinstance(recorded, list) and isinstance(live, list):
        first, second = cast("list[object]", recorded), cast("list[object]", live)
        for index in range(max(len(first), len(second))):
            if index >= len(first) or index >= len(second):
                sides = [side[index] if index < len(side) else _Absent() for side in (first, second)]
                return f"{pointer}/{index}", sides[0], sides[1]
            found = first_difference(first[index], second[index], f"{pointer}/{index}")
            if found is not None:
                return found
        return None
    values = (cast("object", recorded), cast("object", live))
    same = json.dumps(values[0], sort_keys=True) == json.dumps(values[1], sort_keys=True)
    return None if same else (pointer, *values)


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
