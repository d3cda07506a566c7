"""What the pytest items of scenarios have in common, whether one run is judged or many."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_mcpflow.catalogue import load_workflow
from pytest_mcpflow.errors import MCPFlowError
from pytest_mcpflow.options import search_path
from pytest_mcpflow.scenario import Scenario, Workflow
from pytest_mcpflow.ways import Era, Way

__all__ = ["NODE_PREFIX", "ScenarioNode"]

NODE_PREFIX = "scenario::"


class ScenarioNode(pytest.Item):
    """One scenario, reached one way.

    `workflow_reference` says where the workflow is found that takes the place of the scenario's own.
    """

    def __init__(
        self, *, scenario: type[Scenario], way: Way, era: Era, workflow_reference: str | None, **node: Any
    ) -> None:
        super().__init__(**node)  # pyright: ignore[reportUnknownMemberType]  # pytest leaves it untyped
        self.scenario, self.way, self.era, self.workflow_reference = scenario, way, era, workflow_reference
        for tag in scenario.tags:
            self.extra_keyword_matches.add(tag)

    def workflow(self) -> Workflow | None:
        """The workflow in place of the scenario's own."""
        reference = self.workflow_reference
        return None if reference is None else load_workflow(reference, search=search_path(self.config))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, MCPFlowError):
            return f"{type(excinfo.value).__name__}: {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[str, None, str]:
        return "scenario", None, self.name
