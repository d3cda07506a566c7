"""How fast a session is replayed, how soon the first answer is there, and what recording adds to a call."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from long_tapes import lengthened, recorded
from mcp import Client
from measure import Measurement
from recorders import OURS, SERVER, Recorder, Way, compared, in_turn
from sessions import FIRST, SECOND, Session, StdioSession

from pytest_mcpflow.cassette.player import Player, Tape
from pytest_mcpflow.cassette.replay import ReplayTransport

CALLS = 2_000
LONGEST = 1.0
"""Seconds for the calls of one run; who is slower makes fewer."""


def rows(home: Path, recorders: Sequence[Recorder]) -> Iterator[Measurement]:
    yield _in_process(home, recorders)
    yield _rates(home, recorders, "stdio", 6_000)
    yield _rates(home, recorders, "HTTP", 2_000)
    starts = in_turn(recorders, partial(_start, home), 10, min)
    yield compared(
        "stdio replay, start to first answer", starts, "ms", "at most 60 ms", lambda taken: taken <= 60
    )
    yield _overhead(home, recorders)


def _in_process(home: Path, recorders: Sequence[Recorder]) -> Measurement:
    """By processor time: nobody is waited for, so that this is what an idle machine takes."""
    tape = lengthened(OURS, "stdio", home, CALLS)
    rate = max(asyncio.run(_rate_in_process(tape)) for _ in range(5))
    # None of them is a transport for a client; vcrpy is in the client's process, but answers HTTP.
    found: dict[str, float | str] = {each.name: each.missing or "cannot" for each in recorders}
    return compared(
        "replay in process, calls a second of processor time", {**found, OURS.name: rate}, "", "10,000",
        lambda rate: rate >= 10_000,
    )  # fmt: skip


async def _rate_in_process(tape: Path) -> float:
    async with Client(ReplayTransport(Player(Tape.load(tape), "e")), mode="legacy", cache=None) as client:
        await client.list_tools()
        began = time.process_time()
        for number in range(FIRST + 1, FIRST + CALLS + 1):
            await client.call_tool("get-sum", {"a": number, "b": SECOND})
        return CALLS / (time.process_time() - began)


def _rates(home: Path, recorders: Sequence[Recorder], way: Way, least: int) -> Measurement:
    found = in_turn(recorders, partial(_rate, home, way), 6, max)
    what = f"replay over {way}, calls a second"
    return compared(what, found, "", f"{least:,}", lambda rate: rate >= least)


def _rate(home: Path, way: Way, recorder: Recorder) -> float:
    recorder.must("replay", way)
    session = recorder.replaying(way, lengthened(recorder, way, home, CALLS))
    session.start()
    taken = session.calls(range(1, CALLS + 1), at_most=LONGEST)
    session.end()
    return len(taken) / sum(taken)


def _start(home: Path, recorder: Recorder) -> float:
    recorder.must("replay", "stdio")
    session = recorder.replaying("stdio", recorded(recorder, "stdio", home, calls=10))
    taken = session.start()
    session.end()
    return taken


def _overhead(home: Path, recorders: Sequence[Recorder]) -> Measurement:
    """The median call through each recorder, less the median call to the server itself a moment before."""
    numbers = itertools.count()

    def overhead(recorder: Recorder) -> float:
        through = recorder.recording("stdio", recorder.tape(home, f"overhead-{next(numbers)}"))
        return _median(through) - _median(StdioSession(SERVER, {}))

    found = in_turn(recorders, overhead, 3, min)
    return compared(
        "recording over stdio, overhead per call", found, "us", "at most 100 us", lambda taken: taken <= 100
    )


def _median(session: Session) -> float:
    """Microseconds of a call, some to warm up not counted."""
    session.start()
    session.calls(range(1, 200))
    taken = session.calls(range(200, 1_000), at_most=LONGEST)
    session.end()
    return statistics.median(taken) * 1e6
