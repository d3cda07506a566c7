"""Explorations as pytest items: one for each scenario and transport that `--mcp-scenario` and `--mcp-chaos` ask for."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_mcpflow.catalogue import load_workflow
from pytest_mcpflow.chaos.options import Chaos
from pytest_mcpflow.errors import MCPFlowError
from pytest_mcpflow.options import search_path, seed_asked
from pytest_mcpflow.plans import fault_kinds
from pytest_mcpflow.report.explored import explore_scenario
from pytest_mcpflow.report.finding import with_others
from pytest_mcpflow.report.resilience import Resilience
from pytest_mcpflow.scenario import Scenario
from pytest_mcpflow.stash import RESILIENCE
from pytest_mcpflow.ways import Era, Way

__all__ = ["ExplorationFailed", "ExplorationItem", "note_exploration"]


class ExplorationFailed(Exception):
    """There are plans under which the workflow does not end well, and that nothing excuses."""

    def __init__(self, resilience: Resilience) -> None:
        first, *others = resilience.new
        super().__init__(str(first))
        self.block = with_others(first.block, [str(other) for other in others])


class ExplorationItem(pytest.Item):
    """One scenario, run under many plans."""

    def __init__(
        self,
        *,
        scenario: type[Scenario],
        way: Way,
        era: Era,
        workflow: str | None,
        chaos: Chaos,
        **node: Any,
    ) -> None:
        super().__init__(**node)  # pyright: ignore[reportUnknownMemberType]  # pytest leaves it untyped
        self._scenario, self._way, self._era, self._workflow = scenario, way, era, workflow
        self._chaos = chaos
        for tag in scenario.tags:
            self.extra_keyword_matches.add(tag)

    def runtest(self) -> None:
        reference = self._workflow
        resilience = explore_scenario(
            self._scenario,
            self._chaos.search_at(self._scenario.depth),
            workflow=None if reference is None else load_workflow(reference, search=search_path(self.config)),
            workflow_reference=reference,
            seed=seed_asked(self.config),
            way=self._way,
            era=self._era,
            kinds=fault_kinds(self.config),
            known=self._chaos.knows(self._scenario.name),
        )
        note_exploration(self, resilience, self._chaos)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, ExplorationFailed):
            return excinfo.value.block
        if isinstance(excinfo.value, MCPFlowError):
            return f"{type(excinfo.value).__name__}: {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[str, None, str]:
        return "scenario", None, self.name


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
