"""What comes to the same once, and not if it goes on, happens again, or arrives in another world."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_mcpflow import Fake, FakeError, Hub, tool
from pytest_mcpflow.explore import AtMostOneEffect, Exploration, NoCallAfter, explore
from pytest_mcpflow.faults.kind import FaultKind
from pytest_mcpflow.faults.lost import Delay

Result = dict[str, bool]


@dataclass
class Shop(Fake):
    """Sells what it has, and is asked for prices."""

    stock: int = 0
    orders: list[str] = field(default_factory=list[str])

    @tool(idempotent=False)
    def order(self, item: str) -> str:
        """Order something that is there."""
        if not self.stock:
            raise FakeError("out of stock")
        self.stock -= 1
        self.orders.append(item)
        return item

    @tool(idempotent=False)
    def fill(self, count: int) -> int:
        """Fill the stock."""
        self.stock += count
        return self.stock

    @tool(reads=True)
    def price(self, item: str) -> int:
        """Say what something costs."""
        return len(item)


def explored(
    workflow: Callable[[Hub], Awaitable[Any]],
    *,
    depth: int,
    rule: Any = None,
    kinds: tuple[FaultKind, ...] | None = None,
    stock: int = 1,
) -> Exploration:
    def no_lie(run: Any, world: Any) -> None:
        """Who says that it has ordered has."""
        assert run.error is not None or not run.result["success"] or world["shop"].orders

    given: dict[str, Any] = {} if kinds is None else {"kinds": kinds}
    return explore(
        workflow,
        lambda: [Shop(stock=stock)],
        depth=depth,
        invariants=[no_lie] if rule is None else [rule],
        **given,
    )


async def order(hub: Hub) -> Result:
    try:
        await hub.call_tool("shop.order", {"item": "tea"}, timeout=5)
    except Exception:
        return {"success": False}
    return {"success": True}


def test_what_is_refused_now_may_arrive_when_it_can_be_done() -> None:
    async def fills_up_and_orders_again(hub: Hub) -> Result:
        done = await order(hub)
        if not done["success"]:
            await hub.call_tool("shop.fill", {"count": 2}, timeout=5)
            done = await order(hub)
        return done

    found = explored(fills_up_and_orders_again, depth=1, rule=AtMostOneEffect("shop.order"), stock=0)

    assert [str(each.plan) for each in found.findings] == ["shop.order#1=late"]


def test_what_goes_on_is_tried_with_each_kind() -> None:
    """Three refusals come at once, and three time-outs too late; one of them comes to the same."""

    async def takes_three_errors_for_done(hub: Hub) -> Result:
        errors, loop = 0, asyncio.get_running_loop()
        await hub.call_tool("shop.price", {"item": "water"}, timeout=30)
        for item in ("tea", "cups", "milk"):
            while True:
                try:
                    await hub.call_tool("shop.price", {"item": item}, timeout=30)
                    break
                except Exception:
                    errors += 1
                    if loop.time() >= 60:
                        raise
                    if errors == 3:
                        return {"success": True}
        return await order(hub)

    found = explored(takes_three_errors_for_done, depth=1)

    assert [str(each.plan) for each in found.findings] == ["shop.price#2-4=refuse"]


async def asks_for_prices(hub: Hub) -> list[str]:
    """Ask for some that can be done without, and between them for one that is needed; which nobody answered."""
    silent: list[str] = []
    for item in ("tea", "water", "milk", "fire", "cake"):
        try:
            await hub.call_tool("shop.price", {"item": item}, timeout=20)
        except Exception as error:
            if item in ("water", "fire"):
                raise
            if "timed out" in str(error):
                silent.append(item)
    return silent


@pytest.mark.parametrize(
    ("kinds", "plan"),
    [
        (None, "shop.price#1=lose_request, shop.price#3=lose_request"),
        ((Delay(19.0),), "shop.price#1-2=delay(19)"),
    ],
)
def test_time_adds_up(kinds: tuple[FaultKind, ...] | None, plan: str) -> None:
    async def orders_in_the_end(hub: Hub) -> Result:
        await asks_for_prices(hub)
        return await order(hub)

    found = explored(orders_in_the_end, depth=2, rule=NoCallAfter(30), kinds=kinds)

    assert [str(each.plan) for each in found.findings] == [plan]


@pytest.mark.parametrize("missing", [["tea", "milk"], ["tea", "cake"], ["tea", "milk", "cake"]])
def test_so_does_what_a_workflow_counts(missing: list[str]) -> None:
    async def does_without_these(hub: Hub) -> Result:
        silent = await asks_for_prices(hub)
        return {"success": True} if silent == missing else await order(hub)

    found = explored(does_without_these, depth=len(missing))

    assert [str(each.plan).count("lose_request") for each in found.findings] == [len(missing)]
    assert not explored(does_without_these, depth=len(missing) - 1).findings
