"""What tools of real servers take, as the servers list it: names, required arguments, types. No prose of theirs.

The files in fixtures/real_tools were made of `tools/list` answers by

    python tests/real_tools.py --package npm:some-server --version 1.2.3 --licence MIT < tools_list.json
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from checkout import ROOT

__all__ = ["RealServer", "reduced", "server_named", "servers"]

FOLDER = ROOT / "fixtures" / "real_tools"
Schema = Mapping[str, Any]


@dataclass(frozen=True)
class RealServer:
    """A server: where it is published, and the arguments of its tools, by name, as reduced JSON Schema.

    `reads` and `writes` are the tools of which it says whether they only read (`readOnlyHint`).
    """

    package: str
    version: str
    licence: str
    reads: frozenset[str]
    writes: frozenset[str]
    tools: Mapping[str, Schema]


def servers() -> list[str]:
    """The names of the servers there are files of."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def server_named(name: str) -> RealServer:
    content = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    hints = frozenset(content["reads"]), frozenset(content["writes"])
    return RealServer(content["package"], content["version"], content["licence"], *hints, content["tools"])


def reduced(schema: Schema, definitions: Schema | None = None) -> dict[str, Any]:
    """A JSON Schema without descriptions, defaults, limits and references: what may be sent, and what must."""
    known = definitions or schema.get("$defs", {})
    if "$ref" in schema:
        return reduced(known[schema["$ref"].rpartition("/")[2]], known)
    choices: list[Schema] = schema.get("anyOf", schema.get("oneOf", []))
    if isinstance(schema.get("type"), list):
        choices = [{**schema, "type": each} for each in schema["type"]]
    if choices:
        those = [reduced(each, known) for each in choices]
        return those[0] if len(those) == 1 else {"anyOf": sorted(those, key=json.dumps)}
    found: dict[str, Any] = {"type": schema["type"]} if "type" in schema else {}
    allowed = [schema["const"]] if "const" in schema else schema.get("enum")
    if allowed is not None:
        found["enum"] = sorted(allowed)
    if "items" in schema:
        found["items"] = reduced(schema["items"], known)
    if schema.get("properties"):
        properties = cast("Mapping[str, Schema]", schema["properties"])
        found["properties"] = {name: reduced(properties[name], known) for name in sorted(properties)}
        found["required"] = sorted(schema.get("required", []))
    return found


def main() -> None:
    """Reduce a `tools/list` answer (or a list of tools) from the standard input."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    for option in ("--package", "--version", "--licence"):
        parser.add_argument(option, required=True)
    options = parser.parse_args()
    answer = json.load(sys.stdin)
    listed = cast("list[Schema]", answer["tools"] if isinstance(answer, dict) else answer)
    hints = {each["name"]: _read_only(each) for each in listed}
    head = {
        "package": options.package,
        "version": options.version,
        "licence": options.licence,
        "reads": sorted(name for name, hint in hints.items() if hint is True),
        "writes": sorted(name for name, hint in hints.items() if hint is False),
    }
    tools = {
        each["name"]: reduced(each["inputSchema"]) for each in sorted(listed, key=lambda each: each["name"])
    }
    lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(schema)}" for name, schema in tools.items())
    facts = "".join(f"  {json.dumps(name)}: {json.dumps(value)},\n" for name, value in head.items())
    sys.stdout.write(f'{{\n{facts}  "tools": {{\n{lines}\n  }}\n}}\n')


def _read_only(tool: Schema) -> bool | None:
    """What a server says of whether a tool only reads, or `None` where it says nothing."""
    annotations = cast("Mapping[str, bool | None] | None", tool.get("annotations"))
    return None if annotations is None else annotations.get("readOnlyHint")


if __name__ == "__main__":
    main()
