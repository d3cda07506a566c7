from __future__ import annotations

from pathlib import Path

from knowledge import Memory

from pytest_mcpflow import Hub

TAPE = Path(__file__).with_name("memory.jsonl")
QUEUE = {"name": "queue-1", "entityType": "host", "observations": ["9 jobs wait"]}


async def test_what_is_written_can_be_read(mcpflow: Hub) -> None:
    memory = mcpflow.serve(Memory.from_tape(TAPE))

    await mcpflow.call_tool("memory.create_entities", {"entities": [QUEUE]})
    graph = await mcpflow.call_tool("memory.read_graph")

    assert [entity["name"] for entity in graph["entities"]] == ["db-1", "queue-1"]
    assert [entity.name for entity in memory.graph.entities] == ["db-1", "queue-1"]


async def test_what_has_no_method_is_answered_from_the_tape(mcpflow: Hub) -> None:
    mcpflow.serve(Memory.from_tape(TAPE))

    found = await mcpflow.call_tool("memory.search_nodes", {"query": "connections"})

    assert [entity["name"] for entity in found["entities"]] == ["db-1"]
