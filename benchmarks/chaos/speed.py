"""How many plans a second, how much faster than the clock, how long until every pair is tried."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from measure import Measurement

from chaos.case import Case, ask
from chaos.corpus import KINDS
from chaos.services import Cache, Store
from pytest_mcpflow import FaultPlan, Hub, Run, Way
from pytest_mcpflow.stage import Stage
from pytest_mcpflow.verdict import Verdict, judge

__all__ = ["Backoff", "TenCalls", "measure"]

RUNS, ROUNDS = 300, 3
RETRIES = 7


@dataclass
class TenCalls(Case):
    """Read and write five values, on two servers."""

    mechanism = "speed"
    store: Store = field(default_factory=Store)
    cache: Cache = field(default_factory=Cache)

    async def workflow(self, hub: Hub) -> Any:
        for key in "abcde":
            old = await ask(hub, "cache.get", {"key": key}, tries=2)
            await ask(hub, "store.put", {"key": key, "value": f"after {old['version']}"}, tries=2)
        return {"success": True}

    def expect(self, run: Run) -> None:
        assert len(self.store.values) == 5


@dataclass
class Backoff(Case):
    """Try again after 1, 2, 4 ... 64 seconds, which is 127 seconds in all."""

    mechanism = "speed"
    store: Store = field(default_factory=Store)

    async def workflow(self, hub: Hub) -> Any:
        for retry in range(RETRIES):
            try:
                return await hub.call_tool("store.get", {"key": "a"}, timeout=5)
            except Exception:
                await asyncio.sleep(2**retry)
        return await hub.call_tool("store.get", {"key": "a"}, timeout=5)

    def expect(self, run: Run) -> None:
        assert run.result["version"] == "0"


def measure() -> Iterator[Measurement]:
    for way, bar, prototype in (
        (Way.DIRECT, 3_000, "prototype 1,470"),
        (Way.MEMORY, 400, "prototype 181-257"),
    ):
        rate = plans_a_second(way)
        title = f"plans a second and core, a 10-call workflow, {way}"
        yield Measurement(title, rate, "", f"{bar:,}", rate >= bar, prototype)
    for way in (Way.DIRECT, Way.MEMORY):
        virtual, taken = _backoff(way)
        title = f"virtual over wall time, {virtual:g} virtual seconds of retries, {way}"
        yield Measurement(
            title, virtual / taken, "x", "10,000x", virtual / taken >= 10_000, "prototype 8,500-12,000x"
        )


def plans_a_second(way: Way) -> float:
    """Runs under plans of one fault each, judged, in a second of processor time; the best of some rounds."""
    sites = [f"cache.get#{number}" for number in range(1, 6)] + [f"store.put#{n}" for n in range(1, 6)]
    plans = [FaultPlan.parse(f"{site}={kind}") for site in sites for kind in KINDS[:5]]
    best = 0.0
    with Stage() as stage:
        for _ in range(ROUNDS):
            began = time.process_time()
            for number in range(RUNS):
                judgement = judge(TenCalls(), way=way, plan=plans[number % len(plans)], stage=stage)
                assert judgement.verdict is Verdict.RECOVERED
            best = max(best, RUNS / (time.process_time() - began))
    return best


def _backoff(way: Way) -> tuple[float, float]:
    """Virtual seconds and wall seconds of a run, the shortest of some rounds.

    Timed from outside of the stage, since inside of it every clock is virtual.
    """
    shortest, virtual = float("inf"), 0.0
    plan = FaultPlan.parse(f"store.get#1-{RETRIES}=error")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        with Stage() as stage:
            for _ in range(RUNS // 10):
                judgement = judge(Backoff(), way=way, plan=plan, stage=stage)
                assert judgement.verdict is Verdict.RECOVERED
                virtual = judgement.seconds
        shortest = min(shortest, (time.perf_counter() - began) / (RUNS // 10))
    return virtual, shortest
