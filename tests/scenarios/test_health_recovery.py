"""The watch when servers, recoveries or messages fail."""

from __future__ import annotations

import pytest
from planned import Fault
from single_faults import faulted, silent_under, usual_report

from pytest_mcpflow.scenarios._health_workflow import Recovery
from pytest_mcpflow.scenarios.health_recovery import PS, RUN, HealthRecovery


@pytest.mark.parametrize("fault", Fault)
def test_no_single_fault_goes_unnoticed(fault: Fault) -> None:
    """The report says how often each server was well, and how each recovery went."""
    assert silent_under(HealthRecovery, fault, report_tells=True) == []


@pytest.mark.parametrize("fault", Fault)
def test_one_look_without_an_answer_is_no_reason_to_restart(fault: Fault) -> None:
    run = faulted(HealthRecovery(), {"docker.docker_ps#1": fault})

    assert [each.at for each in run.result.recoveries] == [63.0, 213.0]
    assert run.is_as_documented


def test_a_recovery_that_fails_is_tried_three_times_a_minute_apart_and_then_left_to_people() -> None:
    scenario = HealthRecovery()
    scenario.desktop.scripts[0].exit_code, scenario.desktop.scripts[0].stderr = (
        1,
        "Job for docker.service failed",
    )

    run = faulted(scenario, {})

    assert run.result.recoveries == tuple(Recovery("docker", at, "failed") for at in (63.0, 123.0, 183.0))
    told = [alert for alert in scenario.people.alerts if alert.severity == "high"]
    assert [alert.message for alert in told] == [
        *(
            f"Recovery failed for docker at t={at} ({number} of 3): exit code 1: Job for docker.service failed"
            for number, at in enumerate((63, 123, 183), 1)
        ),
        "docker stays unhealthy after 3 recoveries; it needs a person",
    ]
    assert not run.result.success
    assert run.silence is None


def test_a_restart_whose_answer_is_lost_is_not_repeated_and_found_to_have_helped() -> None:
    run = faulted(HealthRecovery(), {RUN: Fault.LOSE_REPLY})

    assert [(each.at, each.how) for each in run.result.recoveries] == [(63.0, "unknown"), (213.0, "unknown")]
    assert len(run.scenario.desktop.history) == 2
    assert run.result.healthy == usual_report(HealthRecovery).healthy


def test_a_desktop_that_may_not_restart_anything_is_alerted() -> None:
    scenario = HealthRecovery()
    scenario.desktop.sudo_allowed = False

    run = faulted(scenario, {})

    assert "Command not allowed: sudo systemctl restart docker" in scenario.people.alerts[0].message
    assert run.silence is None


def test_while_people_cannot_be_reached_the_watch_goes_on_in_time() -> None:
    run = faulted(
        HealthRecovery(), {"send_alert": Fault.LOSE_REQUEST, "send_notification": Fault.LOSE_REQUEST}
    )

    begun = [each.at for each in run.judgement.transcript if each.site == PS and each.at % 30 == 0]
    assert begun == [*range(0, 601, 30)]
    assert run.result.healthy == usual_report(HealthRecovery).healthy
    assert not run.result.success


def test_a_cluster_that_stays_away_is_one_alert_however_often_it_is_looked_at() -> None:
    scenario = HealthRecovery()
    scenario.cluster.outages[0].ends_at = 590.0

    faulted(scenario, {})

    [alert] = [each for each in scenario.people.alerts if "kubernetes" in each.message]
    assert alert.repeats > 10
    assert alert.resolved_at == 600
