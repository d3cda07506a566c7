"""Faults on the bytes of stdio and HTTP, over the real transports."""

from __future__ import annotations

import asyncio
import signal
from asyncio.subprocess import Process
from typing import Any

import httpx2
import pytest
from stall import LIMIT, Shop, under

from pytest_mcpflow import Era, FaultKind, FaultPlanError, Hub, Way
from pytest_mcpflow.faults.catalogue import KINDS
from pytest_mcpflow.faults.kind import Level

TIMED_OUT = "MCPError: Request 'tools/call' timed out"
CLOSED = "MCPError: Connection closed"
each_era = pytest.mark.parametrize("era", Era)


@each_era
@pytest.mark.parametrize("kind", ["bad_json", "wrong_id"])
def test_over_stdio_an_answer_that_nobody_can_place_is_lost(kind: str, era: Era) -> None:
    ended = under(f"shop.sell#1={kind}", way=Way.STDIO, era=era)

    assert ended.seen[1:3] == [TIMED_OUT, "{'left': 7}"]
    assert ended.transcript[1].seconds == LIMIT
    assert ended.transcript[1].effect


@each_era
def test_over_stdio_lines_that_are_no_messages_are_passed_over(era: Era) -> None:
    ended = under("shop.sell#1=garbage, shop.brew=garbage", way=Way.STDIO, era=era)

    assert ended.errors == []
    assert ended.faults == ["effect applied, lines that are no messages"] * 2


@each_era
def test_over_stdio_a_closed_pipe_is_the_end_of_the_server(era: Era) -> None:
    ended = under("shop.sell#1=hang_up", way=Way.STDIO, era=era)

    assert ended.seen[1:] == [CLOSED] * 7
    assert ended.shop.sold == ["tea"]
    assert ended.transcript[1].seconds == 0


@each_era
@pytest.mark.parametrize(("when", "sold"), [("before", []), ("after", ["tea"])])
def test_over_stdio_the_process_can_be_killed(
    when: str, sold: list[str], era: Era, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = list[Process]()
    start = asyncio.create_subprocess_exec

    async def watched(*command: Any, **options: Any) -> Process:
        started.append(await start(*command, **options))
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", watched)

    ended = under(f"shop.sell#1=kill({when})", way=Way.STDIO, era=era)

    assert ended.seen[1:] == [CLOSED] * 7
    assert ended.shop.sold == sold
    assert ended.transcript[1].effect == bool(sold)
    assert ended.transcript[1].seconds == 0
    assert [process.returncode for process in started] == [-signal.SIGKILL]


@each_era
def test_whoever_waits_for_a_process_that_is_killed_is_told_at_once(era: Era) -> None:
    hub = Hub(way=Way.STDIO, era=era, virtual_time=True)
    shop = Shop()
    hub.serve(shop)
    hub.fail("shop.sell=kill")

    async def work() -> list[str]:
        calls = (hub.call_tool(f"shop.{tool}", {"item": "tea"}) for tool in ("brew", "sell"))
        return [str(error) for error in await asyncio.gather(*calls, return_exceptions=True)]

    assert hub.run(work()) == ["Connection closed"] * 2
    assert [call.seconds for call in hub.transcript] == [0, 0]
    assert shop.sold == ["tea"]  # the brewing has ended with its process


@each_era
def test_over_http_an_answer_that_is_no_json_is_told_to_its_caller(era: Era) -> None:
    ended = under("shop.sell#1=bad_json", way=Way.HTTP, era=era)

    assert ended.seen[1].startswith("MCPError: Failed to parse ")
    assert ended.seen[2] == "{'left': 7}"
    assert ended.transcript[1].effect


@each_era
@pytest.mark.parametrize("code", [401, 429, 500, 503])
def test_over_http_something_in_between_can_answer_with_a_status(code: int, era: Era) -> None:
    ended = under(f"shop.sell#1=status({code})", way=Way.HTTP, era=era)

    assert ended.seen[1].startswith("MCPError: ")
    assert ended.seen[2] == "{'left': 8}"
    assert ended.faults == [f"no effect, HTTP status {code}"]


@each_era
def test_a_status_says_when_to_come_back_if_it_is_one_that_does(
    monkeypatch: pytest.MonkeyPatch, era: Era
) -> None:
    received: dict[int, tuple[str | None, str]] = {}
    send = httpx2.AsyncHTTPTransport.handle_async_request

    async def watched(self: httpx2.AsyncHTTPTransport, request: httpx2.Request) -> httpx2.Response:
        response = await send(self, request)
        headers = response.headers
        received.setdefault(response.status_code, (headers.get("retry-after"), headers["content-type"]))
        return response

    monkeypatch.setattr(httpx2.AsyncHTTPTransport, "handle_async_request", watched)
    codes = (
        "shop.sell#1=status, shop.sell#2=status(429, 7), shop.brew=status(401), shop.sell_all=status(500, 0)"
    )
    under(codes, way=Way.HTTP, era=era)

    page = "text/html"
    assert {code: told for code, told in received.items() if code >= 400} == {
        503: ("30", page),
        429: ("7", page),
        401: (None, page),
        500: ("0", page),
    }


@each_era
def test_over_http_a_page_in_place_of_an_answer_is_told_to_its_caller(era: Era) -> None:
    ended = under("shop.sell#1=content_type", way=Way.HTTP, era=era)

    assert ended.seen[1:3] == ["MCPError: Unexpected content type: text/html", "{'left': 7}"]


@pytest.mark.parametrize(
    ("era", "seen", "later"),
    [
        (Era.HANDSHAKE, "MCPError: SSE stream ended without a response", "{'left': 7}"),
        # In this era answers are no streams, and the SDK's client does not outlive one that ends early.
        (Era.STATELESS, CLOSED, CLOSED),
    ],
)
def test_over_http_an_answer_can_be_cut_off(era: Era, seen: str, later: str) -> None:
    ended = under("shop.sell#1=cut", way=Way.HTTP, era=era)

    assert ended.seen[1:3] == [seen, later]
    assert ended.transcript[1].seconds == 0
    assert ended.transcript[1].effect


@each_era
def test_over_http_an_answer_can_come_in_drips(era: Era) -> None:
    ended = under("shop.sell#1=drip(8), shop.sell#2=drip(30), shop.brew=drip(4)", way=Way.HTTP, era=era)

    assert ended.seen[1:4] == ["{'left': 8}", TIMED_OUT, "{'result': 7}"]
    assert [call.seconds for call in ended.transcript[1:3]] == [8, LIMIT]
    assert ended.transcript[6].seconds == 8  # four of brewing, four of dripping
    assert ended.seen[6:] == ["{'result': 'hot'}", "{'result': 26.0}"]
    assert ended.faults == [f"effect applied, answer in pieces over {seconds} s" for seconds in (8, 30, 4)]


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind.level is Level.WIRE])
@pytest.mark.parametrize("way", Way)
def test_where_there_is_no_such_wire_a_plan_cannot_happen(kind: type[FaultKind], way: Way) -> None:
    hub = Hub(way=way, virtual_time=True)
    hub.serve(Shop())
    hub.fail(f"shop.sell#1={kind.name}")

    if way in kind.ways:
        hub.faults.check()
    else:
        with pytest.raises(FaultPlanError, match=f"and this hub's way is {way}; use --mcp-transport "):
            hub.faults.check()


def test_two_runs_with_a_spoilt_wire_are_alike() -> None:
    plan = "shop.sell#1=bad_json, shop.brew=wrong_id, shop.count#2=garbage"

    assert under(plan, way=Way.STDIO).transcript == under(plan, way=Way.STDIO).transcript
