"""Testing environments when they fail for real: the quota is kept, the report is true, drills end."""

from __future__ import annotations

import asyncio

import pytest
from hidden_faults import alerts, dead_tools_hidden
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants.multi_environment_testing import MUTANTS
from planned import Fault, call_sites
from single_faults import faulted, reference

from pytest_mcpflow import Hub, Way, run
from pytest_mcpflow.scenario import invariants_of
from pytest_mcpflow.scenarios._cross_server import CrossServer
from pytest_mcpflow.scenarios._environment_trial import DRILLS, OVER, REPORT, Quota
from pytest_mcpflow.scenarios.multi_environment_testing import MultiEnvironmentTesting
from pytest_mcpflow.verdict import Verdict, judge

UNDER_LOAD = range(3, 103)


def calls_to_fail() -> list[str]:
    """Every call but those of the load test, of which the first, some in between, and the last stand for all."""
    sites = call_sites(reference(MultiEnvironmentTesting).transcript)
    return [site for number, site in enumerate(sites) if number not in UNDER_LOAD or number % 33 == 3]


@pytest.mark.parametrize("fault", Fault)
def test_no_failing_call_goes_unnoticed(fault: Fault) -> None:
    runs = [faulted(MultiEnvironmentTesting(), {site: fault}) for site in calls_to_fail()]

    assert [run.silence for run in runs if run.silence] == []
    assert [run.what for run in runs if not run.is_as_documented and not alerts(run.scenario)] == []


@pytest.mark.parametrize("fault", Fault)
def test_a_search_that_fails_under_load_is_passed_on(fault: Fault) -> None:
    sites = call_sites(reference(MultiEnvironmentTesting).transcript)
    runs = [faulted(MultiEnvironmentTesting(), {sites[number]: fault}) for number in (3, 50, 102)]

    assert [run.judgement.broken for run in runs if not run.is_as_documented] == []


@pytest.mark.parametrize("fault", Fault)
def test_a_tool_that_never_works_is_heard_of(fault: Fault) -> None:
    assert dead_tools_hidden(MultiEnvironmentTesting, fault) == []


def test_the_last_searches_wait_for_the_quota_and_not_a_second_longer_than_is_careful() -> None:
    run = faulted(MultiEnvironmentTesting(), {})

    sent = [each.at for each in run.judgement.transcript.calls("context7*.*")]
    answered = [each.until or 0.0 for each in run.judgement.transcript.calls("context7*.*")]
    assert sent[98] < 6
    assert [at - end for end, at in zip(answered[:3], sent[99:102], strict=True)] == [61.0] * 3


def test_an_environment_without_a_key_is_no_environment() -> None:
    scenario = MultiEnvironmentTesting()
    scenario.context7_2.has_api_key = False
    run = faulted(scenario, {})

    assert "context7-2 has no key" in run.result.problems
    assert set(run.result.environments) == {"production", "development"}
    assert "context7-2 has no key" in scenario.people.alerts[0].message
    assert run.silence is None


def test_a_server_that_is_down_for_real_fails_the_drill_that_counts_on_it() -> None:
    scenario = MultiEnvironmentTesting()
    run = faulted(scenario, {"context7-2.*": Fault.REFUSE})

    assert run.result.failover[("context7",)] == "context7-3"
    assert "without context7, context7-3 answered" in run.result.problems
    assert REPORT in scenario.desktop.files
    assert run.silence is None


@pytest.mark.parametrize("kind", ["rate_limit", "auth_expired", "outage"])
def test_a_drill_in_which_a_server_refuses_ends_all_the_same(kind: str) -> None:
    scenario = MultiEnvironmentTesting()
    judgement = judge(scenario, way=Way.DIRECT, plan=f"context7-2.context7_search_libraries#35={kind}")

    assert judgement.verdict is Verdict.DEGRADED, judgement.broken
    assert scenario.people.notifications[-1].message == OVER
    assert not scenario.context7_2.is_down
    assert "without context7, " in scenario.people.alerts[0].message


def test_operators_who_hear_nothing_make_every_drill_a_failure() -> None:
    scenario = MultiEnvironmentTesting()
    scenario.people.take_down("slack")
    run = faulted(scenario, {})

    assert [sent.delivered_to for sent in scenario.people.notifications if sent.delivered_to] == []
    assert f"operators were not told: {OVER}" in run.result.problems
    assert run.silence is None


def test_each_drill_takes_down_one_server_more() -> None:
    assert [len(down) for down in DRILLS] == [0, 1, 2, 3]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.floats(0, 30), st.floats(0, 30)), min_size=1, max_size=25),
)
def test_no_quota_is_exceeded_whenever_requests_begin_and_end(
    per_minute: int, requests: list[tuple[float, float]]
) -> None:
    spans: list[tuple[float, float]] = []

    async def main() -> None:
        async with Hub(virtual_time=True):
            clock, quota = asyncio.get_running_loop(), Quota(per_minute)

            async def one(after: float, takes: float) -> None:
                await asyncio.sleep(after)
                async with quota.request():
                    began = clock.time()
                    await asyncio.sleep(takes)
                    spans.append((began, clock.time()))

            await asyncio.gather(*(one(*each) for each in requests))

    run(main())

    # Whenever within its span a server admits a request, it counts for a minute.
    assert len(spans) == len(requests)
    for _, end in spans:
        assert sum(began <= end < ended + 60 for began, ended in spans) <= per_minute


def test_every_rule_has_a_trial_that_breaks_it() -> None:
    of_its_own = {rule.name for rule in invariants_of(MultiEnvironmentTesting())} - {*vars(CrossServer)}

    assert of_its_own <= {check for _, check in MUTANTS.values()}
