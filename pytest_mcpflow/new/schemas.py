"""Reading JSON Schemas: what they refer to, what two have in common, and how their types are joined."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pytest_mcpflow.new.layout import quoted

__all__ = ["Schema", "default_of", "key_of", "last_of", "optional", "singular_of", "target_of", "union_of"]

Schema = Mapping[str, Any]


def optional(annotation: str) -> str:
    """The type with `None`."""
    return annotation if annotation == "Any" or "None" in annotation else f"{annotation} | None"


def default_of(schema: object) -> str | None:
    """The default that a schema says, as an expression; `None` where it has none that a signature can show."""
    if not isinstance(schema, dict) or "default" not in schema:
        return None
    default = cast("dict[str, Any]", schema)["default"]
    if isinstance(default, str):
        return quoted(default)
    return repr(default) if default is None or isinstance(default, bool | int | float) else None


def key_of(schema: Schema, root: Schema) -> str:
    """What two schemas have in common that describe the same objects, whatever they say about them."""
    text = json.dumps(_bare(schema), sort_keys=True)
    return text + json.dumps(root.get("$defs") or root.get("definitions")) if '"$ref"' in text else text


def _bare(schema: object) -> object:
    if isinstance(schema, list):
        return [_bare(each) for each in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    spoken = ("description", "title", "$schema", "additionalProperties", "$defs", "definitions")
    items = cast("dict[str, object]", schema).items()
    return {key: _bare(each) for key, each in items if key not in spoken or not isinstance(each, str | bool)}


def union_of(annotations: Sequence[str]) -> str:
    parts = list(dict.fromkeys(annotations))
    if not parts or "Any" in parts:
        return "Any"
    return " | ".join(sorted(parts, key=lambda part: part == "None"))


def target_of(reference: object, root: Schema) -> Any:
    """What a reference within a schema points at."""
    found: Any = root
    pointer = str(reference)
    if not pointer.startswith("#"):
        return None
    for part in pointer[1:].split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or key not in found:
            return None
        found = cast("dict[str, Any]", found)[key]
    return found


def last_of(reference: object) -> str:
    return str(reference).rpartition("/")[2].strip("#")


def singular_of(name: str) -> str:
    if name.endswith("ies"):
        return f"{name[:-3]}y"
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name
