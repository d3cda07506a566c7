"""The automated recovery when servers fail while it recovers."""

from __future__ import annotations

import pytest
from planned import Fault
from single_faults import each_call_failing, faulted, silent_under

from pytest_mcpflow.scenarios.automated_disaster_recovery import AutomatedDisasterRecovery, Recoveries


@pytest.mark.parametrize("fault", Fault)
def test_no_single_fault_goes_unnoticed(fault: Fault) -> None:
    assert silent_under(AutomatedDisasterRecovery, fault) == []


@pytest.mark.parametrize("fault", Fault)
def test_a_call_that_fails_once_changes_nothing(fault: Fault) -> None:
    unlike = {
        site for site, run in each_call_failing(AutomatedDisasterRecovery, fault) if not run.is_as_documented
    }

    assert unlike == set()


def ended(faults: dict[str, Fault]) -> tuple[AutomatedDisasterRecovery, Recoveries]:
    run = faulted(AutomatedDisasterRecovery(), faults)
    assert run.silence is None
    assert isinstance(run.result, Recoveries)
    return run.scenario, run.result


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.LOSE_REQUEST])
def test_what_cannot_be_verified_is_not_called_recovered(fault: Fault) -> None:
    scenario, result = ended({"verify_service_health": fault})

    assert [each.recovered for each in result.recoveries] == [False, False, False]
    assert [each.action is not None for each in result.recoveries] == [True, True, True]
    assert all(sent.message.startswith("NOT recovered from") for sent in scenario.people.notifications)
    assert "Disaster recovery failed: service_failure" in [each.message for each in scenario.people.alerts]


def test_an_action_that_fails_is_reported_and_the_next_incident_is_answered() -> None:
    _, result = ended({"kubectl_patch": Fault.REFUSE})

    assert [(each.action is not None, each.recovered) for each in result.recoveries] == [
        (True, True),
        (False, False),
        (True, True),
    ]


@pytest.mark.parametrize(
    ("tool", "missing"), [("emergency_backup", "s3-storage"), ("s3-storage.list_objects", "s3-storage")]
)
def test_a_backup_that_fails_is_named_and_stops_nothing(tool: str, missing: str) -> None:
    scenario, result = ended({tool: Fault.REFUSE})

    assert {each.missing for each in result.recoveries} == {(missing,)}
    assert all(each.recovered for each in result.recoveries)
    told = [each.metadata["missing"] for each in scenario.people.alerts if "incomplete" in each.message]
    assert told == [[missing]] * 3


def test_an_assessment_without_an_answer_stops_no_recovery() -> None:
    scenario, result = ended({"get_system_health": Fault.LOSE_REQUEST})

    assert all(each.recovered for each in result.recoveries)
    assert {each.unhealthy_before for each in result.recoveries} == {None}
    assert scenario.people.alerts[0].metadata["unhealthy"] == "unknown"


def test_what_could_not_be_looked_at_is_named() -> None:
    _, result = ended({"docker.docker_ps": Fault.LOSE_REQUEST})

    assert {each.unchecked for each in result.recoveries} == {("docker.docker_ps",)}


@pytest.mark.parametrize("fault", [Fault.LOSE_REPLY, Fault.LATE])
def test_a_backup_whose_answer_is_lost_is_found_and_not_made_twice(fault: Fault) -> None:
    scenario, result = ended({"emergency_backup": fault})

    assert len(scenario.storage.objects["emergency/high/production-data"]) == 3
    assert result.success
