"""A session of a development tool: health, five requests of which most meet some error, and the metrics of it all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pytest_mcpflow import CallResult, Hub, ToolError
from pytest_mcpflow.scenarios._plain_answers import plain_answer
from pytest_mcpflow.scenarios._retry_manager import Metrics, RetryManager

__all__ = ["DATABASE", "HELLO", "LONG", "VERSION", "Health", "Session", "SessionReport"]

VERSION, DATABASE, HELLO, LONG, LONGEST = "0.1.0", "workflow", "Hello, MCP!", "x" * 1001, 1000
TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Health:
    """What a health endpoint says: `healthy` if all services are, `unhealthy` if none is, else `degraded`."""

    status: str
    timestamp: str
    version: str
    services: Mapping[str, bool]


@dataclass(frozen=True)
class SessionReport:
    """What became of each operation, the health before and after, and the metrics (seconds are sums, by tool)."""

    success: bool
    operations: Mapping[str, str]
    before: Health
    after: Health
    requests: Mapping[tuple[str, str], int]
    seconds: Mapping[str, float]
    active_connections: int
    exposition: str


class Session:
    """Every call goes through one place, where it is timed, counted, and limited to 30 seconds."""

    def __init__(self, hub: Hub, context_id: str, retries: RetryManager) -> None:
        self._hub, self._context_id, self._retries = hub, context_id, retries
        self._metrics = Metrics()

    async def run(self) -> SessionReport:
        before = await self._health(self._call)
        names = ("search", "examples", "weather", "hello", "long message")
        steps = (self._search(), self._examples(), self._weather(), self._echo(HELLO), self._echo(LONG))
        outcomes = await asyncio.gather(*map(_outcome, steps))
        done: dict[str, str] = dict(zip(names, outcomes, strict=True))
        after = await self._health(self._repeat)
        failed = [f"{name} {outcome}" for name, outcome in done.items() if outcome.startswith("failed")]
        failed += [f"{name} is not healthy" for name, healthy in after.services.items() if not healthy]
        if failed:
            await self._alert("; ".join(failed))
        return SessionReport(
            success=not failed,
            operations=done,
            before=before,
            after=after,
            requests=dict(self._metrics.requests),
            seconds=dict(self._metrics.seconds),
            active_connections=self._metrics.active,
            exposition=self._metrics.exposition(),
        )

    async def _search(self) -> str:
        await self._repeat(
            "context7.context7_search_libraries", {"query": "fastapi authentication", "limit": 10}
        )
        return "answered"

    async def _examples(self) -> str:
        wanted = {"library": "flask", "topic": "middleware", "limit": 5}
        await self._repeat("context7.context7_get_examples", wanted)
        return "answered"

    async def _weather(self) -> str:
        await self._repeat("utility.get_weather", {"city": "London", "units": "metric"})
        return "answered"

    async def _echo(self, message: str) -> str:
        """A message that is too long is shortened, which helps where repeating it would not."""
        try:
            await self._repeat("utility.echo", {"message": message})
        except ToolError as refusal:
            if not refusal.message.startswith("400") or len(message) <= LONGEST:
                raise
            await self._repeat("utility.echo", {"message": message[:LONGEST]})
            return "answered, shortened"
        return "answered"

    async def _health(self, call: Callable[[str, Mapping[str, Any]], Awaitable[CallResult]]) -> Health:
        async def check_context7() -> bool:
            found = await call("context7.context7_search_libraries", {"query": "fastapi", "limit": 1})
            return found["source"] != "mock" and bool(found["libraries"])

        async def check_database() -> bool:
            return bool(
                (await call("droplet-executor.list_connections", {"database": DATABASE}))["utilisation"] < 1
            )

        checked = await asyncio.gather(check_context7(), check_database(), return_exceptions=True)
        services = {name: up is True for name, up in zip(("context7", "database"), checked, strict=True)}
        status = (
            "healthy" if all(services.values()) else "degraded" if any(services.values()) else "unhealthy"
        )
        return Health(status, datetime.now(UTC).isoformat(), VERSION, services)

    async def _alert(self, message: str) -> None:
        """Errors of the alert are in the metrics, and must not hide those that it is about."""
        alert = {"message": message, "severity": "high", "deduplication_key": message}
        await _outcome(self._told(alert))

    async def _told(self, alert: Mapping[str, Any]) -> str:
        await self._repeat("communication-hub.send_alert", alert)
        return "answered"

    async def _repeat(self, tool: str, arguments: Mapping[str, Any]) -> CallResult:
        return await self._retries.execute_with_retry(self._call, tool, arguments)

    async def _call(self, tool: str, arguments: Mapping[str, Any]) -> CallResult:
        with self._metrics.measure(tool.partition(".")[2]):
            return await plain_answer(self._hub, tool, arguments, self._context_id, timeout=TIMEOUT_SECONDS)


async def _outcome(step: Awaitable[str]) -> str:
    """What a step says, or how it failed; that there is no such thing is an answer, too."""
    try:
        return await step
    except ToolError as refusal:
        return f"{'refused' if refusal.message.startswith('404') else 'failed'}: {refusal.message}"
    except Exception as error:
        return f"failed: {error}"
