"""Shrinking: what is left fails in the same way, and nothing of it can be taken away."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import planted_bugs
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pytest_mcpflow import Fault, FaultPlan, Scenario
from pytest_mcpflow.explore import DEFAULT_KINDS, explore
from pytest_mcpflow.explore.observe import Observation
from pytest_mcpflow.explore.runner import Runner
from pytest_mcpflow.explore.shrink import Failure, Shrinker
from pytest_mcpflow.explore.subject import Subject
from pytest_mcpflow.performance import Verdict
from pytest_mcpflow.stage import Stage

SITES: dict[type[planted_bugs.Planted], tuple[str, ...]] = {
    planted_bugs.QuietChain: ("shop.order", "backup.order", "pager.page"),
    planted_bugs.ForgetsAFollower: ("shop.order", "backup.order"),
    planted_bugs.HidesTwoFailures: ("shop.placed", "shop.order"),
    planted_bugs.OrderedTwice: ("shop.order",),
}


@cache
def seen(scenario: type[Scenario], faults: tuple[Fault, ...]) -> Observation:
    """A run under a plan, made once."""
    with Stage() as stage:
        return Subject(scenario).observe(FaultPlan(faults), stage=stage)


def shrinker(scenario: type[Scenario]) -> Shrinker:
    specs = Runner(Subject(scenario)).tools.spec
    return Shrinker(lambda faults: seen(scenario, faults), DEFAULT_KINDS, specs)


@st.composite
def padded_plans(draw: st.DrawFn) -> tuple[type[planted_bugs.Planted], tuple[Fault, ...]]:
    """A plan that shows a bug, with other faults around it, which may hide it."""
    scenario = draw(st.sampled_from([*SITES]))
    faults = [*FaultPlan.parse(scenario.shows).faults]
    for _ in range(draw(st.integers(1, 3))):
        first = draw(st.integers(1, 3))
        last = draw(st.sampled_from([None, first, first + 1]))
        kind = draw(st.sampled_from(DEFAULT_KINDS[:6]))
        fault = Fault(draw(st.sampled_from(SITES[scenario])), kind, first, last)
        faults.insert(draw(st.integers(0, len(faults))), fault)
    return scenario, tuple(dict.fromkeys(faults))


@settings(max_examples=60, deadline=None)
@given(padded_plans())
def test_shrinking_keeps_the_failure_and_leaves_nothing_to_take_away(
    case: tuple[type[planted_bugs.Planted], tuple[Fault, ...]],
) -> None:
    scenario, faults = case
    before = seen(scenario, faults)
    assume(not before.verdict.is_good)
    failure = Failure(before)

    smallest = shrinker(scenario).smallest(faults, before)

    after = seen(scenario, smallest)
    assert failure.is_same(after.verdict, after.checks)
    for index in range(len(smallest)):
        rest = (*smallest[:index], *smallest[index + 1 :])
        without = seen(scenario, rest)
        assert not rest or not failure.is_same(without.verdict, without.checks)
    for index, fault in enumerate(smallest):
        simpler = [replace(fault, kind=kind) for kind in DEFAULT_KINDS[: DEFAULT_KINDS.index(fault.kind)]]
        if fault.first > 1:
            simpler.append(
                replace(fault, first=fault.first - 1, last=None if fault.last is None else fault.last - 1)
            )
        for each in simpler:
            other = seen(scenario, (*smallest[:index], each, *smallest[index + 1 :]))
            assert not failure.is_same(other.verdict, other.checks)
    assert len(smallest) <= len(faults)


@pytest.mark.parametrize(
    ("scenario", "text", "smallest"),
    [
        (planted_bugs.OrderedTwice, "shop.order#*=late", "shop.order#1=lose_reply"),
        (
            planted_bugs.HidesTwoFailures,
            "shop.order#1=lose_request, shop.order#2=refuse",
            "shop.order#1-2=refuse",
        ),
        (planted_bugs.QuietChain, "*.*#*=lose_request", "*.*#*=refuse"),
        (
            planted_bugs.ForgetsAFollower,
            "{shop,backup}.*#2+=refuse, backup.order#1=refuse",
            "backup.*#*=refuse",
        ),
        (planted_bugs.RemembersTheWrongThing, "*.*#*=lose_reply", "*.*#*=lose_reply"),
        (planted_bugs.LostUpdate, "ledger.write#1=delay(60)", "ledger.write#1=delay(1)"),
        (planted_bugs.LostUpdate, "ledger.read#*=stale", "ledger.read#2=stale"),
        (
            planted_bugs.RemembersTheWrongThing,
            "ledger.note#5=late, ledger.note#6=refuse, shop.order#1=disconnect",
            "ledger.note#1=refuse, shop.order#1=lose_reply",
        ),
    ],
)
def test_a_plan_becomes_simple_early_and_short(scenario: type[Scenario], text: str, smallest: str) -> None:
    faults = FaultPlan.parse(text).faults

    found = shrinker(scenario).smallest(faults, seen(scenario, faults))

    assert str(FaultPlan(found)) == smallest


@pytest.mark.parametrize(
    ("checks", "other", "is_same"),
    [
        (("expect", "at_most_once"), ("at_most_once",), True),
        (("expect", "at_most_once"), ("expect",), False),
        (("leaked", "expect"), ("expect",), True),
        (("leaked", "expect"), ("leaked",), False),
        (("workflow",), ("leaked",), True),
    ],
)
def test_a_failure_is_the_same_where_its_rule_is_broken_and_without_one_where_its_expectation_is(
    checks: tuple[str, ...], other: tuple[str, ...], is_same: bool
) -> None:
    run = seen(planted_bugs.OrderedTwice, FaultPlan.parse(planted_bugs.OrderedTwice.shows).faults)
    failure = Failure(replace(run, checks=checks))

    assert failure.is_same(run.verdict, other) is is_same
    assert not failure.is_same(Verdict.LEAKED, other)


def test_shrinking_takes_few_runs() -> None:
    exploration = explore(None, planted_bugs.RemembersTheWrongThing, depth=2, findings=1)

    [finding] = exploration.findings
    assert 0 < finding.runs_to_shrink <= 20
    assert finding.runs_to_explain > 0
