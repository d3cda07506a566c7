"""What can be explored, and what is said of what cannot."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import planted_bugs
import pytest

from pytest_mcpflow import Fake, Hub, Run, Workflow, run, tool
from pytest_mcpflow.errors import ExplorationError
from pytest_mcpflow.explore import Tactics, explore
from pytest_mcpflow.faults.lost import Late, LoseReply
from pytest_mcpflow.faults.refused import Refuse
from pytest_mcpflow.verdict import Verdict


def shops() -> list[Fake]:
    return [planted_bugs.Shop(), planted_bugs.Ledger()]


async def order(hub: Hub) -> Any:
    await hub.call_tool("shop.order", {"item": "tea"}, timeout=10)
    return {"success": True}


def tea_is_ordered(run: Run, world: Mapping[str, Fake]) -> None:
    """There is tea."""
    shop = world["shop"]
    assert isinstance(shop, planted_bugs.Shop)
    assert shop.orders == ["tea"]


def test_a_function_and_fakes_are_explored_without_a_scenario() -> None:
    exploration = explore(order, shops, expect=tea_is_ordered)

    assert exploration.name == "order"
    assert exploration.proven, str(exploration)
    assert {cell.verdict for cell in exploration.cells} == {Verdict.FAILED_LOUDLY, Verdict.RECOVERED}


def test_fakes_may_be_given_names() -> None:
    async def order_at_second(hub: Hub) -> Any:
        await hub.call_tool("second.order", {"item": "tea"}, timeout=10)

    exploration = explore(
        order_at_second, lambda: {"first": planted_bugs.Shop(), "second": planted_bugs.Shop()}
    )

    assert {cell.site for cell in exploration.cells} == {"second.order#1", "second.order#*"}


def test_invariants_hold_whatever_fails() -> None:
    exploration = explore(order, shops, invariants=[tea_is_ordered])

    assert [each.checks for each in exploration.silent] == [("workflow", "tea_is_ordered")]
    assert exploration.silent[0].judgement.broken[1].claim == "There is tea."


def test_only_the_kinds_that_are_asked_for_are_tried() -> None:
    exploration = explore(order, shops, kinds=[Refuse()])

    assert {cell.kind for cell in exploration.cells} == {"refuse"}
    assert exploration.accounting.kinds == ("refuse",)


# What cannot be explored


async def fails(hub: Hub) -> None:
    await hub.call_tool("shop.cancel", {"item": "tea"})


async def fails_in_a_group(hub: Hub) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(fails(hub))


async def calls_nobody(hub: Hub) -> None:
    await asyncio.sleep(1)


def by_chance() -> Workflow:
    numbers = itertools.count()

    async def workflow(hub: Hub) -> None:
        await hub.call_tool("shop.order", {"item": f"tea {next(numbers)}"})

    return workflow


async def opens_a_socket(hub: Hub) -> None:
    await asyncio.get_running_loop().create_connection(asyncio.Protocol, "127.0.0.1", 9)


@pytest.mark.parametrize(
    ("workflow", "told"),
    [
        (fails, "fails without any fault"),
        (fails_in_a_group, "fails without any fault.*ExceptionGroup.*ToolError: shop.cancel"),
        (calls_nobody, "called none of its servers"),
        (by_chance(), "does not do the same twice"),
        (opens_a_socket, "asked to connect to 127.0.0.1:9 in virtual time"),
    ],
)
def test_a_workflow_that_cannot_be_explored_is_an_error_that_says_why(workflow: Workflow, told: str) -> None:
    with pytest.raises(ExplorationError, match=told):
        explore(workflow, shops)


def test_the_first_difference_of_two_runs_is_shown() -> None:
    with pytest.raises(
        ExplorationError, match=r"call 1 of the first run: .*tea \d.*\n.*second run: .*tea \d"
    ):
        explore(by_chance(), shops)


def test_a_depth_nobody_can_exhaust_is_refused_before_the_search_with_the_number() -> None:
    with pytest.raises(ExplorationError, match=r"about \d\.\de\+\d+ plans of up to 8 faults.*runs="):
        explore(None, planted_bugs.RemembersTheWrongThing, depth=8)


def test_with_a_budget_any_depth_is_searched() -> None:
    exploration = explore(None, planted_bugs.RemembersTheWrongThing, depth=8, runs=30)

    assert exploration.accounting.not_reached > 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"depth": 0}, "from 1 on, got 0"),
        ({"kinds": []}, "no kinds of faults were given"),
    ],
)
def test_senseless_options_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ExplorationError, match=told):
        explore(order, shops, **options)


def test_a_world_without_workflow_needs_one() -> None:
    with pytest.raises(ExplorationError, match="pass the workflow"):
        explore(None, shops)


def test_two_fakes_of_one_service_need_names() -> None:
    with pytest.raises(ExplorationError, match="return them by name"):
        explore(order, lambda: [planted_bugs.Shop(), planted_bugs.Shop()])


def test_an_exploration_inside_a_running_loop_is_refused() -> None:
    async def inside() -> None:
        explore(order, shops)

    with pytest.raises(ExplorationError, match="from a plain test"):
        run(inside())


# What does not end


async def never_ends(hub: Hub) -> None:
    with suppress(Exception):
        await hub.call_tool("shop.order", {"item": "tea"}, timeout=10)
        return
    while True:
        await asyncio.sleep(3600)


async def swallows_cancellation(hub: Hub) -> None:
    with suppress(Exception):
        await hub.call_tool("shop.order", {"item": "tea"}, timeout=10)
        return
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)


async def calls_for_ever(hub: Hub) -> None:
    with suppress(Exception):
        await hub.call_tool("shop.order", {"item": "tea"}, timeout=10)
        return
    while True:
        await hub.call_tool("shop.placed")


async def turns_for_ever(hub: Hub) -> None:
    with suppress(Exception):
        await hub.call_tool("shop.order", {"item": "tea"}, timeout=10)
        return
    while True:
        await asyncio.sleep(0)


@pytest.mark.parametrize("workflow", [never_ends, swallows_cancellation, calls_for_ever, turns_for_ever])
def test_a_workflow_that_does_not_end_hangs_and_the_search_goes_on(workflow: Workflow) -> None:
    exploration = explore(workflow, shops, kinds=[Refuse()], tactics=Tactics(outages=False))

    assert [cell.verdict for cell in exploration.cells] == [Verdict.HUNG]


@pytest.mark.parametrize(
    ("looks_again", "when"), [(True, "before shop.placed#2, at t=0"), (False, "at the end, at t=0")]
)
def test_a_workflow_that_changes_the_world_by_itself_is_told_so(looks_again: bool, when: str) -> None:
    shop = planted_bugs.Shop()

    def world() -> list[Fake]:
        shop.orders = []
        return [shop]

    async def meddles(hub: Hub) -> None:
        await hub.call_tool("shop.placed", timeout=10)
        shop.orders.append("coffee")
        if looks_again:
            await hub.call_tool("shop.placed", timeout=10)

    exploration = explore(meddles, world)

    assert f"after shop.placed#1 and {when}, the world had changed" in exploration.notes[0]
    assert "changes the world by itself" in str(exploration)


def test_sockets_of_the_thread_kind_are_left_alone() -> None:
    one, other = socket.socketpair()
    with one, other:
        exploration = explore(order, shops)

    assert exploration.proven


@pytest.mark.parametrize("when", ["after a tool that writes", "under a fault"])
def test_what_a_workflow_changes_by_itself_is_noted_wherever_it_does(when: str) -> None:
    made: list[planted_bugs.Shop] = []

    def shop() -> list[Fake]:
        made.append(planted_bugs.Shop())
        return [made[-1]]

    async def orders_twice(hub: Hub) -> None:
        try:
            await hub.call_tool("shop.order", {"item": "tea"}, timeout=5)
            if when == "after a tool that writes":
                made[-1].orders.append("rum")
        except Exception:
            if when == "under a fault":
                made[-1].orders.append("rum")
        await hub.call_tool("shop.order", {"item": "milk"}, timeout=5)

    [note] = explore(orders_twice, shop, kinds=[LoseReply()]).notes

    assert ("under shop.order#" in note) is (when == "under a fault")
    assert "after shop.order#1 and before shop.order#2" in note
    assert "orders_twice changes the world by itself" in note


def test_what_a_fake_keeps_for_itself_is_no_change_of_the_world() -> None:
    @dataclass
    class Counted(Fake):
        """A service that counts who reads."""

        service = "shop"

        readers: int = field(default=0, compare=False)

        @tool(reads=True)
        def placed(self) -> list[str]:
            """List the orders."""
            self.readers += 1
            return []

    async def looks_twice(hub: Hub) -> None:
        await hub.call_tool("shop.placed", timeout=5)
        await hub.call_tool("shop.placed", timeout=5)

    assert explore(looks_twice, lambda: [Counted()]).notes == ()


def test_what_hangs_on_an_effect_and_what_comes_late_is_no_change_by_the_workflow() -> None:
    @dataclass
    class Copied(planted_bugs.OrderedTwice):
        """Each order is noted by another service."""

        backup: planted_bugs.Backup = field(default_factory=planted_bugs.Backup)

        def connect(self, hub: Hub) -> None:
            hub.on_effect("shop.order", lambda _: self.backup.orders.append("a copy"))

    assert explore(None, Copied, kinds=[LoseReply(), Late()]).notes == ()
