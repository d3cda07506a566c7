"""The plans of faults that a run is asked to follow: by the command line, the ini file, or a test's marker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    returned: list[object] = config.hook.pytest_mcpflow_faults()
    try:
        for kinds in returned:
            if not isinstance(kinds, Iterable) or isinstance(kinds, str):
                raise FaultPlanError(
                    f"it returns a list of classes, got {kinds!r}; write [{_name_of(kinds)}]"
                )
        return kinds_with(
            kind for kinds in cast("list[Iterable[type[FaultKind]]]", returned) for kind in kinds
        )
    except FaultPlanError as error:
        raise pytest.UsageError(f"pytest_mcpflow_faults: {error}") from None


def plan_named(config: pytest.Config, text: str, *, seed: int | None = None) -> FaultPlan:
    """A plan from its text, or from its name in the ini file; its seed is the run's unless one is given.

    Raises:
        FaultPlanError: It is neither, or nothing at all.
        pytest.UsageError: The ini file has a line that is no profile.
    """
    text = text_of(text, named_plans(config))
    return FaultPlan.parse(text, seed=seed_asked(config) if seed is None else seed, kinds=fault_kinds(config))


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
    text = cast("object", marker_options(test).faults)
    if text is None:
        return None
    if not isinstance(text, str):
        raise pytest.UsageError(
            f"{test.nodeid}: @pytest.mark.mcpflow(faults=...): a plan is a text, got {text!r}; several faults stand in "
            'one, with commas between: "bank.pay#1=refuse, bank.pay#2=hang"'
        )
    try:
        return plan_named(test.config, text, seed=marker_options(test).seed)
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
        known = profiles.setdefault(name.strip(), plan.strip())
        if known != plan.strip():
            raise pytest.UsageError(
                f"mcp_plans: two plans are named {name.strip()!r}: {known} and {plan.strip()}; rename one"
            )
    return profiles


def _name_of(kind: object) -> str:
    return kind.__name__ if isinstance(kind, type) else type(kind).__name__
