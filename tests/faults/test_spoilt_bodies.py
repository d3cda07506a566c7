"""Bodies of responses that are spoilt on this side of the wire, piece by piece as they come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

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


def received(data: bytes, order: str, *, kind: str, size: int) -> bytes:
    """What a client reads of a body that comes in pieces."""
    orders = Orders()
    given = orders.give(order, lambda: None)
    got = list[bytes]()

    async def main() -> None:
        def answer(request: httpx2.Request) -> httpx2.Response:
            assert TAMPER_KEY.encode() not in request.content
            return httpx2.Response(200, headers={"content-type": kind}, stream=Pieces(data, size))

        message = {"id": 1, "params": {"_meta": {TAMPER_KEY: given.key}}}
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
    data = b'data: {"result": "' + b"x" * (12 << 20) + b'"}\n\n'
    began = time.monotonic()

    assert received(data, "drip 0", kind=kind, size=2048) == data
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_an_event_ends_where_it_ends_however_it_comes(end: bytes, size: int) -> None:
    before, answer, behind = b"data: {}" + end, b'data: {"result": 1}' + end, b"data: []" + end

    got = received(before + answer + behind, "bad_json", kind=EVENTS, size=size)

    assert got == before + b'data: {"r' + end + behind
