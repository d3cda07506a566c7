"""Arguments that a JSON Schema does not accept, each wrong in one place."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from hypothesis import reject
from hypothesis import strategies as st

from pytest_mcpflow.strategies.schemas import Demands, Document, Schema
from pytest_mcpflow.strategies.valid import DeadEnd, Drawer

__all__ = ["break_one_place", "can_be_broken", "invalid_arguments"]

Path = tuple[str | int, ...]
_UNKNOWN = "not_in_the_schema"
_OF_ANY_KIND: tuple[Any, ...] = (
    "",
    "7",
    7,
    -1,
    1.5,
    True,
    None,
    [],
    ["7"],
    {},
    {_UNKNOWN: 1},
    10**30,
    "x" * 10_000,
)


def invalid_arguments(schema: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Arguments that a tool's input schema refuses; `jsonschema` has looked at each of them.

    They are valid ones with one mistake: something required is missing, has another type, lies out of its range,
    is none of the values in a list, is unknown where that matters, ... It is `nothing()` for a schema that takes
    every object.

    Raises:
        SchemaError: It is no JSON Schema, has a pattern that Python cannot read, or refers to what is not in it.
    """
    document = Document(schema)
    if not can_be_broken(document):
        return st.nothing()

    @st.composite
    def drawn(draw: st.DrawFn) -> dict[str, Any]:
        drawer = Drawer(draw, document)
        try:
            return break_one_place(drawer, drawer.arguments())
        except DeadEnd:
            reject()

    return drawn()


def can_be_broken(document: Document) -> bool:
    """Whether there are arguments that break the schema, as far as mistakes at its top show."""
    plain, choices, _ = document.laid_out([document.root])
    names = [*Demands(plain).named_properties] + [
        name for alternatives in choices for each in alternatives for name in _names(document, each)
    ]
    tried: list[dict[str, Any]] = [{}, {_UNKNOWN: 1}]
    tried += [{name: value} for name in names for value in _OF_ANY_KIND]
    return not all(map(document.accepts, tried))


def _names(document: Document, alternative: list[Schema]) -> list[str]:
    return Demands(document.laid_out(alternative)[0]).named_properties


def break_one_place(drawer: Drawer, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with one mistake.

    Raises:
        DeadEnd: No mistake made them wrong.
    """
    document = drawer.document
    places = [*_places(document, [document.root], dict(arguments), ())]
    first = drawer.draw(st.integers(0, len(places) - 1))
    for place in places[first:] + places[:first]:
        mistakes = [
            wrong
            for mistake in place.mistakes()
            if not document.accepts(wrong := mistake.in_place(arguments))
        ]
        if mistakes:
            return mistakes[0] if len(mistakes) == 1 else drawer.draw(st.sampled_from(mistakes))
    raise DeadEnd


@dataclass(frozen=True)
class _Mistake:
    """What stands at a path instead, or that nothing does."""

    path: Path
    value: Any = None
    is_missing: bool = False

    def in_place(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        changed: Any = copy.deepcopy(dict(arguments))
        node = changed
        for step in self.path[:-1]:
            node = node[step]
        if self.is_missing:
            del node[self.path[-1]]
        elif self.path:
            node[self.path[-1]] = copy.deepcopy(self.value)
        return cast("dict[str, Any]", changed)


@dataclass(frozen=True)
class _Place:
    """One value among the arguments, or a property that is not there, and what is demanded of it."""

    document: Document
    path: Path
    schemas: list[Schema]
    value: object
    is_there: bool

    def mistakes(self) -> Iterator[_Mistake]:
        demands = Demands(self.document.laid_out(self.schemas)[0])
        if self.path:
            if self.is_there and isinstance(self.path[-1], str):
                yield _Mistake(self.path, is_missing=True)
            yield from (_Mistake(self.path, wrong) for wrong in self._wrong(demands))
        if self.is_there and isinstance(self.value, dict):
            yield _Mistake((*self.path, _UNKNOWN), 1)

    def _wrong(self, demands: Demands) -> Iterator[Any]:
        """Values that break what is demanded here; whether they break it all is for others to see."""
        made: list[Any] = [*_OF_ANY_KIND]
        made += [
            limit - 1 for word in ("minimum", "exclusiveMinimum") for limit in _numbers(demands.all(word))
        ]
        made += [
            limit + 1 for word in ("maximum", "exclusiveMaximum") for limit in _numbers(demands.all(word))
        ]
        made += _numbers(demands.all("exclusiveMinimum")) + _numbers(demands.all("exclusiveMaximum"))
        made += ["x" * (limit - 1) for limit in demands.all("minLength") if limit > 0]
        made += ["x" * (limit + 1) for limit in demands.all("maxLength")]
        value = self.value
        if isinstance(value, list) and value:
            items = cast("list[object]", value)
            made += [items[:-1], items + items[-1:]]
        yield from (
            value for value in made if not all(self.document.accepts(value, each) for each in self.schemas)
        )


def _numbers(values: list[Any]) -> list[int | float]:
    return [value for value in values if not isinstance(value, bool)]


def _places(document: Document, schemas: list[Schema], value: object, path: Path) -> Iterator[_Place]:
    yield _Place(document, path, schemas, value, is_there=True)
    plain, _, _ = document.laid_out(schemas)
    demands = Demands(plain)
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        for name, inner in fields.items():
            yield from _places(document, demands.of_property(name), inner, (*path, name))
        for name in demands.named_properties:
            if name not in fields:
                yield _Place(document, (*path, name), demands.of_property(name), None, is_there=False)
    elif isinstance(value, list):
        for index, inner in enumerate(cast("list[object]", value)):
            yield from _places(document, demands.of_item(index), inner, (*path, index))
