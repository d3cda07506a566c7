"""Bodies of responses that are spoilt on this side of the wire, piece by piece as they come."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from pytest_mcpflow.orders import Orders
from pytest_mcpflow.serve.outside import SpoilingClient
from pytest_mcpflow.serve.tamper import TAMPER_KEY

JSON, EVENTS = "application/json", "text/event-stream"


class Pieces(httpx2.AsyncByteStream):
    def __init__(self, data: bytes, size: int) -> None:
        self._pieces = [data[at : at + size] for at in range(0, len(data), size)]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


def received(
    data: bytes,
    order: str,
    *,
    kind: str,
    size: int,
    request_id: int | str = 1,
    happened: list[str] | None = None,
) -> bytes:
    """What a client reads of a body that comes in pieces; `happened` gets the order each time that it is obeyed."""
    orders, obeyed = Orders(), list[str]() if happened is None else happened
    given = orders.give(order, lambda: obeyed.append(order))
    got = list[bytes]()

    async def main() -> None:
        def answer(request: httpx2.Request) -> httpx2.Response:
            assert TAMPER_KEY.encode() not in request.content
            return httpx2.Response(200, headers={"content-type": kind}, stream=Pieces(data, size))

        message = {"id": request_id, "params": {"_meta": {TAMPER_KEY: given.key}}}
        async with (
            SpoilingClient(orders, transport=httpx2.MockTransport(answer)) as client,
            client.stream("POST", "http://server.example.com/mcp", json=message) as response,
        ):
            async for piece in response.aiter_raw():
                got.append(piece)

    asyncio.run(main())
    return b"".join(got)


@pytest.mark.parametrize("kind", [JSON, EVENTS])
def test_a_large_answer_takes_no_longer_than_it_is_long(kind: str) -> None:
    data = b'{"id": 1, "result": "' + b"x" * (12 << 20) + b'"}'
    data = data if kind == JSON else b"data: " + data + b"\n\n"
    happened = list[str]()
    began = time.monotonic()

    assert received(data, "drip 0", kind=kind, size=2048, happened=happened) == data
    assert happened == ["drip 0"]
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_an_event_ends_where_it_ends_however_it_comes(end: bytes, size: int) -> None:
    before, answer, behind = b"data: {}" + end, b'data: {"id": 1, "result": 1}' + end, b"data: []" + end

    got = received(before + answer + behind, "bad_json", kind=EVENTS, size=size)

    assert got == before + b'data: {"id": 1' + end + behind


NOTICES: list[Any] = [
    {"method": "notifications/message", "params": {"level": "info", "data": {"result": 1, "id": 1}}},
    {"method": "notifications/message", "params": {"level": "info", "data": "result"}},
    {"method": "notifications/progress", "params": {"progressToken": 1, "progress": 1, "message": "result"}},
    {"id": 1, "method": "sampling/createMessage", "params": {"messages": ["error", "result"]}},
    {"id": 2, "result": {}},
    {"id": None, "result": {}},
    ["result", "error"],
]


@pytest.mark.parametrize("answer", [{"result": {}}, {"result": {"id": 3}}, {"error": {"code": 1}}])
@pytest.mark.parametrize("given_id", [1, "1", "first"])
def test_of_a_stream_the_answer_alone_is_spoilt(answer: dict[str, Any], given_id: int | str) -> None:
    before = b"".join(map(event, NOTICES)) + b": ping\r\n\r\n" + b"data: \r\n\r\n"
    spoilt, behind = event({"id": given_id, **answer}), event(NOTICES[0])

    got = received(
        before + spoilt + behind, "bad_json", kind=f"{EVENTS}; charset=utf-8", size=40, request_id=given_id
    )

    assert got == before + spoilt[: (len(spoilt) - 4) // 2] + b"\r\n\r\n" + behind


@pytest.mark.parametrize("answer", [{"id": "1", "result": {}}, {"id": None, "error": {"code": -32700}}])
def test_an_answer_is_one_though_its_id_is_written_otherwise(answer: dict[str, Any]) -> None:
    data = json.dumps(answer).encode()

    assert received(data, "bad_json", kind=JSON, size=9) == data[: len(data) // 2]


def test_an_answer_may_be_written_on_many_lines() -> None:
    data = b'id: 9\nevent: message\ndata: {"id": 1,\ndata: "result": {}}\n\n'

    assert received(data, "bad_json", kind=EVENTS, size=7) == data[: (len(data) - 2) // 2] + b"\n\n"


@pytest.mark.parametrize("data", [b"", b"result", b'"result"', b'{"id": 1, "result": ', b"[" * 9_000])
def test_a_body_that_is_no_answer_stays_as_it_is(data: bytes) -> None:
    happened = list[str]()

    assert received(data, "bad_json", kind=JSON, size=5, happened=happened) == data
    assert happened == []


def event(message: object) -> bytes:
    return b"event: message\r\ndata: " + json.dumps(message).encode() + b"\r\n\r\n"
