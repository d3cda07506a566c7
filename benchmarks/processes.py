"""What whole processes cost: collecting, importing, running the scenarios.

Plugins of others that happen to be installed are left out, since loading them takes longer than what is measured.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import entry_points
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

PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--disable-plugin-autoload")
PLUGIN = ("-p", "pytest_mcpflow.plugin")


def measure() -> Iterator[Measurement]:
    yield from _collecting()
    yield from _importing()
    yield from _scenarios()


def _collecting() -> Iterator[Measurement]:
    """With the package comes time-machine, which brings a plugin of its own: measured without it, and with both.

    All are loaded the way pytest loads what is installed, and left out by name, as if they were not.
    """
    names = [plugin.name for plugin in entry_points(group="pytest11")]

    def collect(*loaded: str) -> list[str]:
        others = [f"no:{name}" for name in names if name not in loaded]
        options = [option for other in others for option in ("-p", other)]
        return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only", *options]

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_one.py").write_text("def test_nothing():\n    pass\n", encoding="utf-8")
        commands = (collect(), collect("mcpflow"), collect("mcpflow", "time_machine"))
        none, ours, installed = best_of_processes(*commands, cwd=Path(folder), runs=20)
    for what, taken in (("the plugin", ours), ("the plugin and time-machine's", installed)):
        extra = (taken - none) * 1000
        note = f"{taken * 1000:.0f} against {none * 1000:.0f} ms"
        title = f"pytest --collect-only of one empty test, {what} against none"
        yield Measurement(title, extra, "ms", "at most +5 ms", extra <= 5, note)


def _importing() -> Iterator[Measurement]:
    check = "import sys, pytest_mcpflow; sys.exit('mcp' in sys.modules)"
    python, package = best_of_processes([sys.executable, "-c", "pass"], [sys.executable, "-c", check])
    taken = (package - python) * 1000
    yield Measurement(
        "import pytest_mcpflow, with no mcp in sys.modules", taken, "ms", "at most 30 ms", taken <= 30
    )


def _scenarios() -> Iterator[Measurement]:
    options = [option for name in SCENARIOS for option in ("--mcp-scenario", name)]
    [taken] = best_of_processes([*PYTEST, *PLUGIN, *options], runs=5)
    yield Measurement(
        "the six scenarios on memory, whole pytest process", taken, "s", "at most 3 s", taken <= 3
    )
