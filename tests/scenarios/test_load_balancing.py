"""Spreading requests when calls fail, and when servers die that should not."""

from __future__ import annotations

from collections import Counter

import pytest
from hidden_faults import dead_tools_hidden, faults_hidden
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants.load_balancing import MUTANTS
from planned import Fault
from single_faults import each_call_failing, faulted, reference

from pytest_mcpflow import Hub, Way, run
from pytest_mcpflow.scenario import invariants_of
from pytest_mcpflow.scenarios._coordinator import Coordinator
from pytest_mcpflow.scenarios._cross_server import CrossServer
from pytest_mcpflow.scenarios._documentation import SEARCH, documentation_server
from pytest_mcpflow.scenarios.load_balancing import LoadBalancing


@pytest.mark.parametrize("fault", Fault)
def test_any_one_call_may_fail_and_the_shares_stay_right(fault: Fault) -> None:
    assert faults_hidden(LoadBalancing, fault) == []


def test_a_request_that_fails_once_is_passed_on_and_its_server_stays() -> None:
    calls = reference(LoadBalancing).transcript
    runs = [run for _, run in each_call_failing(LoadBalancing, Fault.REFUSE)]

    unlike = {call.context_id for call, run in zip(calls, runs, strict=True) if not run.is_as_documented}
    assert unlike == {"performance"}
    assert {each for run in runs for each in run.result.dead} == {"context7-2"}


@pytest.mark.parametrize("fault", Fault)
def test_a_server_that_dies_unannounced_is_heard_of(fault: Fault) -> None:
    assert dead_tools_hidden(LoadBalancing, fault) == []


def test_the_others_answer_everything_while_one_server_is_dead() -> None:
    run = faulted(LoadBalancing(), {"context7-3.*": Fault.REFUSE})

    assert (run.result.success, run.result.unanswered) == (False, 0)
    assert list(run.result.dead) == ["context7-3", "context7-2"]
    assert run.result.shares["weighted of two"] == {"context7": 8}
    [alert] = run.scenario.people.alerts
    assert (alert.severity, "context7-3 is dead (" in alert.message) == ("high", True)


def test_without_any_server_nothing_is_answered_and_that_is_said() -> None:
    run = faulted(LoadBalancing(), {"context7*.*": Fault.REFUSE})

    assert run.result.unanswered == 46
    assert "46 searches have no answer" in run.scenario.people.alerts[0].message
    assert run.silence is None


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=4), st.integers(1, 30))
def test_the_weighted_order_is_within_one_call_of_the_ideal_at_any_time(
    weights: list[int], count: int
) -> None:
    names = {f"server-{number}": weight for number, weight in enumerate(weights)}

    async def ask() -> Counter[str]:
        async with Hub(way=Way.DIRECT, virtual_time=True) as hub:
            for name in names:
                hub.serve(documentation_server(), name=name)
            pool = Coordinator(hub, names)
            served = [await pool.weighted_request("context7_search_libraries", SEARCH) for _ in range(count)]
            return Counter(each.server for each in served)

    counts = run(ask())
    for name, weight in names.items():
        assert abs(counts[name] - count * weight / sum(weights)) <= 1


def test_every_rule_has_a_way_that_breaks_it() -> None:
    of_its_own = {rule.name for rule in invariants_of(LoadBalancing())} - {*vars(CrossServer)}

    assert of_its_own <= {check for _, check in MUTANTS.values()}
