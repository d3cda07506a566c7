"""What pytest says at its end of all that was explored, and the files that are written then."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pytest_mcpflow.chaos.baseline import Baseline
from pytest_mcpflow.chaos.options import chaos_asked
from pytest_mcpflow.option_list import chaos_options_given
from pytest_mcpflow.outcome import shortened
from pytest_mcpflow.plans import fault_kinds
from pytest_mcpflow.report.matrix import matrix, notes, overview, wrapped
from pytest_mcpflow.report.merged import merged
from pytest_mcpflow.report.pinned import obstacles_of, write_pinned
from pytest_mcpflow.report.resilience import Resilience, from_json
from pytest_mcpflow.stash import EXPLORED

__all__ = ["explored_in", "summarize"]

WIDTH = 80
SHOWN = 3
NOTHING_ASKED = "nothing was explored: name scenarios with --mcp-scenario, or mark tests with mcp_chaos"
TO_EXPLORE = "add --mcp-chaos to --mcp-scenario NAME, or mark tests with mcp_chaos"
NOTHING_ENDED = "nothing was explored to its end"


def explored_in(terminalreporter: pytest.TerminalReporter) -> list[Resilience]:
    """What the reports of a session bring, by name; parts of one exploration are put together."""
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if hasattr(report, EXPLORED)
    ]
    explored = [from_json(getattr(report, EXPLORED)) for report in reports]
    return merged(explored, fault_kinds(terminalreporter.config))


def summarize(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print matrices and accounts, and write the files that were asked for."""
    chaos, explored, idle = chaos_asked(config), explored_in(terminalreporter), chaos_options_given(config)
    if not explored and not chaos.is_asked and not idle:
        return
    terminalreporter.ensure_newline()
    terminalreporter.section("MCP resilience")
    if not explored and not chaos.is_asked:
        for line in wrapped(f"nothing was explored, so that {' and '.join(idle)} did nothing; {TO_EXPLORE}"):
            terminalreporter.write_line(line)
    elif not explored:
        terminalreporter.write_line(NOTHING_ENDED if config.getoption("--mcp-scenario") else NOTHING_ASKED)
    for line in _told(explored, in_full=config.get_verbosity() > 0):
        terminalreporter.write_line(line)
    if chaos.is_update and chaos.baseline is not None and explored:
        before = Baseline.read(chaos.baseline) if chaos.baseline.exists() else Baseline()
        before.updated(explored).write(chaos.baseline)
        terminalreporter.write_line(f"known failures written to {chaos.baseline}")
    if chaos.write_test is not None and any(each.new for each in explored):
        obstacles = obstacles_of(explored)
        if len(obstacles) < sum(len(each.new) for each in explored):
            write_pinned(chaos.write_test, explored)
            terminalreporter.write_line(f"tests that pin what was found written to {chaos.write_test}")
        for obstacle in obstacles:
            for line in wrapped(obstacle):
                terminalreporter.write_line(line)


def _told(explored: Sequence[Resilience], *, in_full: bool) -> list[str]:
    lines: list[str] = []
    shown = explored if in_full or len(explored) == 1 else [each for each in explored if each.new][:SHOWN]
    for each in shown:
        lines += [
            shortened(f"{each.name}  [{each.way}]", WIDTH),
            "",
            *matrix(each),
            *wrapped(each.accounting),
            *wrapped(each.claim),
            *notes(each),
            "",
        ]
    if len(explored) > 1:
        lines += overview(explored)
        lines += ["", *wrapped(_claim(explored))]
    return lines


def _claim(explored: Sequence[Resilience]) -> str:
    """What can be said of all of them, and no more."""
    proven = sum(each.is_proven for each in explored)
    new = sum(len(each.new) for each in explored)
    excused = sum(len(each.findings) for each in explored) - new
    rest = len(explored) - proven - sum(bool(each.findings) for each in explored)
    said = [f"{proven} of {len(explored)} proven: no plan of these kinds fails silently, hangs or leaks"]
    said += [f"{rest} without a finding, which is no proof"] if rest else []
    said += [f"{new} new {'finding' if new == 1 else 'findings'}"] if new else []
    said += [f"{excused} accepted or known"] if excused else []
    return "; ".join(said)
