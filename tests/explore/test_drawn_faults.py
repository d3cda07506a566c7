"""Faults drawn by chance while a run goes on: what each pattern lets go wrong, and what is made of what it finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import planted_bugs
import pytest

from pytest_mcpflow import Fault, Hub
from pytest_mcpflow.explore import DEFAULT_KINDS, explore
from pytest_mcpflow.explore.runner import Runner
from pytest_mcpflow.explore.subject import Subject
from pytest_mcpflow.explore.swarm import Drawing, Pursuit, Scattered, Swarm
from pytest_mcpflow.faults.answers import Stale
from pytest_mcpflow.faults.refused import Refuse
from pytest_mcpflow.performance import Verdict

SITES = ("shop.order", "backup.order", "pager.page")


def drawn(drawing: Drawing, calls: Iterable[str]) -> list[bool]:
    """Which of some calls go wrong."""
    choose, counts = drawing.choose(lambda _: None), Counter[str]()
    found: list[bool] = []
    for site in calls:
        counts[site] += 1
        found.append(choose(site, counts[site]) is not None)
    return found


def first_of(pattern: type[Drawing], sites: Iterable[str] = SITES) -> Drawing:
    swarm = Swarm(0, (Refuse(),), sites)
    return next(each for each in map(swarm.drawing, range(100)) if type(each) is pattern)


def test_a_pursuit_hits_one_usual_call_and_all_that_follow_from_it() -> None:
    wrong = drawn(first_of(Pursuit), [*SITES, "shop.order", "mail.send", "mail.send"])

    assert wrong[:3].count(True) == 1
    assert all(wrong[3:])


def test_calls_go_wrong_as_often_as_a_scattered_drawing_says() -> None:
    drawing = first_of(Scattered)
    assert isinstance(drawing, Scattered)

    wrong = drawn(drawing, ["shop.order"] * 2000)

    assert wrong.count(True) / 2000 == pytest.approx(drawing.probability, abs=0.05)


def test_each_call_and_kind_has_its_turn_before_any_comes_again() -> None:
    swarm = Swarm(3, DEFAULT_KINDS[:6], SITES)

    one_turn = [each for each in map(swarm.drawing, range(4 * 18)) if isinstance(each, Pursuit)]

    assert len({(each.calm, each.kinds) for each in one_turn}) == len(one_turn) == 18


def test_a_chain_of_fallbacks_of_any_length_is_found_in_few_runs() -> None:
    exploration = explore(None, planted_bugs.QuietChain, depth=3, runs=20, findings=1)

    assert [len(each.plan) for each in exploration.findings] == [3]


def test_what_needs_more_faults_than_the_depth_is_not_reported() -> None:
    exploration = explore(None, planted_bugs.QuietChain, depth=2, runs=100)

    assert exploration.accounting.swarm > 20
    assert not exploration.findings


class OrdersAgainIfNothingIsThere(planted_bugs.Ordering):
    """It believes the list of orders, however old."""

    async def workflow(self, hub: Hub) -> Any:
        await hub.call_tool("shop.order", {"item": "tea"})
        if not (await hub.call_tool("shop.placed"))["result"]:
            await hub.call_tool("shop.order", {"item": "tea"})
        return {"success": True}


def test_a_stale_read_that_is_drawn_happens() -> None:
    swarm = Swarm(0, (Stale(),), ["shop.order", "shop.placed"])
    drawing = swarm.drawing(0)
    assert isinstance(drawing, Scattered)
    always = replace(drawing, calm=0, probability=1.0)

    with Runner(Subject(OrdersAgainIfNothingIsThere)) as runner:
        seen = runner.run(always)

    assert seen.verdict is Verdict.FAILED_SILENTLY


def test_a_known_failure_is_spared_so_that_it_hides_no_other() -> None:
    swarm = Swarm(0, DEFAULT_KINDS, SITES)
    swarm.spare(Fault("shop.order", Refuse(), 1, None))

    chosen = {
        fault.kind
        for number in range(60)
        if (fault := swarm.drawing(number).choose(lambda _: None)("shop.order", 1)) is not None
    }

    assert chosen
    assert not {kind for kind in chosen if kind.effect is Refuse().effect}
