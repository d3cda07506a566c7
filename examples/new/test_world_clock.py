"""The fake of world clock answers as time-2026-07-28.jsonl does."""

from __future__ import annotations

import pytest
from pytest_mcpflow import Hub, ToolError

from world_clock import WorldClock


async def test_it_offers_the_recorded_tools(mcpflow: Hub) -> None:
    mcpflow.serve(WorldClock())

    offered = await mcpflow.list_tools()

    assert [tool.name for tool in offered] == ["get_current_time", "convert_time"]


async def test_get_current_time_answers_as_recorded(mcpflow: Hub) -> None:
    mcpflow.serve(WorldClock())

    with pytest.raises(ToolError) as refused:
        await mcpflow.call_tool(
            "world-clock.get_current_time",
            {"timezone": "Moon/Base"},
        )

    expected = (
        "Error executing tool get_current_time: Invalid timezone: 'No time "
        "zone found with key Moon/Base'"
    )
    assert refused.value.message == expected


async def test_convert_time_answers_as_recorded(mcpflow: Hub) -> None:
    mcpflow.serve(WorldClock())

    result = await mcpflow.call_tool(
        "world-clock.convert_time",
        {"source_timezone": "UTC", "target_timezone": "Asia/Kolkata", "time": "12:00"},
    )

    assert result["source"] == {
        "datetime": "2026-11-21T12:00:00+00:00",
        "day_of_week": "Saturday",
        "is_dst": False,
        "timezone": "UTC",
    }
    assert result["target"] == {
        "datetime": "2026-11-21T17:30:00+05:30",
        "day_of_week": "Saturday",
        "is_dst": False,
        "timezone": "Asia/Kolkata",
    }
    assert result["time_difference"] == "+5.5h"
