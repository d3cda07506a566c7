"""How many plans a second, how much faster than the clock, how long until every pair is tried."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mcp import Client
from mcp.server import Server
from mcp.server.context import ServerRequestContext
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
)
from measure import Measurement

from chaos.case import Case, ask
from chaos.corpus import KINDS
from chaos.services import Cache, Store
from pytest_mcpflow import Era, FaultPlan, Hub, Run, Way
from pytest_mcpflow.serve.memory import memory_transport
from pytest_mcpflow.stage import Stage
from pytest_mcpflow.verdict import Verdict, judge

__all__ = ["Backoff", "TenCalls", "measure"]

RUNS, ROUNDS = 100, 20
"""Many short rounds, of which the best counts: other machines on the same processor take their share of some."""

RETRIES = 7
ROW = {"value": "", "version": "0"}
Context = ServerRequestContext[Any, Any]


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
    bare = f"prototype 181-257; {sessions_a_second():.0f} of the bare SDK, which judges nothing"
    for way, bar, prototype in ((Way.DIRECT, 3_000, "prototype 1,470"), (Way.MEMORY, 400, bare)):
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


def sessions_a_second() -> float:
    """What the SDK does by itself in the place of a run in memory: two clients and servers, ten calls, over its
    memory streams and with what both sides check, and nothing of ours but the virtual loop."""
    best = 0.0
    with Stage() as stage:
        for _ in range(ROUNDS):
            began = time.process_time()
            for _ in range(RUNS):
                stage.run(_ten_bare_calls())
            best = max(best, RUNS / (time.process_time() - began))
    return best


async def _ten_bare_calls() -> None:
    async with bare_client("cache", "get") as cache, bare_client("store", "put") as store:
        for key in "abcde":
            old = await cache.call_tool("get", {"key": key})
            assert old.structured_content == ROW
            await store.call_tool("put", {"key": key, "value": "new"})


def bare_client(name: str, tool: str) -> Client:
    """A client of the SDK, and behind it a server of the SDK with one tool, which always answers the same."""
    row = {"type": "object", "additionalProperties": {"type": "string"}}
    described = Tool(name=tool, description="A value.", input_schema={"type": "object"}, output_schema=row)
    answer = CallToolResult(content=[TextContent(type="text", text=str(ROW))], structured_content=ROW)

    async def list_tools(ctx: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[described])

    async def call_tool(ctx: Context, params: CallToolRequestParams) -> CallToolResult:
        return answer

    server: Server[Any] = Server(name, on_list_tools=list_tools, on_call_tool=call_tool)
    server.middleware.clear()  # its tracer, which the fakes go without, too
    return Client(memory_transport(server), mode=Era.STATELESS.client_mode, cache=None)


def _backoff(way: Way) -> tuple[float, float]:
    """Virtual seconds and wall seconds of a run, the shortest of some rounds.

    Timed from outside of the stage, since inside of it every clock is virtual.
    """
    shortest, virtual = float("inf"), 0.0
    plan = FaultPlan.parse(f"store.get#1-{RETRIES}=error")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        with Stage() as stage:
            for _ in range(RUNS // 4):
                judgement = judge(Backoff(), way=way, plan=plan, stage=stage)
                assert judgement.verdict is Verdict.RECOVERED
                virtual = judgement.seconds
        shortest = min(shortest, (time.perf_counter() - began) / (RUNS // 4))
    return virtual, shortest
