"""Trials of how requests are spread over three servers, one of which is taken down on the way."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_mcpflow import Hub
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._coordinator import Coordinator, Served
from pytest_mcpflow.scenarios._cross_server import context_of
from pytest_mcpflow.scenarios._documentation import SEARCH

__all__ = ["ANNOUNCED", "MAX_FAILS", "PAUSE_SECONDS", "REQUESTS", "WEIGHTS", "LoadReport", "Trials"]

WEIGHTS = {"context7": 3, "context7-2": 2, "context7-3": 1}
ANNOUNCED = "context7-2"
"""Is taken down for good a minute after the beginning, as everybody was told."""
PAUSE_SECONDS = 60.0
MAX_FAILS = 2
REQUESTS = {"round-robin": 6, "weighted": 6, "performance": 20, "round-robin of two": 6, "weighted of two": 8}
UNEVEN = 3.0
"""How many times longer than its shortest answer a server's longest may take, to be called fast or slow."""
EVERY = 6 / 128
"""Seconds between two requests of the trial by speed, which come whether the ones before are answered or not."""


@dataclass(frozen=True)
class LoadReport:
    """How many requests each server answered, by trial; why servers are dead; requests without an answer."""

    success: bool
    shares: Mapping[str, Mapping[str, int]]
    dead: Mapping[str, str]
    unanswered: int


class Trials:
    """Ways to spread requests, tried one after the other on the same servers."""

    def __init__(self, hub: Hub, pool: Coordinator) -> None:
        self._hub, self._pool = hub, pool
        self._shares: dict[str, dict[str, int]] = {}
        self._seconds: defaultdict[str, list[float]] = defaultdict(list)
        self._unanswered = 0

    async def run(self) -> LoadReport:
        pool = self._pool
        await self._trial("round-robin", pool.round_robin_request)
        await self._trial("weighted", pool.weighted_request)
        failed = pool.failed_calls
        await self._trial("performance", pool.performance_request, every=EVERY)
        problems = [f"{server} is dead ({why})" for server, why in pool.dead.items()]
        if pool.failed_calls > failed:
            problems.append("the trial by speed says nothing, since calls failed in it")
        uneven = [each for each, seconds in self._seconds.items() if max(seconds) > UNEVEN * min(seconds)]
        problems += [f"the trial by speed says nothing, since {each} answers unevenly" for each in uneven]
        await asyncio.sleep(PAUSE_SECONDS)  # no trial uses up the other's quota of a minute
        expected = {*pool.dead, ANNOUNCED}
        await self._trial("round-robin of two", pool.round_robin_request)
        await self._trial("weighted of two", pool.weighted_request)
        problems += [f"{each} is dead ({why})" for each, why in pool.dead.items() if each not in expected]
        if self._unanswered:
            problems.append(f"{self._unanswered} searches have no answer")
        if problems:
            with context_of(self._hub, "alert") as context_id:
                await Desk(self._hub, context_id=context_id).alert("; ".join(problems), severity="high")
        return LoadReport(not problems, self._shares, dict(pool.dead), self._unanswered)

    async def _trial(
        self,
        name: str,
        request: Callable[[str, dict[str, Any]], Awaitable[Served]],
        *,
        every: float | None = None,
    ) -> None:
        """Send the requests of a trial, one after the other or each so many seconds, and count who answers."""
        counts: Counter[str] = Counter()

        async def work() -> None:
            try:
                served = await request("context7_search_libraries", SEARCH)
            except Exception:
                self._unanswered += 1
                return
            counts[served.server] += 1
            self._seconds[served.server].append(served.seconds)

        with context_of(self._hub, name) as self._pool.context_id:
            async with asyncio.TaskGroup() as group:
                for _ in range(REQUESTS[name]):
                    working = group.create_task(work())
                    await (working if every is None else asyncio.sleep(every))
        self._shares[name] = dict(counts)
