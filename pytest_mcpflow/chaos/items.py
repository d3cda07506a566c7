"""Explorations as pytest items: those of the scenarios that `--mcp-scenario` and `--mcp-chaos` ask for."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_mcpflow.chaos.options import Chaos
from pytest_mcpflow.explore.part import Part
from pytest_mcpflow.options import seed_asked
from pytest_mcpflow.plans import fault_kinds
from pytest_mcpflow.report.explored import explore_scenario
from pytest_mcpflow.report.finding import with_others
from pytest_mcpflow.report.resilience import Resilience
from pytest_mcpflow.scenario_node import ScenarioNode
from pytest_mcpflow.stash import RESILIENCE

__all__ = ["ExplorationFailed", "ExplorationItem", "note_exploration"]


class ExplorationFailed(Exception):
    """There are plans under which the workflow does not end well, and that nothing excuses."""

    def __init__(self, resilience: Resilience) -> None:
        first, *others = resilience.new
        super().__init__(str(first))
        self.block = with_others(first.block, [str(other) for other in others])


class ExplorationItem(ScenarioNode):
    """One scenario, run under many plans, or its share of them."""

    def __init__(self, *, chaos: Chaos, part: Part, **node: Any) -> None:
        super().__init__(**node)
        self._chaos, self._part = chaos, part

    def runtest(self) -> None:
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
        note_exploration(self, resilience, self._chaos)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, ExplorationFailed):
            return excinfo.value.block
        return super().repr_failure(excinfo, style)


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
