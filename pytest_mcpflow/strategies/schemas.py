"""JSON Schemas as what they demand: references followed, alternatives laid out, demands put together.

The dialects that MCP servers use: 2020-12, draft-07 and what lies between. Nothing here knows hypothesis.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast
from urllib.parse import unquote, urljoin

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError as InvalidSchema
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for

from pytest_mcpflow.errors import SchemaError
from pytest_mcpflow.strategies.endless import REFERENCES, endless_reference

__all__ = ["SAYS_NOTHING", "SAYS_TYPE", "Demands", "Document", "JSONObject", "Schema"]

JSONObject = dict[str, Any]
Schema = JSONObject | bool
Alternatives = list[list[Schema]]

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
_OF_TYPE = {
    "object": [
        "properties",
        "required",
        "patternProperties",
        "additionalProperties",
        "propertyNames",
        "minProperties",
        "maxProperties",
        "dependentRequired",
        "dependentSchemas",
        "dependencies",
        "unevaluatedProperties",
    ],
    "array": [
        "items",
        "prefixItems",
        "contains",
        "minItems",
        "maxItems",
        "uniqueItems",
        "additionalItems",
        "unevaluatedItems",
    ],
    "string": ["minLength", "maxLength", "pattern", "format", "contentEncoding", "contentMediaType"],
    "number": ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
}
"""Which keywords speak of which type; a schema without `type` is taken to mean the type that it speaks of."""

NEEDS_A_LOOK = frozenset(
    [
        "not",
        "oneOf",
        "if",
        "contains",
        "unevaluatedProperties",
        "unevaluatedItems",
        "dependentSchemas",
        "dependencies",
        "maxProperties",
        "propertyNames",
    ]
)
"""Keywords that drawing does not fulfil by construction, so that what was drawn is looked at."""


SAYS_NOTHING = frozenset(
    [
        "$schema",
        "$id",
        "$defs",
        "definitions",
        "$anchor",
        "$dynamicAnchor",
        "$comment",
        "title",
        "description",
        "default",
        "examples",
        "example",
        "deprecated",
        "readOnly",
        "writeOnly",
        "$ref",
    ]
)
"""Keywords that demand nothing of a value by themselves."""

SAYS_TYPE = SAYS_NOTHING | {"type"}


class Document:
    """One JSON Schema, and everything its references lead to.

    Raises:
        SchemaError: It is no JSON Schema, has a pattern that Python cannot read, or refers to what is not in it, or
            to itself without an end.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root: JSONObject = dict(root)
        self._whole = self._usable_nodes()
        dialect = validator_for(self.root, default=Draft202012Validator)
        try:
            dialect.check_schema(self.root)
        except InvalidSchema as error:
            where = "/".join(map(str, error.absolute_path)) or "the top"
            raise SchemaError(
                f"this is no JSON Schema: at {where}, {error.message}; correct the schema"
            ) from None
        self.validator = dialect(self.root)
        self._own = {id(node) for node in self._whole}
        self._validators: dict[int, Validator] = {}
        for node in self._whole:
            for keyword in REFERENCES:
                if isinstance(node.get(keyword), str):
                    self.resolve(node[keyword])
        if (reference := endless_reference(self._whole, self.resolve)) is not None:
            raise SchemaError(
                f"the schema refers to {reference!r}, which leads back to where it stands without an end; let it say "
                "what a value is, or lead back for a property or an item only"
            )

    def accepts(self, value: Any, schema: Schema | None = None) -> bool:
        """Whether a value is what the whole schema, or one that is part of it, demands.

        Raises:
            SchemaError: The schema refers to itself without an end for that value.
        """
        try:
            return self._accepts(value, schema)
        except RecursionError:
            raise SchemaError(
                f"the schema refers to itself without an end for this value, {value!r:.200}; let it lead back for a "
                "property or an item only"
            ) from None

    def _accepts(self, value: Any, schema: Schema | None) -> bool:
        if schema is None:
            return self.validator.is_valid(value)
        if isinstance(schema, bool):
            return schema
        known = self._validators.get(id(schema))
        if known is None:
            known = cast("Validator", cast("Any", self.validator).evolve(schema=schema))
            if id(schema) in self._own:  # others may be gone when their id is somebody else's
                self._validators[id(schema)] = known
        return known.is_valid(value)

    def laid_out(self, schemas: Sequence[Schema]) -> tuple[list[JSONObject], list[Alternatives], bool]:
        """The plain demands of all of these schemas, what is left to choose, and whether anything can fulfil them."""
        plain, choices, todo, seen = list[JSONObject](), list[Alternatives](), [*schemas], set[int]()
        while todo:
            schema = todo.pop(0)
            if schema is False:
                return [], [], False
            if schema is True or id(schema) in seen:
                continue
            seen.add(id(schema))
            for keyword in REFERENCES:
                if keyword in schema:
                    todo.append(self.resolve(schema[keyword]))
            todo += schema.get("allOf", ())
            choices += [[[each] for each in schema[word]] for word in ("anyOf", "oneOf") if word in schema]
            if "if" in schema:
                choices.append([[schema["if"], schema.get("then", True)], [schema.get("else", True)]])
            plain.append(schema)
        return plain, choices, True

    def resolve(self, reference: str) -> Schema:
        """What a reference names.

        Raises:
            SchemaError: It is not in this schema.
        """
        address, _, fragment = reference.partition("#")
        node: Any = self._by_id.get(address) if address else self.root
        if node is not None and fragment.startswith("/"):
            node = _at_pointer(node, unquote(fragment))
        elif node is not None and fragment:
            node = self._by_anchor.get(fragment)
        if not isinstance(node, dict | bool):
            raise SchemaError(
                f"the schema refers to {reference!r}, which is not in it; put what it means under $defs"
            )
        return cast("Schema", node)

    def _usable_nodes(self) -> list[JSONObject]:
        found = [*_nodes(self.root)]
        for node in found:
            patterns = [node.get("pattern"), *(node.get("patternProperties") or ())]
            for pattern in (each for each in patterns if isinstance(each, str)):
                try:
                    re.compile(pattern)
                except re.error as error:
                    raise SchemaError(
                        f"the schema has a pattern that Python cannot read, {pattern!r}: {error}; "
                        "write it without what only other languages know"
                    ) from None
        return found

    @cached_property
    def _by_id(self) -> dict[str, JSONObject]:
        base = str(self.root.get("$id", ""))
        named = {node["$id"]: node for node in self._whole if isinstance(node.get("$id"), str)}
        return named | {urljoin(base, name): node for name, node in named.items()}

    @cached_property
    def _by_anchor(self) -> dict[str, JSONObject]:
        return {
            str(node[word]).removeprefix("#"): node
            for node in self._whole
            for word in ("$id", "$dynamicAnchor", "$anchor")
            if word in node
        }


@dataclass(frozen=True)
class Demands:
    """What several plain schemas demand together."""

    parts: Sequence[JSONObject]

    def all(self, keyword: str) -> list[Any]:
        """The values that a keyword has, where it is there."""
        return [part[keyword] for part in self.parts if keyword in part]

    def most(self, keyword: str, default: int = 0) -> int:
        """The strictest of lower limits."""
        return max(self.all(keyword), default=default)

    def least(self, keyword: str) -> int | None:
        """The strictest of upper limits."""
        return min(self.all(keyword), default=None)

    @property
    def needs_a_look(self) -> bool:
        return any(not NEEDS_A_LOOK.isdisjoint(part) for part in self.parts) or len(self.all("pattern")) > 1

    @cached_property
    def candidates(self) -> list[Any] | None:
        """The values of `const` or `enum`, where there is such a list."""
        lists = [[value] for value in self.all("const")] + self.all("enum")
        return min(lists, key=len) if lists else None

    @property
    def is_mere_list(self) -> bool:
        """Whether the one list of values is all that is demanded."""
        keys = [keyword for part in self.parts for keyword in part if keyword not in SAYS_TYPE]
        return len(keys) == 1

    @cached_property
    def types(self) -> list[str]:
        """The types that a value may have; all where nothing is said."""
        allowed = [*TYPES]
        for said in self.all("type"):
            names = [said] if isinstance(said, str) else said
            known = {*names, "integer"} if "number" in names else {*names}
            allowed = [name for name in allowed if name in known]
        if not self.all("type"):
            spoken_of = [name for name, words in _OF_TYPE.items() if any(map(self.all, words))]
            allowed = spoken_of or allowed
        return [name for name in allowed if not (name == "integer" and "number" in allowed)]

    def of_property(self, name: str) -> list[Schema]:
        """What a property of that name must be."""
        found: list[Schema] = []
        for part in self.parts:
            own = [part["properties"][name]] if name in part.get("properties", {}) else []
            own += [s for pattern, s in part.get("patternProperties", {}).items() if re.search(pattern, name)]
            found += own or [part.get("additionalProperties", True)]
        return found

    @property
    def named_properties(self) -> list[str]:
        return [*dict.fromkeys(name for part in self.all("properties") for name in part)]

    @property
    def names_of_others(self) -> bool:
        """Whether properties that are not named are meant to be there: a mapping, or one of patterns."""
        if any(said is False for said in self.all("additionalProperties")):
            return bool(self.all("patternProperties"))
        says = (
            self.all("additionalProperties")
            + self.all("patternProperties")
            + self.all("unevaluatedProperties")
        )
        return any(said is not False for said in says) or not self.all("properties")

    @property
    def is_closed(self) -> bool:
        """Whether a property that is not named breaks the schema."""
        return any(
            said is False for said in self.all("additionalProperties") + self.all("unevaluatedProperties")
        )

    def required(self, present: Sequence[str] = ()) -> list[str]:
        """The properties that must be there, given those that are."""
        lists = [cast("list[str]", names) for names in self.all("required") if isinstance(names, list)]
        found: dict[str, None] = dict.fromkeys(name for names in lists for name in names)
        rules: list[dict[str, Any]] = self.all("dependentRequired") + self.all("dependencies")
        grown = -1
        while grown != len(found):
            grown = len(found)
            for rule in rules:
                for name, needed in rule.items():
                    if (name in found or name in present) and isinstance(needed, list):
                        found |= dict.fromkeys(cast("list[str]", needed))
        return [*found]

    def dependent(self, present: Sequence[str]) -> list[Schema]:
        """The schemas that hold because of the properties that are there."""
        rules = self.all("dependentSchemas") + self.all("dependencies")
        return [
            s for rule in rules for name, s in rule.items() if name in present and not isinstance(s, list)
        ]

    def of_item(self, index: int) -> list[Schema]:
        """What the item at a position of an array must be."""
        return [_item(part, index) for part in self.parts]

    @property
    def most_items(self) -> int | None:
        """How many items an array can have."""
        limits = self.all("maxItems")
        for part in self.parts:
            first = _first_items(part)
            rest = part.get("additionalItems" if isinstance(part.get("items"), list) else "items", True)
            if rest is False or (first and part.get("unevaluatedItems") is False):
                limits.append(len(first))
        return min(limits, default=None)

    @property
    def first_items(self) -> int:
        """How many items of an array have a schema of their own."""
        return max((len(_first_items(part)) for part in self.parts), default=0)


def _first_items(part: JSONObject) -> list[Schema]:
    items = part.get("items")
    return cast("list[Schema]", items if isinstance(items, list) else part.get("prefixItems", []))


def _item(part: JSONObject, index: int) -> Schema:
    first = _first_items(part)
    if index < len(first):
        return first[index]
    if isinstance(part.get("items"), list):
        return cast("Schema", part.get("additionalItems", True))
    return cast("Schema", part.get("items", part.get("unevaluatedItems", True) if first else True))


def _at_pointer(node: Any, pointer: str) -> Any:
    for raw in pointer.split("/")[1:]:
        step = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list):
            items = cast("list[object]", node)
            node = items[int(step)] if step.isdigit() and int(step) < len(items) else None
        else:
            node = cast("JSONObject", node).get(step) if isinstance(node, dict) else None
    return node


def _nodes(node: object) -> Iterator[JSONObject]:
    """Every object in a schema that may be a schema itself; what is mere data is never referred to."""
    if isinstance(node, dict):
        mapping = cast("JSONObject", node)
        yield mapping
        for name, value in mapping.items():
            if name not in ("enum", "const", "default", "examples"):
                yield from _nodes(value)
    elif isinstance(node, list):
        for value in cast("list[object]", node):
            yield from _nodes(value)
