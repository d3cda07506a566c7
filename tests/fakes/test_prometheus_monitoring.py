"""The monitoring: series over time, alerts over series, silences, health, and its contract."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from pytest_mcpflow.clock import ManualClock, VirtualTimeLoop
from pytest_mcpflow.fake import Call, FakeError
from pytest_mcpflow.fakes._series import Comparison, holding_since, segments
from pytest_mcpflow.fakes.prometheus_monitoring import (
    AlertRule,
    PrometheusMonitoring,
    Sample,
    Verification,
    WatchedService,
)
from pytest_mcpflow.schema import RawResult, contract_of, invoke

UNUSED = cast("Call", object())  # no tool of this fake asks or reports anything


def watching() -> tuple[PrometheusMonitoring, ManualClock]:
    """One service whose errors are far above the limit from now on, and one that is well."""
    monitoring = PrometheusMonitoring(
        services={
            "app": WatchedService("production", {"error_rate": [Sample(0.0, 0.9)]}),
            "mail": WatchedService("staging", {"error_rate": [Sample(0.0, 0.01)]}),
        }
    )
    clock = ManualClock()
    monitoring.clock = clock
    return monitoring, clock


def call(monitoring: PrometheusMonitoring, name: str, arguments: dict[str, Any]) -> RawResult:
    tool = contract_of(PrometheusMonitoring).tools[name]
    return asyncio.run(invoke(monitoring, tool, arguments, UNUSED))


def refused(monitoring: PrometheusMonitoring, attempt: Callable[[], object]) -> str:
    """The words of a refusal, after which the state is as before."""
    before = copy.deepcopy(monitoring)
    with pytest.raises(FakeError) as refusal:
        attempt()
    assert monitoring == before
    return str(refusal.value)


def verify(monitoring: PrometheusMonitoring, service: str = "app", timeout: float = 300.0) -> Verification:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        monitoring.clock = cast("VirtualTimeLoop", runner.get_loop()).clock
        return runner.run(monitoring.verify_service_health(service, "production", timeout))


def states(monitoring: PrometheusMonitoring) -> dict[str, str]:
    return {alert.rule: alert.state for alert in monitoring.list_alerts()}


def test_the_standard_rules_are_made_for_a_service() -> None:
    monitoring, _ = watching()

    setup = monitoring.setup_alerts("app", "production")

    assert setup.success
    assert setup.rules == monitoring.rules
    assert [(rule.name, rule.severity, rule.receiver) for rule in setup.rules] == [
        ("HighErrorRate", "critical", "on-call"),
        ("SlowResponses", "warning", "on-call"),
    ]


def test_setting_alerts_up_again_adds_no_rule() -> None:
    monitoring, _ = watching()
    first = monitoring.setup_alerts("app", "production")
    before = copy.deepcopy(monitoring)

    assert monitoring.setup_alerts("app", "production") == first
    assert monitoring == before


def test_setting_alerts_up_for_another_receiver_leaves_the_rules_that_exist() -> None:
    monitoring, _ = watching()
    monitoring.receivers.append("night-shift")
    monitoring.setup_alerts("app", "production")

    again = monitoring.setup_alerts("app", "production", receiver="night-shift")

    assert len(monitoring.rules) == 2
    assert {rule.receiver for rule in again.rules} == {"on-call"}


def test_only_the_missing_rule_is_added() -> None:
    monitoring, _ = watching()
    monitoring.setup_alerts("app", "production")
    del monitoring.rules[0]

    monitoring.setup_alerts("app", "production")

    assert sorted(rule.name for rule in monitoring.rules) == ["HighErrorRate", "SlowResponses"]


def test_no_rule_is_made_for_a_receiver_that_does_not_exist() -> None:
    monitoring, _ = watching()

    words = refused(monitoring, lambda: monitoring.setup_alerts("app", "production", receiver="nobody"))

    assert words == 'undefined receiver "nobody" used in route'


@pytest.mark.parametrize(("service", "environment"), [("ghost", "production"), ("app", "staging")])
def test_no_rule_is_made_for_a_service_that_is_not_watched_there(service: str, environment: str) -> None:
    monitoring, _ = watching()

    words = refused(monitoring, lambda: monitoring.setup_alerts(service, environment))

    assert words.startswith(f'bad_data: no target for service "{service}"')


def test_an_alert_is_pending_until_its_time_is_over_and_fires_then() -> None:
    monitoring, clock = watching()
    monitoring.setup_alerts("app", "production")

    clock.advance(299.5)
    assert states(monitoring) == {"HighErrorRate": "pending", "SlowResponses": "inactive"}
    clock.advance(0.5)
    assert states(monitoring) == {"HighErrorRate": "firing", "SlowResponses": "inactive"}


def test_a_value_at_the_threshold_is_not_above_it() -> None:
    monitoring, clock = watching()
    monitoring.services["app"].series["error_rate"] = [Sample(0.0, 0.05)]
    monitoring.setup_alerts("app", "production")
    clock.advance(1000)

    assert states(monitoring)["HighErrorRate"] == "inactive"


def test_a_break_starts_the_waiting_again() -> None:
    monitoring, clock = watching()
    monitoring.setup_alerts("app", "production")
    monitoring.record("app", "error_rate", 0.0, after=200)
    monitoring.record("app", "error_rate", 0.9, after=201)

    clock.advance(400)
    assert states(monitoring)["HighErrorRate"] == "pending"
    clock.advance(101)
    assert states(monitoring)["HighErrorRate"] == "firing"


def test_an_alert_ends_when_the_value_falls() -> None:
    monitoring, clock = watching()
    monitoring.setup_alerts("app", "production")
    monitoring.record("app", "error_rate", 0.01, after=400)

    clock.advance(399)
    assert states(monitoring)["HighErrorRate"] == "firing"
    clock.advance(1)
    assert states(monitoring)["HighErrorRate"] == "inactive"


def test_a_line_crosses_the_threshold_between_its_samples() -> None:
    monitoring, clock = watching()
    monitoring.services["app"].series["queue"] = [Sample(0.0, 0.0, line=True), Sample(100.0, 10.0)]
    monitoring.rules = [AlertRule("Queue", "app", "production", "queue", 5.0, 20, "warning", "on-call")]

    clock.advance(60)
    (pending,) = monitoring.list_alerts()
    clock.advance(10)
    (firing,) = monitoring.list_alerts()

    assert (pending.state, pending.value, pending.since) == ("pending", 6.0, 50.0)
    assert (firing.state, firing.value, firing.since) == ("firing", 7.0, 50.0)


@pytest.mark.parametrize(
    ("comparison", "expected"), [(">", "inactive"), (">=", "firing"), ("<", "inactive"), ("<=", "firing")]
)
def test_a_rule_compares_as_it_says(comparison: Comparison, expected: str) -> None:
    monitoring, clock = watching()
    monitoring.services["app"].series["replicas"] = [Sample(0.0, 2.0)]
    monitoring.rules = [
        AlertRule("Replicas", "app", "production", "replicas", 2.0, 60, "critical", "on-call", comparison)
    ]
    clock.advance(60)

    assert states(monitoring) == {"Replicas": expected}


def test_a_target_that_is_down_fires_a_rule_about_that() -> None:
    monitoring, clock = watching()
    monitoring.rules = [AlertRule("Down", "app", "production", "up", 1.0, 60, "critical", "on-call", "<")]
    monitoring.take_down("app", after=10)

    clock.advance(69)
    assert states(monitoring) == {"Down": "pending"}
    clock.advance(1)
    assert states(monitoring) == {"Down": "firing"}


def test_a_target_that_was_always_down_has_fired_for_ever() -> None:
    monitoring, _ = watching()
    monitoring.services["app"].up = False
    monitoring.rules = [AlertRule("Down", "app", "production", "up", 1.0, 60, "critical", "on-call", "<")]

    (alert,) = monitoring.list_alerts()

    assert (alert.state, alert.since) == ("firing", None)


def test_the_metrics_of_a_target_that_was_down_count_from_its_return() -> None:
    monitoring, clock = watching()
    monitoring.setup_alerts("app", "production")
    clock.advance(400)
    monitoring.take_down("app")
    assert states(monitoring)["HighErrorRate"] == "inactive"

    monitoring.bring_up("app", after=10)
    clock.advance(309)
    assert states(monitoring)["HighErrorRate"] == "pending"
    clock.advance(1)
    assert states(monitoring)["HighErrorRate"] == "firing"


def test_alerts_can_be_listed_by_state() -> None:
    monitoring, clock = watching()
    monitoring.setup_alerts("app", "production")
    clock.advance(300)

    assert [alert.rule for alert in monitoring.list_alerts("firing")] == ["HighErrorRate"]
    assert monitoring.list_alerts("pending") == []


def test_a_silenced_alert_fires_but_tells_nobody_until_the_silence_ends() -> None:
    monitoring, clock = watching()
    monitoring.setup_alerts("app", "production")
    clock.advance(300)
    assert monitoring.notified("on-call") == ["HighErrorRate/app"]

    silence = monitoring.create_silence("HighErrorRate", "10m", "deploying", "ops")
    assert monitoring.list_alerts("firing")[0].silenced_by == [silence.id]
    assert monitoring.notified("on-call") == []
    clock.advance(600)
    assert monitoring.notified("on-call") == ["HighErrorRate/app"]


def test_a_silence_of_one_service_leaves_the_others_alone() -> None:
    monitoring, clock = watching()
    monitoring.record("mail", "error_rate", 0.9)
    monitoring.setup_alerts("app", "production")
    monitoring.setup_alerts("mail", "staging")
    clock.advance(300)

    monitoring.create_silence("HighErrorRate", "1h", "known", "ops", service="mail")

    assert monitoring.notified("on-call") == ["HighErrorRate/app"]


def test_a_silence_of_one_alert_leaves_the_others_alone() -> None:
    monitoring, clock = watching()
    monitoring.record("app", "response_seconds", 2.3)
    monitoring.setup_alerts("app", "production")
    clock.advance(600)

    monitoring.create_silence("HighErrorRate", "1h", "known", "ops")

    assert monitoring.notified("on-call") == ["SlowResponses/app"]


def test_only_the_receiver_of_a_rule_is_notified() -> None:
    monitoring, clock = watching()
    monitoring.receivers.append("night-shift")
    monitoring.setup_alerts("app", "production", receiver="night-shift")
    clock.advance(300)

    assert monitoring.notified("on-call") == []
    assert monitoring.notified("night-shift") == ["HighErrorRate/app"]


def test_two_silences_have_two_ids() -> None:
    monitoring, _ = watching()

    ids = {monitoring.create_silence("HighErrorRate", "1h", "known", "ops").id for _ in range(2)}

    assert len(ids) == 2


def test_a_silence_can_be_ended_and_ending_it_again_changes_nothing() -> None:
    monitoring, clock = watching()
    silence = monitoring.create_silence("HighErrorRate", "1h", "known", "ops")
    clock.advance(60)

    assert monitoring.expire_silence(silence.id).ends_at == 60.0
    clock.advance(60)
    assert monitoring.expire_silence(silence.id).ends_at == 60.0


def test_a_silence_that_does_not_exist_cannot_be_ended() -> None:
    monitoring, _ = watching()

    assert refused(monitoring, lambda: monitoring.expire_silence("nope")) == "silence nope not found"


def test_a_silence_of_nothing_is_refused() -> None:
    monitoring, _ = watching()

    words = refused(monitoring, lambda: monitoring.create_silence("", "1h", "known", "ops"))

    assert words == "invalid silence: at least one matcher must not match the empty string"


DURATIONS_THAT_ARE_NONE = [
    "",
    "1",
    "h",
    "0m",
    "1.5h",
    "-1h",
    "1h30m",
    " 1h",
    "1 h",
    "1w",
    "\u0661h",
    "last hour",
]


@pytest.mark.parametrize("duration", DURATIONS_THAT_ARE_NONE)
def test_a_silence_needs_a_duration(duration: str) -> None:
    monitoring, _ = watching()

    words = refused(monitoring, lambda: monitoring.create_silence("HighErrorRate", duration, "known", "ops"))

    assert words.startswith(f'bad_data: cannot parse "{duration}" to a valid duration')
    assert monitoring.issued == {}


@pytest.mark.parametrize("time_range", DURATIONS_THAT_ARE_NONE)
def test_a_time_range_that_is_no_duration_is_refused(time_range: str) -> None:
    monitoring, _ = watching()

    words = refused(monitoring, lambda: monitoring.get_system_health(time_range=time_range))

    assert words.startswith(f'bad_data: cannot parse "{time_range}" to a valid duration')


@pytest.mark.parametrize(
    ("sick", "expected"), [([], "healthy"), (["app"], "degraded"), (["app", "mail"], "critical")]
)
def test_the_health_of_the_system_follows_from_its_services(sick: list[str], expected: str) -> None:
    monitoring, _ = watching()
    for name in monitoring.services:
        monitoring.record(name, "error_rate", 0.9 if name in sick else 0.0)

    health = monitoring.get_system_health()

    assert (health.success, health.status) == (True, expected)
    assert [each.service for each in health.services if not each.healthy] == sick


def test_a_service_at_its_limit_is_healthy() -> None:
    monitoring, _ = watching()
    monitoring.record("app", "error_rate", 0.05)

    assert monitoring.get_system_health().status == "healthy"


def test_the_health_names_what_is_wrong() -> None:
    monitoring, _ = watching()
    monitoring.record("app", "response_seconds", 2.3)
    monitoring.take_down("mail")

    problems = {each.service: each.problems for each in monitoring.get_system_health().services}

    assert problems == {
        "app": ["error_rate is 0.9, above 0.05", "response_seconds is 2.3, above 0.5"],
        "mail": ["target is down"],
    }


def test_metrics_are_shown_only_when_asked_for() -> None:
    monitoring, _ = watching()

    without = monitoring.get_system_health().services[0]
    with_metrics = monitoring.get_system_health(include_metrics=True).services[0]

    assert (without.metrics, without.highest) == ({}, {})
    assert (with_metrics.metrics, with_metrics.highest) == ({"error_rate": 0.9}, {"error_rate": 0.9})


@pytest.mark.parametrize(("time_range", "expected"), [("30s", 0.01), ("1m", 0.01), ("61s", 0.9), ("1h", 0.9)])
def test_the_highest_metrics_are_those_of_the_time_range(time_range: str, expected: float) -> None:
    monitoring, clock = watching()
    monitoring.record("app", "error_rate", 0.01, after=40)
    clock.advance(100)

    app = monitoring.get_system_health(include_metrics=True, time_range=time_range).services[0]

    assert (app.metrics["error_rate"], app.highest["error_rate"]) == (0.01, expected)


def test_a_healthy_service_is_verified_at_once() -> None:
    monitoring, _ = watching()
    monitoring.record("app", "error_rate", 0.0)

    assert verify(monitoring) == Verification(True, "app", 0.0, [], healthy=True)


def test_verification_waits_until_the_service_is_healthy() -> None:
    monitoring, _ = watching()
    monitoring.record("app", "error_rate", 0.0, after=42)

    verification = verify(monitoring)

    assert verification == Verification(True, "app", 45.0, [], healthy=True)


def test_verification_gives_up_when_its_time_is_over() -> None:
    monitoring, _ = watching()
    monitoring.record("app", "error_rate", 0.0, after=12.5)

    verification = verify(monitoring, timeout=12)

    assert (verification.success, verification.healthy, verification.waited) == (False, False, 12.0)
    assert verification.problems == ["error_rate is 0.9, above 0.05"]


def test_verification_looks_once_when_it_may_not_wait() -> None:
    monitoring, _ = watching()

    verification = verify(monitoring, timeout=0)

    assert (verification.healthy, verification.waited) == (False, 0.0)


@pytest.mark.parametrize(
    ("service", "timeout", "words"),
    [
        ("ghost", 300.0, 'bad_data: no target for service "ghost"'),
        ("mail", 300.0, 'bad_data: no target for service "mail" in environment "production"'),
        ("app", -1.0, "bad_data: timeout must not be negative: -1"),
    ],
)
def test_verification_refuses_what_cannot_be_verified(service: str, timeout: float, words: str) -> None:
    monitoring, _ = watching()

    assert refused(monitoring, lambda: verify(monitoring, service, timeout)) == words


def test_a_query_finds_the_values_of_now() -> None:
    monitoring, clock = watching()
    monitoring.record("app", "error_rate", 0.5, after=10)
    clock.advance(10)

    assert monitoring.query("error_rate") == {"app": 0.5, "mail": 0.01}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('error_rate{service="app"}', ["app"]),
        (' error_rate { environment = "staging" , } ', ["mail"]),
        ('error_rate{service="app",environment="staging"}', []),
        ("error_rate{}", ["app", "mail"]),
        ('error_rate{region="eu"}', []),
        ('error_rate{region=""}', ["app", "mail"]),
        ("no_such_metric", []),
        ("up", ["app", "mail"]),
    ],
)
def test_a_query_selects_by_labels(query: str, expected: list[str]) -> None:
    monitoring, _ = watching()

    assert list(monitoring.query(query)) == expected


def test_a_target_that_is_down_is_found_by_up_alone() -> None:
    monitoring, _ = watching()
    monitoring.take_down("app")

    assert monitoring.query("up") == {"app": 0.0, "mail": 1.0}
    assert monitoring.query("error_rate") == {"mail": 0.01}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "unknown position: parse error: no expression found in input"),
        ("up{", "1:4: parse error: unexpected end of input inside braces"),
        ('up{service="app"', "1:17: parse error: unexpected end of input inside braces"),
        ('up{service="app}', '1:4: parse error: unexpected "service="app}"'),
        ('up{service=~"a.*"}', '1:4: parse error: unexpected "service=~"a.*"}"'),
        ("rate(error_rate[5m])", '1:5: parse error: unexpected "(error_rate[5m])"'),
        ('up{service="app"} > 0', '1:19: parse error: unexpected "> 0"'),
        ("1up", '1:1: parse error: unexpected "1up"'),
    ],
)
def test_a_query_that_is_not_understood_is_refused_with_its_position(query: str, words: str) -> None:
    monitoring, _ = watching()

    said = refused(monitoring, lambda: monitoring.query(query))

    assert said.startswith(f'bad_data: invalid parameter "query": {words}')


def test_every_deployment_status_is_noted_with_its_time() -> None:
    monitoring, clock = watching()
    monitoring.update_deployment_status("active", "1.2.2")
    clock.advance(60)
    monitoring.update_deployment_status("active", "1.2.3")

    assert [(each.version, each.at) for each in monitoring.deployments] == [("1.2.2", 0.0), ("1.2.3", 60.0)]


def test_a_value_is_unknown_before_its_first_sample() -> None:
    monitoring, _ = watching()
    monitoring.record("app", "queue", 3.0, after=5)

    assert monitoring.value("app", "queue") is None
    assert monitoring.value("app", "queue", at=5.0) == 3.0


def test_of_two_samples_at_one_instant_the_later_one_counts() -> None:
    monitoring, _ = watching()
    monitoring.record("app", "error_rate", 0.2)

    assert monitoring.value("app", "error_rate") == 0.2


def test_the_reads_change_nothing() -> None:
    monitoring, clock = watching()
    monitoring.setup_alerts("app", "production")
    clock.advance(300)
    before = copy.deepcopy(monitoring)

    monitoring.list_alerts()
    monitoring.query("up")
    monitoring.get_system_health(include_metrics=True)
    verify(monitoring, timeout=10)

    assert monitoring == before


def test_the_state_survives_json() -> None:
    monitoring, _ = watching()
    monitoring.setup_alerts("app", "production")
    monitoring.create_silence("HighErrorRate", "1h", "known", "ops")
    monitoring.update_deployment_status("active", "1.2.3")
    monitoring.take_down("app")
    adapter = TypeAdapter(PrometheusMonitoring)

    assert adapter.validate_json(adapter.dump_json(monitoring)) == monitoring


def test_a_client_reads_the_health_as_structured_content() -> None:
    monitoring, _ = watching()

    answer = call(monitoring, "get_system_health", {"include_metrics": True, "time_range": "1h"})

    assert not answer["isError"]
    assert answer["structuredContent"]["status"] == "degraded"
    assert answer["structuredContent"]["services"][0]["metrics"] == {"error_rate": 0.9}


def test_a_client_may_give_whole_seconds_as_timeout() -> None:
    monitoring, _ = watching()
    monitoring.record("app", "error_rate", 0.0)

    answer = call(
        monitoring, "verify_service_health", {"service": "app", "environment": "production", "timeout": 300}
    )

    assert answer["structuredContent"]["success"] is True


@pytest.mark.parametrize(
    "arguments",
    [
        {"service": "app"},
        {"service": "app", "environment": "production", "team": "a"},
        {"service": 1, "environment": "production"},
    ],
)
def test_a_client_that_breaks_the_schema_changes_nothing(arguments: dict[str, Any]) -> None:
    monitoring, _ = watching()

    answer = call(monitoring, "setup_alerts", arguments)

    assert answer["isError"]
    assert answer["content"][0]["text"].startswith("Invalid arguments for setup_alerts: ")
    assert monitoring.rules == []


SERIES = st.lists(
    st.builds(
        Sample,
        st.integers(0, 20).map(float),
        st.integers(-5, 5).map(float),
        st.booleans(),
    ),
    max_size=8,
)
COMPARISONS: st.SearchStrategy[Comparison] = st.sampled_from([">", ">=", "<", "<="])


@given(series=SERIES, comparison=COMPARISONS, threshold=st.integers(-5, 5).map(float))
def test_a_comparison_holds_from_its_beginning_to_now_and_not_before(
    series: list[Sample], comparison: Comparison, threshold: float
) -> None:
    def holds(at: float) -> bool | None:
        """Whether it does; unknown so near the threshold that rounding decides."""
        until = segments(series, until=at)
        if not until:
            return False
        difference = (until[-1].last - threshold) * (1 if comparison.startswith(">") else -1)
        if until[-1].last == threshold:
            return comparison.endswith("=")
        return None if abs(difference) < 1e-6 else difference > 0

    now = 25.0
    since = holding_since(segments(series, until=now), comparison=comparison, threshold=threshold)

    if since is None:
        assert not holds(now)
    else:
        assert all(holds(since + (now - since) * share) is not False for share in (0.001, 0.3, 0.7, 1.0))
        instant = [each.last for each in segments(series, until=since) if each.end == since]
        touched = threshold in instant and any(sample.at == since for sample in series)
        if any(sample.at < since for sample in series) and not touched:
            assert not holds(since - 1e-3)
