"""Runs that begin like another one: the same is seen of them, though nobody looks at their beginning again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import planted_bugs
import pytest

from pytest_mcpflow import Fake, Fault, FaultPlan, Hub, Run, Scenario, tool
from pytest_mcpflow.explore import DEFAULT_KINDS
from pytest_mcpflow.explore.observe import Observation, Seen
from pytest_mcpflow.explore.subject import Subject
from pytest_mcpflow.stage import Stage


@dataclass
class Kitchen(Fake):
    """Cooks, and notes when."""

    cooked: list[str] = field(default_factory=list[str])
    began: list[float] = field(default_factory=list[float])

    @tool(idempotent=False)
    def cook(self, dish: str) -> int:
        """Cook a dish."""
        self.cooked.append(dish)
        self.began.append(self.clock.now())
        return len(self.cooked)


@dataclass
class Dinner(Scenario):
    """Three dishes, two of them at once, and what one of them lacks ends the other."""

    kitchen: Kitchen = field(default_factory=lambda: Kitchen(takes={"cook": 5.0}))

    async def workflow(self, hub: Hub) -> Any:
        with suppress(Exception):
            await hub.call_tool("kitchen.cook", {"dish": "soup"}, timeout=20)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(hub.call_tool("kitchen.cook", {"dish": "rice"}, timeout=20))
                both.create_task(hub.call_tool("kitchen.cook", {"dish": "fish"}, timeout=2))
        except* Exception:
            await hub.call_tool("kitchen.cook", {"dish": "bread"}, timeout=20)

    def expect(self, run: Run) -> None:
        assert self.kitchen.cooked


def observed(
    scenario: type[Scenario], faults: tuple[Fault, ...], begins: tuple[Seen, ...] = ()
) -> Observation:
    with Stage() as stage:
        return Subject(scenario).observe(FaultPlan(faults), stage=stage, begins=begins)


def with_one_more(scenario: type[Scenario], faults: tuple[Fault, ...]) -> Iterator[None]:
    """Compare all plans of one fault more, at each call of a run."""
    before = observed(scenario, faults)
    for index, call in enumerate(before.calls):
        if call.faulted:
            continue
        for kind in DEFAULT_KINDS:
            more = (*faults, Fault(call.site, kind, call.number, call.number))
            assert observed(scenario, more, before.calls[: index + 1]) == observed(scenario, more)
            yield


@pytest.mark.parametrize("scenario", [Dinner, planted_bugs.QuietChain, planted_bugs.HidesTwoFailures])
def test_what_is_seen_of_a_run_does_not_depend_on_what_is_known_of_its_beginning(
    scenario: type[Scenario],
) -> None:
    assert list(with_one_more(scenario, ()))


def test_two_faults_are_seen_alike_on_top_of_one() -> None:
    late = FaultPlan.parse("kitchen.cook#1=late").faults
    assert list(with_one_more(Dinner, late))


def test_a_call_that_is_given_up_because_of_a_later_one_is_seen_as_given_up() -> None:
    fault = FaultPlan.parse("kitchen.cook#3=refuse").faults
    calls = observed(Dinner, ()).calls
    seen = observed(Dinner, fault, calls[:3])

    assert seen.calls[0] is calls[0]
    assert seen.calls[1] != calls[1]


def test_a_run_that_goes_another_way_than_was_known_is_looked_at() -> None:
    soup, *others = observed(Dinner, ()).calls
    wrong = (soup._replace(world=(b"another",), exact=b'{"dish":"stew"}'), *others)

    assert observed(Dinner, (), wrong) == observed(Dinner, ())
