"""`mcpflow new fake --from`: what is written has the tools of the tape, and answers as it did."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from checkout import ROOT
from tapes import Said, ask, called, opened, say, write

from pytest_mcpflow import Fake, Hub, ToolError
from pytest_mcpflow.cassette.recording import Recording
from pytest_mcpflow.cli import main
from pytest_mcpflow.new.method import docstring
from pytest_mcpflow.new.recorded import answers_of
from pytest_mcpflow.new.shapes import Misfit, Shapes
from pytest_mcpflow.schema import contract_of

TAPES = sorted((ROOT / "fixtures" / "tapes").glob("*.jsonl"))


def fake_in(path: Path, class_name: str) -> Fake:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
        fake = cast("Fake", getattr(module, class_name)())
        contract_of(type(fake))
    finally:
        del sys.modules[path.stem]
    return fake


def terms(schema: Any) -> dict[str, Any]:
    """Names, required arguments and types of an input schema, all the way down."""
    root = cast("dict[str, Any]", schema)

    def kinds(each: Any) -> Any:
        if not isinstance(each, dict):
            return "anything"
        part = cast("dict[str, Any]", each)
        if "$ref" in part:
            return kinds(root["$defs"][part["$ref"].rpartition("/")[2]])
        if "enum" in part or "const" in part:
            return sorted(map(str, part.get("enum", [part.get("const")])))
        if "anyOf" in part:
            members = [kinds(member) for member in part["anyOf"] if member.get("type") != "null"]
            return members[0] if len(members) == 1 else members
        if part.get("type") == "array":
            return [kinds(part.get("items"))]
        if "properties" in part:
            return {
                "required": sorted(part.get("required", [])),
                **{k: kinds(v) for k, v in part["properties"].items()},
            }
        return part.get("type", "anything")

    properties = cast("dict[str, Any]", root.get("properties", {}))
    return {
        "required": sorted(root.get("required", [])),
        "types": {name: kinds(each) for name, each in properties.items()},
    }


@pytest.mark.parametrize("tape", TAPES, ids=lambda tape: tape.stem)
def test_names_required_arguments_and_types_are_those_of_the_tape(tape: Path, tmp_path: Path) -> None:
    assert main(["new", "fake", "some-copy", "--from", str(tape), "--folder", str(tmp_path)]) == 0
    ours = contract_of(type(fake_in(tmp_path / "some_copy.py", "SomeCopy"))).tools

    theirs = Recording.read(tape).tools

    assert [*ours] == [*theirs]
    assert {name: terms(tool.parameters.json_schema) for name, tool in ours.items()} == {
        name: terms(tool.input_schema) for name, tool in theirs.items()
    }
    assert {name: (tool.mark.reads, tool.mark.idempotent) for name, tool in ours.items()} == {
        name: (tool.reads, tool.annotations.get("idempotentHint") is True) for name, tool in theirs.items()
    }


@pytest.mark.parametrize("tape", TAPES, ids=lambda tape: tape.stem)
async def test_every_recorded_answer_of_text_is_given_again(
    tape: Path, tmp_path: Path, mcpflow: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", "fake", "some-copy", "--from", str(tape), "--folder", str(tmp_path)]) == 0
    mcpflow.serve(fake_in(tmp_path / "some_copy.py", "SomeCopy"), name="copy")
    left_out = capsys.readouterr().out

    for tool in Recording.read(tape).tools.values():
        for answer in answers_of(tool):
            if f"line {answer.line}, {tool.name}" in left_out:
                continue
            call = mcpflow.call_tool(f"copy.{tool.name}", answer.arguments)
            if answer.is_error:
                with pytest.raises(ToolError) as refused:
                    await call
                assert refused.value.message == answer.text
            elif answer.structured is not None:
                assert dict(await call) == answer.structured
            else:
                assert (await call).text == answer.text


async def test_what_was_not_recorded_is_refused_and_changes_are_noted(tmp_path: Path, mcpflow: Hub) -> None:
    tape = ROOT / "fixtures" / "tapes" / "git-2026-07-28.jsonl"
    assert main(["new", "fake", "some-copy", "--from", str(tape), "--folder", str(tmp_path)]) == 0
    fake = mcpflow.serve(fake_in(tmp_path / "some_copy.py", "SomeCopy"), name="copy")
    recorded = {"files": ["note.txt"], "repo_path": "."}

    await mcpflow.call_tool("copy.git_add", recorded)
    await mcpflow.call_tool("copy.git_add", recorded)
    with pytest.raises(ToolError, match="nothing is recorded for these arguments"):
        await mcpflow.call_tool("copy.git_add", {**recorded, "files": ["other.txt"]})

    assert vars(fake)["done"] == ["git_add(files=['note.txt'], repo_path='.')"]


INNER: dict[str, Any] = {"type": "object", "properties": {"in": {"const": "x"}}, "required": ["in"]}
HARD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "from": {"type": "string"},
        "self": {"type": ["integer", "null"]},
        "x-y": {"$ref": "#/$defs/Tree"},
        "class": {"enum": ["a", 'b"c', None, 3]},
        "many": {"type": "array", "items": {"oneOf": [{"type": "string"}, {"type": "number"}]}},
        "either": {
            "anyOf": [{"type": "object", "properties": {"Fake": {"type": "string"}}}, {"type": "string"}]
        },
        "free": {"type": "object", "additionalProperties": {"type": "boolean"}},
        "anything": {},
        "2nd": {"const": True},
        "away": {"$ref": "#/$defs/nowhere"},
        "odd": {"type": "object", "properties": {"a-b": {"type": "array", "items": INNER}, "c-d": INNER}},
        "long": {"enum": [f"a choice with a long name, number {n}" for n in range(5)]},
    },
    "required": ["from", "many", "long"],
    "$defs": {
        "Tree": {
            "type": "object",
            "title": "Fake",
            "properties": {"leaves": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}},
        }
    },
}
"""Names that Python has not, or uses for something else; a class that contains itself; references to nothing."""


def tape_with(path: Path, *tools: dict[str, Any], more: Sequence[Said] = ()) -> Path:
    listing = [ask(7, "tools/list"), say(7, result={"tools": list(tools)})]
    return write(path, [*opened(), *listing, *more])


def test_names_that_python_has_not_and_types_of_every_kind_keep_their_terms(tmp_path: Path) -> None:
    names = ["do it!", "clock", "done", "import", "2-go", "do-it-"]
    listed = [{"name": name, "description": 'a """ \\ b\n\n  c', "inputSchema": HARD} for name in names]
    tape = tape_with(tmp_path / "hard.jsonl", *listed)

    assert main(["new", "fake", "Hard-1-2", "--from", str(tape), "--folder", str(tmp_path)]) == 0
    fake = fake_in(tmp_path / "hard_1_2.py", "Hard12")

    tools = contract_of(type(fake)).tools
    assert fake.service == "hard-1-2"
    assert [*tools] == names
    properties = tools["clock"].parameters.json_schema["properties"]
    assert {*properties} == {*HARD["properties"]}
    assert {*tools["clock"].parameters.json_schema["required"]} == {*HARD["required"]}
    assert tools["clock"].description == 'a """ \\ b\n\nc'


async def test_what_is_sent_under_such_names_arrives(tmp_path: Path, mcpflow: Hub) -> None:
    arguments: dict[str, Any] = {
        "from": "here",
        "many": ["a", 1],
        "long": "a choice with a long name, number 1",
        "odd": {"a-b": [{"in": "x"}]},
        "x-y": {"leaves": [{"leaves": []}]},
        "self": 3,
        "class": 'b"c',
    }
    listed = {"name": "go", "inputSchema": HARD}
    tape = tape_with(tmp_path / "hard.jsonl", listed, more=called(8, "go", arguments, "went"))

    assert main(["new", "fake", "hard", "--from", str(tape), "--folder", str(tmp_path)]) == 0

    mcpflow.serve(fake_in(tmp_path / "hard.py", "Hard"))
    assert (await mcpflow.call_tool("hard.go", arguments)).text == "went"
    with pytest.raises(ToolError, match="nothing is recorded for these arguments"):
        await mcpflow.call_tool("hard.go", {**arguments, "self": 4})
    with pytest.raises(ToolError, match="Invalid arguments for go"):
        await mcpflow.call_tool("hard.go", {**arguments, "odd": {"c-d": {"in": "y"}}})


def test_calls_that_no_method_can_answer_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = {"content": [{"type": "image", "data": "AA==", "mimeType": "image/png"}]}
    more = [ask(8, "tools/call", name="draw", arguments={}), say(8, result=image)]
    more += called(9, "draw", {"colour": "red"}, "done")
    draw = {"name": "draw", "inputSchema": {"type": "object"}}
    tape = tape_with(tmp_path / "t.jsonl", draw, more=more)

    assert main(["new", "fake", "drawing", "--from", str(tape), "--folder", str(tmp_path)]) == 0

    said = capsys.readouterr().out
    assert "draw: the answer is more than text" in said
    assert "draw: the arguments ['colour'] are not in the tool's schema" in said


def test_a_tape_without_a_list_of_tools_is_no_help(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tape = write(tmp_path / "t.jsonl", [*opened(), *called(1, "a", {}, "x")])

    assert main(["new", "fake", "thing", "--from", str(tape), "--folder", str(tmp_path)]) == 2

    assert "has no list of tools; record a session in which the client lists them" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["t.jsonl"]


def test_a_file_that_is_no_tape_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["new", "fake", "thing", "--folder", str(tmp_path), "--from", str(tmp_path / "none.jsonl")]

    assert main(arguments) == 2

    assert "none.jsonl cannot be read" in capsys.readouterr().err


def test_an_object_that_is_not_as_its_schema_says_is_no_value_of_its_type() -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    shapes = Shapes()
    shapes.annotation(schema, schema, "person")

    for wrong, said in (({"name": "Ada", "age": 36}, "with ['age']"), ({}, "without ['name']")):
        with pytest.raises(Misfit, match=re.escape(f"an object {said}")):
            shapes.value(wrong, schema, schema)


@pytest.mark.parametrize("text", ['Say "hi"', "One line", "Two\nlines", 'A """ in it', "back\\slash", '"'])
def test_a_description_reads_back_as_a_docstring(text: str) -> None:
    module: dict[str, Any] = {}

    exec(f"def described():\n{docstring(text, indent=4)}", module)  # noqa: S102 - as Python reads it

    assert inspect.cleandoc(module["described"].__doc__).strip() == text
