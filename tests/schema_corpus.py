"""JSON Schemas of tools: those that real servers list, and some of each keyword's traps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from checkout import ROOT

__all__ = ["real_schemas", "tricky_schemas"]

Schema = Mapping[str, Any]


def real_schemas() -> dict[str, Schema]:
    """The input schemas in the recorded sessions and the kept tool lists, by server and tool."""
    found: dict[str, Schema] = {}
    for tape in sorted((ROOT / "fixtures" / "tapes").glob("*.jsonl")):
        for line in tape.read_text(encoding="utf-8").splitlines():
            found |= _listed(tape.stem, json.loads(line))
    for kept in sorted((ROOT / "fixtures" / "real_tools").glob("*.json")):
        found |= _listed(kept.stem, json.loads(kept.read_text(encoding="utf-8")))
    return found


def _listed(server: str, node: object) -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    if isinstance(node, dict):
        fields = cast("dict[str, Any]", node)
        if isinstance(fields.get("inputSchema"), dict) and "name" in fields:
            found[f"{server}.{fields['name']}"] = fields["inputSchema"]
        for inner in fields.values():
            found |= _listed(server, inner)
    elif isinstance(node, list):
        for inner in cast("list[object]", node):
            found |= _listed(server, inner)
    return found


def tricky_schemas() -> dict[str, Schema]:
    """One property, `it`, that each says something else of."""
    return {
        name: {"type": "object", "properties": {"it": it}, "required": ["it"]} for name, it in _OF_IT.items()
    } | _WHOLE


_OF_IT: dict[str, Schema | bool] = {
    "const": {"const": {"a": [1, None]}},
    "enum of many types": {"enum": ["a", 1, None, {"b": 2}]},
    "enum and type": {"enum": ["a", 1, 2.5], "type": "number"},
    "several types": {"type": ["string", "null", "integer"]},
    "integer range": {"type": "integer", "minimum": 3, "maximum": 5},
    "exclusive range": {"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5},
    "narrow float range": {"type": "number", "exclusiveMinimum": 0, "maximum": 1e-9},
    "multiple": {"type": "integer", "multipleOf": 7, "minimum": 20, "maximum": 30},
    "multiple of a fraction": {"type": "number", "multipleOf": 0.25, "minimum": 0.3, "maximum": 0.6},
    "two multiples": {
        "allOf": [{"multipleOf": 4}, {"multipleOf": 6}],
        "type": "integer",
        "minimum": 1,
        "maximum": 30,
    },
    "number of only keywords": {"minimum": 10},
    "lengths": {"type": "string", "minLength": 3, "maxLength": 4},
    "pattern": {"type": "string", "pattern": "^[a-z]{2}-\\d+$"},
    "pattern anywhere": {"type": "string", "pattern": "needle"},
    "two patterns": {"type": "string", "allOf": [{"pattern": "^[ab]+$"}, {"pattern": "b$"}]},
    "pattern and length": {"type": "string", "pattern": "^a*$", "minLength": 2, "maxLength": 5},
    "date-time": {"type": "string", "format": "date-time"},
    "unknown format": {"type": "string", "format": "colour"},
    "anything": {},
    "true": True,
    "items": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3},
    "prefix items": {"prefixItems": [{"type": "integer"}, {"const": "x"}], "items": False, "minItems": 2},
    "prefix items and more": {
        "type": "array",
        "prefixItems": [{"const": 1}],
        "items": {"const": 2},
        "minItems": 3,
    },
    "contains": {"type": "array", "items": {"type": "integer"}, "contains": {"const": 7}, "maxItems": 4},
    "contains so many": {"type": "array", "contains": {"type": "string"}, "minContains": 2, "maxContains": 3},
    "unique": {"type": "array", "items": {"type": "boolean"}, "uniqueItems": True, "minItems": 2},
    "unique numbers": {
        "type": "array",
        "items": {"enum": [1, 1.0, True]},
        "uniqueItems": True,
        "minItems": 2,
    },
    "unevaluated items": {"type": "array", "prefixItems": [{"type": "null"}], "unevaluatedItems": False},
    "a map": {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1},
    "pattern properties": {
        "type": "object",
        "patternProperties": {"^x-": {"type": "string"}},
        "additionalProperties": False,
        "minProperties": 1,
    },
    "property names": {"type": "object", "propertyNames": {"pattern": "^[A-Z]+$"}, "minProperties": 2},
    "at most": {"type": "object", "properties": {"a": {}, "b": {}, "c": {}}, "maxProperties": 1},
    "dependent required": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}, "c": {"type": "integer"}},
        "dependentRequired": {"a": ["b"], "b": ["c"]},
    },
    "dependent schemas": {
        "type": "object",
        "properties": {"kind": {"enum": ["a", "b"]}, "size": {"type": "integer"}},
        "dependentSchemas": {"kind": {"required": ["size"], "properties": {"size": {"minimum": 5}}}},
    },
    "all of": {"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": {"const": 1}}}]},
    "any of": {"anyOf": [{"type": "string", "maxLength": 2}, {"type": "array", "maxItems": 1}]},
    "one of": {"oneOf": [{"type": "integer", "multipleOf": 3}, {"type": "integer", "multipleOf": 5}]},
    "one of by kind": {
        "oneOf": [
            {
                "type": "object",
                "properties": {"kind": {"const": "a"}, "x": {"type": "integer"}},
                "required": ["kind", "x"],
            },
            {
                "type": "object",
                "properties": {"kind": {"const": "b"}, "y": {"type": "string"}},
                "required": ["kind", "y"],
            },
        ]
    },
    "not": {"type": "integer", "minimum": 0, "maximum": 5, "not": {"const": 3}},
    "not an object with": {"type": "object", "properties": {"a": {}, "b": {}}, "not": {"required": ["a"]}},
    "if then else": {
        "type": "object",
        "properties": {
            "how": {"enum": ["file", "text"]},
            "path": {"type": "string"},
            "text": {"type": "string"},
        },
        "required": ["how"],
        "if": {"properties": {"how": {"const": "file"}}},
        "then": {"required": ["path"]},
        "else": {"required": ["text"]},
    },
    "unevaluated properties": {
        "type": "object",
        "allOf": [{"properties": {"a": {"type": "integer"}}}],
        "properties": {"b": {"type": "integer"}},
        "unevaluatedProperties": False,
    },
    "nothing but no": {"type": "object", "properties": {"never": False, "ever": {"type": "null"}}},
}

_WHOLE: dict[str, Schema] = {
    "recursion": {
        "type": "object",
        "properties": {"tree": {"$ref": "#/$defs/node"}},
        "required": ["tree"],
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "value": {"type": "integer"},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                },
                "required": ["value"],
                "additionalProperties": False,
            }
        },
    },
    "recursion through a choice": {
        "type": "object",
        "properties": {"expression": {"$ref": "#/$defs/e"}},
        "required": ["expression"],
        "$defs": {
            "e": {
                "anyOf": [
                    {"type": "array", "items": {"$ref": "#/$defs/e"}, "minItems": 2, "maxItems": 2},
                    {"type": "integer"},
                ]
            }
        },
    },
    "recursion to the top": {
        "type": "object",
        "properties": {"inner": {"$ref": "#"}, "value": {"type": "integer"}},
    },
    "an anchor": {
        "type": "object",
        "properties": {"size": {"$ref": "#size"}},
        "required": ["size"],
        "$defs": {"anything": {"$anchor": "size", "type": "integer", "minimum": 1, "maximum": 9}},
    },
    "an id": {
        "$id": "https://example.com/order",
        "type": "object",
        "properties": {"size": {"$ref": "https://example.com/size"}},
        "required": ["size"],
        "$defs": {"size": {"$id": "https://example.com/size", "type": "integer", "minimum": 1}},
    },
    "an escaped pointer": {
        "type": "object",
        "properties": {"it": {"$ref": "#/$defs/a~1b~0c%25"}},
        "required": ["it"],
        "$defs": {"a/b~c%": {"const": 1}},
    },
    "a reference and more": {
        "type": "object",
        "properties": {"it": {"$ref": "#/$defs/number", "maximum": 4}},
        "required": ["it"],
        "$defs": {"number": {"type": "integer", "minimum": 3}},
    },
    "draft-07 items": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "pair": {
                "type": "array",
                "items": [{"type": "string"}, {"type": "null"}],
                "additionalItems": False,
            }
        },
        "required": ["pair"],
    },
    "draft-07 dependencies": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "dependencies": {"a": ["b"], "b": {"properties": {"b": {"minimum": 10}}}},
        "definitions": {"unused": {"type": "null"}},
    },
    "draft-04 limits": {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "properties": {"it": {"type": "integer", "minimum": 0, "exclusiveMinimum": True, "maximum": 3}},
        "required": ["it"],
    },
    "a choice at the top": {
        "type": "object",
        "properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
        "anyOf": [{"required": ["id"]}, {"required": ["name"]}],
        "additionalProperties": False,
    },
}
