from __future__ import annotations

import sys
from pathlib import Path

import pytest
from mcp import MCPError, StdioServerParameters

from pytest_mcpflow import Hub

GREETER = StdioServerParameters(command=sys.executable, args=[str(Path(__file__).with_name("greeter.py"))])


@pytest.mark.mcpflow(virtual_time=False)
async def test_the_real_server_greets(mcpflow: Hub) -> None:
    mcpflow.use(GREETER, name="greeter")

    result = await mcpflow.call_tool("greeter.greet", {"name": "Ada"})

    assert result["result"] == "Hello, Ada"
    assert mcpflow.transcript.counts() == {"greeter.greet": 1}


@pytest.mark.mcpflow(virtual_time=False, faults="greeter.greet#2=kill")
async def test_its_caller_hears_at_once_that_it_has_died(mcpflow: Hub) -> None:
    mcpflow.use(GREETER, name="greeter")

    await mcpflow.call_tool("greeter.greet", {"name": "Ada"})
    with pytest.raises(MCPError, match="Connection closed"):
        await mcpflow.call_tool("greeter.greet", {"name": "Grace"})
