"""Debugging production when servers fail, the cause is another, or the fix does not help."""

from __future__ import annotations

import pytest
from hidden_faults import alerts, dead_tools_hidden, faults_hidden, steps_unnoticed
from mutants.production_debugging import MUTANTS, forget_the_index
from planned import Fault
from single_faults import faulted
from tampering import tampered

from pytest_mcpflow.fakes.droplet_executor import Release
from pytest_mcpflow.scenario import invariants_of
from pytest_mcpflow.scenarios.production_debugging import ProductionDebugging


@pytest.mark.parametrize("fault", Fault)
def test_no_single_fault_is_hidden(fault: Fault) -> None:
    assert faults_hidden(ProductionDebugging, fault) == []


@pytest.mark.parametrize("fault", Fault)
def test_no_tool_that_never_works_is_hidden(fault: Fault) -> None:
    assert dead_tools_hidden(ProductionDebugging, fault) == []


def test_no_step_with_an_effect_can_be_left_out_unnoticed() -> None:
    assert steps_unnoticed(ProductionDebugging) == []


def test_every_rule_has_a_workflow_that_breaks_it() -> None:
    rules = {rule.name for rule in invariants_of(ProductionDebugging())}

    assert rules == {check for _, check in MUTANTS.values()}


def test_a_fix_that_does_not_help_is_not_called_done() -> None:
    scenario = ProductionDebugging()

    run = faulted(scenario, {}, tampered(scenario.workflow, forget_the_index))

    assert run.result.after_seconds == 2.32
    assert alerts(scenario)[-1] == "api is still slow: responses take 2.32 s with the fix"
    assert scenario.people.alerts[0].resolved_at is None
    assert run.silence is None


def test_slowness_that_no_query_explains_leads_to_no_fix() -> None:
    scenario = ProductionDebugging()
    scenario.droplets.record_of("shop").queries.clear()

    run = faulted(scenario, {})

    assert scenario.desktop.history == []
    assert "no query explains 0.0 s" in alerts(scenario)[-1]
    assert run.silence is None


def test_a_version_that_does_not_answer_on_staging_is_taken_back_and_goes_no_further() -> None:
    scenario = ProductionDebugging()
    scenario.droplets.releases["api"]["1.8.1"] = Release(answers_health_checks=False)

    run = faulted(scenario, {})

    assert [(each.host, each.kind) for each in scenario.droplets.deployments] == [
        ("staging-1", "rolling"),
        ("staging-1", "rollback"),
    ]
    assert not scenario.hosting.repositories["shop/api"].pull_requests[0].merged
    assert run.silence is None


def test_a_check_that_fails_keeps_the_fix_from_all_hosts() -> None:
    scenario = ProductionDebugging()
    scenario.hosting.repositories["shop/api"].new_checks = {"test": "failure"}

    run = faulted(scenario, {})

    assert scenario.droplets.deployments == []
    assert "checks of pull request #1 fail" in alerts(scenario)[-1]
    assert run.silence is None
