"""The fake of stock answers as tape.jsonl does."""

from __future__ import annotations

from pytest_mcpflow import Hub

from stock import Stock


async def test_it_offers_the_recorded_tools(mcpflow: Hub) -> None:
    mcpflow.serve(Stock())

    offered = await mcpflow.list_tools()

    assert [tool.name for tool in offered] == ["count", "clear"]


async def test_count_answers_as_recorded(mcpflow: Hub) -> None:
    mcpflow.serve(Stock())

    result = await mcpflow.call_tool("stock.count", {"article": "nail"})

    assert result["nail"] == 1200


async def test_clear_answers_as_recorded(mcpflow: Hub) -> None:
    mcpflow.serve(Stock())

    result = await mcpflow.call_tool("stock.clear", {"article": "screw"})

    assert result["result"] == "no screw left"
