"""The plans of faults that a run is asked to follow: by the command line, the ini file, or a test's marker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pytest

from pytest_mcpflow.errors import FaultPlanError
from pytest_mcpflow.faults.catalogue import kinds_with
from pytest_mcpflow.faults.kind import FaultKind
from pytest_mcpflow.faults.plan import FaultPlan
from pytest_mcpflow.faults.text import text_of
from pytest_mcpflow.marker import marker_options
from pytest_mcpflow.options import asked, seed_asked

__all__ = ["fault_kinds", "must_happen_asked", "named_plans", "plan_asked", "plan_named", "plan_of_test"]


def fault_kinds(config: pytest.Config) -> Mapping[str, type[FaultKind]]:
    """The kinds that ship, and those of plugins and conftests.

    Raises:
        pytest.UsageError: A plugin's kind cannot be used.
    """
    more = [kind for kinds in config.hook.pytest_mcpflow_faults() for kind in kinds]
    try:
        return kinds_with(more)
    except FaultPlanError as error:
        raise pytest.UsageError(f"pytest_mcpflow_faults: {error}") from None


def plan_named(config: pytest.Config, text: str) -> FaultPlan:
    """A plan from its text, or from its name in the ini file.

    Raises:
        FaultPlanError: It is neither.
        pytest.UsageError: The ini file has a line that is no profile.
    """
    text = text_of(text, named_plans(config))
    return FaultPlan.parse(text, seed=seed_asked(config), kinds=fault_kinds(config))


def plan_asked(config: pytest.Config) -> FaultPlan:
    """The plans of the command line as one; empty if there is none.

    Raises:
        pytest.UsageError: One is no plan.
    """
    try:
        plans = [plan_named(config, text) for text in asked(config, "--mcp-plan")]
    except FaultPlanError as error:
        raise pytest.UsageError(f"--mcp-plan: {error}") from None
    return FaultPlan(tuple(fault for plan in plans for fault in plan.faults), seed_asked(config))


def plan_of_test(test: pytest.Item) -> FaultPlan | None:
    """What a test's marker lets go wrong.

    Raises:
        pytest.UsageError: It is no plan.
    """
    text = marker_options(test).faults
    if text is None:
        return None
    try:
        return plan_named(test.config, text)
    except FaultPlanError as error:
        raise pytest.UsageError(f"{test.nodeid}: @pytest.mark.mcpflow(faults=...): {error}") from None


def must_happen_asked(config: pytest.Config) -> bool:
    """Whether a fault of the command line's plan that never happens fails."""
    return bool(config.getoption("--mcp-plan-must-happen"))


def named_plans(config: pytest.Config) -> dict[str, str]:
    """The plans of the ini file by name.

    Raises:
        pytest.UsageError: A line of it is no plan with a name.
    """
    profiles: dict[str, str] = {}
    for line in cast("list[str]", config.getini("mcp_plans")):
        name, equals, plan = line.partition("=")
        if not equals or not name.strip() or not plan.strip():
            raise pytest.UsageError(f"mcp_plans: {line!r} is not of the form NAME = PLAN")
        profiles[name.strip()] = plan.strip()
    return profiles
