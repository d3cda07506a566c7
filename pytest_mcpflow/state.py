"""The state of a fake as JSON values, and what changed between two of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    adapter: TypeAdapter[Fake] = TypeAdapter(type(fake))
    dumped = cast("dict[str, Any]", adapter.dump_python(fake, mode="json"))
    return {each.name: dumped[each.name] for each in fields(fake) if each.compare}


def changes_between(before: Any, after: Any, *, path: str = "") -> Iterator[StateChange]:
    """The smallest values that differ, in order of their paths."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            deeper = f"{path}.{key}" if str(key).isidentifier() else f"{path}[{key!r}]"
            yield from changes_between(before.get(key, ABSENT), after.get(key, ABSENT), path=deeper)
    elif _is_list(before) and _is_list(after) and len(before) <= len(after):
        for index, value in enumerate(after):
            old = before[index] if index < len(before) else ABSENT
            yield from changes_between(old, value, path=f"{path}[{index}]")
    elif before != after:
        yield StateChange(path, before, after)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _shown(value: Any) -> str:
    return repr(value) if value is ABSENT else shown_value(value)
