"""What whole processes cost: collecting, importing, running the scenarios."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
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

PROJECT = str(Path(__file__).resolve().parent.parent)
PEER = "mcp-agent-test"
"""The plugin of others that has something to do with MCP and takes the least."""

# Plugins of others that happen to be installed are left out, since loading them takes longer than what is measured.
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--disable-plugin-autoload")
PLUGIN = ("-p", "pytest_mcpflow.plugin")


def measure() -> Iterator[Measurement]:
    yield from _collecting()
    yield from _importing()
    yield from _scenarios()


def _collecting() -> Iterator[Measurement]:
    """What somebody's test run takes longer who has installed the package, and all that comes with it."""
    options = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only")
    with tempfile.TemporaryDirectory() as folder:
        tests = Path(folder, "tests")
        tests.mkdir()
        (tests / "test_one.py").write_text("def test_nothing():\n    pass\n", encoding="utf-8")
        pythons = [_environment(Path(folder, str(n)), more) for n, more in enumerate(("", PROJECT, PEER))]
        taken = best_of_processes(*([str(python), *options] for python in pythons), cwd=tests, runs=20)
    none, ours, peer = (seconds * 1000 for seconds in taken)
    yield Measurement(
        "pytest --collect-only of one empty test, with the package and what it brings against without",
        ours - none,
        "ms",
        "at most +5 ms",
        ours - none <= 5,
        f"{PEER}: {peer - none:+.1f} ms; without any: {none:.0f} ms",
    )


def _environment(folder: Path, requirement: str) -> Path:
    """An interpreter that has pytest, pytest-asyncio, mcp and what is required."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    wanted = ["pytest", "pytest-asyncio", "mcp", *([requirement] if requirement else [])]
    subprocess.run([python, "-m", "pip", "install", "-q", *wanted], check=True, capture_output=True)
    return python


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
