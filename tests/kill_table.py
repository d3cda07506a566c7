"""docs/reference/kill-table.md: what is planted in each scenario's workflow, and the check that catches it.

`python tests/kill_table.py` writes the page. That each mistake really is caught by that check is a test of its own,
`test_a_planted_wrong_workflow_is_caught_by_name`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from mutants import planted

from pytest_mcpflow.catalogue import Catalogue, builtin_scenarios
from pytest_mcpflow.scenario import Scenario, invariants_of

__all__ = ["PAGE", "kill_table"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "kill-table.md"

HEAD = """\
# Planted mistakes, and what catches them

A scenario is worth as much as the mistakes it notices. In each one's reference workflow, mistakes are planted that
people make: a retry without a key, a rollback that stops half-way, a gate that takes silence for a yes. The scenario
must catch each of them by a check with a name, in every run of the project's tests.

{mistakes} mistakes in {scenarios} scenarios; the workflows are in `tests/mutants/`. This page is written by
`python tests/kill_table.py`, and a test compares it with what is caught."""

SAID = {
    "expect": "What must come out when nothing fails did not.",
    "workflow": "The workflow raised.",
    "run": "The run itself was wrong: nothing was called, or something was left running.",
}
"""What the checks say that every scenario has."""


def kill_table() -> str:
    """The page, from what is planted now."""
    rows = sorted(planted(), key=lambda row: row[0])
    scenarios = {scenario.name: scenario for scenario in Catalogue(builtin_scenarios())}
    lines = [HEAD.format(mistakes=len(rows), scenarios=len(scenarios))]
    for name, mistakes in groupby(rows, key=lambda row: row[0]):
        lines += ["", f"## {name}", "", "| mistake | caught by | which says |", "|---|---|---|"]
        lines += _rows(scenarios[name], [(wrong, check) for _, wrong, _, check in mistakes])
    return "\n".join(lines) + "\n"


def _rows(scenario: type[Scenario], mistakes: list[tuple[str, str]]) -> Iterator[str]:
    claims = SAID | {rule.name: rule.claim for rule in invariants_of(scenario())}
    for wrong, check in mistakes:
        yield f"| {wrong} | `{check}` | {claims[check]} |"


if __name__ == "__main__":
    PAGE.write_text(kill_table(), encoding="utf-8")
