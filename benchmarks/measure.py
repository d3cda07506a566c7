"""Ways of timing, and what a measurement is."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Measurement", "best_of_processes", "median_of_calls"]

WARM_UP = 200


@dataclass(frozen=True)
class Measurement:
    """One promise and what was measured: `value` in `unit`, the `baseline` beside it, the `bar` to reach."""

    what: str
    value: float
    unit: str
    bar: str
    holds: bool
    baseline: str = ""

    def __str__(self) -> str:
        reached = "yes" if self.holds else "NO"
        return f"| {self.what} | {self.value:.3g} {self.unit} | {self.baseline} | {self.bar} | {reached} |"


def best_of_processes(*commands: Sequence[str], runs: int = 10, cwd: Path | None = None) -> list[float]:
    """The shortest wall time of each command in seconds, run in turn so that a busy machine is fair to all."""
    best = [float("inf")] * len(commands)
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(runs):
            for index, command in enumerate(commands):
                began = time.perf_counter()
                done = subprocess.run(command, cwd=cwd or folder, capture_output=True, check=False)
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
