"""The development of a feature when servers fail, tests fail, or people say no."""

from __future__ import annotations

import pytest
from hidden_faults import alerts, dead_tools_hidden, faults_hidden, steps_unnoticed
from mutants.feature_development import MUTANTS
from planned import Fault
from single_faults import faulted

from pytest_mcpflow import Answer, Question
from pytest_mcpflow.scenario import invariants_of
from pytest_mcpflow.scenarios.feature_development import FeatureDevelopment


@pytest.mark.parametrize("fault", Fault)
def test_no_single_fault_is_hidden(fault: Fault) -> None:
    assert faults_hidden(FeatureDevelopment, fault) == []


@pytest.mark.parametrize("fault", Fault)
def test_no_tool_that_never_works_is_hidden(fault: Fault) -> None:
    assert dead_tools_hidden(FeatureDevelopment, fault) == []


def test_no_step_with_an_effect_can_be_left_out_unnoticed() -> None:
    assert steps_unnoticed(FeatureDevelopment) == []


def test_every_rule_has_a_workflow_that_breaks_it() -> None:
    rules = {rule.name for rule in invariants_of(FeatureDevelopment())}

    assert rules == {check for _, check in MUTANTS.values()}


def test_a_developer_who_says_no_keeps_it_to_the_desktop() -> None:
    class Reluctant(FeatureDevelopment):
        """The developer wants to look at it first."""

        def answer(self, question: Question) -> Answer:
            return {"approve": False, "reason": "let me look first"}

    run = faulted(Reluctant(), {})

    assert not run.result.success
    assert [*run.scenario.hosting.repositories["shop/api"].branches] == ["main", "develop"]
    assert alerts(run.scenario)[-1].endswith("developer said no: let me look first")
    assert run.silence is None


def test_a_test_that_no_repair_helps_stops_the_feature() -> None:
    scenario = FeatureDevelopment()
    scenario.desktop.scripts[0].requires["src/auth/auth.controller.ts"] = "rateLimit("

    run = faulted(scenario, {})

    assert run.result.error == (
        "npm test auth.service.spec.ts fails: src/auth/auth.controller.ts: 'rateLimit(' not found"
    )
    assert scenario.hosting.repositories["shop/api"].pull_requests == []
    assert run.silence is None


def test_a_feature_that_is_not_covered_whole_is_not_proposed() -> None:
    scenario = FeatureDevelopment()
    scenario.desktop.scripts[1].stdout = "Tests: 18 passed\nCoverage: 97%"

    run = faulted(scenario, {})

    assert (run.result.coverage, run.result.error) == (97, "tests must cover everything, they cover 97 %")
    assert scenario.hosting.repositories["shop/api"].pull_requests == []
    assert alerts(scenario) == ["feature/user-auth is not finished: " + run.result.error]
