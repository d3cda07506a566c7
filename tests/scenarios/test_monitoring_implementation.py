"""The implementation of monitoring when servers fail, or metrics do not arrive."""

from __future__ import annotations

import pytest
from hidden_faults import alerts, dead_tools_hidden, faults_hidden, steps_unnoticed
from mutants.monitoring_implementation import MUTANTS, forget_the_middleware
from planned import Fault
from single_faults import faulted
from tampering import tampered

from pytest_mcpflow.fakes.droplet_executor import CommandResult, Release
from pytest_mcpflow.scenario import invariants_of
from pytest_mcpflow.scenarios._monitoring_workflow import INSTALL, MONITOR
from pytest_mcpflow.scenarios.monitoring_implementation import MonitoringImplementation


@pytest.mark.parametrize("fault", Fault)
def test_no_single_fault_is_hidden(fault: Fault) -> None:
    assert faults_hidden(MonitoringImplementation, fault) == []


@pytest.mark.parametrize("fault", Fault)
def test_no_tool_that_never_works_is_hidden(fault: Fault) -> None:
    assert dead_tools_hidden(MonitoringImplementation, fault) == []


def test_no_step_with_an_effect_can_be_left_out_unnoticed() -> None:
    assert steps_unnoticed(MonitoringImplementation) == []


def test_every_rule_has_a_workflow_that_breaks_it() -> None:
    rules = {rule.name for rule in invariants_of(MonitoringImplementation())}

    assert rules == {check for _, check in MUTANTS.values()}


def test_metrics_that_do_not_arrive_are_no_monitoring() -> None:
    scenario = MonitoringImplementation()

    run = faulted(scenario, {}, tampered(scenario.workflow, forget_the_middleware))

    assert alerts(scenario)[-1].endswith("no response_seconds of api arrives")
    assert run.silence is None


def test_an_installation_that_fails_loads_no_rule() -> None:
    scenario = MonitoringImplementation()
    scenario.droplets.hosts[MONITOR].commands[INSTALL] = CommandResult("", "E: Unable to locate package", 100)

    run = faulted(scenario, {})

    assert scenario.monitoring.rules == []
    assert "E: Unable to locate package" in alerts(scenario)[-1]
    assert run.silence is None


def test_a_version_that_does_not_answer_on_staging_goes_no_further() -> None:
    scenario = MonitoringImplementation()
    scenario.droplets.releases["api"]["1.1.0"] = Release(answers_health_checks=False)

    run = faulted(scenario, {})

    assert {each.host for each in scenario.droplets.deployments} == {"staging-1"}
    assert not scenario.hosting.repositories["shop/api"].pull_requests[0].merged
    assert run.silence is None


def test_the_service_is_prepared_while_the_watcher_is_installed() -> None:
    scenario = MonitoringImplementation()

    run = faulted(scenario, {})

    install = run.judgement.transcript.calls("run_command")[0]
    deploy = run.judgement.transcript.calls("deploy")[-1]
    assert (deploy.arguments["host"], deploy.at) == ("prod-1", install.at)
