"""The state of a fake as JSON values, and what changed between two of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, cast

from pydantic import TypeAdapter

from pytest_mcpflow.fake import Fake
from pytest_mcpflow.outcome import shown_value

__all__ = ["ABSENT", "StateChange", "changes_between", "state_of"]


class _Absent:
    def __repr__(self) -> str:
        return "(absent)"


ABSENT = _Absent()
"""Stands where one of the two states has nothing."""


@dataclass(frozen=True, slots=True)
class StateChange:
    """One value that differs: where, what it was, what it is."""

    path: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.path}: {_shown(self.before)} -> {_shown(self.after)}"


def state_of(fake: Fake) -> dict[str, Any]:
    """The compared fields of a fake as JSON values."""
    dumped = cast("dict[str, Any]", _adapter_of(type(fake)).dump_python(fake, mode="json"))
    return {each.name: dumped[each.name] for each in fields(fake) if each.compare}


def _adapter_of(fake_type: type[Fake]) -> TypeAdapter[Fake]:
    """Made once for each class, since making one takes fifty times as long as using it."""
    known = cast("TypeAdapter[Fake] | None", fake_type.__dict__.get("_state_adapter"))
    if known is None:
        known = TypeAdapter(fake_type)
        fake_type._state_adapter = known  # type: ignore[attr-defined]  # a cache that lives and dies with the class
    return known


def changes_between(before: Any, after: Any, *, path: str = "") -> Iterator[StateChange]:
    """The smallest values that differ, in order of their paths."""
    if isinstance(before, dict) and isinstance(after, dict):
        old, new = cast("dict[str, Any]", before), cast("dict[str, Any]", after)
        for key in [*old, *(key for key in new if key not in old)]:
            deeper = f"{path}.{key}" if key.isidentifier() else f"{path}[{key!r}]"
            yield from changes_between(old.get(key, ABSENT), new.get(key, ABSENT), path=deeper)
    elif (
        isinstance(before, list)
        and isinstance(after, list)
        and len(cast("list[object]", before)) <= len(items := cast("list[object]", after))
    ):
        known = cast("list[object]", before)
        for index, value in enumerate(items):
            was = known[index] if index < len(known) else ABSENT
            yield from changes_between(was, value, path=f"{path}[{index}]")
    elif before != after:
        yield StateChange(path, before, after)


def _shown(value: Any) -> str:
    return repr(value) if value is ABSENT else shown_value(value)
