"""A run under a plan is freed when it is over, and does not wait for the garbage collector."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_mcpflow import Fake, FaultPlan, Hub, Run, Scenario, Way, tool
from pytest_mcpflow.stage import Stage
from pytest_mcpflow.verdict import Verdict, judge

PLANS = [
    "",
    "shop.order#1=refuse",
    "shop.order#1=error",
    "shop.order#1=lose_request",
    "shop.order#1=lose_reply",
    "shop.order#1=late",
    "shop.order#1=duplicate",
    "shop.order#1=delay(4)",
    "shop.order#1=delay(60)",
    "shop.order#1=delay(60, reply)",
    "shop.order#1=malformed",
    "shop.order#1=disconnect(before)",
    "shop.order#1=outage(5)",
    "shop.order#1=crash",
    "shop.order#1=hang",
    "shop.stock#*=stale, shop.order#*=refuse",
]


@dataclass
class Shop(Fake):
    """A shop."""

    orders: int = 0

    @tool(reads=True)
    def stock(self) -> dict[str, int]:
        """How much there is."""
        return {"left": 10 - self.orders}

    @tool()
    def order(self) -> dict[str, int]:
        """Take one."""
        self.orders += 1
        return {"left": 10 - self.orders}


@dataclass
class Ordering(Scenario):
    """Order one thing, again and again if need be."""

    shop: Shop = field(default_factory=Shop)
    left: list[weakref.ref[Any]] = field(default_factory=list["weakref.ref[Any]"])
    raises: bool = False

    async def workflow(self, hub: Hub) -> Any:
        self.left += weakref.ref(hub), weakref.ref(hub.faults)  # to which all calls that go wrong refer
        for attempt in range(3):
            try:
                await hub.call_tool("shop.stock", timeout=10)
                await hub.call_tool("shop.order", timeout=10)
                return {"success": True}
            except Exception:
                if self.raises and attempt == 2:
                    raise
        return {"success": False}

    def expect(self, run: Run) -> None:
        assert self.shop.orders == 1


@pytest.mark.parametrize("raises", [False, True], ids=["says", "raises"])
@pytest.mark.parametrize("plan", PLANS)
def test_a_run_is_gone_with_its_judgement(plan: str, raises: bool) -> None:
    with Stage() as stage:
        judge(
            Ordering(raises=raises), way=Way.DIRECT, plan=plan or None, stage=stage
        )  # what is imported, is now
        gc.collect()
        gc.disable()
        try:
            scenario = Ordering(raises=raises)
            judgement = judge(scenario, way=Way.DIRECT, plan=plan or None, stage=stage)
            assert judgement.verdict is not Verdict.FAILED
            del judgement
            assert [each() for each in scenario.left] == [None, None]
        finally:
            gc.enable()


def test_what_is_told_of_a_call_stays_when_the_hub_is_left() -> None:
    hub = Hub(way=Way.DIRECT, virtual_time=True)
    hub.serve(Shop())
    hub.fail(FaultPlan.parse("shop.order#1=lose_reply"))

    async def order() -> str:
        try:
            await hub.call_tool("shop.order", timeout=5)
        except Exception:
            return str(hub.transcript[0])
        return "no fault"

    before = hub.run(order())
    assert "reply lost" in before
    assert str(hub.transcript[0]) == before
    assert hub.faults.never_happened() == []
