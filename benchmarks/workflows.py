"""The documented workflows: alike on every way, quick on memory, with checks that bite, in files that can be read.

The mistakes that are planted lie with the tests, in `tests/mutants/`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from measure import Measurement, best_of_processes

from pytest_mcpflow import Era, Scenario, Way
from pytest_mcpflow.catalogue import Catalogue, builtin_scenarios
from pytest_mcpflow.verdict import Verdict, judge

ROOT = Path(__file__).resolve().parents[1]
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--disable-plugin-autoload")
ALL = ("-p", "pytest_mcpflow.plugin", "--mcp-scenario", "*")


def measure() -> Iterator[Measurement]:
    yield from _happy_paths()
    yield from _ways()
    yield from _mistakes()
    yield from _sizes()


def _happy_paths() -> Iterator[Measurement]:
    [taken] = best_of_processes([*PYTEST, *ALL], runs=3)
    what = "all documented workflows on memory, whole pytest process"
    yield Measurement(what, taken, "s", "at most 8 s", taken <= 8)


def _ways() -> Iterator[Measurement]:
    scenarios = [*Catalogue(builtin_scenarios())]
    alike = sum(map(_is_alike_on_all_ways, scenarios))
    what = "workflows that pass with one transcript on direct, memory, stdio and http, in both eras"
    yield Measurement(what, alike, f"of {len(scenarios)}", "39 of 39", alike == len(scenarios) == 39)


def _is_alike_on_all_ways(scenario: type[Scenario]) -> bool:
    runs = [
        judge(scenario(), way=way, era=era)
        for way in Way
        for era in Era
        if (way, era) != (Way.DIRECT, Era.HANDSHAKE)  # without a protocol there is no era
    ]
    first = runs[0]
    return all(
        run.verdict is Verdict.PASSED
        and list(run.transcript) == list(first.transcript)
        and run.changes == first.changes
        for run in runs
    )


def _mistakes() -> Iterator[Measurement]:
    sys.path.insert(0, str(ROOT / "tests"))
    from mutants import planted

    scenarios = {scenario.name: scenario for scenario in Catalogue(builtin_scenarios())}
    rows = list(planted())
    caught = 0
    for name, _, workflow, check in rows:
        broken = judge(scenarios[name](), way=Way.DIRECT, workflow=workflow).broken
        caught += check in [each.check for each in broken]
    what = "planted mistakes that the check caught which is there for them"
    yield Measurement(what, caught, f"of {len(rows)}", "all, at least 78", caught == len(rows) >= 78)


def _sizes() -> Iterator[Measurement]:
    for folder, least, most in (("scenarios", 40, 150), ("fakes", 60, 250)):
        lines = {
            path.name: len(path.read_text(encoding="utf-8").splitlines())
            for path in (ROOT / folder).glob("*.py")
            if not path.name.startswith("_")
        }
        fitting = sum(least <= count <= most for count in lines.values())
        longest = max(lines, key=lambda name: lines[name])
        what = f"files in {folder}/ of {least} to {most} lines"
        note = f"the longest: {longest}, {lines[longest]}"
        yield Measurement(what, fitting, f"of {len(lines)}", "all", fitting == len(lines), note)
