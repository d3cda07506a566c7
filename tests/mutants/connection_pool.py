"""Wrong pools, and the check of the scenario that must say so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from tampering import Send, tampered

from pytest_mcpflow import CallResult, Hub, ToolError, Workflow
from pytest_mcpflow.scenarios._connection_pool_workflow import FleetReport, Pool, check_fleet
from pytest_mcpflow.scenarios.connection_pool import ConnectionPool

__all__ = ["MUTANTS"]


class NoLimit(Pool):
    """Counts, and lets everybody through."""

    @asynccontextmanager
    async def connection(self, server: str) -> AsyncGenerator[None]:
        self.busiest[server] = 10
        yield


class LeakingPool(Pool):
    """Gives a connection back only when the call was answered."""

    @asynccontextmanager
    async def connection(self, server: str) -> AsyncGenerator[None]:
        free = self._free.setdefault(server, asyncio.Semaphore(self._default))
        await free.acquire()
        yield
        free.release()


class NewestFirst(Pool):
    """Gives a free connection to who asked last."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[asyncio.Event] = []

    @asynccontextmanager
    async def connection(self, server: str) -> AsyncGenerator[None]:
        if self._taken.get(server, 0) >= self._default:
            turn = asyncio.Event()
            self._waiting.append(turn)
            await turn.wait()
        self._taken[server] = self._taken.get(server, 0) + 1
        try:
            yield
        finally:
            self._taken[server] -= 1
            if self._waiting:
                self._waiting.pop().set()


async def refuse_checks(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """The server refuses to look at staging, at once."""
    if arguments.get("environment") == "staging":
        raise ToolError("prometheus-monitoring", "verify_service_health", "503 Service Unavailable")
    return await send(name, arguments)


async def unlimited(hub: Hub) -> FleetReport:
    return await check_fleet(hub, NoLimit())


async def leak(hub: Hub) -> FleetReport:
    return await check_fleet(hub, LeakingPool())


async def newest_first(hub: Hub) -> FleetReport:
    return await check_fleet(hub, NewestFirst())


async def silent(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Production does not answer, and neither does whoever should hear of it."""
    if arguments.get("environment") == "production":
        raise ToolError("prometheus-monitoring", "verify_service_health", "503 Service Unavailable")
    if name.endswith("send_alert"):
        return CallResult({"content": [], "structuredContent": {"success": True, "alert_id": "alert-1"}})
    return await send(name, arguments)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "no limit": (unlimited, "at_most_ten_at_a_time"),
    "keep the connection of a call given up": (leak, "every_connection_comes_back"),
    "keep the connection of a refused call": (tampered(leak, refuse_checks), "every_connection_comes_back"),
    "serve the newest first": (newest_first, "waiters_are_served_in_order"),
    "fail unheard": (tampered(ConnectionPool().workflow, silent), "a_failure_is_heard"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
