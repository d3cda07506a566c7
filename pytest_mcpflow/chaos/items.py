"""Explorations as pytest items: those of the scenarios that `--mcp-scenario` and `--mcp-chaos` ask for."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest

from pytest_mcpflow.chaos.options import Chaos
from pytest_mcpflow.explore.part import Part
from pytest_mcpflow.options import seed_asked
from pytest_mcpflow.plans import fault_kinds
from pytest_mcpflow.report.explored import ExploredSoFar, explore_scenario
from pytest_mcpflow.report.finding import with_others
from pytest_mcpflow.report.resilience import Resilience
from pytest_mcpflow.scenario_node import ScenarioNode
from pytest_mcpflow.stash import RESILIENCE

__all__ = ["ExplorationFailed", "ExplorationItem", "ExplorationStopped", "note_exploration", "note_stopped"]


class ExplorationFailed(Exception):
    """There are plans under which the workflow does not end well, and that nothing excuses."""

    def __init__(self, resilience: Resilience) -> None:
        first, *others = resilience.new
        super().__init__(str(first))
        self.block = with_others(first.block, [str(other) for other in others])


class ExplorationStopped(Exception):
    """Somebody stopped an exploration by Ctrl-C; the message says what it had covered."""


class ExplorationItem(ScenarioNode):
    """One scenario, run under many plans, or its share of them."""

    def __init__(self, *, chaos: Chaos, part: Part, **node: Any) -> None:
        super().__init__(**node)
        self._chaos, self._part = chaos, part

    def runtest(self) -> None:
        try:
            resilience = explore_scenario(
                self.scenario,
                self._chaos.search_at(self.scenario.depth),
                workflow=self.workflow(),
                workflow_reference=self.workflow_reference,
                seed=seed_asked(self.config),
                way=self.way,
                era=self.era,
                kinds=fault_kinds(self.config),
                known=self._chaos.knows(self.scenario.name),
                part=self._part,
            )
        except ExploredSoFar as stopped:
            note_stopped(self, stopped.resilience, self._chaos)
        note_exploration(self, resilience, self._chaos)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, ExplorationFailed):
            return excinfo.value.block
        if isinstance(excinfo.value, ExplorationStopped):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)


def note_stopped(item: pytest.Item, resilience: Resilience, chaos: Chaos) -> NoReturn:
    """Keep what was covered with the item, and let the session end after it.

    Raises:
        ExplorationStopped: Always.
    """
    item.session.shouldstop = "an exploration was stopped"
    if not chaos.is_update:  # what was not reached any more would be taken for mended
        item.stash[RESILIENCE] = resilience
    counts = resilience.counts
    raise ExplorationStopped(
        f"stopped: {resilience.name} in part, {counts.covered} of at least {counts.planned} plans"
    ) from None


def note_exploration(item: pytest.Item, resilience: Resilience, chaos: Chaos) -> None:
    """Keep what was found with the item, for its report.

    Raises:
        ExplorationFailed: Something was found that is neither accepted nor known.
    """
    if not chaos.is_update:
        resilience = chaos.known().without_the_gone(resilience)
    item.stash[RESILIENCE] = resilience
    item.user_properties += [
        ("mcp_verdict", resilience.new[0].verdict if resilience.new else "explored"),
        ("mcp_depth", resilience.depth),
        ("mcp_runs", resilience.runs),
        ("mcp_claim", resilience.claim),
        *(("mcp_finding", str(finding)) for finding in resilience.findings),
    ]
    if resilience.new:
        raise ExplorationFailed(resilience)
