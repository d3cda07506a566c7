"""The creation of the endpoint when servers fail, or one of its layers does."""

from __future__ import annotations

import pytest
from hidden_faults import alerts, dead_tools_hidden, faults_hidden, steps_unnoticed
from mutants.api_endpoint_creation import MUTANTS, break_the_migration, leave_it_open
from planned import Fault
from single_faults import faulted
from tampering import tampered

from pytest_mcpflow.fakes.droplet_executor import Release
from pytest_mcpflow.scenario import invariants_of
from pytest_mcpflow.scenarios._endpoint_workflow import CONTROLLER, DOCS
from pytest_mcpflow.scenarios.api_endpoint_creation import ApiEndpointCreation


@pytest.mark.parametrize("fault", Fault)
def test_no_single_fault_is_hidden(fault: Fault) -> None:
    assert faults_hidden(ApiEndpointCreation, fault) == []


@pytest.mark.parametrize("fault", Fault)
def test_no_tool_that_never_works_is_hidden(fault: Fault) -> None:
    assert dead_tools_hidden(ApiEndpointCreation, fault) == []


def test_no_step_with_an_effect_can_be_left_out_unnoticed() -> None:
    assert steps_unnoticed(ApiEndpointCreation) == []


def test_every_rule_has_a_workflow_that_breaks_it() -> None:
    rules = {rule.name for rule in invariants_of(ApiEndpointCreation())}

    assert rules == {check for _, check in MUTANTS.values()}


def published(scenario: ApiEndpointCreation) -> set[str]:
    return {*scenario.hosting.repositories["shop/api"].branches["main"].files}


def test_a_migration_that_fails_is_taken_back_and_nothing_is_built_on_it() -> None:
    scenario = ApiEndpointCreation()

    run = faulted(scenario, {}, tampered(scenario.workflow, break_the_migration))

    assert scenario.schema == "as before"
    assert CONTROLLER not in scenario.desktop.files
    assert run.result.error.startswith("npm run db:migrate: ")
    assert run.silence is None


def test_a_migration_that_cannot_be_taken_back_is_left_to_people() -> None:
    scenario = ApiEndpointCreation()
    scenario.desktop.scripts[1].exit_code = 1

    run = faulted(scenario, {}, tampered(scenario.workflow, break_the_migration))

    assert scenario.schema == "half migrated"
    assert "roll the migration back by hand" in alerts(scenario)[-1]
    assert run.silence is None


def test_an_endpoint_that_asks_for_no_token_is_taken_back_from_staging_and_not_documented() -> None:
    scenario = ApiEndpointCreation()

    run = faulted(scenario, {}, tampered(scenario.workflow, leave_it_open))

    assert [each.kind for each in scenario.droplets.deployments] == ["rolling", "rollback"]
    assert DOCS not in published(scenario)
    assert alerts(scenario)[-1].endswith("missing: authenticate")
    assert run.silence is None


def test_a_version_that_does_not_answer_is_not_documented() -> None:
    scenario = ApiEndpointCreation()
    scenario.droplets.releases["api"]["1.5.0"] = Release(answers_health_checks=False)

    run = faulted(scenario, {})

    assert [each.kind for each in scenario.droplets.deployments] == ["rolling", "rollback"]
    assert DOCS not in published(scenario)
    assert run.silence is None


def test_tests_that_cover_too_little_stop_before_the_proposal() -> None:
    scenario = ApiEndpointCreation()
    scenario.desktop.scripts[2].stdout = "Tests: 12 passed\nCoverage: 64%"

    run = faulted(scenario, {})

    assert run.result.error == "tests must cover 100 %, they cover 64 %"
    assert scenario.hosting.repositories["shop/api"].pull_requests == []
    assert run.silence is None
