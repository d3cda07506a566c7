"""The generated part of docs/reference/fakes.md: the fields of each fake and its tools.

`python tests/fakes_page.py` writes it; tests/fakes/test_fakes_page.py compares.
"""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

from checkout import ROOT

from pytest_mcpflow import Fake
from pytest_mcpflow.schema import ToolSpec, contract_of
from pytest_mcpflow.shelf import fake_named

__all__ = ["PAGE", "described", "filled", "not_offered"]

PAGE = ROOT / "docs" / "reference" / "fakes.md"
PART = re.compile(r"<!-- tools of (?P<name>[\w-]+) -->\n.*?<!-- end of tools -->\n", re.DOTALL)
SECTION = re.compile(r"^### `(?P<name>[\w-]+)`\n(?P<text>.*?)(?=^#|\Z)", re.MULTILINE | re.DOTALL)


def filled(page: str) -> str:
    """The page with all its generated parts as they should be."""
    return PART.sub(lambda found: _part(found["name"]), page)


def described(page: str) -> list[str]:
    """The names of the fakes that the page describes, in its order."""
    return [found["name"] for found in SECTION.finditer(page)]


def not_offered(page: str, name: str) -> list[str]:
    """The tools of a real server that the section of its fake says are not offered."""
    (text,) = [found["text"] for found in SECTION.finditer(page) if found["name"] == name]
    rows = re.findall(r"^\| (`[^|]*`) \| [^|]+ \|$", text.partition("| not offered | why |")[2], re.MULTILINE)
    return [tool for row in rows for tool in re.findall(r"`([^`]+)`", row)]


def _part(name: str) -> str:
    kind = type(fake_named(name))
    held = ", ".join(f"`{each.name}`" for each in fields(kind) if each.compare)
    lines = [f"<!-- tools of {name} -->", f"Fields: {held}.", "", "| tool | does | |", "|---|---|---|"]
    lines += [_row(spec) for spec in contract_of(kind).tools.values()]
    return "\n".join([*lines, "<!-- end of tools -->", ""])


def _row(spec: ToolSpec) -> str:
    said = " ".join(spec.description.split("\n\n", maxsplit=1)[0].split()).replace("|", "\\|")
    mark = spec.mark
    kinds = {"reads": mark.reads, "destroys": mark.destroys, "idempotent": mark.idempotent and not mark.reads}
    promises = ", ".join(name for name, is_so in kinds.items() if is_so)
    return f"| `{spec.name}({_arguments(spec)})` | {said} | {promises} |"


def _arguments(spec: ToolSpec) -> str:
    """The arguments, those that may be left out with a question mark."""
    schema: dict[str, Any] = spec.parameters.json_schema
    required = schema.get("required", [])
    return ", ".join(name if name in required else f"{name}?" for name in schema["properties"])


def is_front(kind: type[Fake]) -> bool:
    """Whether a fake has the tools of a real server over the state of another."""
    return kind.in_place_of is not None


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
