"""What a cassette tells of the server on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from checkout import ROOT
from tapes import ask, called, opened, say, write

from pytest_mcpflow import CassetteError, UnknownNameError
from pytest_mcpflow.cassette.recording import Recording

TAPES = ROOT / "fixtures" / "tapes"
MEMORY = Recording.read(TAPES / "memory.jsonl")


@dataclass
class Entity:
    name: str
    entityType: str  # noqa: N815 - the server's name for it
    observations: list[str]


@dataclass
class Graph:
    entities: list[Entity]
    relations: list[dict[str, str]]


def test_the_tools_are_those_that_the_server_listed_with_their_schemas() -> None:
    create = MEMORY.tools["create_entities"]

    assert create.description == "Create multiple new entities in the knowledge graph"
    assert create.input_schema["required"] == ["entities"]
    assert create.output_schema is not None
    assert set(create.output_schema["properties"]) == {"entities"}
    assert (create.reads, MEMORY.tools["read_graph"].reads) == (False, True)


def test_the_calls_of_a_tool_are_in_the_order_of_the_tape() -> None:
    echoes = Recording.read(TAPES / "everything.jsonl").tools["get-sum"].calls

    assert [call.arguments for call in echoes] == [{"a": 2, "b": 40}, {"a": "two"}]


def test_a_server_has_the_name_that_it_gave_itself() -> None:
    assert MEMORY.server == "memory-server"
    assert MEMORY.opening["serverInfo"]["version"] == "0.6.3"


def test_an_answer_can_be_had_as_a_dataclass() -> None:
    assert MEMORY.answer("read_graph", Graph) == Graph(
        [Entity("db-1", "host", ["195 of 200 connections"])], []
    )


def test_an_answer_of_text_can_be_had_as_text() -> None:
    tape = Recording.read(TAPES / "everything.jsonl")

    assert tape.answer("echo", str, {"message": "hello"}) == "Echo: hello"


def test_an_answer_of_another_shape_is_refused_with_the_place() -> None:
    with pytest.raises(CassetteError, match=r"answer to read_graph\(\) is no list: .*valid list"):
        MEMORY.answer("read_graph", list[int])


def test_a_refusal_is_no_answer() -> None:
    tape = Recording.read(TAPES / "everything.jsonl")

    with pytest.raises(CassetteError, match=r"get-sum\(a='two'\) has no answer but an error"):
        tape.answer("get-sum", str, {"a": "two"})


def test_arguments_that_were_not_recorded_are_an_error_with_the_nearest() -> None:
    with pytest.raises(
        CassetteError, match=r"at /arguments/query was recorded 'connections', and asked 'hosts'"
    ):
        MEMORY.answers("search_nodes", {"query": "hosts"})


def test_a_tool_that_the_server_has_not_is_an_error_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown recorded tool 'read_grap'; .*read_graph"):
        MEMORY.answer("read_grap", dict[str, Any])


def test_a_list_that_came_in_pages_is_one(tmp_path: Path) -> None:
    pages = [
        ask(1, "tools/list"),
        say(1, result={"tools": [{"name": "one", "inputSchema": {"type": "object"}}], "nextCursor": "more"}),
        ask(2, "tools/list", cursor="more"),
        say(2, result={"tools": [{"name": "two", "inputSchema": {"type": "object"}}]}),
    ]
    tape = Recording.read(write(tmp_path / "pages.jsonl", [*opened(), *pages, *called(3, "two", {}, "done")]))

    assert [(tool.name, len(tool.calls)) for tool in tape.tools.values()] == [("one", 0), ("two", 1)]
    assert [each["name"] for each in (tape.listing("tools/list") or {})["tools"]] == ["one", "two"]
    assert tape.listing("resources/list") is None
