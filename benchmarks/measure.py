"""Ways of timing, and what a measurement is."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Measurement", "best_of_processes", "median_of_calls"]

WARM_UP = 200


@dataclass(frozen=True)
class Measurement:
    """One promise and what was measured: `value` in `unit`, the `baseline` beside it, the `bar` to reach.

    Where others were measured in the same way, `peers` has what came of it by their names. What could not be measured
    is a reason in words.
    """

    what: str
    value: float | str
    unit: str
    bar: str
    holds: bool
    baseline: str = ""
    peers: Mapping[str, float | str] = field(default_factory=dict[str, float | str])

    def __str__(self) -> str:
        return self._row(self.baseline)

    def beside(self, *names: str) -> str:
        """As a row of a table that has a column for each of these."""
        return self._row(*(_figure(self.peers.get(name, ""), self.unit) for name in names))

    def _row(self, *others: str) -> str:
        cells = (self.what, _figure(self.value, self.unit), *others, self.bar, "yes" if self.holds else "NO")
        return f"| {' | '.join(cells)} |"


def _figure(value: float | str, unit: str) -> str:
    """Three places, and no more than a measurement has."""
    if isinstance(value, str):
        return value
    whole = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{whole} {unit}".strip()


def best_of_processes(*commands: Sequence[str], runs: int = 10, cwd: Path | None = None) -> list[float]:
    """The shortest wall time of each command in seconds, run in turn so that a busy machine is fair to all."""
    best = [float("inf")] * len(commands)
    # Where nothing may be kept, pytest rewrites the modules of every plugin again in each run.
    keeping = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(runs):
            for index, command in enumerate(commands):
                began = time.perf_counter()
                done = subprocess.run(
                    command, cwd=cwd or folder, env=keeping, capture_output=True, check=False
                )
                best[index] = min(best[index], time.perf_counter() - began)
                if done.returncode:
                    sys.exit(f"{' '.join(command)} failed:\n{done.stdout.decode()}{done.stderr.decode()}")
    return best


async def median_of_calls(
    *calls: Callable[[], Awaitable[object]], rounds: int = 20, each: int = 100
) -> list[float]:
    """The median time of each kind of call in microseconds, measured in turn in short rounds."""
    taken: list[list[float]] = [[] for _ in calls]
    for call in calls:
        for _ in range(WARM_UP):
            await call()
    for _ in range(rounds):
        for index, call in enumerate(calls):
            for _ in range(each):
                began = time.perf_counter()
                await call()
                taken[index].append(time.perf_counter() - began)
    return [statistics.median(times) * 1e6 for times in taken]
