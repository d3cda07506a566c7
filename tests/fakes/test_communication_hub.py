"""The communication hub: what is sent, whom it reaches, who is called, and its contract."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from typing import Any, cast, get_args

import pytest
from pydantic import TypeAdapter

from pytest_mcpflow.clock import ManualClock
from pytest_mcpflow.fake import Call, FakeError
from pytest_mcpflow.fakes._messages import DeploymentStatus, Severity
from pytest_mcpflow.fakes.communication_hub import (
    Channel,
    CommunicationHub,
    EscalationPolicy,
    Shift,
)
from pytest_mcpflow.schema import RawResult, contract_of, invoke

UNUSED = cast("Call", object())  # no tool of this fake asks or reports anything
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
STATUSES: tuple[DeploymentStatus, ...] = get_args(DeploymentStatus)


def hub() -> tuple[CommunicationHub, ManualClock]:
    people = CommunicationHub()
    clock = ManualClock()
    people.clock = clock
    return people, clock


def call(people: CommunicationHub, name: str, arguments: dict[str, Any]) -> RawResult:
    return asyncio.run(invoke(people, contract_of(CommunicationHub).tools[name], arguments, UNUSED))


def refused(people: CommunicationHub, attempt: Callable[[], object]) -> str:
    """The words of a refusal, after which the state is as before."""
    before, issued = copy.deepcopy(people), dict(people.issued)
    with pytest.raises(FakeError) as refusal:
        attempt()
    assert (people, people.issued) == (before, issued)
    return str(refusal.value)


def test_a_notification_of_one_key_is_delivered_once() -> None:
    people, _ = hub()
    first = people.send_notification("Done", ["slack"], deduplication_key="release-7")
    again = people.send_notification("Done", ["slack"], deduplication_key="release-7")
    other = people.send_notification("Done", ["slack"], deduplication_key="release-8")

    assert (again.message_id, again.delivered_to) == (first.message_id, ["slack"])
    assert [sent.id for sent in people.notifications] == [first.message_id, other.message_id]


def test_a_notification_that_reached_nobody_is_sent_again_under_its_key() -> None:
    people, _ = hub()
    people.take_down("slack")
    lost = people.send_notification("Done", ["slack"], deduplication_key="release-7")
    people.bring_up("slack")
    sent = people.send_notification("Done", ["slack"], deduplication_key="release-7")

    assert (lost.success, sent.success) == (False, True)
    assert lost.message_id != sent.message_id


def test_a_notification_reaches_its_channels_and_their_members() -> None:
    people, clock = hub()
    people.channels["slack"].members = ["ana", "bo"]
    people.channels["email"].members = ["bo", "cy"]
    clock.advance(7)

    receipt = people.send_notification("done", ["slack", "email"], "high", "release")

    assert (receipt.success, receipt.delivered_to, receipt.failed_channels) == (True, ["slack", "email"], [])
    assert receipt.recipients == ["ana", "bo", "cy"]
    (sent,) = people.notifications
    assert (sent.id, sent.at, sent.message, sent.channels) == (
        receipt.message_id,
        7.0,
        "done",
        ["slack", "email"],
    )
    assert (sent.priority, sent.template, sent.delivered_to) == ("high", "release", ["slack", "email"])


def test_sending_twice_is_two_messages() -> None:
    people, _ = hub()

    ids = {people.send_notification("done", ["slack"]).message_id for _ in range(2)}

    assert len(ids) == len(people.notifications) == 2


def test_a_channel_that_is_named_twice_gets_one_message() -> None:
    people, _ = hub()

    assert people.send_notification("done", ["slack", "slack"]).delivered_to == ["slack"]


def test_an_unknown_channel_is_refused_and_nobody_hears_anything() -> None:
    people, _ = hub()

    words = refused(people, lambda: people.send_notification("done", ["slack", "fax"]))

    assert words == "channel_not_found: fax (there is: dashboard, email, pagerduty, slack)"


def test_a_notification_for_no_channel_is_refused() -> None:
    people, _ = hub()

    assert refused(people, lambda: people.send_notification("done", [])).startswith("no_channels")


@pytest.mark.parametrize("message", ["", " \n"])
def test_an_empty_message_is_refused(message: str) -> None:
    people, _ = hub()

    assert refused(people, lambda: people.send_notification(message, ["slack"])).startswith("no_text")
    assert refused(people, lambda: people.send_alert(message, "low")).startswith("no_text")


def test_a_channel_that_is_down_is_reported() -> None:
    people, _ = hub()
    people.take_down("slack")

    receipt = people.send_notification("done", ["slack", "email"])

    assert (receipt.success, receipt.delivered_to, receipt.failed_channels) == (True, ["email"], ["slack"])
    assert people.notifications[0].failed_channels == ["slack"]


def test_a_message_that_reaches_no_channel_is_no_success() -> None:
    people, _ = hub()
    people.take_down("slack")

    receipt = people.send_notification("done", ["slack"])

    assert (receipt.success, receipt.delivered_to, receipt.recipients) == (False, [], [])
    assert len(people.notifications) == 1


def test_a_channel_that_is_up_again_delivers_what_comes_then() -> None:
    people, _ = hub()
    people.take_down("slack")
    people.send_notification("missed", ["slack"])
    people.bring_up("slack")

    people.send_notification("heard", ["slack"])

    assert [(sent.message, sent.delivered_to) for sent in people.notifications] == [
        ("missed", []),
        ("heard", ["slack"]),
    ]


def test_a_muted_channel_delivers_and_disturbs_nobody() -> None:
    people, _ = hub()
    people.channels["slack"] = Channel(["ana"], muted=True)

    receipt = people.send_notification("done", ["slack"])

    assert (receipt.success, receipt.delivered_to, receipt.recipients) == (True, ["slack"], [])


def test_an_alert_goes_to_the_alert_channels_with_what_was_said() -> None:
    people, clock = hub()
    clock.advance(3)

    receipt = people.send_alert("down", "critical", {"service": "app"}, "critical")

    (alert,) = people.alerts
    assert (receipt.success, receipt.alert_id, receipt.delivered_to) == (
        True,
        alert.id,
        ["slack", "pagerduty"],
    )
    assert (alert.at, alert.message, alert.severity) == (3.0, "down", "critical")
    assert (alert.metadata, alert.escalation_policy) == ({"service": "app"}, "critical")


@pytest.mark.parametrize("severity", SEVERITIES)
def test_alerts_can_be_listed_by_severity(severity: Severity) -> None:
    people, _ = hub()
    for each in SEVERITIES:
        people.send_alert("down", each)

    assert [alert.severity for alert in people.list_alerts(severity)] == [severity]
    assert [alert.severity for alert in people.list_alerts()] == [*SEVERITIES]


def test_what_a_caller_does_with_its_metadata_afterwards_does_not_change_the_alert() -> None:
    people, _ = hub()
    metadata = {"services": ["app"]}
    people.send_alert("down", "high", metadata)

    metadata["services"].append("mail")

    assert people.alerts[0].metadata == {"services": ["app"]}


def test_what_a_caller_does_with_its_details_and_channels_afterwards_changes_no_message() -> None:
    people, _ = hub()
    details, channels = {"steps": ["build"]}, ["slack"]
    people.broadcast_deployment("production", "app", "completed", details=details)
    people.send_notification("done", channels)

    details["steps"].append("test")
    channels.append("fax")

    assert people.broadcasts[0].details == {"steps": ["build"]}
    assert people.notifications[0].channels == ["slack"]


def test_an_unknown_escalation_policy_is_refused() -> None:
    people, _ = hub()

    words = refused(people, lambda: people.send_alert("down", "high", escalation_policy="nobody"))

    assert words == "escalation_policy_not_found: nobody (there is: critical, default)"


def test_an_alert_channel_that_does_not_exist_is_a_failed_one() -> None:
    people, _ = hub()
    del people.channels["pagerduty"]

    receipt = people.send_alert("down", "high")

    assert (receipt.delivered_to, receipt.failed_channels) == (["slack"], ["pagerduty"])


def test_without_a_key_a_repeated_alert_is_another_alert() -> None:
    people, _ = hub()

    first, second = (people.send_alert("down", "high") for _ in range(2))

    assert first.alert_id != second.alert_id
    assert [alert.repeats for alert in people.alerts] == [0, 0]


def test_a_broadcast_of_a_key_that_was_delivered_is_not_sent_again() -> None:
    people = CommunicationHub()

    first = people.broadcast_deployment("production", "app", "completed", deduplication_key="app 1")
    again = people.broadcast_deployment("production", "app", "completed", deduplication_key="app 1")
    other = people.broadcast_deployment("production", "app", "completed", deduplication_key="app 2")

    assert first.message_id == again.message_id != other.message_id
    assert again.recipients == []
    assert len(people.broadcasts) == 2


def test_a_broadcast_that_reached_nobody_is_sent_again() -> None:
    people = CommunicationHub()
    for channel in people.broadcast_channels:
        people.take_down(channel)
    assert not people.broadcast_deployment("production", "app", "failed", deduplication_key="app 1").success

    people.bring_up("slack")
    again = people.broadcast_deployment("production", "app", "failed", deduplication_key="app 1")

    assert again.delivered_to == ["slack"]


def test_a_deduplication_key_makes_a_repeated_alert_one_alert() -> None:
    people, _ = hub()

    first, second = (people.send_alert("down", "high", deduplication_key="app") for _ in range(2))

    assert (second.alert_id, first.repeated, second.repeated) == (first.alert_id, False, True)
    assert (second.success, second.delivered_to) == (True, ["slack", "pagerduty"])
    assert [alert.repeats for alert in people.alerts] == [1]


def test_a_repeated_alert_is_not_delivered_again() -> None:
    people, _ = hub()
    people.channels["slack"].members = ["ana"]
    first = people.send_alert("down", "high", deduplication_key="app")
    people.take_down("slack")

    second = people.send_alert("down", "high", deduplication_key="app")

    assert (first.recipients, second.recipients) == (["on-call", "ana"], ["on-call"])
    assert people.alerts[0].delivered_to == ["slack", "pagerduty"]


def test_alerts_of_different_keys_are_different_alerts() -> None:
    people, _ = hub()

    people.send_alert("down", "high", deduplication_key="app")
    people.send_alert("down", "high", deduplication_key="mail")

    assert len(people.alerts) == 2


def test_an_acknowledged_alert_still_takes_repetitions() -> None:
    people, _ = hub()
    people.acknowledge_alert(people.send_alert("down", "high", deduplication_key="app").alert_id, "ana")

    assert people.send_alert("down", "high", deduplication_key="app").repeated


def test_a_resolved_alert_gives_its_key_back() -> None:
    people, _ = hub()
    people.resolve_alert(people.send_alert("down", "high", deduplication_key="app").alert_id)

    again = people.send_alert("down", "high", deduplication_key="app")

    assert not again.repeated
    assert len(people.alerts) == 2


def test_an_alert_that_reached_nobody_is_delivered_when_it_is_repeated() -> None:
    people, _ = hub()
    people.channels["slack"].members = ["ana"]
    for name in people.alert_channels:
        people.take_down(name)
    first = people.send_alert("down", "high", deduplication_key="app")
    people.bring_up("slack")

    second = people.send_alert("down", "high", deduplication_key="app")

    assert (first.success, first.recipients) == (False, [])
    assert (second.success, second.delivered_to, second.failed_channels) == (True, ["slack"], ["pagerduty"])
    assert second.recipients == ["on-call", "ana"]


def test_whoever_has_the_shift_is_called() -> None:
    people, clock = hub()
    people.shifts = [Shift("ana", 0.0, 100.0), Shift("bo", 100.0, 200.0)]

    called: list[list[str]] = []
    for _ in range(3):
        called.append(people.send_alert("down", "high").recipients)
        clock.advance(100)

    assert called == [["ana"], ["bo"], ["on-call"]]


def test_a_later_shift_does_not_change_who_was_called() -> None:
    people, clock = hub()
    people.shifts = [Shift("ana", 0.0, 100.0), Shift("bo", 100.0, 200.0)]
    alert_id = people.send_alert("down", "high").alert_id

    clock.advance(100)

    assert people.called(alert_id) == ["ana"]


def test_the_next_one_is_called_until_somebody_acknowledges() -> None:
    people, clock = hub()
    alert_id = people.send_alert("down", "critical", escalation_policy="critical").alert_id

    assert people.called(alert_id) == ["on-call"]
    clock.advance(299)
    assert people.called(alert_id) == ["on-call"]
    clock.advance(1)
    assert people.called(alert_id) == ["on-call", "team-lead"]
    people.acknowledge_alert(alert_id, "team-lead")
    clock.advance(3600)
    assert people.called(alert_id) == ["on-call", "team-lead"]


def test_a_policy_decides_who_is_called_and_when() -> None:
    people, clock = hub()
    people.policies["quick"] = EscalationPolicy(["ana", "bo"], escalate_after=10.0)
    alert_id = people.send_alert("down", "high", escalation_policy="quick").alert_id

    clock.advance(10)

    assert people.called(alert_id) == ["ana", "bo"]


def test_nobody_is_called_any_more_when_it_is_over() -> None:
    people, clock = hub()
    alert_id = people.send_alert("down", "critical", escalation_policy="critical").alert_id
    people.resolve_alert(alert_id)

    clock.advance(3600)

    assert people.called(alert_id) == ["on-call"]


def test_nobody_is_called_about_an_alert_that_reached_no_channel() -> None:
    people, clock = hub()
    for name in people.alert_channels:
        people.take_down(name)
    alert_id = people.send_alert("down", "critical", escalation_policy="critical").alert_id

    clock.advance(3600)

    assert people.called(alert_id) == []


def test_the_first_one_who_acknowledges_stays_responsible() -> None:
    people, clock = hub()
    alert_id = people.send_alert("down", "high").alert_id
    clock.advance(5)

    people.acknowledge_alert(alert_id, "ana")
    clock.advance(5)
    alert = people.acknowledge_alert(alert_id, "bo")

    assert (alert.acknowledged_by, alert.acknowledged_at) == ("ana", 5.0)


def test_an_alert_stays_resolved_since_the_first_time() -> None:
    people, clock = hub()
    alert_id = people.send_alert("down", "high").alert_id
    clock.advance(5)

    people.resolve_alert(alert_id)
    clock.advance(5)

    assert people.resolve_alert(alert_id).resolved_at == 5.0


def test_a_resolved_alert_cannot_be_acknowledged() -> None:
    people, _ = hub()
    alert_id = people.send_alert("down", "high").alert_id
    people.resolve_alert(alert_id)

    words = refused(people, lambda: people.acknowledge_alert(alert_id, "ana"))

    assert words == f"Incident Already Resolved: {alert_id}"


def test_an_alert_that_does_not_exist_can_neither_be_acknowledged_nor_resolved() -> None:
    people, _ = hub()

    assert refused(people, lambda: people.acknowledge_alert("alert-9", "ana")) == "alert_not_found: alert-9"
    assert refused(people, lambda: people.resolve_alert("alert-9")) == "alert_not_found: alert-9"


@pytest.mark.parametrize("status", STATUSES)
def test_a_deployment_is_told_to_everybody(status: DeploymentStatus) -> None:
    people, clock = hub()
    people.channels["email"].members = ["all"]
    clock.advance(2)

    receipt = people.broadcast_deployment("production", "app", status, "1.2.3", {"security": 0})

    (sent,) = people.broadcasts
    assert (receipt.success, receipt.message_id, receipt.recipients) == (True, sent.id, ["all"])
    assert (sent.at, sent.environment, sent.service, sent.status) == (2.0, "production", "app", status)
    assert (sent.version, sent.details) == ("1.2.3", {"security": 0})
    assert sent.delivered_to == ["slack", "email", "dashboard"]


def send_one_of_each(people: CommunicationHub) -> None:
    people.send_alert("down", "high", {"trace": "needle-1"})
    people.broadcast_deployment("production", "app", "failed", "1.2.3", {"why": "needle-2"})
    people.send_notification("needle-3", ["slack"])


def test_messages_of_all_kinds_are_kept_in_the_order_in_which_they_were_sent() -> None:
    people, _ = hub()

    send_one_of_each(people)

    assert [message.kind for message in people.list_messages()] == ["alert", "deployment", "notification"]
    assert people.list_messages("deployment") == people.broadcasts


def test_a_text_is_found_wherever_it_was_sent() -> None:
    people, _ = hub()

    send_one_of_each(people)

    assert people.find("needle") == people.messages
    assert people.find("needle-2") == people.broadcasts
    assert people.find("needle-9") == []
    assert all(text.count("needle") == 1 for text in people.texts())
    assert "production app failed 1.2.3" in people.texts()[1]


def test_messages_are_found_by_kind_and_severity() -> None:
    people, _ = hub()

    send_one_of_each(people)

    assert people.find(kind="notification") == people.notifications
    assert people.find(severity="high") == people.alerts
    assert people.find(severity="low") == []
    assert people.find("needle-3", severity="high") == []


def test_the_reads_change_nothing() -> None:
    people, _ = hub()
    send_one_of_each(people)
    before = copy.deepcopy(people)

    people.list_messages()
    people.list_alerts()
    people.called(people.alerts[0].id)
    people.find("needle")

    assert people == before


def test_the_state_survives_json() -> None:
    people, _ = hub()
    send_one_of_each(people)
    people.shifts = [Shift("ana", 0.0, 100.0)]
    adapter = TypeAdapter(CommunicationHub)

    copied = adapter.validate_json(adapter.dump_json(people))

    assert copied == people
    assert [type(message) for message in copied.messages] == [type(message) for message in people.messages]


def test_a_client_reads_messages_of_all_kinds() -> None:
    people, _ = hub()
    send_one_of_each(people)

    answer = call(people, "list_messages", {})

    assert [each["kind"] for each in answer["structuredContent"]["result"]] == [
        "alert",
        "deployment",
        "notification",
    ]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("send_alert", {"message": "down", "severity": "P1"}),
        ("send_alert", {"message": "down"}),
        ("send_notification", {"message": "done", "channels": "slack", "priority": "normal"}),
        ("send_notification", {"message": "done", "channels": ["slack"], "priority": "urgent"}),
        ("broadcast_deployment", {"environment": "production", "service": "app", "status": "done"}),
        (
            "broadcast_deployment",
            {"environment": "production", "service": "app", "status": "failed", "channel": "slack"},
        ),
    ],
)
def test_a_client_that_breaks_the_schema_sends_nothing(name: str, arguments: dict[str, Any]) -> None:
    people, _ = hub()

    answer = call(people, name, arguments)

    assert answer["isError"]
    assert answer["content"][0]["text"].startswith(f"Invalid arguments for {name}: ")
    assert people.messages == []
