"""Faults of questions, at clients that the hub did not make and that answer by themselves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp.client import ClientRequestContext
from mcp_types import ElicitRequestParams, ElicitResult
from stall import Shop

from pytest_mcpflow import Cancelled, Era, Failed, Hub, Way

URL = "https://shop.example.com/mcp"
each_way = pytest.mark.parametrize("way", Way)
each_mode = pytest.mark.parametrize("mode", ["legacy", "auto"])


async def approve(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
    return ElicitResult(action="accept", content={"approved": True})


def under(fault: str | None, *, way: Way, mode: str) -> tuple[Hub, Shop, str]:
    """What a redirected client saw of a sale that it approves of."""
    hub = Hub(way=way, virtual_time=True)
    shop = hub.serve(Shop())
    hub.redirect(URL, to="shop")
    if fault is not None:
        hub.fail(f"shop.sell_dearly#1={fault}")

    async def sell() -> str:
        client: Any = Client(URL, elicitation_callback=approve, mode=mode)
        async with client:
            try:
                result = await client.call_tool("sell_dearly", {"item": "tea"}, read_timeout_seconds=10)
            except MCPError as error:
                return str(error)
            return ("refused: " if result.is_error else "") + str(result.content[0].text)

    return hub, shop, hub.run(sell())


@each_way
@each_mode
def test_without_a_fault_the_client_answers_by_itself(way: Way, mode: str) -> None:
    _, shop, seen = under(None, way=way, mode=mode)

    assert (shop.sold, seen) == (["tea"], "sold")


@each_way
@each_mode
def test_a_fault_declines_in_its_place(way: Way, mode: str) -> None:
    hub, shop, seen = under("decline", way=way, mode=mode)

    assert shop.sold == []
    assert seen == "refused: The user declined the request"
    assert str(hub.transcript.calls("shop.sell_dearly")[0].fault) == "no effect, question declined"


@each_way
@each_mode
def test_a_fault_lets_it_never_answer(way: Way, mode: str) -> None:
    hub, shop, seen = under("unanswered", way=way, mode=mode)

    call = hub.transcript.calls("shop.sell_dearly")[0]
    assert shop.sold == []
    assert seen == "Request 'tools/call' timed out"
    assert isinstance(call.outcome, Failed)
    assert call.seconds == 10
    assert str(call.fault) == "no effect, question never answered"


@pytest.mark.parametrize("era", Era)
@each_way
def test_a_question_that_is_never_answered_ends_a_call_of_the_hubs_own_client(way: Way, era: Era) -> None:
    hub = Hub(way=way, era=era, virtual_time=True)
    hub.serve(Shop())
    hub.answer_with(lambda _: {"approved": True})
    hub.fail("shop.sell_dearly#1=unanswered")

    async def sell() -> None:
        client = await hub.client("shop")
        with pytest.raises(MCPError, match="timed out"):
            await client.call_tool("sell_dearly", {"item": "tea"}, read_timeout_seconds=10)

    hub.run(sell())
    call = hub.transcript.calls("shop.sell_dearly")[0]
    assert call.outcome == Failed("Request 'tools/call' timed out", -32001)
    assert call.seconds == 10


@pytest.mark.parametrize("era", Era)
def test_a_call_that_is_cancelled_while_its_question_is_open_ends_too(era: Era) -> None:
    hub = Hub(way=Way.MEMORY, era=era, virtual_time=True)
    hub.serve(Shop())
    hub.answer_with(lambda _: {"approved": True})
    hub.fail("shop.sell_dearly#1=unanswered")

    async def sell() -> None:
        client = await hub.client("shop")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.call_tool("sell_dearly", {"item": "tea"}), 10)

    hub.run(sell())
    call = hub.transcript.calls("shop.sell_dearly")[0]
    assert call.outcome == Cancelled()
    assert call.seconds == 10
