"""Initial states of a fake."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeVar, cast

from hypothesis import reject
from hypothesis import strategies as st
from pydantic import PydanticInvalidForJsonSchema

from pytest_mcpflow.errors import FakeDefinitionError, UnknownNameError
from pytest_mcpflow.fake import Fake
from pytest_mcpflow.state import state_adapter
from pytest_mcpflow.strategies.schemas import Document
from pytest_mcpflow.strategies.valid import DeadEnd, Drawer

__all__ = ["worlds"]

F = TypeVar("F", bound=Fake)


def worlds(fake: type[F] | F, *, vary: Sequence[str] | None = None) -> st.SearchStrategy[F]:
    """Fakes in initial states that their type hints allow, each a new object.

        @given(worlds(Shop(stock={"tea": 3}), vary=["orders"]))

    Type hints do not say how fields belong together (that each pod is of a deployment that there is); fields that
    do are better left as they are in a fake that is given in place of a class.

    Args:
        fake: A class of fakes, or one whose other fields all of them have.
        vary: The fields that are drawn; by default all that make up the compared state.

    Raises:
        UnknownNameError: `vary` names no field.
        FakeDefinitionError: It is no fake, or a field's type has no JSON form.
    """
    if not issubclass(fake if isinstance(fake, type) else type(fake), Fake):  # pyright: ignore[reportUnnecessaryIsInstance]  # users
        raise FakeDefinitionError(f"worlds are drawn of a fake: pass its class, or one of it, got {fake!r}")
    base = fake() if isinstance(fake, type) else fake
    fake_type = type(base)
    states = [each.name for each in fields(base) if each.init and each.compare]
    chosen = states if vary is None else [*vary]
    for name in chosen:
        if name not in {each.name for each in fields(base) if each.init}:
            raise UnknownNameError(f"field of {fake_type.__qualname__}", name, states)
    adapter = state_adapter(fake_type)
    try:
        schema = adapter.json_schema()
    except PydanticInvalidForJsonSchema as error:
        raise FakeDefinitionError(
            f"{fake_type.__qualname__} has a field that no value can be drawn for: {error}"
        ) from error
    document = Document(
        {
            "type": "object",
            "properties": {name: schema["properties"][name] for name in chosen},
            "required": chosen,
            "$defs": schema.get("$defs", {}),
        }
    )

    @st.composite
    def drawn(draw: st.DrawFn) -> F:
        try:
            values = Drawer(draw, document).arguments()
        except DeadEnd:
            reject()
        made = cast("Any", adapter.validate_python(values))
        world = copy.deepcopy(base)
        for name in chosen:
            setattr(world, name, getattr(made, name))
        return world

    return drawn()
