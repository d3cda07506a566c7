"""Checking a fleet of services through a pool of connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pytest_mcpflow import CallResult, Hub
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._cross_server import context_of
from pytest_mcpflow.scenarios._feeds import rows

__all__ = ["LIMIT", "FleetReport", "Pool", "check_fleet"]

LIMIT = 10


@dataclass(frozen=True)
class FleetReport:
    """Which services are healthy, and which are not known to be, by environment and name; `busiest` by server."""

    success: bool
    healthy: tuple[str, ...]
    unhealthy: tuple[str, ...]
    busiest: Mapping[str, int]


class Pool:
    """Connections to servers, a limited number for each; who waits is served in order."""

    def __init__(self, limits: Mapping[str, int] | None = None, *, default: int = LIMIT) -> None:
        self._limits, self._default = limits or {}, default
        self._free: dict[str, asyncio.Semaphore] = {}
        self._taken: dict[str, int] = {}
        self.busiest: dict[str, int] = {}

    @asynccontextmanager
    async def connection(self, server: str) -> AsyncGenerator[None]:
        """A connection for as long as the block lasts, whatever becomes of it."""
        limit = self._limits.get(server, self._default)
        async with self._free.setdefault(server, asyncio.Semaphore(limit)):
            self._taken[server] = self._taken.get(server, 0) + 1
            self.busiest[server] = max(self.busiest.get(server, 0), self._taken[server])
            try:
                yield
            finally:
                self._taken[server] -= 1


class _PooledDesk(Desk):
    """A connection is held for an attempt, and not for the pause before the next one."""

    def __init__(self, hub: Hub, pool: Pool, *, context_id: str) -> None:
        super().__init__(hub, context_id=context_id)
        self._pool = pool

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> CallResult:
        async with self._pool.connection(tool.partition(".")[0]):
            return await super().call(tool, arguments)


async def check_fleet(hub: Hub, pool: Pool) -> FleetReport:
    """Wait for every service, and say which ones are healthy."""
    with context_of(hub, "connection-pool") as context_id:
        desk = _PooledDesk(hub, pool, context_id=context_id)
        try:
            fleet = rows(await desk.read("fleet.txt"), "environment", "name")
        except Exception as error:
            await desk.alert(f"Services cannot be checked: {error}", severity="high")
            raise
        staging = [name for environment, name in fleet if environment == "staging"]
        production = [name for environment, name in fleet if environment == "production"]
        in_staging, in_production = iter(staging), iter(production)
        try:
            async with asyncio.timeout(12.0):
                await asyncio.gather(*(_next_checked(desk, in_staging, "staging") for _ in staging))
        except TimeoutError:
            pass  # staging may still be starting; production is what counts
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(desk.notify(f"Checking {len(production)} services in production", "dashboard"))
            checks = [tasks.create_task(_next_checked(desk, in_production, "production")) for _ in production]
        known = dict(check.result() for check in checks)
        return await _told(desk, pool, {name: known[name] for name in production})


async def _next_checked(desk: Desk, services: Iterator[str], environment: str) -> tuple[str, bool]:
    """Whether the next service is healthy: whichever task goes first, connections are asked for in the list's order."""
    service = next(services)
    question = {"service": service, "environment": environment, "timeout": 20.0}
    try:
        answer = await desk.repeat("prometheus-monitoring.verify_service_health", question)
    except Exception:
        return service, False
    return service, answer["healthy"] is True


async def _told(desk: Desk, pool: Pool, health: Mapping[str, bool]) -> FleetReport:
    healthy = tuple(name for name, is_healthy in health.items() if is_healthy)
    unhealthy = tuple(name for name in health if name not in healthy)
    await desk.notify(f"{len(healthy)} of {len(health)} services are healthy in production", "dashboard")
    if unhealthy or desk.untold:
        missing = [
            *(f"not healthy: {name}" for name in unhealthy),
            *(f"not told: {text}" for text in desk.untold),
        ]
        await desk.alert("; ".join(missing), severity="high")
    success = not (unhealthy or desk.untold)
    return FleetReport(success, healthy, unhealthy, dict(pool.busiest))
