"""Runs that differ by when something happened are alike, and runs that differ by a price are not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_mcpflow import Fake, Hub, tool
from pytest_mcpflow.explore import Exploration, Tactics, explore

Workflow = Callable[[Hub], Awaitable[Any]]


@dataclass
class Bank(Fake):
    """Keeps money, and a diary."""

    balance: float = 0.0
    meeting: str = ""
    paid_at: list[float] = field(default_factory=list[float])
    diary: list[str] = field(default_factory=list[str])

    @tool(idempotent=False)
    def pay_in(self, amount: float) -> float:
        """Pay something in."""
        self.balance += amount
        return self.balance

    @tool(idempotent=False)
    def pay_in_by_the_clock(self, style: str) -> None:
        """Pay one in, and note when."""
        self.balance += 1
        if style == "seconds":
            self.paid_at.append(self.clock.now())
        else:
            self.diary.append(format(self.clock.wall(), style))

    @tool(idempotent=False)
    def move(self, to: str) -> str:
        """Put the meeting off."""
        self.meeting = to
        return to

    @tool(reads=True)
    def rate(self) -> int:
        """Say what the rate is."""
        return 3


def explored(workflow: Workflow, rule: Any, *, depth: int = 2) -> Exploration:
    by_classes_alone = Tactics(swarm=False)
    return explore(workflow, lambda: [Bank()], depth=depth, invariants=[rule], tactics=by_classes_alone)


@pytest.mark.parametrize("amount", [10.0, 11.0])
def test_a_price_that_looks_like_an_instant_is_none(amount: float) -> None:
    async def pays_in_instalments(hub: Hub) -> float | None:
        await asyncio.sleep(10)
        await hub.call_tool("bank.pay_in", {"amount": amount}, timeout=30)
        await asyncio.sleep(10)
        try:
            await hub.call_tool("bank.pay_in", {"amount": amount}, timeout=30)
        except Exception:
            try:
                await hub.call_tool("bank.rate", timeout=30)
            except Exception:
                return amount  # though two may be there
            return None
        return 2 * amount

    def no_lie(run: Any, world: Any) -> None:
        """Who says what is there is right."""
        assert run.error is not None or run.result in (None, world["bank"].balance)

    plans = [str(each.plan) for each in explored(pays_in_instalments, no_lie).findings]

    assert plans == ["bank.pay_in#2=lose_reply, bank.rate#1=refuse"]


def test_a_time_that_was_agreed_on_is_no_instant() -> None:
    async def puts_the_meeting_off(hub: Hub) -> str | None:
        await hub.call_tool("bank.move", {"to": "2026-01-05T09:00:00Z"}, timeout=30)
        try:
            await hub.call_tool("bank.move", {"to": "2026-01-05T10:00:00Z"}, timeout=30)
        except Exception:
            try:
                await hub.call_tool("bank.rate", timeout=30)
            except Exception:
                return "2026-01-05T10:00:00Z"  # though it may not have been put off
            return None
        return "2026-01-05T10:00:00Z"

    def no_lie(run: Any, world: Any) -> None:
        """Who names a time has agreed on it."""
        assert run.error is not None or run.result in (None, world["bank"].meeting)

    plans = [str(each.plan) for each in explored(puts_the_meeting_off, no_lie).findings]

    assert plans == ["bank.move#2=refuse, bank.rate#1=refuse"]


@pytest.mark.parametrize("style", ["seconds", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S.%f"])
def test_what_is_noted_by_the_clock_keeps_no_runs_apart(style: str) -> None:
    async def retries(hub: Hub) -> bool:
        try:
            await hub.call_tool("bank.pay_in_by_the_clock", {"style": style}, timeout=30)
        except Exception:
            await hub.call_tool("bank.pay_in_by_the_clock", {"style": style}, timeout=30)
        return True

    def nothing(run: Any, world: Any) -> None:
        """Whatever comes is right."""

    classes = explored(retries, nothing, depth=1).accounting.classes

    assert any(each.kind == "refuse" and "lose_request" in each.like for each in classes)
