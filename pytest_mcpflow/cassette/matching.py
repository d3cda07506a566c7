"""Whether two requests ask the same, and where they differ."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, cast

from pytest_mcpflow.cassette.values import as_object, canonical

__all__ = ["CALL", "first_difference", "request_key", "significant"]

CALL = "tools/call"
INSIGNIFICANT = frozenset({"_meta", "inputResponses", "requestState"})
"""Who asks, under which token and trace, and what a person answered in an earlier round."""


def request_key(method: str, params: Mapping[str, Any], ignore: Sequence[str] = ()) -> str:
    """What requests that ask the same have in common, and no others.

    Args:
        method: The method.
        params: The parameters.
        ignore: JSON pointers of what does not count in them.
    """
    if not ignore and INSIGNIFICANT.isdisjoint(params) and ("arguments" in params or method != CALL):
        return method + canonical(params)  # as below, for most requests
    return method + canonical(significant(method, params, ignore))


def significant(method: str, params: Mapping[str, Any], ignore: Sequence[str] = ()) -> Mapping[str, Any]:
    """What of a request's parameters is part of the question."""
    kept = {name: value for name, value in params.items() if name not in INSIGNIFICANT}
    if method == CALL:
        kept.setdefault("arguments", {})
    if ignore:
        kept = copy.deepcopy(kept)
        for pointer in ignore:
            _drop(kept, [_unescaped(part) for part in pointer.split("/")[1:]])
    return kept


def first_difference(recorded: object, live: object, pointer: str = "") -> tuple[str, object, object] | None:
    """Where two JSON values differ first: a JSON pointer and both values there; `None` if they are equal."""
    old, new = recorded, live
    if isinstance(old, dict) and isinstance(new, dict):
        return _first_in_objects(as_object(recorded), as_object(live), pointer)
    if isinstance(old, list) and isinstance(new, list):
        return _first_in_lists(cast("list[object]", recorded), cast("list[object]", live), pointer)
    return None if canonical(recorded) == canonical(live) else (pointer, recorded, live)


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


def _drop(value: object, path: Sequence[str]) -> None:
    """Take out what a pointer leads to. Items that follow one in a list keep their places."""
    step, rest = path[0], path[1:]
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        for name in [*members] if step == "*" else [step] * (step in members):
            if rest:
                _drop(members[name], rest)
            else:
                del members[name]
    elif isinstance(value, list):
        items = cast("list[object]", value)
        if step == "*" and not rest:
            items.clear()
        chosen = range(len(items)) if step == "*" else [int(step)] if step.isdecimal() else []
        for index in (index for index in chosen if index < len(items)):
            if rest:
                _drop(items[index], rest)
            else:
                items[index] = None


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
