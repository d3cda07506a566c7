"""A tool that keeps failing is left alone for a while. With purgatory, a library that keeps the circuits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from mcp import MCPError
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from pytest_mcpflow import Hub, ToolError
from pytest_mcpflow.fakes.kubernetes import Kubernetes, Outage


# region: pattern
class Board:
    """Shows how many pods run, and the last known figure, marked as such, while the cluster is away."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._circuits = AsyncCircuitBreakerFactory(default_threshold=3, default_ttl=60)
        self._last: Mapping[str, Any] | None = None

    async def look(self) -> tuple[Mapping[str, Any] | None, bool]:
        """What the cluster says, and whether that is fresh."""
        try:
            async with await self._circuits.get_breaker("kubernetes.kubectl_get"):
                pods = {"resource_type": "pods"}
                self._last = await self._hub.call_tool("kubernetes.kubectl_get", pods, timeout=5)
        except (ToolError, MCPError, OpenedState):
            return self._last, False
        return self._last, True

    # endregion


# region: test
async def test_no_call_is_made_while_the_circuit_is_open(mcpflow: Hub) -> None:
    mcpflow.serve(Kubernetes(outages=[Outage(5, 50)]))
    board = Board(mcpflow)

    fresh: list[bool] = []
    for _ in range(11):
        fresh.append((await board.look())[1])
        await asyncio.sleep(10)

    # One that works, three that open the circuit at t=30, none for more than 60 s, then one that closes it.
    assert fresh == [True, *[False] * 9, True]
    assert [round(call.at) for call in mcpflow.transcript] == [0, 10, 20, 30, 100]
    # endregion
