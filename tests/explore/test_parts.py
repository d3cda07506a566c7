"""An exploration in parts: together they find and prove what one process does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import planted_bugs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mcpflow import Scenario
from pytest_mcpflow.errors import ExplorationError
from pytest_mcpflow.explore.engine import explore_subject
from pytest_mcpflow.explore.part import Part
from pytest_mcpflow.explore.subject import Subject
from pytest_mcpflow.faults.catalogue import KINDS
from pytest_mcpflow.report.explored import Search, explore_scenario
from pytest_mcpflow.report.merged import merged
from pytest_mcpflow.report.resilience import Resilience, from_json, to_json

DEEP: Sequence[type[Scenario]] = (
    planted_bugs.CarefulOrder,
    planted_bugs.ForgetsAFollower,
    planted_bugs.HidesTwoFailures,
    planted_bugs.QuietChain,
    planted_bugs.RemembersTheWrongThing,
    planted_bugs.SwapsTheOrder,
    planted_bugs.TwoClients,
)


def parts_of(scenario: type[Scenario], count: int, search: Search) -> list[Resilience]:
    """What each of several processes would report."""
    parts = [explore_scenario(scenario, search, part=Part(number, count)) for number in range(1, count + 1)]
    return [from_json(to_json(part)) for part in parts]


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("scenario", DEEP)
def test_parts_find_and_prove_what_one_process_does(scenario: type[Scenario], count: int) -> None:
    whole = explore_scenario(scenario, Search(depth=2))

    [together] = merged(parts_of(scenario, count, Search(depth=2)), KINDS)

    assert [str(each) for each in together.findings] == [str(each) for each in whole.findings]
    assert (together.is_proven, together.claim, together.cells) == (whole.is_proven, whole.claim, whole.cells)
    assert together.bad == whole.bad
    assert together.counts.planned == whole.counts.planned
    assert {(each.site, each.kind) for each in together.classes} == {
        (each.site, each.kind) for each in whole.classes
    }
    assert together.counts.run + together.counts.collapsed == whole.counts.planned


def test_each_part_has_fewer_plans_than_all() -> None:
    whole, *parts = [
        explore_subject(Subject(planted_bugs.RemembersTheWrongThing), depth=2, part=part)
        for part in (Part(), Part(1, 2), Part(2, 2))
    ]

    assert all(part.accounting.run < 0.8 * whole.accounting.run for part in parts)


def test_a_part_that_nobody_reports_of_takes_the_proof_away() -> None:
    first, _, third = parts_of(planted_bugs.CarefulOrder, 3, Search(depth=2))

    [together] = merged([third, first], KINDS)

    assert first.is_proven
    assert not together.is_proven
    assert together.accounting.startswith(f"at least {together.counts.planned} plans of depth 2: ")
    assert together.claim.endswith("which is no proof; no report of part 2 of 3")


def test_what_several_workers_report_of_one_part_counts_once() -> None:
    first, second = parts_of(planted_bugs.QuietChain, 2, Search(depth=2))

    assert merged([first, second, first], KINDS) == merged([second, first], KINDS)


def test_an_entry_is_gone_only_if_no_part_met_it() -> None:
    first, second = parts_of(planted_bugs.QuietChain, 2, Search(depth=2))

    [together] = merged([replace(first, unmet=("a", "b")), replace(second, unmet=("b", "c"))], KINDS)

    assert together.unmet == ("b",)


def test_other_orders_of_tasks_are_run_by_one_part() -> None:
    parts = parts_of(planted_bugs.CarefulOrder, 2, Search(depth=2, schedules=5))

    assert [part.counts.schedules for part in parts] == [5, 0]
    assert merged(parts, KINDS)[0].accounting.endswith("; 5 other orders of tasks")


def test_an_exploration_that_may_end_early_cannot_be_divided() -> None:
    with pytest.raises(ExplorationError, match="leave out one of them"):
        explore_subject(Subject(planted_bugs.QuietChain), depth=2, runs=100, part=Part(1, 2))


@given(count=st.integers(1, 9), first_fault=st.integers(0, 99))
def test_each_first_fault_is_in_one_part(count: int, first_fault: int) -> None:
    assert sum(Part(number, count).has(first_fault) for number in range(1, count + 1)) == 1


@pytest.mark.parametrize(("number", "count"), [(0, 2), (3, 2), (1, 0)])
def test_there_is_no_part_beyond_the_last(number: int, count: int) -> None:
    with pytest.raises(ValueError, match=f"no part {number} of {count}"):
        Part(number, count)


def test_the_order_of_findings_is_that_of_the_search() -> None:
    found = explore_subject(Subject(planted_bugs.SwapsTheOrder), depth=2).findings

    assert len(found) > 3
    assert all(one.order <= other.order for one, other in pairwise(found))
