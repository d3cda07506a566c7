"""Faults drawn by chance while a run goes on: what each pattern lets go wrong, and what is made of what it finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import planted_bugs
import pytest

from pytest_mcpflow import Fault, Hub
from pytest_mcpflow.explore import DEFAULT_KINDS, Tactics, explore
from pytest_mcpflow.explore.runner import Runner
from pytest_mcpflow.explore.subject import Subject
from pytest_mcpflow.explore.swarm import Drawing, Pursuit, Request, Scattered, Swarm
from pytest_mcpflow.faults.answers import Stale
from pytest_mcpflow.faults.refused import Refuse
from pytest_mcpflow.performance import Verdict

USUAL = (("shop.order", b"tea"), ("backup.order", b"tea"), ("pager.page", b"tea"))


def drawn(drawing: Drawing, calls: Iterable[Request]) -> list[bool]:
    """Which of some calls go wrong."""
    choose, counts = drawing.choose(lambda _: None), Counter[str]()
    found: list[bool] = []
    for site, asked in calls:
        counts[site] += 1
        found.append(choose(site, counts[site], asked) is not None)
    return found


def first_of(pattern: type[Drawing]) -> Drawing:
    swarm = Swarm(0, (Refuse(),), USUAL)
    return next(each for each in map(swarm.drawing, range(100)) if type(each) is pattern)


def test_a_pursuit_hits_one_usual_call_and_all_that_follow_from_it() -> None:
    more = [("shop.order", b"tea"), ("shop.order", b"cake"), ("mail.send", b"tea"), ("mail.send", b"tea")]

    wrong = drawn(first_of(Pursuit), [*USUAL, *more])

    assert wrong[:3].count(True) == 1
    assert all(wrong[3:])


def test_a_pursuit_follows_a_call_that_is_tried_again_in_the_middle_of_others_like_it() -> None:
    usual = [("shelf.look", b"%d" % place) for place in range(9)]
    swarm = Swarm(0, (Refuse(),), usual)
    fifth = next(each for each in map(swarm.drawing, range(1, 36, 4)) if each.calm == 4)

    wrong = drawn(fifth, [*usual[:5], usual[4], *usual[5:]])

    assert [index for index, each in enumerate(wrong) if each] == [4, 5]


def test_calls_go_wrong_as_often_as_a_scattered_drawing_says() -> None:
    drawing = first_of(Scattered)
    assert isinstance(drawing, Scattered)

    wrong = drawn(drawing, [("shop.order", b"tea")] * 2000)

    assert wrong.count(True) / 2000 == pytest.approx(drawing.probability, abs=0.05)


def test_each_call_is_pursued_with_each_kind_once() -> None:
    swarm = Swarm(3, DEFAULT_KINDS[:6], USUAL)

    pursuits = [each for each in map(swarm.drawing, range(200)) if isinstance(each, Pursuit)]

    assert len({(each.calm, each.kinds) for each in pursuits}) == len(pursuits) == 18


def test_a_chain_of_fallbacks_of_any_length_is_found_in_few_runs() -> None:
    exploration = explore(None, planted_bugs.QuietChain, depth=3, runs=20, findings=1)

    assert [len(each.plan) for each in exploration.findings] == [3]


def test_what_needs_more_faults_than_the_depth_is_not_reported() -> None:
    tactics = Tactics(outages=False)  # servers that are out together are one fault, and show it, too

    exploration = explore(None, planted_bugs.QuietChain, depth=2, runs=100, tactics=tactics)

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
    swarm = Swarm(0, (Stale(),), [("shop.order", b"tea"), ("shop.placed", b"")])
    drawing = swarm.drawing(0)
    assert isinstance(drawing, Scattered)
    always = replace(drawing, calm=0, probability=1.0)

    with Runner(Subject(OrdersAgainIfNothingIsThere)) as runner:
        seen = runner.run(always)

    assert seen.verdict is Verdict.FAILED_SILENTLY


def test_a_known_failure_is_spared_so_that_it_hides_no_other() -> None:
    swarm = Swarm(0, DEFAULT_KINDS, USUAL)
    swarm.spare(Fault("shop.order", Refuse(), 1, None))

    chosen = {
        fault.kind
        for number in range(60)
        if (fault := swarm.drawing(number).choose(lambda _: None)("shop.order", 1, b"tea")) is not None
    }

    assert chosen
    assert not {kind for kind in chosen if kind.effect is Refuse().effect}
