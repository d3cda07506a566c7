"""The event bus by itself, and when its subscribers or the cluster fail."""

from __future__ import annotations

from typing import Any

import pytest
from planned import Fault, bad_ends
from single_faults import faulted, reference, silent_under
from tampering import Send, tampered

from pytest_mcpflow import CallResult, ToolError, Way, run
from pytest_mcpflow.scenarios._event_bus_workflow import Event, Subscriber
from pytest_mcpflow.scenarios._event_bus_workflow import EventBus as Bus
from pytest_mcpflow.scenarios.event_bus import EventBus
from pytest_mcpflow.verdict import Verdict, judge


@pytest.mark.parametrize("fault", Fault)
def test_no_failing_call_goes_unnoticed(fault: Fault) -> None:
    assert silent_under(EventBus, fault) == []


@pytest.mark.parametrize("kind", ["duplicate", "delay", "restart"])
def test_no_call_that_is_repeated_late_or_cut_off_goes_unnoticed(kind: str) -> None:
    assert bad_ends(EventBus, kind) == []


def test_each_event_is_answered_before_the_next_one_happens() -> None:
    effects = [each.name for each in reference(EventBus).transcript if each.effect]

    assert effects == [
        *("setup_alerts", "broadcast_deployment", "kubectl_apply"),
        *("update_deployment_status", "backup_config", "broadcast_deployment"),
        *("setup_alerts", "broadcast_deployment", "kubectl_apply"),
        *("kubectl_rollout_undo", "broadcast_deployment", "send_alert", "write_file"),
    ]


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        ("setup_alerts", "set up monitoring"),
        ("update_deployment_status", "note version"),
        ("backup_config", "back up"),
        ("kubectl_rollout_undo", "roll back"),
    ],
)
def test_a_subscriber_that_fails_is_alerted_with_its_event_and_its_name(tool: str, name: str) -> None:
    trial = faulted(EventBus(), {tool: Fault.REFUSE})

    failures = [alert for alert in trial.scenario.people.alerts if "handler" in alert.metadata]
    assert {(alert.severity, alert.metadata["handler"]) for alert in failures} == {("high", name)}
    assert not trial.result.success
    assert all(failed.startswith(name) for failed in trial.result.failed)


def test_a_release_whose_answer_is_lost_three_times_is_found_to_be_deployed() -> None:
    trial = faulted(EventBus(), {"kubectl_apply": Fault.LOSE_REPLY})

    assert trial.scenario.cluster.deployments["production/app"].image == "app:1.2.3"
    assert [event.type for event in trial.result.history[:2]] == [
        "deployment.started",
        "deployment.completed",
    ]


def test_people_are_told_why_the_release_was_rolled_back() -> None:
    [alert] = faulted(EventBus(), {}).scenario.people.alerts

    assert "timed out waiting for the condition" in alert.message


def test_what_never_reached_the_cluster_is_not_undone() -> None:
    trial = faulted(EventBus(), {"kubectl_apply": Fault.LOSE_REQUEST})

    revisions = {name: len(each.revisions) for name, each in trial.scenario.cluster.deployments.items()}
    assert revisions == {"production/app": 1, "production/search": 1}
    assert [event.type for event in trial.result.history[1::2]] == ["deployment.failed"] * 2


def test_a_release_that_was_not_seen_to_come_up_is_rolled_back_also_where_it_did() -> None:
    scenario = EventBus()
    plan = "kubernetes.kubectl_rollout_status#2=restart"

    judgement = judge(scenario, way=Way.DIRECT, plan=plan)

    app = scenario.cluster.deployments["production/app"]
    assert [each.image for each in app.revisions] == ["app:1.2.2", "app:1.2.3", "app:1.2.2"]
    assert [sent.status for sent in scenario.people.broadcasts][:2] == ["started", "rolled_back"]
    assert judgement.verdict is Verdict.DEGRADED


def test_a_cluster_that_cannot_be_looked_at_is_not_undone_blindly() -> None:
    async def blind(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
        if name.endswith("rollout_status"):
            raise ToolError("kubernetes", "kubectl_rollout_status", "503 Service Unavailable")
        return await send(name, arguments)

    scenario = EventBus()
    trial = faulted(scenario, {}, tampered(scenario.workflow, blind))

    assert trial.judgement.transcript.calls("kubectl_rollout_undo") == []
    assert trial.silence is None


def test_subscribers_hear_of_their_events_only_and_in_order() -> None:
    heard = list[str]()

    async def fail(event: Event) -> None:
        heard.append(f"first: {event.data['n']}")
        raise RuntimeError("no")

    async def listen(event: Event) -> None:
        heard.append(f"second: {event.data['n']}")

    async def note(event: Event, subscriber: Subscriber, error: Exception) -> None:
        heard.append(f"{subscriber.name} failed on {event.type}: {error}")

    bus = Bus(note)
    bus.subscribe("a", "first", fail)
    bus.subscribe("a", "second", listen)

    async def publish() -> None:
        await bus.publish("a", {"n": "1"}, "context")
        await bus.publish("nobody cares", {"n": "2"}, "context")

    run(publish())

    assert heard == ["first: 1", "first failed on a: no", "second: 1"]
    assert [(event.type, event.data, event.context_id) for event in bus.history] == [
        ("a", {"n": "1"}, "context"),
        ("nobody cares", {"n": "2"}, "context"),
    ]


def test_the_history_keeps_an_event_as_it_was_published() -> None:
    async def nothing(event: Event, subscriber: Subscriber, error: Exception) -> None:
        """Nobody subscribed, so nobody fails."""

    bus, data = Bus(nothing), {"n": "1"}

    run(bus.publish("a", data, "context"))
    data["n"] = "2"

    assert bus.history[0].data == {"n": "1"}
