from __future__ import annotations

import sys
from pathlib import Path

from mcp import StdioServerParameters

from pytest_mcpflow import Hub

FORECAST = StdioServerParameters(command=sys.executable, args=[str(Path(__file__).with_name("forecast.py"))])


async def what_to_pack(hub: Hub, city: str) -> set[str]:
    """Look at three days of weather."""
    weather = await hub.call_tool("forecast.forecast", {"city": city, "days": 3})
    things = {"rain": "umbrella", "sun": "hat", "snow": "boots"}
    return {things[each] for each in weather["result"]}


async def test_one_packs_for_all_of_the_weather(mcpflow: Hub) -> None:
    mcpflow.use(FORECAST, name="forecast", cassette="cassettes/oslo.jsonl")

    assert await what_to_pack(mcpflow, "Oslo") == {"umbrella", "hat", "boots"}
