from __future__ import annotations

import sys
from pathlib import Path

import pytest
from mcp import StdioServerParameters

from pytest_mcpflow import Hub


@pytest.mark.mcpflow(virtual_time=False)
async def test_the_real_server_greets(mcpflow: Hub) -> None:
    command = StdioServerParameters(
        command=sys.executable, args=[str(Path(__file__).with_name("greeter.py"))]
    )
    mcpflow.use(command, name="greeter")

    result = await mcpflow.call_tool("greeter.greet", {"name": "Ada"})

    assert result["result"] == "Hello, Ada"
    assert mcpflow.transcript.counts() == {"greeter.greet": 1}
