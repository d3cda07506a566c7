"""What is said of an exploration that nobody can mean."""

from __future__ import annotations

import re
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import planted_bugs
import pytest

from pytest_mcpflow import Hub
from pytest_mcpflow.errors import ExplorationError
from pytest_mcpflow.explore import explore
from pytest_mcpflow.faults.plan import FaultPlan
from pytest_mcpflow.faults.talking import Decline


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"kinds": ["refuse"]}, "kinds of faults and no texts, got 'refuse'"),
        ({"kinds": "refuse"}, "kinds of faults and no texts, got 'r'"),
        ({"runs": -1}, "runs is a whole number from 1 on, got -1"),
        ({"runs": 0}, "runs is a whole number from 1 on, got 0"),
        ({"findings": 0}, "findings is a whole number from 1 on, got 0"),
        ({"permute": -1}, "permute is a whole number from 0 on, got -1"),
        ({"depth": 2.5}, "depth is a whole number from 1 on, got 2.5"),
        ({"seconds": -1}, "seconds are the most real seconds to search for, above 0, got -1"),
        ({"seconds": float("nan")}, "above 0, got nan"),
        ({"executor": 7}, "an executor has a method submit(), as concurrent.futures"),
        ({"executor": ProcessPoolExecutor}, "is a class; pass ProcessPoolExecutor(...)"),
    ],
)
def test_what_was_given_is_said_and_what_to_give(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ExplorationError, match=re.escape(told)):
        explore(None, planted_bugs.CarefulOrder, **arguments)


@pytest.mark.parametrize("world", [planted_bugs.Shop, planted_bugs.Shop()], ids=["class", "fake"])
def test_a_fake_is_no_world(world: Any) -> None:
    with pytest.raises(ExplorationError, match=r"Shop is one of them; pass lambda: \[Shop\(\)\]"):
        explore(None, world)


def test_fakes_that_no_function_makes_are_no_world() -> None:
    with pytest.raises(ExplorationError, match="pass a function that returns it"):
        explore(None, [planted_bugs.Shop()])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


STALE = [fault.kind for fault in FaultPlan.parse("*.*=stale").faults]


def test_a_world_of_one_fake_is_a_list_too() -> None:
    world: Any = lambda: planted_bugs.Shop()  # noqa: E731

    with pytest.raises(ExplorationError, match="returns a Shop alone; let it return a list"):
        explore(order, world)


async def order(hub: Hub) -> None:
    await hub.call_tool("shop.order", {"item": "tea"}, timeout=10)


def test_kinds_that_can_happen_to_no_call_are_no_proof() -> None:
    with pytest.raises(
        ExplorationError, match=r"none of these kinds of faults \(stale\).*calls shop.order\)"
    ):
        explore(order, lambda: [planted_bugs.Shop()], kinds=STALE)


def test_nor_are_kinds_of_which_none_happened() -> None:
    with pytest.raises(
        ExplorationError, match=r"\(decline\) happened to order under any of 2 plans, .*; name"
    ):
        explore(order, lambda: [planted_bugs.Shop()], kinds=[Decline()])

    exploration = explore(order, lambda: [planted_bugs.Shop()], kinds=[Decline()], permute=2)
    assert not exploration.proven


def test_other_orders_of_tasks_can_be_all_there_is_to_try_and_prove_nothing() -> None:
    exploration = explore(order, lambda: [planted_bugs.Shop()], kinds=STALE, permute=2)

    assert exploration.accounting.schedules == 2
    assert not exploration.proven
    assert "which is no proof" in exploration.claim
