"""The state of a fake as JSON: to compare, and to save a world and load it again.

Path("world.json").write_text(save_state(shop), encoding="utf-8")
shop = load_state(Shop, Path("world.json").read_text(encoding="utf-8"))
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, TypeVar, cast

from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

from pytest_mcpflow.errors import FakeDefinitionError, StateError, nearest_phrase
from pytest_mcpflow.fake import Fake
from pytest_mcpflow.outcome import shown_value

__all__ = [
    "ABSENT",
    "StateChange",
    "changes_between",
    "load_state",
    "save_state",
    "state_adapter",
    "state_of",
]

F = TypeVar("F", bound=Fake)


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
    dump = state_adapter(type(fake)).serializer.to_python
    state: dict[str, Any] = dump(fake, mode="json", include=_compared_by(type(fake)))
    return state


def _compared_by(fake_type: type[Fake]) -> set[str]:
    """The fields in which two fakes of a class can differ; asked once of each class."""
    known: set[str] | None = fake_type.__dict__.get("_compared")
    if known is None:
        known = {each.name for each in fields(fake_type) if each.compare}
        fake_type._compared = known  # type: ignore[attr-defined]  # a cache that lives and dies with the class
    return known


def save_state(fake: Fake) -> str:
    """The whole state as JSON text: all fields, how many ids were issued, and the tools that are withdrawn.

    The clock belongs to the hub and is not saved. The text of equal states is equal. A number that JSON has not
    (`inf`) is written as Python's `json` writes it.

    Raises:
        FakeDefinitionError: A field holds what has no JSON form, or what its annotation does not say.
    """
    saved = {"service": fake.service, "state": _dumped(fake), "withdrawn": sorted(fake.withdrawn)}
    return to_json(saved, indent=2, inf_nan_mode="constants").decode() + "\n"


def load_state(fake_type: type[F], text: str) -> F:
    """Make a fake in the state that `save_state` wrote. A field that is not in the text has its default.

    Raises:
        StateError: The text is no saved state, is of another service, or a value is not what its field may hold.
        FakeDefinitionError: A field's type has no JSON form.
    """
    state, withdrawn = _saved_parts(fake_type, text)
    try:
        fake = state_adapter(fake_type).validate_json(to_json(state, inf_nan_mode="constants"), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise StateError(
            f"a saved state of {fake_type.service} has {shown_value(first['input'])} at {where}: {first['msg']}; "
            "correct the text, or save the state again"
        ) from None
    for name in withdrawn:
        fake.withdraw(name)
    return fake


def _saved_parts(fake_type: type[Fake], text: str) -> tuple[dict[str, Any], list[str]]:
    try:
        saved: object = from_json(text)
    except ValueError as error:
        raise StateError(f"a saved state of {fake_type.service} is JSON, and this is not: {error}") from None
    shown = shown_value(saved)
    parts = cast("dict[str, Any]", saved) if isinstance(saved, dict) else {}
    service, state, withdrawn = (parts.get(name) for name in ("service", "state", "withdrawn"))
    if not (isinstance(service, str) and isinstance(state, dict) and isinstance(withdrawn, list)):
        raise StateError(
            f"a saved state is an object of service, state and withdrawn, got {shown}; "
            "save_state(fake) writes one"
        )
    if service != fake_type.service:
        raise StateError(
            f"this is a saved state of {service!r}, and {fake_type.__qualname__} is {fake_type.service!r}; "
            f"load it with the class that it was saved from"
        )
    known = [each.name for each in fields(fake_type)]
    for name in cast("dict[str, Any]", state):
        if name not in known:
            raise StateError(
                f"a saved state of {service} has a field {name!r}, which {fake_type.__qualname__} has not; "
                f"{nearest_phrase(name, known)}"
            )
    return cast("dict[str, Any]", state), cast("list[str]", withdrawn)


def _dumped(fake: Fake) -> dict[str, Any]:
    try:
        return cast(
            "dict[str, Any]", state_adapter(type(fake)).dump_python(fake, mode="json", warnings="error")
        )
    except PydanticSerializationError as error:
        raise FakeDefinitionError(
            f"{type(fake).__qualname__} holds what its annotations do not say, so its state cannot be told: {error}"
        ) from error


def state_adapter(fake_type: type[F]) -> TypeAdapter[F]:
    """What reads and writes the fields of a fake; made once for each class, since making it takes long.

    Raises:
        FakeDefinitionError: A field's type has no JSON form.
    """
    known = cast("TypeAdapter[F] | None", fake_type.__dict__.get("_state_adapter"))
    if known is None:
        try:
            known = TypeAdapter(fake_type)
        except (PydanticSchemaGenerationError, PydanticUserError) as error:
            raise FakeDefinitionError(
                f"the state of {fake_type.__qualname__} has no JSON form: {error}; its fields are dataclasses, "
                "lists, dicts, texts and numbers"
            ) from error
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
