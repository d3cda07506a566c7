"""The tools of real servers: names, required arguments and types equal what the servers list."""

from __future__ import annotations

import pytest
from real_tools import reduced, server_named, servers

from pytest_mcpflow import UnknownNameError
from pytest_mcpflow.schema import contract_of
from pytest_mcpflow.shelf import fake_named, fake_names

FRONTS = [name for name in fake_names() if type(fake_named(name)).in_place_of is not None]
EACH_TOOL = [(name, tool) for name in FRONTS for tool in contract_of(type(fake_named(name))).tools]


def test_each_server_with_a_list_of_tools_has_a_fake_and_the_other_way_round() -> None:
    assert sorted(FRONTS) == servers()


@pytest.mark.parametrize(("server", "tool"), EACH_TOOL)
def test_a_tool_takes_what_the_real_one_takes(server: str, tool: str) -> None:
    real = server_named(server).tools
    ours = contract_of(type(fake_named(server))).tools[tool].parameters.json_schema

    assert tool in real
    assert reduced(ours) == real[tool]


@pytest.mark.parametrize(("server", "tool"), EACH_TOOL)
def test_a_tool_only_reads_where_the_real_one_says_so(server: str, tool: str) -> None:
    real, ours = server_named(server), contract_of(type(fake_named(server))).tools[tool]

    assert not (tool in real.writes and ours.mark.reads)
    assert ours.mark.reads or tool not in real.reads


def test_an_argument_more_less_or_of_another_type_would_be_seen() -> None:
    real = server_named("kubernetes-mcp-server").tools["pods_get"]
    properties = {"name": {"type": "string"}, "namespace": {"type": "string"}}
    base = {"type": "object", "properties": properties, "required": ["name"]}

    assert reduced(base) == real
    for wrong in (
        {**base, "required": ["name", "namespace"]},
        {**base, "properties": {"name": {"type": "string"}}},
        {**base, "properties": {**properties, "namespace": {"type": "integer"}}},
        {**base, "properties": {**properties, "context": {"type": "string"}}},
        {
            **base,
            "properties": {**properties, "namespace": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
        },
    ):
        assert reduced(wrong) != real


def test_a_server_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(UnknownNameError, match="nearest: kubernetes"):
        fake_named("kubernetes-mcp")
