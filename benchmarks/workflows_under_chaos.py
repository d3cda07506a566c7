"""The documented workflows where things go wrong: explored at their depth, and in other orders of their tasks.

Takes some minutes, so it is a command of its own: `python benchmarks/workflows_under_chaos.py`.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from measure import Measurement

from pytest_mcpflow import FaultPlan, Scenario
from pytest_mcpflow.catalogue import Catalogue, builtin_scenarios
from pytest_mcpflow.explore.subject import Subject
from pytest_mcpflow.stage import Stage

__all__ = ["failing_orders", "measure"]

WORKERS = 2
SCHEDULES = 500
CONCURRENT = frozenset(
    {
        *("async-tasks", "batch-processing", "collaborative-review", "connection-pool", "event-bus"),
        *("event-driven-deployment", "multi-agent-feature", "multi-environment-testing"),
        *("parallel-deployment", "request-aggregation"),
    }
)
"""Those whose documents have several things go on at once; the others are run in other orders, too."""
EXPLORE = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--mcp-scenario", "*", "--mcp-chaos")


def measure() -> Iterator[Measurement]:
    yield from _at_their_depth()
    yield from _in_other_orders()


def _at_their_depth() -> Iterator[Measurement]:
    command = [sys.executable, *EXPLORE, "-n", str(WORKERS)]
    before, began = _seconds_of_children(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    taken, worked = time.perf_counter() - began, _seconds_of_children() - before
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    what = f"all documented workflows explored at their depth, {WORKERS} workers"
    yield Measurement(what, taken, "s", "at most 120 s", taken <= 120, f"{worked:.0f} s of processor time")


def _in_other_orders() -> Iterator[Measurement]:
    scenarios = {scenario.name: scenario for scenario in Catalogue(builtin_scenarios())}
    with ProcessPoolExecutor(WORKERS) as pool:
        found = dict(zip(scenarios, pool.map(failing_orders, scenarios.values()), strict=True))
    for which, names in (
        ("concurrent workflows", CONCURRENT),
        ("other workflows", scenarios.keys() - CONCURRENT),
    ):
        bad = [f"{name}: --mcp-schedule {found[name][0]}" for name in sorted(names) if found[name]]
        what = f"{which} that pass in {SCHEDULES} orders of their tasks each"
        passing = len(names) - len(bad)
        yield Measurement(what, passing, f"of {len(names)}", "all", not bad, ", ".join(bad))


def failing_orders(scenario: type[Scenario], count: int = SCHEDULES) -> list[int]:
    """The schedules, of so many, in which a workflow does not come out as it should."""
    subject = Subject(scenario)
    with Stage() as stage:
        runs = (subject.observe(FaultPlan(), stage=stage, schedule=number) for number in range(count))
        return [number for number, seen in enumerate(runs) if not seen.verdict.is_good]


def _seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    print("| what | measured | baseline | bar | reached |")
    print("|---|---|---|---|---|")
    for measurement in measure():
        print(measurement, flush=True)
