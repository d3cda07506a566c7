"""The creation of a service when servers fail, and when it is run again."""

from __future__ import annotations

import pytest
from hidden_faults import alerts, dead_tools_hidden, faults_hidden, steps_unnoticed
from mutants.microservice_creation import MUTANTS
from planned import Fault
from single_faults import faulted

from pytest_mcpflow import Answer, Question
from pytest_mcpflow.fakes.droplet_executor import Release
from pytest_mcpflow.scenario import invariants_of
from pytest_mcpflow.scenarios.microservice_creation import MicroserviceCreation


@pytest.mark.parametrize("fault", Fault)
def test_no_single_fault_is_hidden(fault: Fault) -> None:
    assert faults_hidden(MicroserviceCreation, fault) == []


@pytest.mark.parametrize("fault", Fault)
def test_no_tool_that_never_works_is_hidden(fault: Fault) -> None:
    assert dead_tools_hidden(MicroserviceCreation, fault) == []


def test_no_step_with_an_effect_can_be_left_out_unnoticed() -> None:
    assert steps_unnoticed(MicroserviceCreation) == []


def test_every_rule_has_a_workflow_that_breaks_it() -> None:
    rules = {rule.name for rule in invariants_of(MicroserviceCreation())}

    assert rules == {check for _, check in MUTANTS.values()}


RESUMABLE = ["list_workflows", "update_branch_protection", "create_droplet", "deploy", "setup_alerts"]


def running(scenario: MicroserviceCreation) -> list[str]:
    return [each.name for each in scenario.droplets.droplets.values() if each.destroyed_at is None]


@pytest.mark.parametrize("tool", RESUMABLE)
def test_a_second_run_goes_on_where_the_first_one_stopped(tool: str) -> None:
    scenario = MicroserviceCreation()

    first = faulted(scenario, {tool: Fault.REFUSE})
    run = faulted(scenario, {})

    assert first.result.success is False
    assert run.is_as_documented, run.judgement.broken
    assert running(scenario) == ["notifications-1"]


def test_a_droplet_of_a_failed_run_is_destroyed_and_the_repository_named() -> None:
    run = faulted(MicroserviceCreation(), {"setup_alerts": Fault.REFUSE})

    assert running(run.scenario) == []
    assert run.result.left == ("repository shop/notification-service",)
    assert alerts(run.scenario)[-1].endswith("left behind: repository shop/notification-service")
    assert run.silence is None


def test_a_droplet_that_cannot_be_destroyed_is_named() -> None:
    faults: dict[str, Fault] = {"setup_alerts": Fault.REFUSE, "destroy_droplet": Fault.REFUSE}

    run = faulted(MicroserviceCreation(), faults)

    assert running(run.scenario) == ["notifications-1"]
    assert "droplet notifications-1" in alerts(run.scenario)[-1]
    assert run.silence is None


def test_a_droplet_that_was_there_before_is_used_and_not_destroyed() -> None:
    scenario = MicroserviceCreation()
    scenario.droplets.create_droplet("notifications-1", "s-1vcpu-2gb", "fra1")

    run = faulted(scenario, {"setup_alerts": Fault.REFUSE})

    assert running(scenario) == ["notifications-1"]
    assert "droplet notifications-1" in run.result.left


def test_a_service_whose_requests_fail_is_no_success() -> None:
    scenario = MicroserviceCreation()
    scenario.droplets.releases["notifications"]["0.1.0"] = Release(error_rate=0.4)

    run = faulted(scenario, {})

    assert run.result.error == "waited 900 s in vain until requests to notifications succeed"
    assert running(scenario) == []
    assert run.silence is None


def test_without_a_yes_nothing_leaves_the_desktop() -> None:
    class Refused(MicroserviceCreation):
        """Somebody else builds one already."""

        def answer(self, question: Question) -> Answer:
            return {"approve": False, "reason": "there is one already"}

    run = faulted(Refused(), {})

    assert [*run.scenario.hosting.repositories] == ["shop/api"]
    assert run.scenario.droplets.droplets == {}
    assert run.silence is None
