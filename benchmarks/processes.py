"""What whole processes cost: collecting, importing, running the scenarios."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measure import Measurement, best_of_processes

SCENARIOS = (
    "incident-response",
    "disaster-recovery",
    "automated-disaster-recovery",
    "emergency-hotfix",
    "deployment-chain",
    "conditional-pipeline",
)


def measure() -> Iterator[Measurement]:
    yield from _collecting()
    yield from _importing()
    yield from _scenarios()


def _collecting() -> Iterator[Measurement]:
    """Whatever comes with pytest-mcpflow counts: its plugin, and the one of time-machine, which it depends on."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_one.py").write_text("def test_nothing():\n    pass\n", encoding="utf-8")
        pytest = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
        without = [*pytest, "-p", "no:mcpflow", "-p", "no:time_machine"]
        baseline, installed = best_of_processes(without, pytest, cwd=Path(folder))
    extra = (installed - baseline) * 1000
    note = f"{installed * 1000:.0f} against {baseline * 1000:.0f} ms"
    what = "pytest --collect-only of one empty test, plugin against none"
    yield Measurement(what, extra, "ms", "at most +5 ms", extra <= 5, note)


def _importing() -> Iterator[Measurement]:
    check = "import sys, pytest_mcpflow; sys.exit('mcp' in sys.modules)"
    python, package = best_of_processes([sys.executable, "-c", "pass"], [sys.executable, "-c", check])
    taken = (package - python) * 1000
    yield Measurement(
        "import pytest_mcpflow, with no mcp in sys.modules", taken, "ms", "at most 30 ms", taken <= 30
    )


def _scenarios() -> Iterator[Measurement]:
    options = [option for name in SCENARIOS for option in ("--mcp-scenario", name)]
    [taken] = best_of_processes(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options], runs=5
    )
    yield Measurement(
        "the six scenarios on memory, whole pytest process", taken, "s", "at most 3 s", taken <= 3
    )
