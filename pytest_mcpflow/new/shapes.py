"""JSON Schemas as Python types: what a tool takes and gives, and values of it as expressions."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from pytest_mcpflow.new.layout import Expression, Group, Text, laid_out, quoted
from pytest_mcpflow.new.names import title_of
from pytest_mcpflow.new.schemas import (
    Schema,
    default_of,
    key_of,
    last_of,
    optional,
    singular_of,
    target_of,
    union_of,
)

__all__ = ["Misfit", "Shapes", "plain"]

SIMPLE = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
PYTHON: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
    "array": list,
    "object": dict,
}
LONG_CHOICE = 60
"""Characters of a choice between values that deserves a name of its own."""


_OF_THE_FILE = re.compile(r"\b(?!Any\b|Literal\b|None\b|True\b|False\b)[A-Z]\w*")


class Misfit(Exception):
    """A recorded value is not what its schema says."""


@dataclass(frozen=True)
class Member:
    """A key of an object; `default` is an expression."""

    key: str
    annotation: str
    default: str | None
    is_required: bool

    def __str__(self) -> str:
        if self.is_required:
            return f"{self.key}: {self.annotation}"
        if self.default in (None, "None"):
            return f"{self.key}: {optional(self.annotation)} = None"
        return f"{self.key}: {self.annotation} = {self.default}"


@dataclass
class Shape:
    """A class for a kind of JSON object; a dict with those keys where one is no name in Python."""

    name: str
    members: list[Member] = field(default_factory=list[Member])

    @property
    def is_dict(self) -> bool:
        return any(not _can_be_attribute(member.key) for member in self.members)

    def __str__(self) -> str:
        if self.is_dict:
            keys: list[tuple[str, Expression]] = []
            for each in self.members:
                # In quotes, what may stand further down is looked up when it is there.
                kind = quoted(each.annotation) if _OF_THE_FILE.search(each.annotation) else each.annotation
                keys.append((f"{quoted(each.key)}: ", kind if each.is_required else f"NotRequired[{kind}]"))
            inner = Group("{", keys, "}")
            body = laid_out(Group("TypedDict(", [("", quoted(self.name)), ("", inner)], ")"), indent=0)
            return f"{self.name} = {body}\n"
        lines = [f"    {each}\n" for each in self._in_order()]
        return f"@dataclass\nclass {self.name}:\n{''.join(lines)}"

    def _in_order(self) -> list[Member]:
        """What has a default stands behind what has none."""
        return sorted(self.members, key=lambda member: not member.is_required)


class Shapes:
    """The types that the schemas of one server need, each once.

    Args:
        taken: Names that are something else in the file.
    """

    def __init__(self, taken: Sequence[str] = ()) -> None:
        self._taken = {*taken}
        self._shapes: dict[str, Shape] = {}
        self._aliases: dict[str, str] = {}

    def __str__(self) -> str:
        aliases = [f"{name}: TypeAlias = {choice}\n" for choice, name in self._aliases.items()]
        classes = [f"\n\n{shape}" for shape in self._shapes.values() if not shape.is_dict]
        # A dict's types are looked up at once, so what it refers to must stand before it.
        dicts = [f"\n\n{shape}" for shape in self._shapes.values() if shape.is_dict]
        return "".join([*aliases, *classes, *dicts])

    def annotation(self, schema: object, root: Schema, hint: str) -> str:
        """The type of the values that a schema describes.

        Args:
            schema: The schema.
            root: The schema that its references point into.
            hint: What a class for it is called, if it has no title of its own.
        """
        if not isinstance(schema, dict):
            return "Any"
        known = cast("dict[str, Any]", schema)
        if "$ref" in known:
            target = target_of(known["$ref"], root)
            return "Any" if target is None else self.annotation(target, root, last_of(known["$ref"]) or hint)
        choices = [known["const"]] if "const" in known else known.get("enum")
        if choices is not None:
            return self._choice(choices, hint)
        for union in ("anyOf", "oneOf"):
            if union in known:
                return union_of([self.annotation(each, root, hint) for each in known[union]])
        kind = known.get("type")
        if isinstance(kind, list):
            return union_of(
                [self.annotation({**known, "type": each}, root, hint) for each in cast("list[str]", kind)]
            )
        if kind == "array":
            items = known.get("items")
            return f"list[{self.annotation(items, root, singular_of(hint))}]" if items else "list[Any]"
        if kind == "object" or "properties" in known:
            if known.get("properties"):
                return self._shape(known, root, hint).name
            others = known.get("additionalProperties")
            return f"dict[str, {self.annotation(others, root, singular_of(hint)) if others else 'Any'}]"
        return SIMPLE.get(str(kind), "Any")

    def value(self, value: object, schema: object, root: Schema) -> Expression:
        """A value as an expression of the type that the schema has.

        Raises:
            Misfit: It is not what the schema says.
        """
        if not isinstance(schema, dict) or not schema:
            return plain(value)
        known = cast("dict[str, Any]", schema)
        if "$ref" in known:
            return self.value(value, target_of(known["$ref"], root), root)
        choices = [known["const"]] if "const" in known else known.get("enum")
        if choices is not None:
            if value not in choices:
                raise Misfit(f"{value!r} is none of {choices}")
            return plain(value)
        for union in ("anyOf", "oneOf"):
            if union in known:
                return self._first_that_fits(value, known[union], root)
        kind = known.get("type")
        if isinstance(kind, list):
            kinds = [{**known, "type": each} for each in cast("list[str]", kind)]
            return self._first_that_fits(value, kinds, root)
        if kind is not None and not _is(value, str(kind)):
            raise Misfit(f"{value!r} is no {kind}")
        if isinstance(value, list):
            members = [
                ("", self.value(each, known.get("items"), root)) for each in cast("list[object]", value)
            ]
            return Group("[", members, "]")
        if isinstance(value, dict):
            return self._object(cast("dict[str, Any]", value), known, root)
        return plain(value)

    def _object(self, value: Mapping[str, Any], schema: Schema, root: Schema) -> Expression:
        properties = cast("dict[str, Any]", schema.get("properties") or {})
        missing = {*cast("list[str]", schema.get("required", []))} - {*value}
        more = {*value} - {*properties}
        if not properties:
            return plain(value)
        if missing or more:
            raise Misfit(
                f"an object without {sorted(missing)}" if missing else f"an object with {sorted(more)}"
            )
        shape = self._shapes[key_of(schema, root)]
        fields = [(key, self.value(value[key], properties[key], root)) for key in properties if key in value]
        if shape.is_dict:
            return Group(f"{shape.name}({{", [(f"{quoted(key)}: ", each) for key, each in fields], "})")
        return Group(f"{shape.name}(", [(f"{key}=", each) for key, each in fields], ")")

    def _first_that_fits(self, value: object, schemas: Sequence[object], root: Schema) -> Expression:
        for schema in schemas:
            try:
                return self.value(value, schema, root)
            except Misfit:
                continue
        raise Misfit(f"{value!r} is none of what it may be")

    def _choice(self, values: Sequence[object], hint: str) -> str:
        if not values or not all(value is None or isinstance(value, str | bool | int) for value in values):
            return "Any"
        said = [quoted(each) if isinstance(each, str) else repr(each) for each in values if each is not None]
        if not said:
            return "None"
        choice = f"Literal[{', '.join(said)}]"
        if len(choice) > LONG_CHOICE:
            text = laid_out(Group("Literal[", [("", each) for each in said], "]"), indent=0)
            if text not in self._aliases:
                self._aliases[text] = self._free(title_of(hint))
            choice = self._aliases[text]
        return optional(choice) if None in values else choice

    def _shape(self, schema: Schema, root: Schema, hint: str) -> Shape:
        key = key_of(schema, root)
        if key in self._shapes:
            return self._shapes[key]
        shape = self._shapes[key] = Shape(self._free(title_of(str(schema.get("title") or hint))))
        required = cast("list[str]", schema.get("required", []))
        for name, member in cast("dict[str, Any]", schema["properties"]).items():
            annotation = self.annotation(member, root, name)
            shape.members.append(Member(name, annotation, default_of(member), name in required))
        return shape

    def _free(self, name: str) -> str:
        candidate, number = name, 2
        while candidate in self._taken:
            candidate, number = f"{name}{number}", number + 1
        self._taken.add(candidate)
        return candidate


def plain(value: object) -> Expression:
    """JSON as it is."""
    if isinstance(value, dict):
        members = [
            (f"{quoted(key)}: ", plain(each)) for key, each in cast("dict[str, object]", value).items()
        ]
        return Group("{", members, "}")
    if isinstance(value, list):
        return Group("[", [("", plain(each)) for each in cast("list[object]", value)], "]")
    return Text(value) if isinstance(value, str) else repr(value)


def _can_be_attribute(key: str) -> bool:
    return key.isidentifier() and key.isascii() and not keyword.iskeyword(key) and not key.startswith("_")


def _is(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, PYTHON.get(kind, object))
