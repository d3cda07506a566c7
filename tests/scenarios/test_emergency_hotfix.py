"""The hotfix when servers fail, the fix does not help, or the approval is refused."""

from __future__ import annotations

import pytest
from hidden_faults import alerts, dead_tools_hidden, faults_hidden, steps_unnoticed
from mutants.emergency_hotfix import MUTANTS
from planned import Fault
from single_faults import faulted

from pytest_mcpflow import Answer, Question
from pytest_mcpflow.fakes.droplet_executor import Release
from pytest_mcpflow.scenario import invariants_of
from pytest_mcpflow.scenarios.emergency_hotfix import EmergencyHotfix


@pytest.mark.parametrize("fault", Fault)
def test_no_single_fault_is_hidden(fault: Fault) -> None:
    assert faults_hidden(EmergencyHotfix, fault) == []


@pytest.mark.parametrize("fault", Fault)
def test_no_tool_that_never_works_is_hidden(fault: Fault) -> None:
    assert dead_tools_hidden(EmergencyHotfix, fault) == []


def test_no_step_with_an_effect_can_be_left_out_unnoticed() -> None:
    assert steps_unnoticed(EmergencyHotfix) == []


def test_every_rule_has_a_workflow_that_breaks_it() -> None:
    rules = {rule.name for rule in invariants_of(EmergencyHotfix())}

    assert rules == {check for _, check in MUTANTS.values()}


def test_a_deployment_whose_answer_is_lost_is_found_and_not_repeated() -> None:
    run = faulted(EmergencyHotfix(), {"droplet-executor.deploy": Fault.LOSE_REPLY})

    assert run.is_as_documented, run.judgement.broken
    assert len(run.scenario.production.deployments) == 1


def test_without_the_approval_production_stays_as_it_is() -> None:
    class Refused(EmergencyHotfix):
        """The person on call wants to see it on staging."""

        def answer(self, question: Question) -> Answer:
            return {"approve": False, "reason": "try it on staging"}

    run = faulted(Refused(), {})

    assert run.scenario.production.deployments == []
    assert "APPROVAL_DENIED: try it on staging" in alerts(run.scenario)[-1]
    assert run.silence is None


@pytest.mark.parametrize(("rate", "version"), [(0.2, "2.1.1"), (0.9, "2.1.0")])
def test_a_fix_that_does_not_help_is_told_and_one_that_harms_is_taken_back(rate: float, version: str) -> None:
    scenario = EmergencyHotfix()
    scenario.production.releases["payments"]["2.1.1"] = Release(error_rate=rate)

    run = faulted(scenario, {})

    assert scenario.production.hosts["prod-1"].services["payments"].version == version
    assert f"{rate:.0%} of payments fail with the fix, 40% did before" in alerts(scenario)[-1]
    assert scenario.people.alerts[0].resolved_at is None
    assert run.silence is None


def test_a_log_that_names_no_known_cause_leads_to_no_fix() -> None:
    scenario = EmergencyHotfix()
    scenario.production.hosts["prod-1"].services["payments"].logs.clear()

    run = faulted(scenario, {})

    assert scenario.desktop.history == []
    assert "the log does not name a cause that is known" in alerts(scenario)[-1]
    assert run.silence is None
