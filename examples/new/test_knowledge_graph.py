"""The fake of knowledge graph answers as memory.jsonl does."""

from __future__ import annotations

from pytest_mcpflow import Hub

from knowledge_graph import KnowledgeGraph


async def test_it_offers_the_recorded_tools(mcpflow: Hub) -> None:
    mcpflow.serve(KnowledgeGraph())

    offered = await mcpflow.list_tools()

    assert [tool.name for tool in offered] == [
        "create_entities",
        "create_relations",
        "add_observations",
        "delete_entities",
        "delete_observations",
        "delete_relations",
        "read_graph",
        "search_nodes",
        "open_nodes",
    ]


async def test_create_entities_answers_as_recorded(mcpflow: Hub) -> None:
    mcpflow.serve(KnowledgeGraph())

    result = await mcpflow.call_tool(
        "knowledge-graph.create_entities",
        {
            "entities": [
                {
                    "entityType": "host",
                    "name": "db-1",
                    "observations": ["195 of 200 connections"],
                },
            ],
        },
    )

    assert result["entities"] == [
        {
            "entityType": "host",
            "name": "db-1",
            "observations": ["195 of 200 connections"],
        },
    ]


async def test_read_graph_answers_as_recorded(mcpflow: Hub) -> None:
    mcpflow.serve(KnowledgeGraph())

    result = await mcpflow.call_tool("knowledge-graph.read_graph", {})

    assert result["entities"] == [
        {
            "entityType": "host",
            "name": "db-1",
            "observations": ["195 of 200 connections"],
        },
    ]
    assert result["relations"] == []


async def test_search_nodes_answers_as_recorded(mcpflow: Hub) -> None:
    mcpflow.serve(KnowledgeGraph())

    result = await mcpflow.call_tool(
        "knowledge-graph.search_nodes",
        {"query": "connections"},
    )

    assert result["entities"] == [
        {
            "entityType": "host",
            "name": "db-1",
            "observations": ["195 of 200 connections"],
        },
    ]
    assert result["relations"] == []
