"""A fake of a recorded server: its tools as methods, with the answers that it gave."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_mcpflow.cassette.recording import RecordedTool
from pytest_mcpflow.fake import Fake
from pytest_mcpflow.new.layout import Group, laid_out, quoted
from pytest_mcpflow.new.method import Method, docstring
from pytest_mcpflow.new.names import Name, python_name
from pytest_mcpflow.new.shapes import Shapes

__all__ = ["TAKEN", "Written", "fake_of", "test_of"]

TAKEN = ("Annotated", "Any", "Fake", "FakeError", "Field", "Literal", "NotRequired", "TypeAlias", "TypedDict")
"""Names of classes that the files use."""


@dataclass(frozen=True)
class Written:
    """A module, and what of the tape is not in it, a line each."""

    text: str
    left_out: tuple[str, ...]


def fake_of(name: Name, tools: Sequence[RecordedTool], *, tape: str) -> Written:
    """The module of a fake.

    Args:
        name: Of the fake.
        tools: What was recorded.
        tape: The name of the tape, for the docstring.
    """
    shapes = Shapes([*TAKEN, name.class_name])
    taken = {*dir(Fake), "done"}
    methods: list[str] = []
    left_out: list[str] = []
    for tool in tools:
        method = Method(name, tool, python_name(tool.name, taken=taken), shapes)
        taken.add(method.name)
        methods.append(str(method))
        left_out += method.left_out
    writes = any(not tool.reads for tool in tools)
    summary = f"What {tape} has of {name.title}; anything else is refused."
    lines = [f"\n\n@dataclass\nclass {name.class_name}(Fake):\n", docstring(summary, indent=4)]
    lines.append(name.attribute("service"))
    if writes:
        lines.append(
            "\n    done: list[str] = field(default_factory=list[str])\n"
            '    """What clients had it do, in order. Put what the service really remembers in its place."""\n'
        )
    code = "\n".join([f"{shapes}{''.join(lines)}", *methods])
    heading = (
        f'"""A fake of {name.title}, begun from {tape}: its tools, and the answers that were recorded."""\n'
    )
    return Written(f"{heading}\n{_imports(code)}{code}", tuple(left_out))


def test_of(name: Name, tools: Sequence[RecordedTool], *, tape: str) -> str:
    """The module that tests a fake made by `fake_of`."""
    taken = {*dir(Fake), "done"}
    tests: list[str] = []
    shapes = Shapes()
    for tool in tools:
        method = Method(name, tool, python_name(tool.name, taken=taken), shapes)
        taken.add(method.name)
        tests.append(method.test())
    names = Group("[", [("", quoted(tool.name)) for tool in tools], "]")
    listing = laid_out(names, indent=4, before="assert [tool.name for tool in offered] == ")
    own = f"from {name.module} import {name.class_name}\n"
    body = "".join(tests)
    pytest_import = "import pytest\n" if "pytest." in body else ""
    hub = "Hub, ToolError" if "ToolError" in body else "Hub"
    return (
        f'"""The fake of {name.title} answers as {tape} does."""\n\n'
        "from __future__ import annotations\n\n"
        f"{pytest_import}from pytest_mcpflow import {hub}\n\n{own}\n\n"
        "async def test_it_offers_the_recorded_tools(mcpflow: Hub) -> None:\n"
        f"    mcpflow.serve({name.class_name}())\n\n"
        "    offered = await mcpflow.list_tools()\n\n"
        f"{listing}\n{body}"
    )


def _imports(code: str) -> str:
    def used(*names: str) -> str:
        return ", ".join(name for name in names if re.search(rf"\b{name}\b", code))

    lines = ["from __future__ import annotations\n\n"]
    lines.append(f"from dataclasses import {used('dataclass', 'field')}\n")
    typing = used("Annotated", "Any", "Literal", "NotRequired", "TypeAlias")
    lines.append(f"from typing import {typing}\n" if typing else "")
    lines.append("\n")
    lines.append("from pydantic import Field\n" if "Field(alias=" in code else "")
    lines.append(f"from pytest_mcpflow import {used('Fake', 'FakeError', 'tool')}\n")
    lines.append("from typing_extensions import TypedDict\n" if used("TypedDict") else "")
    return "".join(lines) + ("" if code.startswith("\n") else "\n")
