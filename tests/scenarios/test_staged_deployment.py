"""The staged deployment when servers fail, versions are broken, or quality assurance says no."""

from __future__ import annotations

import pytest
from hidden_faults import alerts, dead_tools_hidden, faults_hidden, steps_unnoticed
from mutants.staged_deployment import MUTANTS
from planned import Fault
from single_faults import faulted

from pytest_mcpflow import Answer, Question
from pytest_mcpflow.fakes.droplet_executor import CommandResult, Release
from pytest_mcpflow.scenario import invariants_of
from pytest_mcpflow.scenarios._staged_deployment_world import OLD
from pytest_mcpflow.scenarios._staged_workflow import NEW, PRODUCTION, SERVICE
from pytest_mcpflow.scenarios.staged_deployment import StagedDeployment


@pytest.mark.parametrize("fault", Fault)
def test_no_single_fault_is_hidden(fault: Fault) -> None:
    assert faults_hidden(StagedDeployment, fault) == []


@pytest.mark.parametrize("fault", Fault)
def test_no_tool_that_never_works_is_hidden(fault: Fault) -> None:
    assert dead_tools_hidden(StagedDeployment, fault) == []


def test_no_step_with_an_effect_can_be_left_out_unnoticed() -> None:
    assert steps_unnoticed(StagedDeployment) == []


def test_every_rule_has_a_workflow_that_breaks_it() -> None:
    rules = {rule.name for rule in invariants_of(StagedDeployment())}

    assert rules == {check for _, check in MUTANTS.values()}


def live(scenario: StagedDeployment) -> set[str]:
    return {scenario.droplets.hosts[host].services[SERVICE].version for host in PRODUCTION}


def kinds(scenario: StagedDeployment) -> list[str]:
    return [each.kind for each in scenario.droplets.deployments]


def test_smoke_tests_that_fail_keep_production_as_it_is() -> None:
    failed = CommandResult("", "3 of 12 smoke tests failed", 1)

    run = faulted(StagedDeployment(smoke=failed), {})

    assert (live(run.scenario), kinds(run.scenario)) == ({OLD}, ["rolling"])
    assert alerts(run.scenario) == [
        f"Deploying api {NEW}: npm run smoke on staging-droplet-01: 3 of 12 smoke tests failed"
    ]
    assert run.silence is None


def test_a_version_that_does_not_answer_beside_the_live_one_never_gets_traffic() -> None:
    class BrokenLater(StagedDeployment):
        """What answers on staging does not in production."""

        def answer(self, question: Question) -> Answer:
            self.droplets.releases[SERVICE][NEW] = Release(answers_health_checks=False)
            return {"approve": True, "reason": "fine on staging"}

    run = faulted(BrokenLater(), {})

    assert (live(run.scenario), kinds(run.scenario)) == ({OLD}, ["rolling", "blue-green", "blue-green"])
    assert run.silence is None


def test_a_version_that_fails_requests_is_switched_back() -> None:
    scenario = StagedDeployment()
    scenario.droplets.releases[SERVICE][NEW] = Release(error_rate=0.3)

    run = faulted(scenario, {})

    assert live(run.scenario) == {OLD}
    assert kinds(run.scenario) == ["rolling", *["blue-green"] * 2, *["switch"] * 4]
    assert [each.status for each in scenario.people.broadcasts] == ["rolled_back"]
    assert "of requests fail" in alerts(scenario)[0]
    assert run.silence is None


def test_without_the_approval_production_is_not_touched() -> None:
    class Refused(StagedDeployment):
        """Quality assurance found something."""

        def answer(self, question: Question) -> Answer:
            return {"approve": False, "reason": "the login page is blank"}

    run = faulted(Refused(), {})

    assert (live(run.scenario), kinds(run.scenario)) == ({OLD}, ["rolling"])
    assert alerts(run.scenario)[-1].endswith("qa said no: the login page is blank")


def test_production_on_two_colours_is_left_to_people() -> None:
    scenario = StagedDeployment()
    scenario.droplets.hosts["prod-2"].services[SERVICE].live_colour = "green"

    run = faulted(scenario, {})

    assert run.result.error == "production serves from blue and green at once"
    assert kinds(run.scenario) == ["rolling"]
