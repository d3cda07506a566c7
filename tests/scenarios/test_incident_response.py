"""The incident response when servers fail, and when the response itself is wrong."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import incident_response as mutants
from planned import SINGLE_FAULTS, call_sites
from tampering import Send, answer, omitting, tampered

from pytest_mcpflow import CallResult, Hub, Way, Workflow
from pytest_mcpflow.scenario import invariants_of
from pytest_mcpflow.scenarios.incident_response import IncidentReport, IncidentResponse
from pytest_mcpflow.verdict import Judgement, judge

RESTARTS = "droplet-executor.restart_service"


@cache
def reference() -> Judgement:
    return judge(IncidentResponse(), way=Way.DIRECT)


def ran(workflow: Workflow, plan: str = "") -> tuple[IncidentResponse, Judgement, list[IncidentReport]]:
    """The world afterwards, the judgement, and what the workflow returned (nothing where it raised)."""
    scenario, returned = IncidentResponse(), list[IncidentReport]()

    async def watched(hub: Hub) -> IncidentReport:
        returned.append(await workflow(hub))
        return returned[0]

    return scenario, judge(scenario, way=Way.DIRECT, workflow=watched, plan=plan), returned


def faulted(plan: str) -> tuple[IncidentResponse, Judgement, list[IncidentReport]]:
    return ran(IncidentResponse().workflow, plan)


def invariants_broken(judgement: Judgement) -> list[str]:
    return [str(broken) for broken in judgement.broken if broken.check not in ("expect", "workflow")]


@pytest.mark.parametrize("kind", SINGLE_FAULTS)
def test_any_call_may_fail_and_the_incident_ends_as_documented_but_for_a_restart(kind: str) -> None:
    unlike, no_good = set[str](), list[str]()
    for site in call_sites(reference().transcript):
        _, judgement, _ = faulted(f"{site}={kind}")
        no_good += [] if judgement.verdict.is_good else [f"{site}={kind} {judgement.verdict}"]
        unlike |= {site.partition("#")[0]} if judgement.broken else set()

    assert no_good == []
    # Whether a restart took place can be seen, so only one that did not is missing afterwards: it is not repeated.
    assert unlike == ({RESTARTS} if kind in ("refuse", "lose_request") else set())


@pytest.mark.parametrize("kind", SINGLE_FAULTS)
def test_a_tool_that_never_works_is_heard_of_and_breaks_no_rule(kind: str) -> None:
    for site in sorted(reference().transcript.counts()):
        scenario, judgement, [report] = faulted(f"{site}#*={kind}")

        assert invariants_broken(judgement) == [], site
        stayed_unlike = any(broken.check == "expect" for broken in judgement.broken)
        told_more = len(scenario.people.alerts) > 1
        assert not stayed_unlike or told_more or not report.closed, site


FAULTS = st.deferred(
    lambda: st.builds(
        "{}#{}={}".format,
        st.sampled_from(sorted(reference().transcript.counts())),
        st.integers(1, 4),
        st.sampled_from(SINGLE_FAULTS),
    )
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(FAULTS, min_size=2, max_size=3))
def test_no_few_faults_together_break_a_rule(faults: list[str]) -> None:
    _, judgement, _ = faulted(", ".join(faults))

    assert invariants_broken(judgement) == []


def test_a_restart_whose_answer_is_lost_is_found_to_have_happened() -> None:
    scenario, judgement, [report] = faulted(f"{RESTARTS}=lose_reply")

    assert judgement.broken == ()
    assert report.restarted == ("admin", "api")
    assert [service.restarts for service in scenario.production.hosts["prod-1"].services.values()] == [
        1,
        1,
        0,
    ]


def test_a_restart_that_never_arrives_is_left_to_people() -> None:
    scenario, _, [report] = faulted(f"{RESTARTS}=lose_request")

    assert report.restarted == ()
    assert [service.restarts for service in scenario.production.hosts["prod-1"].services.values()] == [
        0,
        0,
        0,
    ]
    assert "P1: restart by hand: admin, api" in [alert.message for alert in scenario.people.alerts]


@pytest.mark.parametrize("missing", ["check_health", "list_connections"])
def test_what_cannot_be_measured_is_a_p1(missing: str) -> None:
    scenario, _, [report] = faulted(f"droplet-executor.{missing}=lose_reply")

    assert report.severity == "P1"
    assert not report.closed
    assert scenario.people.alerts[0].message.startswith("P1: ")


@pytest.mark.parametrize(("taken", "severity"), [(190, "P1"), (189, "P2"), (160, "P2"), (159, "P3")])
def test_the_severity_follows_from_how_much_of_the_pool_is_taken(taken: int, severity: str) -> None:
    scenario, returned = IncidentResponse(), list[IncidentReport]()
    scenario.production.hosts["prod-1"].services["api"].leaked += taken - 195

    async def watched(hub: Hub) -> None:
        returned.append(await scenario.workflow(hub))

    judge(scenario, way=Way.DIRECT, workflow=watched)

    assert (returned[0].severity, returned[0].on_arrival) == (severity, (taken, 200))
    assert scenario.people.alerts[0].message == f"{severity}: database connections at {taken}/200"


def test_alerts_that_do_not_get_through_stop_no_repair_but_the_closing() -> None:
    scenario, _, [report] = faulted("send_alert=refuse")

    assert scenario.production.hosts["prod-1"].services["api"].version == "2.4.1"
    assert not report.closed
    assert report.error is not None
    assert "not told: P1: database connections at 195/200" in report.error


def test_an_alert_that_reaches_nobody_keeps_the_incident_open() -> None:
    scenario = IncidentResponse()
    for channel in scenario.people.alert_channels:
        scenario.people.take_down(channel)

    judgement = judge(scenario, way=Way.DIRECT)

    assert not scenario.calm_when_closed
    assert invariants_broken(judgement) == []


def test_a_fix_that_fixes_nothing_is_noticed_while_watching() -> None:
    scenario, judgement, [report] = ran(tampered(IncidentResponse().workflow, mutants.unfixed))

    assert not report.closed
    assert report.error == "connections are not calm with the fix: 89, then 90/300"
    assert scenario.people.alerts[-1].message == f"P1: the response stopped: {report.error}"
    assert invariants_broken(judgement) == []


def test_a_version_that_does_not_answer_in_production_is_rolled_back() -> None:
    async def sick(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
        result = await send(name, arguments)
        services = result.get("services", {})
        is_new = services.get("api", {}).get("version") == "2.4.1"
        if name.endswith("check_health") and is_new and arguments["host"] == "prod-1":
            return answer({**result, "services": {**services, "api": {**services["api"], "healthy": False}}})
        return result

    scenario, judgement, [report] = ran(tampered(IncidentResponse().workflow, sick))

    assert [each.kind for each in scenario.production.deployments] == ["rolling", "rolling", "rollback"]
    assert scenario.production.hosts["prod-1"].services["api"].version == "2.4.0"
    assert report.error is not None
    assert report.error.startswith("api 2.4.1 does not answer on prod-1")
    assert not report.closed
    assert invariants_broken(judgement) == []


def test_a_pull_request_whose_check_fails_is_not_deployed() -> None:
    scenario = IncidentResponse()
    scenario.hosting.repositories["shop/api"].new_checks = {"test": "failure"}

    judgement = judge(scenario, way=Way.DIRECT)

    assert scenario.production.deployments == []
    assert not scenario.hosting.repositories["shop/api"].pull_requests[0].merged
    assert [broken.check for broken in judgement.broken] == ["expect"]


def test_a_log_that_explains_nothing_stops_the_response_after_the_mitigation() -> None:
    scenario = IncidentResponse()
    scenario.production.hosts["prod-1"].services["api"].logs.clear()

    judge(scenario, way=Way.DIRECT)

    assert scenario.production.connections("shop") == 89
    assert scenario.desktop.history == []
    assert "no log explains the connections" in scenario.people.alerts[-1].message


def test_every_rule_has_a_response_that_breaks_it() -> None:
    rules = {rule.name for rule in invariants_of(IncidentResponse())}

    assert rules == {check for _, check in mutants.MUTANTS.values()}


def test_no_step_with_an_effect_can_be_left_out_unnoticed() -> None:
    unnoticed = [
        str(call)
        for number, call in enumerate(reference().transcript)
        if call.effect
        and not ran(omitting(IncidentResponse().workflow, number, reference().transcript))[1].broken
    ]

    assert unnoticed == []
