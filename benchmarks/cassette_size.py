"""What a long session takes to load and to keep, and whether its last calls are as fast as its first."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from long_tapes import lengthened, recorded
from measure import Measurement
from recorders import Recorder, compared, in_turn

CALLS = 10_000
EDGE = 300
LONGEST = 12.0
"""Seconds for the calls; who is slower has no last ones."""


@dataclass(frozen=True)
class Long:
    """A replay of the long tape, over one of the short."""

    seconds: float
    """Of processor time until the first answers."""
    megabytes: float
    last_to_first: float | str
    """The median of the last calls, to that of the first."""


def rows(home: Path, recorders: Sequence[Recorder]) -> Iterator[Measurement]:
    found: dict[str, list[Long]] = {}

    def load(recorder: Recorder) -> float:
        before = found.setdefault(recorder.name, [])
        slow = any(isinstance(each.last_to_first, str) for each in before)
        one = _long(home, recorder, walked=len(before) < WALKS and not slow)
        before.append(one)
        return one.seconds

    seconds = in_turn(recorders, load, 5, min)
    memory = {name: min(each.megabytes for each in runs) for name, runs in found.items() if runs}
    ratios = {name: _ratio(runs) for name, runs in found.items() if runs}
    ten = f"{CALLS:,} interactions"
    yield compared(
        f"{ten}, processor time to load", seconds, "s", "at most 0.10 s", lambda taken: taken <= 0.10
    )
    yield compared(
        f"{ten}, resident memory", {**seconds, **memory}, "MB", "at most 15 MB", lambda grown: grown <= 15
    )
    yield compared(
        f"last {EDGE} calls against the first {EDGE}", {**seconds, **ratios}, "x", "within 1.1x",
        lambda ratio: ratio <= 1.1,
    )  # fmt: skip


WALKS = 3
"""In how many of the runs all calls are made."""


def _ratio(runs: Sequence[Long]) -> float | str:
    ratios = [each.last_to_first for each in runs[:WALKS]]
    words = [each for each in ratios if isinstance(each, str)]
    return words[0] if words else statistics.median(each for each in ratios if not isinstance(each, str))


def _long(home: Path, recorder: Recorder, *, walked: bool) -> Long:
    """Measured from outside, so that it is the same for all: what the program took when it had given two answers."""
    way = recorder.usual("replay")
    recorder.must("replay", way)
    short = recorder.replaying(way, recorded(recorder, way, home))
    short.start()
    short.calls([1])
    before, held = short.processor(), short.resident()
    short.end()
    long = recorder.replaying(way, lengthened(recorder, way, home, CALLS))
    long.start()
    taken = long.calls([1])
    after, holds = long.processor(), long.resident()
    ratio: float | str = f"above {LONGEST:.0f} s"
    if walked:
        taken += long.calls(range(2, CALLS + 1), at_most=LONGEST)
        if len(taken) == CALLS:
            ratio = statistics.median(taken[-EDGE:]) / statistics.median(taken[:EDGE])
    long.end()
    return Long(after - before, holds - held, ratio)
