"""A test of three environments: under load, in failover, and within the quota of the key that they share."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pytest_mcpflow import Hub
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._coordinator import Coordinator, Served
from pytest_mcpflow.scenarios._cross_server import context_of
from pytest_mcpflow.scenarios._documentation import SEARCH

__all__ = [
    "CONCURRENT",
    "DRILLS",
    "ENVIRONMENTS",
    "OVER",
    "PER_MINUTE",
    "REPORT",
    "ROUNDS",
    "EnvironmentReport",
    "EnvironmentTrial",
    "Percentiles",
    "Quota",
    "drill",
]

ENVIRONMENTS = {"context7": "production", "context7-2": "staging", "context7-3": "development"}
TOOL, CONCURRENT, ROUNDS, PER_MINUTE = "context7_search_libraries", 10, 10, 100
SPARE = 1
"""Requests of each minute that are kept for one that the network delivers twice."""
WINDOW_SECONDS, LATE_SECONDS, TIMEOUT_SECONDS = 60.0, 1.0, 30.0
REPORT = "reports/environments.md"
OVER = "Failover drill: over, bring all servers back"
DRILLS: dict[tuple[str, ...], str | None] = {
    (): "context7",
    ("context7",): "context7-2",
    ("context7", "context7-2"): "context7-3",
    ("context7", "context7-2", "context7-3"): None,
}
"""Who must answer while these servers are down."""


@dataclass(frozen=True)
class Percentiles:
    """How many requests were answered, and the seconds within which 50, 95 and 100 % of them were."""

    answered: int
    p50: float
    p95: float
    longest: float

    def __str__(self) -> str:
        return f"{self.answered} searches answered, p50 {self.p50:g} s, p95 {self.p95:g} s, longest {self.longest:g} s"


@dataclass(frozen=True)
class EnvironmentReport:
    """The load test in all and by environment, who answered in each drill, and what is not as it should be."""

    success: bool
    load: Percentiles
    environments: Mapping[str, Percentiles]
    failover: Mapping[tuple[str, ...], str | None]
    problems: tuple[str, ...]


class Quota:
    """So many requests in any minute, whoever sends them.

    A request counts from when it is sent until a minute after its answer, since nobody but the server knows
    when between the two it was admitted; and `LATE_SECONDS` more, for one that is delivered late.
    """

    def __init__(self, per_minute: int = PER_MINUTE - SPARE) -> None:
        self._free_at: asyncio.Queue[float] = asyncio.Queue()
        for _ in range(per_minute):
            self._free_at.put_nowait(float("-inf"))

    @asynccontextmanager
    async def request(self) -> AsyncGenerator[None]:
        """Wait until a request may be sent, and send it within."""
        clock = asyncio.get_running_loop()
        free_at = await self._free_at.get()
        try:
            await asyncio.sleep(max(0.0, free_at - clock.time()))
            yield
        finally:
            self._free_at.put_nowait(clock.time() + WINDOW_SECONDS + LATE_SECONDS)


class Pool(Coordinator):
    """A coordinator that keeps to a quota."""

    quota: Quota

    async def send(self, server: str, tool: str, arguments: Mapping[str, Any]) -> Served:
        async with self.quota.request():
            return await super().send(server, tool, arguments)


class EnvironmentTrial:
    """One test of all environments, ending in one report."""

    def __init__(self, hub: Hub, quota: Quota) -> None:
        self._hub, self._quota = hub, quota
        self._problems: list[str] = []

    async def run(self) -> EnvironmentReport:
        with context_of(self._hub, "setup") as context_id:
            servers = [each for each in ENVIRONMENTS if await self._is_up(each, context_id)]
        with context_of(self._hub, "load") as context_id:
            served = await self._load(self._pool(servers, context_id, max_fails=2))
        with context_of(self._hub, "failover") as context_id:
            failover = await self._failover(Desk(self._hub, context_id=context_id), servers)
        by_environment: defaultdict[str, list[float]] = defaultdict(list)
        for each in served:
            by_environment[ENVIRONMENTS[each.server]].append(each.seconds)
        load = _percentiles([each.seconds for each in served])
        environments = {name: _percentiles(seconds) for name, seconds in by_environment.items()}
        with context_of(self._hub, "report") as context_id:
            await self._tell(Desk(self._hub, context_id=context_id), _text(load, environments, failover))
        return EnvironmentReport(not self._problems, load, environments, failover, tuple(self._problems))

    def _pool(self, servers: Sequence[str], context_id: str, *, max_fails: int) -> Pool:
        pool = Pool(
            self._hub,
            dict.fromkeys(servers, 1),
            max_fails=max_fails,
            timeout=TIMEOUT_SECONDS,
            context_id=context_id,
        )
        pool.quota = self._quota
        return pool

    async def _is_up(self, server: str, context_id: str) -> bool:
        """Whether an environment answers, and with what is real."""
        try:
            pool = self._pool([server], context_id, max_fails=3)
            answer = (await pool.failover_request(TOOL, {**SEARCH, "limit": 1})).answer
        except Exception as error:
            self._problems.append(f"{server} is down: {error}")
            return False
        if answer["source"] == "mock":
            self._problems.append(f"{server} has no key")
        return bool(answer["source"] != "mock")

    async def _load(self, pool: Pool) -> list[Served]:
        """Rounds of searches at the same time, each after the one before."""
        answers: list[Served | Exception] = []
        for _ in range(ROUNDS):
            answers += await pool.aggregate_request(TOOL, [SEARCH] * CONCURRENT)
        failures = [each for each in answers if isinstance(each, Exception)]
        if failures:
            self._problems.append(f"{len(failures)} searches have no answer, the first: {failures[0]}")
        self._problems += [f"{server} died under load: {why}" for server, why in pool.dead.items()]
        return [each for each in answers if isinstance(each, Served)]

    async def _failover(self, desk: Desk, servers: Sequence[str]) -> dict[tuple[str, ...], str | None]:
        """Have operators take servers down, and see who answers."""
        answered: dict[tuple[str, ...], str | None] = {}
        try:
            for down, expected in DRILLS.items():
                if down:
                    await desk.notify(drill(down), "slack")
                answered[down] = server = await self._who_answers(servers)
                if server != expected:
                    self._problems.append(f"without {', '.join(down) or 'any failure'}, {server} answered")
        finally:
            await desk.notify(OVER, "slack")
        self._problems += [f"operators were not told: {each}" for each in desk.untold]
        return answered

    async def _who_answers(self, servers: Sequence[str]) -> str | None:
        try:
            pool = self._pool(servers, "failover", max_fails=1)
            return (await pool.failover_request(TOOL, SEARCH, max_attempts=3)).server
        except Exception:
            return None

    async def _tell(self, desk: Desk, text: str) -> None:
        try:
            await desk.write(REPORT, text)
        except Exception as error:
            self._problems.append(f"there is no report: {error}")
        if self._problems:
            await desk.alert("; ".join(self._problems), severity="high")


def drill(down: Sequence[str]) -> str:
    """What operators are told."""
    return f"Failover drill: take down {', '.join(down)}"


def _percentiles(seconds: Sequence[float]) -> Percentiles:
    """Nearest rank, in whole milliseconds: the shortest time within which at least so many percent were answered."""
    ascending = sorted(round(each, 3) for each in seconds)
    if not ascending:
        return Percentiles(0, 0.0, 0.0, 0.0)
    p50, p95 = (ascending[-(-len(ascending) * percent // 100) - 1] for percent in (50, 95))
    return Percentiles(len(ascending), p50, p95, ascending[-1])


def _text(
    load: Percentiles,
    environments: Mapping[str, Percentiles],
    failover: Mapping[tuple[str, ...], str | None],
) -> str:
    lines = ["# Environments", "", f"Load, {CONCURRENT} at a time: {load}", ""]
    lines += [f"- {name}: {found}" for name, found in sorted(environments.items())]
    lines += ["", "Failover:", ""]
    for down, server in failover.items():
        lines.append(f"- {' and '.join(down) or 'none'} down: {server or 'no server'} answers")
    return "\n".join([*lines, ""])
