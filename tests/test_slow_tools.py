"""Tools that take their time: `takes` of a fake, the same on every way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from mcp import MCPError

from pytest_mcpflow import Answer, ArgumentError, Call, Era, Fake, Hub, Interaction, Question, Way, run, tool

every_way = pytest.mark.parametrize(
    ("way", "era"),
    [(Way.DIRECT, Era.STATELESS), *((way, era) for way in (Way.MEMORY, Way.STDIO, Way.HTTP) for era in Era)],
)


@dataclass
class Approval:
    approve: bool


@dataclass
class Kiln(Fake):
    """Burns pots."""

    pots: int = 0

    @tool(idempotent=False)
    def burn(self, number: int = 1) -> int:
        """Burn pots and say how many there are."""
        self.pots += number
        return self.pots

    @tool(reads=True)
    def count(self) -> int:
        """Say how many there are."""
        return self.pots

    @tool(idempotent=False)
    async def empty(self, call: Call) -> int:
        """Take all pots out, if a person agrees."""
        await call.elicit("Are they cold?", Approval)
        self.pots = 0
        return 0


def agree(question: Question) -> Answer:
    return {"approve": True}


def within(way: Way, era: Era, body: Callable[[Hub, Kiln], Awaitable[object]]) -> list[Interaction]:
    async def main() -> list[Interaction]:
        async with Hub(way=way, era=era, virtual_time=True) as hub:
            kiln = hub.serve(Kiln(takes={"burn": 60.0, "empty": 5.0}))
            hub.answer_with(agree)
            await body(hub, kiln)
            return list(hub.transcript)

    return run(main())


@every_way
def test_a_tool_takes_its_time_and_the_others_answer_at_once(way: Way, era: Era) -> None:
    async def body(hub: Hub, kiln: Kiln) -> None:
        await hub.call_tool("kiln.burn")
        await hub.call_tool("kiln.count")

    assert [each.seconds for each in within(way, era, body)] == [60.0, 0.0]


@every_way
def test_two_calls_at_the_same_time_take_the_time_of_one(way: Way, era: Era) -> None:
    async def body(hub: Hub, kiln: Kiln) -> None:
        await asyncio.gather(hub.call_tool("kiln.burn"), hub.call_tool("kiln.burn"))
        assert kiln.pots == 2

    assert [each.until for each in within(way, era, body)] == [60.0, 60.0]


@every_way
def test_a_call_that_is_given_up_meanwhile_does_nothing(way: Way, era: Era) -> None:
    async def body(hub: Hub, kiln: Kiln) -> None:
        with pytest.raises(MCPError, match="timed out"):
            await hub.call_tool("kiln.burn", timeout=59)
        await asyncio.sleep(10)
        assert kiln.pots == 0

    assert [each.until for each in within(way, era, body)] == [59.0]


@every_way
def test_wrong_arguments_are_refused_at_once(way: Way, era: Era) -> None:
    async def body(hub: Hub, kiln: Kiln) -> None:
        with pytest.raises(ArgumentError):
            await hub.call_tool("kiln.burn", {"number": "many"})

    assert [each.until for each in within(way, era, body)] == [0.0]


@every_way
def test_a_question_in_between_costs_no_time_of_its_own(way: Way, era: Era) -> None:
    async def body(hub: Hub, kiln: Kiln) -> None:
        await hub.call_tool("kiln.empty")

    assert [each.until for each in within(way, era, body)] == [5.0]
