"""The refactoring when servers fail, tests fail, or the developer says no."""

from __future__ import annotations

import pytest
from hidden_faults import alerts, dead_tools_hidden, faults_hidden, steps_unnoticed
from mutants.code_review_refactor import MUTANTS
from planned import Fault
from single_faults import faulted

from pytest_mcpflow import Answer, Question
from pytest_mcpflow.scenario import invariants_of
from pytest_mcpflow.scenarios._code_review_refactor_world import ORDERS, PRODUCTS, USERS
from pytest_mcpflow.scenarios._refactoring_workflow import BRANCH
from pytest_mcpflow.scenarios.code_review_refactor import CodeReviewRefactor


@pytest.mark.parametrize("fault", Fault)
def test_no_single_fault_is_hidden(fault: Fault) -> None:
    assert faults_hidden(CodeReviewRefactor, fault) == []


@pytest.mark.parametrize("fault", Fault)
def test_no_tool_that_never_works_is_hidden(fault: Fault) -> None:
    assert dead_tools_hidden(CodeReviewRefactor, fault) == []


def test_no_step_with_an_effect_can_be_left_out_unnoticed() -> None:
    assert steps_unnoticed(CodeReviewRefactor) == []


def test_every_rule_has_a_workflow_that_breaks_it() -> None:
    rules = {rule.name for rule in invariants_of(CodeReviewRefactor())}

    assert rules == {check for _, check in MUTANTS.values()}


def test_a_change_whose_tests_fail_is_reverted_and_the_rest_goes_on() -> None:
    scenario = CodeReviewRefactor()
    scenario.desktop.scripts[0].requires[PRODUCTS] = "return this.products.findAll()"

    run = faulted(scenario, {})

    assert [finding.file for finding in run.result.applied] == [ORDERS, USERS]
    assert [finding.file for finding in run.result.reverted] == [PRODUCTS]
    hosted = scenario.hosting.repositories["shop/api"].branches[BRANCH]
    assert len(hosted.commits) == 3
    assert "cached(" not in hosted.files[PRODUCTS] + scenario.desktop.files[PRODUCTS]
    assert alerts(scenario)[-1].endswith(f"{PRODUCTS}:3: could use caching")
    assert run.silence is None


def test_tests_that_fail_before_any_change_stop_the_refactoring() -> None:
    scenario = CodeReviewRefactor()
    scenario.desktop.scripts[0].exit_code = 1

    run = faulted(scenario, {})

    assert run.result.applied == ()
    assert len(scenario.desktop.repository.commits) == 1
    assert run.silence is None


def test_a_developer_who_says_no_keeps_the_plan_and_the_code() -> None:
    class Unwilling(CodeReviewRefactor):
        """There is no time for this now."""

        def answer(self, question: Question) -> Answer:
            return {"approve": False, "reason": "after the release"}

    run = faulted(Unwilling(), {})

    assert len(run.scenario.hosting.repositories["shop/api"].issues) == 1
    assert run.result.error.endswith("developer said no: after the release")
    assert run.silence is None


def test_clean_code_is_left_alone() -> None:
    scenario = CodeReviewRefactor()
    for path in (USERS, PRODUCTS, ORDERS):
        del scenario.desktop.files[path]

    run = faulted(scenario, {})

    assert run.result.findings == ()
    assert run.judgement.transcript.effects() == []
