"""One seed, many runs, several processes: one transcript.

The workflow has all that usually makes runs differ: tasks that are cancelled together, retries that wait by chance,
tools of the SDK's own server that run on threads, sets of tasks, and a plan of faults left to chance.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import stamina
import tenacity
from mcp.server import MCPServer

from chaos.services import Cars, Flights, Hotels, Store
from pytest_mcpflow import Hub, Run, Scenario, Way
from pytest_mcpflow.verdict import Judgement, judge

__all__ = ["PLAN", "Busy", "digests", "digests_of_processes", "transcript_of", "version_of"]

PLAN = "*.*#*=error~0.15, store.put#*=delay(2)~0.3, *.book#*=lose_reply~0.1"
PLACES = ("flights", "hotels", "cars")


def library() -> MCPServer:
    """A server of the SDK, whose plain functions run on threads."""
    server = MCPServer("library", log_level="ERROR")

    @server.tool()
    def shelf(number: int) -> str:
        """Where a book is."""
        return f"shelf {number % 7}"

    return server


@dataclass
class Busy(Scenario):
    """Do many things at once, in several ways, and give some of them up."""

    flights: Flights = field(default_factory=Flights)
    hotels: Hotels = field(default_factory=Hotels)
    cars: Cars = field(default_factory=Cars)
    store: Store = field(default_factory=lambda: Store(takes={"put": 0.25}))

    def connect(self, hub: Hub) -> None:
        if hub.way is not Way.DIRECT:
            hub.use(library())

    async def workflow(self, hub: Hub) -> Any:
        chance = random.Random(self.seed)  # noqa: S311 - a workflow's own chance, which is given a seed
        if hub.way is not Way.DIRECT:
            await asyncio.gather(*(self.look_up(hub, number) for number in range(3)))
        await asyncio.gather(*(self.book(hub, place) for place in PLACES), return_exceptions=True)
        with_limit = [asyncio.create_task(self.write(hub, name)) for name in ("a", "b", "c", "d")]
        _, late = await asyncio.wait(with_limit, timeout=chance.choice((0.3, 1.0, 2.0)))
        for task in late:
            task.cancel()
        await asyncio.gather(*with_limit, return_exceptions=True)
        await self.persist(hub)
        return {"success": True}

    async def look_up(self, hub: Hub, number: int) -> None:
        try:
            await hub.call_tool("library.shelf", {"number": number}, timeout=5)
        except Exception:
            await asyncio.sleep(0.1)

    async def book(self, hub: Hub, place: str) -> None:
        try:
            async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
                tasks.create_task(self.once(hub, f"{place}.book"))
                tasks.create_task(asyncio.sleep(3))
        finally:
            await self.once(hub, f"{place}.cancel")

    async def once(self, hub: Hub, tool: str) -> None:
        await hub.call_tool(tool, {"order": "O-1"}, timeout=4)

    async def write(self, hub: Hub, name: str) -> None:
        for _ in range(3):
            await hub.call_tool("store.put", {"key": name, "value": f"{hub.clock.now():g}"}, timeout=8)

    async def persist(self, hub: Hub) -> None:
        """Retry as libraries do, with pauses drawn from the process's own chance."""
        random.seed(self.seed)
        for waits in (stamina.retry_context(on=Exception, attempts=4, timeout=30), _tenacious()):
            try:
                async for attempt in waits:
                    with attempt:
                        await hub.call_tool("store.get", {"key": "a"}, timeout=4)
            except Exception:
                await asyncio.sleep(0.5)

    def expect(self, run: Run) -> None:
        """Whatever comes out: this one is about how."""


def _tenacious() -> tenacity.AsyncRetrying:
    return tenacity.AsyncRetrying(
        stop=tenacity.stop_after_delay(20), wait=tenacity.wait_random_exponential(max=6)
    )


def transcript_of(judgement: Judgement) -> str:
    """All that a run was: its calls with their instants, answers and faults, what changed, what came of it."""
    changes = "\n".join(map(str, judgement.changes))
    broken = "\n".join(f"{each}: {each.why}" for each in judgement.broken)
    return f"{judgement.transcript}\n{changes}\n{judgement.verdict} after {judgement.seconds!r} s\n{broken}"


def digests(runs: int, *, way: Way, seed: int = 7) -> set[str]:
    """The hashes of the transcripts of so many runs; one if they are all alike."""
    found: set[str] = set()
    for _ in range(runs):
        text = transcript_of(judge(Busy(seed=seed), way=way, plan=PLAN))
        found.add(hashlib.sha256(text.encode()).hexdigest())
    return found


def digests_of_processes(
    processes: int, runs: int, *, way: Way, python: Path = Path(sys.executable)
) -> set[str]:
    """The same of several processes, each of which hashes in an order of its own."""
    program = (
        f"from chaos.determinism import digests, Way; print(*sorted(digests({runs}, way=Way('{way.value}'))))"
    )

    def found_by(number: int) -> set[str]:
        environment = {**os.environ, "PYTHONHASHSEED": str(number * 977)}
        environment["PYTHONPATH"] = os.pathsep.join(map(str, Path(__file__).parents[1:3]))
        done = subprocess.run([python, "-c", program], env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return {*done.stdout.split()}

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return set[str]().union(*pool.map(found_by, range(processes)))


def version_of(python: Path) -> str:
    """The version of an interpreter, `3.13.0`."""
    program = "import platform; print(platform.python_version())"
    return subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
