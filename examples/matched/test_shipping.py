from __future__ import annotations

import sys
from pathlib import Path

import pytest
from mcp import StdioServerParameters
from shipping import ship

from pytest_mcpflow import Hub, Playback

DEPOT = StdioServerParameters(command=sys.executable, args=[str(Path(__file__).with_name("depot.py"))])

pytestmark = pytest.mark.mcpflow(playback=Playback(ignore=["/arguments/run_id"]))


async def test_a_parcel_gets_its_label(mcpflow: Hub) -> None:
    mcpflow.use(DEPOT, name="depot", cassette="cassettes/shipping.jsonl")

    assert await ship(mcpflow, "P-1") == "P-1 to Oslo"
