"""Values that a JSON Schema accepts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hypothesis import reject
from hypothesis import strategies as st

from pytest_mcpflow.errors import SchemaError
from pytest_mcpflow.strategies.numbers import numbers
from pytest_mcpflow.strategies.schemas import SAYS_NOTHING, SAYS_TYPE, Demands, Document, JSONObject, Schema
from pytest_mcpflow.strategies.texts import texts

__all__ = ["ANYTHING", "DeadEnd", "Drawer", "Suggest", "arguments"]

ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-100, 100) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
Suggest = Callable[[str, Sequence[str]], Sequence[Any]]
"""Values known already that may do for a property, by its name and its types."""

DEEP = 4
TOO_DEEP = 24
TRIES = 4


class DeadEnd(Exception):
    """What was chosen so far leads to no value; another choice may."""


def arguments(schema: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Arguments that a tool's input schema accepts; `jsonschema` has looked at each of them.

    Properties that the schema does not name are left out, unless it says what they are. Integers stay within what
    every JSON parser tells apart (2**53).

    Args:
        schema: Any JSON Schema of an object, 2020-12 or draft-07 with all their keywords.

    Raises:
        SchemaError: It is no JSON Schema, or one of no object, has a pattern that Python cannot read, or refers to what
            is not in it, or to itself without an end.
    """
    document = Document(schema)
    plain, _, possible = document.laid_out([document.root, {"type": "object"}])
    if not (possible and Demands(plain).types):
        raise SchemaError(
            "no arguments are what this schema demands; the schema of arguments is one of an object"
        )

    @st.composite
    def drawn(draw: st.DrawFn) -> dict[str, Any]:
        try:
            return Drawer(draw, document).arguments()
        except DeadEnd:
            reject()

    return drawn()


@dataclass(frozen=True)
class Drawer:
    """Draws values that a document accepts, choice by choice."""

    draw: st.DrawFn
    document: Document
    suggest: Suggest | None = None

    def arguments(self) -> dict[str, Any]:
        """Arguments that the whole document accepts.

        Raises:
            DeadEnd: None were found.
        """
        for _ in range(TRIES):
            try:
                value: dict[str, Any] = self.value([self.document.root, {"type": "object"}])
            except DeadEnd:
                continue
            if self.document.accepts(value):
                return value
        raise DeadEnd

    def value(self, schemas: Sequence[Schema], depth: int = 0, name: str = "") -> Any:
        """A value that all of these schemas accept.

        Raises:
            DeadEnd: None was found.
        """
        if depth > TOO_DEEP:
            raise DeadEnd
        plain, choices, possible = self.document.laid_out(schemas)
        if not possible:
            raise DeadEnd
        demands = Demands(plain)
        if not choices and not demands.needs_a_look:
            return self._plain(demands, depth, name)
        for _ in range(TRIES):
            try:
                value = self._plain(Demands(self._chosen(plain, choices, depth)), depth, name)
            except DeadEnd:
                continue
            if all(self.document.accepts(value, each) for each in schemas):
                return value
        raise DeadEnd

    def _chosen(self, plain: list[JSONObject], choices: list[Any], depth: int) -> list[JSONObject]:
        """The plain demands, with one of each alternatives among them."""
        demands, todo = [*plain], [*choices]
        while todo:
            alternatives = [each for each in todo.pop(0) if self._fits(demands, each)]
            if not alternatives:
                raise DeadEnd
            if depth >= DEEP:  # come to an end: what refers to nothing first
                alternatives = [min(alternatives, key=_references)]
            picked = alternatives[0] if len(alternatives) == 1 else self.draw(st.sampled_from(alternatives))
            more, further, possible = self.document.laid_out(picked)
            if not possible:
                raise DeadEnd
            demands, todo = demands + more, todo + further
        return demands

    def _fits(self, demands: list[JSONObject], alternative: list[Schema]) -> bool:
        plain, _, possible = self.document.laid_out(alternative)
        return possible and bool(Demands([*demands, *plain]).types)

    def _plain(self, demands: Demands, depth: int, name: str) -> Any:
        if demands.candidates is not None:
            return self._listed(demands)
        if not demands.types:
            raise DeadEnd
        if self.suggest is not None and name:
            known = self.suggest(name, demands.types)
            if known and self._accepts_plain(picked := self.draw(st.sampled_from(known)), demands):
                return picked
        if len(demands.types) == 6 and not any(part.keys() - SAYS_NOTHING for part in demands.parts):
            return self.draw(ANYTHING)
        kind = demands.types[0] if len(demands.types) == 1 else self.draw(st.sampled_from(demands.types))
        match kind:
            case "null":
                return None
            case "boolean":
                return self.draw(st.booleans())
            case "string":
                return self._drawn(texts(demands))
            case "array":
                return self._array(demands, depth, name)
            case "object":
                return self._object(demands, depth)
            case _:
                return self._drawn(numbers(demands, whole=kind == "integer"))

    def _drawn(self, strategy: st.SearchStrategy[Any] | None) -> Any:
        if strategy is None:
            raise DeadEnd
        return self.draw(strategy)

    def _listed(self, demands: Demands) -> Any:
        allowed = demands.candidates or []
        if not demands.is_mere_list:
            allowed = [
                value for value in allowed if self._accepts_plain(value, demands, skipping=SAYS_NOTHING)
            ]
        if not allowed:
            raise DeadEnd
        return allowed[0] if len(allowed) == 1 else self.draw(st.sampled_from(allowed))

    def _accepts_plain(self, value: Any, demands: Demands, *, skipping: frozenset[str] = SAYS_TYPE) -> bool:
        """Whether the parts accept a value; those that say no more than its type, which was seen to, are skipped."""
        return all(
            self.document.accepts(value, part) for part in demands.parts if not part.keys() <= skipping
        )

    # Objects

    def _object(self, demands: Demands, depth: int) -> dict[str, Any]:
        present = demands.required()
        if depth < DEEP:
            optional = [name for name in demands.named_properties if name not in present]
            present += [name for name in optional if False not in demands.of_property(name) and self._coin()]
            present = [*dict.fromkeys([*present, *demands.required(present)])]
        demands = self._with_dependents(demands, present)
        present = [*dict.fromkeys([*present, *demands.required(present)])]
        value = {name: self.value(demands.of_property(name), depth + 1, name) for name in present}
        self._fill(value, demands, depth)
        return value

    def _with_dependents(self, demands: Demands, present: Sequence[str]) -> Demands:
        further = demands.dependent(present)
        if not further:
            return demands
        plain, choices, possible = self.document.laid_out(further)
        if not possible:
            raise DeadEnd
        return Demands([*demands.parts, *self._chosen(plain, choices, DEEP - 1)])

    def _fill(self, value: dict[str, Any], demands: Demands, depth: int) -> None:
        """Add properties that are not named, where that is meant or so many are needed."""
        least, most = demands.most("minProperties"), demands.least("maxProperties")
        wanted = least
        if demands.names_of_others and depth < DEEP:
            wanted = max(least, len(value) + self.draw(st.integers(0, 2)))
        wanted = wanted if most is None else min(wanted, most)
        for name in demands.named_properties:
            if len(value) < least and name not in value and False not in demands.of_property(name):
                value[name] = self.value(demands.of_property(name), depth + 1, name)
        for _ in range(TRIES * wanted):
            if len(value) >= wanted:
                return
            name = self._other_name(demands)
            if name not in value and False not in (schemas := demands.of_property(name)):
                value[name] = self.value(schemas, depth + 1, name)
        if len(value) < least:
            raise DeadEnd

    def _other_name(self, demands: Demands) -> str:
        patterns = [pattern for patterns in demands.all("patternProperties") for pattern in patterns]
        rules: list[Schema] = [*demands.all("propertyNames"), {"type": "string"}]
        if patterns and (any(said is False for said in demands.all("additionalProperties")) or self._coin()):
            rules.append({"pattern": self.draw(st.sampled_from(patterns))})
        if len(rules) == 1:
            return str(self.draw(_NAMES))
        return str(self.value(rules, DEEP))

    # Arrays

    def _array(self, demands: Demands, depth: int, name: str) -> list[Any]:
        needed = [(rule, count) for part in demands.parts for rule, count in _contained(part)]
        least = max(demands.most("minItems"), sum(count for _, count in needed))
        most = demands.most_items
        roof = max(least, demands.first_items) + (3 if depth < DEEP else 0)
        if most is not None:
            roof = min(roof, most)
        if least > roof:
            raise DeadEnd
        size = least if least == roof else self.draw(st.integers(least, roof))
        containing = [rule for rule, count in needed for _ in range(count)]
        is_unique = any(demands.all("uniqueItems"))
        items, known = list[Any](), set[str]()
        first_containing = max(0, min(demands.first_items, size - len(containing)))
        for index in range(size):
            schemas = demands.of_item(index)
            if first_containing <= index < first_containing + len(containing):
                schemas = [*schemas, containing[index - first_containing]]
            for _ in range(TRIES):
                item = self.value(schemas, depth + 1, name)
                key = _canonical(item) if is_unique else str(index)
                if key not in known:
                    items.append(item)
                    known.add(key)
                    break
            else:
                break
        if len(items) < least:
            raise DeadEnd
        return items

    def _coin(self) -> bool:
        return self.draw(_COIN)


_COIN = st.booleans()
_NAMES = st.from_regex(re.compile("[a-z][a-z0-9_]{0,8}"), fullmatch=True)


def _contained(part: JSONObject) -> list[tuple[Schema, int]]:
    if "contains" not in part:
        return []
    return [(part["contains"], part.get("minContains", 1))]


def _canonical(item: Any) -> str:
    """Equal for what JSON Schema takes for equal: 1 and 1.0 are, 1 and true are not."""
    return json.dumps(_whole(item), sort_keys=True)


def _whole(item: Any) -> Any:
    match item:
        case float() if item.is_integer():
            return int(item)
        case list():
            return [_whole(each) for each in item]  # pyright: ignore[reportUnknownVariableType] - JSON values
        case dict():
            return {name: _whole(each) for name, each in item.items()}  # pyright: ignore[reportUnknownVariableType]
        case _:
            return item


@lru_cache(maxsize=1024)
def _reference_count(text: str) -> tuple[int, int]:
    return text.count('"$ref"'), len(text)


def _references(schemas: list[Schema]) -> tuple[int, int]:
    return _reference_count(json.dumps(schemas))
