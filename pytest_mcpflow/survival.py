"""Running a scenario under one plan from a test: what a file of pinned plans is made of."""

from __future__ import annotations

import pytest

from pytest_mcpflow.catalogue import load_workflow
from pytest_mcpflow.errors import FaultPlanError
from pytest_mcpflow.faults.plan import FaultPlan
from pytest_mcpflow.options import search_path
from pytest_mcpflow.plans import plan_named
from pytest_mcpflow.report.failure import failure_block
from pytest_mcpflow.scenario_items import catalogue_of, workflows_asked
from pytest_mcpflow.verdict import judge
from pytest_mcpflow.ways import Era, Way

__all__ = ["assert_survives"]


def assert_survives(
    config: pytest.Config,
    scenario: str,
    plan: str,
    *,
    seed: int = 0,
    transport: str = "direct",
    protocol: str = "2026-07-28",
    workflow: str | None = None,
    schedule: int | None = None,
) -> None:
    """Run a scenario under a plan; it may recover, degrade or fail loudly, and must not fail silently, hang or leak.

    Args:
        config: pytest's, the fixture `pytestconfig`: it knows scenarios, workflows and kinds of faults of one's own.
        scenario: The scenario's name.
        plan: What goes wrong, or the name of a plan in the ini file; nothing if it is empty.
        seed: Decides what is left to chance.
        transport, protocol: How calls reach the servers.
        workflow: `module:callable` in place of the scenario's own, or of the one that the ini file names.
        schedule: Draws the order in which ready tasks take their turns; their own if `None`.

    Raises:
        pytest.fail.Exception: It did not survive, or nothing of the plan happened.
        FaultPlanError: The text is no plan.
        ScenarioError: The workflow cannot be loaded.
        UnknownNameError: There is no such scenario.
    """
    __tracebackhide__ = True
    catalogue = catalogue_of(config)
    (found,) = catalogue.select([scenario])
    reference = workflow or workflows_asked(config, catalogue).get(found.name)
    world = found()
    world.seed = seed
    faults = plan_named(config, plan) if plan.strip() else FaultPlan()
    judgement = judge(
        world,
        way=Way(transport),
        era=Era(protocol),
        workflow=None if reference is None else load_workflow(reference, search=search_path(config)),
        workflow_reference=reference,
        plan=type(faults)(faults.faults, seed),
        schedule=schedule,
    )
    if not judgement.verdict.is_good:
        raise pytest.fail.Exception(failure_block(judgement), pytrace=False)
    if faults and len(judgement.never_happened) == len(faults):
        raise FaultPlanError(
            f"never happened: {', '.join(judgement.never_happened)}; correct the plan or take it out"
        )
