"""The review when servers fail, an agent is late or gone, or a fix does not help."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hidden_faults import alerts, dead_tools_hidden, faults_hidden, steps_unnoticed
from mutants.collaborative_review import MUTANTS
from planned import Fault
from single_faults import faulted
from tampering import Send, tampered

from pytest_mcpflow import CallResult
from pytest_mcpflow.scenario import invariants_of
from pytest_mcpflow.scenarios._review_workflow import BRANCH, PAYMENTS, Remark, merged
from pytest_mcpflow.scenarios.collaborative_review import CollaborativeReview


@pytest.mark.parametrize("fault", Fault)
def test_no_single_fault_is_hidden(fault: Fault) -> None:
    assert faults_hidden(CollaborativeReview, fault) == []


@pytest.mark.parametrize("fault", Fault)
def test_no_tool_that_never_works_is_hidden(fault: Fault) -> None:
    assert dead_tools_hidden(CollaborativeReview, fault) == []


def test_no_step_with_an_effect_can_be_left_out_unnoticed() -> None:
    assert steps_unnoticed(CollaborativeReview) == []


def test_every_rule_has_a_workflow_that_breaks_it() -> None:
    rules = {rule.name for rule in invariants_of(CollaborativeReview())}

    assert rules == {check for _, check in MUTANTS.values()}


def approvals(scenario: CollaborativeReview) -> list[str]:
    [pull] = scenario.hosting.repositories["shop/api"].pull_requests
    return [review.author for review in pull.reviews if review.event == "APPROVE"]


async def quality_sleeps(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """The agent that looks at coverage takes an hour."""
    if arguments.get("command") == "npm test -- --coverage":
        await asyncio.sleep(3600)
    return await send(name, arguments)


def test_an_agent_that_is_too_late_is_named_and_nobody_approves_without_it() -> None:
    scenario = CollaborativeReview()

    run = faulted(scenario, {}, tampered(scenario.workflow, quality_sleeps))

    assert approvals(scenario) == []
    assert alerts(scenario)[-1].startswith("The review of #45: could not review it: quality (TimeoutError")
    assert run.judgement.seconds == 300
    assert run.silence is None


def test_a_fix_that_the_tests_refuse_is_not_pushed_and_not_approved() -> None:
    scenario = CollaborativeReview()
    scenario.desktop.scripts[1].requires[PAYMENTS] = "const paid = await"

    run = faulted(scenario, {})

    assert approvals(scenario) == []
    assert len(scenario.hosting.repositories["shop/api"].branches[BRANCH].commits) == 2
    assert run.silence is None


def test_findings_of_several_agents_are_one_finding_credited_to_all() -> None:
    first = Remark("network", PAYMENTS, 6, "unhandled", False, ("security",))
    second = Remark("network", PAYMENTS, 6, "missing error handling", True, ("quality",))
    other = Remark("network", PAYMENTS, 9, "missing error handling", True, ("quality",))

    assert merged([first, second, other]) == (
        Remark("network", PAYMENTS, 6, "unhandled", True, ("security", "quality")),
        other,
    )
