"""What a tool call costs, on each way, beside the SDK's own servers."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import json_server
from mcp import Client, StdioServerParameters
from mcp.server import MCPServer, Server
from mcp.types import CallToolRequestParams, CallToolResult, ListToolsResult, TextContent, Tool
from measure import Measurement, median_of_calls

from pytest_mcpflow import Era, Fake, Hub, Way, tool
from pytest_mcpflow.server import serve_fake

ARGUMENTS = {"name": "web", "replicas": 3}
STARTS = 9


@dataclass
class Cluster(Fake):
    """Deployments."""

    replicas: dict[str, int] = field(default_factory=dict[str, int])

    @tool(idempotent=True)
    def scale(self, name: str, replicas: int) -> dict[str, int]:
        """Set how many pods a deployment runs."""
        self.replicas[name] = replicas
        return {"replicas": replicas}


def sdk_server() -> MCPServer:
    """The same tool on the SDK's high-level server."""
    server = MCPServer("cluster", log_level="WARNING")
    state: dict[str, int] = {}

    @server.tool()
    def scale(name: str, replicas: int) -> dict[str, int]:
        """Set how many pods a deployment runs."""
        state[name] = replicas
        return {"replicas": replicas}

    return server


def sdk_lowlevel_server() -> Server[Any]:
    """A server of the SDK that does nothing but answer."""

    async def list_tools(_: Any, __: Any) -> ListToolsResult:
        return ListToolsResult(tools=[Tool(name="scale", input_schema={"type": "object"})])

    async def call_tool(_: Any, params: CallToolRequestParams) -> CallToolResult:
        return CallToolResult(
            content=[TextContent(type="text", text="3")], structured_content={"replicas": 3}
        )

    return Server("cluster", on_list_tools=list_tools, on_call_tool=call_tool)


def measure() -> Iterator[Measurement]:
    yield from asyncio.run(_in_process())
    yield from asyncio.run(_stdio())


async def _in_process() -> list[Measurement]:
    hub = Hub(way=Way.DIRECT)
    hub.serve(Cluster())
    async with (
        Client(serve_fake(Cluster())) as fake,
        Client(sdk_server()) as high,
        Client(sdk_lowlevel_server()) as low,
        hub,
    ):
        ours, theirs, lowlevel, direct = await median_of_calls(
            lambda: fake.call_tool("scale", ARGUMENTS),
            lambda: high.call_tool("scale", ARGUMENTS),
            lambda: low.call_tool("scale", ARGUMENTS),
            lambda: hub.call_tool("cluster.scale", ARGUMENTS),
        )
    return [
        Measurement(
            "a fake's tool through mcp.Client in memory, against the same function on MCPServer",
            ours / theirs, "x", "at most 0.75x", ours / theirs <= 0.75, f"{ours:.0f} against {theirs:.0f} us",
        ),
        Measurement(
            "hub.call_tool on direct, validation and transcript included",
            direct, "us", "at most 40 us", direct <= 40,
        ),
        Measurement(
            "the same, against a lowlevel Client(server) call of the SDK",
            direct / lowlevel, "x", "at most 0.4x", direct / lowlevel <= 0.4, f"{lowlevel:.0f} us",
        ),
    ]  # fmt: skip


async def _stdio() -> list[Measurement]:
    """Beside the least of all servers, with the SDK's client and transport, call for call in turn."""
    starts: list[float] = []
    calls: list[float] = []
    least: list[float] = []
    command = StdioServerParameters(command=sys.executable, args=["-I", "-S", json_server.__file__])
    for _ in range(STARTS):
        async with Hub(way=Way.STDIO, era=Era.STATELESS) as hub, Client(command) as json_client:
            hub.serve(Cluster())
            began = time.perf_counter()
            await hub.call_tool("cluster.scale", ARGUMENTS)
            starts.append((time.perf_counter() - began) * 1000)
            client = await hub.client("cluster")
            ours, theirs = await median_of_calls(
                partial(client.call_tool, "scale", ARGUMENTS),
                partial(json_client.call_tool, "scale", ARGUMENTS),
                rounds=3,
            )
            calls.append(ours)
            least.append(theirs)
    start, call = statistics.median(starts), statistics.median(calls)
    baseline = f"a server of json alone: {statistics.median(least):.0f} us"
    return [
        Measurement(
            "a fake over stdio, process start to first answer", start, "ms", "at most 60 ms", start <= 60
        ),
        Measurement("a fake over stdio, per call", call, "us", "at most 350 us", call <= 350, baseline),
    ]
