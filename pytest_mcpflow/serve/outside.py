"""The wires to servers that others made. Their end obeys nobody, so that answers are spoilt at this end.

Either wire takes the order out of the request, see `pytest_mcpflow.serve.tamper`: nobody else has to know of it.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import IO, Any, TextIO, cast

import anyio
import httpx2
from mcp import StdioServerParameters
from mcp.client import Transport
from mcp.client.stdio import get_default_environment, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCRequest, JSONRPCResponse, RequestId

from pytest_mcpflow.orders import Order, Orders
from pytest_mcpflow.serve.bodies import has_answer, pieces_of, torn
from pytest_mcpflow.serve.child import Child, child_process
from pytest_mcpflow.serve.lines import LineReader, LineWriter, message_in
from pytest_mcpflow.serve.sse import is_event_stream
from pytest_mcpflow.serve.tamper import (
    GARBAGE,
    KILL_AFTER,
    KILL_BEFORE,
    PAGE,
    order_in_body,
    order_of,
    spoilt,
    without_order,
)

__all__ = ["SpoilingClient", "carries_lines", "wire_to_command", "wire_to_url"]

TIMEOUT = httpx2.Timeout(30.0, read=300.0)
"""Seconds; the SDK's own."""
EVENT_END, LONGEST_END = re.compile(rb"\r\n\r\n|\n\n"), 4


def carries_lines(parameters: StdioServerParameters) -> bool:
    """Whether the pipes of such a server are ours: the SDK knows Windows, and other encodings, better."""
    return sys.platform != "win32" and parameters.encoding.lower().replace("-", "") == "utf8"


def wire_to_command(
    parameters: StdioServerParameters, name: str, errors: TextIO, orders: Orders
) -> Transport:
    """A transport to a server that is started as a child, also in virtual time.

    The SDK's own one waits for the end of its child by the clock of the event loop, which may stand still meanwhile.

    Args:
        parameters: The command.
        name: What it is, for messages.
        errors: The file that gets its standard error.
        orders: How answers are to be spoilt.
    """
    if not carries_lines(parameters):
        return cast("Transport", stdio_client(parameters, errlog=errors))
    return cast("Transport", _piped(parameters, name, errors, orders))


def wire_to_url(url: str, orders: Orders) -> Transport:
    """A transport to a server that is reached over streamable HTTP; `orders` say how answers are to be spoilt."""
    return cast("Transport", _connected(url, orders))


@asynccontextmanager
async def _piped(
    parameters: StdioServerParameters, name: str, errors: IO[Any], orders: Orders
) -> AsyncGenerator[tuple[LineReader, LineWriter]]:
    env = {**get_default_environment(), **(parameters.env or {})}
    command = [parameters.command, *parameters.args]
    async with child_process(command, name=name, errors=errors, env=env, cwd=parameters.cwd) as child:
        answers = _Reader(child)
        yield answers, _Writer(child, answers, orders)


@asynccontextmanager
async def _connected(url: str, orders: Orders) -> AsyncGenerator[Any]:
    async with (
        SpoilingClient(orders) as client,
        streamable_http_client(url, http_client=client) as streams,
    ):
        yield streams


class _Writer(LineWriter):
    def __init__(self, child: Child, answers: _Reader, orders: Orders) -> None:
        super().__init__(child.input, None)  # how many lines come for one is not ours to know
        self._kill, self._answers, self._orders = child.kill, answers, orders

    async def send(self, item: SessionMessage, /) -> None:
        message = item.message
        order = order_of(message.params, self._orders) if isinstance(message, JSONRPCRequest) else None
        if order is not None and order == KILL_BEFORE:
            order.obey()
            self._kill()
            return
        if isinstance(message, JSONRPCRequest) and order is not None:
            self._answers.await_spoilt(message.id, order)
            item = SessionMessage(message.model_copy(update={"params": without_order(message.params or {})}))
        await super().send(item)


class _Reader(LineReader):
    def __init__(self, child: Child) -> None:
        super().__init__(child.output, None)
        self._child = child
        self._orders: dict[str, Order] = {}
        self._arrived = deque[SessionMessage | Exception]()
        self._has_hung_up = False

    def await_spoilt(self, request_id: object, order: Order) -> None:
        """Obey an order when the answer to a request is there, or when its caller waits no longer."""
        self._orders[str(request_id)] = order
        if order == KILL_AFTER:
            order.when_given_up(self._child.kill)
        elif order == "hang_up":
            order.when_given_up(self._hang_up)

    def _hang_up(self) -> None:
        self._has_hung_up = True
        self._child.stop_listening()

    async def receive(self) -> SessionMessage | Exception:
        while not self._arrived:
            if self._has_hung_up:
                raise anyio.EndOfStream
            item = await super().receive()
            if self._has_hung_up:
                raise anyio.EndOfStream
            order = None
            if isinstance(item, SessionMessage) and isinstance(item.message, JSONRPCResponse | JSONRPCError):
                order = self._orders.pop(str(item.message.id), None)  # "7" answers 7, too
            spoils = order is not None and order.obey()
            self._arrived.extend(self._spoilt(item, order) if order is not None and spoils else [item])
        return self._arrived.popleft()

    def _spoilt(self, item: Any, order: str) -> list[SessionMessage | Exception]:
        match order:
            case "garbage":
                return [*map(message_in, GARBAGE), item]
            case "hang_up":
                self._has_hung_up = True
                return []
            case _ if order == KILL_AFTER:
                self._child.kill()
                return []
            case _:
                return [message_in(spoilt(item.message, order))]


class SpoilingClient(httpx2.AsyncClient):
    """Spoils the answers that are to be spoilt.

    Args:
        orders: Which, and how.
        transport: What carries the requests; by default the network.
    """

    def __init__(self, orders: Orders, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        super().__init__(timeout=TIMEOUT, transport=transport)
        self._orders = orders

    async def send(self, request: httpx2.Request, **how: Any) -> httpx2.Response:
        found = order_in_body(request.content, self._orders) if request.method == "POST" else None
        if found is None:
            return await super().send(request, **how)
        order, message = found
        if order.startswith("status "):
            order.obey()
            return _status(request, *order.split()[1:])
        headers = {**request.headers, "accept-encoding": "identity"}
        del headers["content-length"]
        message["params"] = without_order(message["params"])
        sent = self.build_request(request.method, request.url, headers=headers, json=message)
        response = await super().send(sent, **how)
        if order == "content_type":
            order.obey()
            response.headers["content-type"] = "text/html"
        else:
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            response.stream = _SpoiltBody(response, response.stream, order, message["id"])
        return response


def _status(request: httpx2.Request, code: str, *seconds: str) -> httpx2.Response:
    headers = [("content-type", "text/html"), *(("retry-after", each) for each in seconds)]
    return httpx2.Response(int(code), headers=headers, content=PAGE, request=request)


class _SpoiltBody(httpx2.AsyncByteStream):
    """The body of a response, in parts that are whole: it alone, or the events of a stream."""

    def __init__(
        self, response: httpx2.Response, body: httpx2.AsyncByteStream, order: Order, request_id: RequestId
    ) -> None:
        self._body, self._order, self._request_id = body, order, request_id
        self._is_stream = is_event_stream(response.headers.get("content-type", ""))
        response.headers.pop("content-length", None)  # it is no longer true

    async def __aiter__(self) -> AsyncIterator[bytes]:
        rest = bytearray()
        searched = 0
        async for chunk in self._body:
            rest += chunk
            while self._is_stream and (found := EVENT_END.search(rest, searched)):
                event = bytes(rest[: found.end()])
                del rest[: found.end()]
                searched = 0
                async for part in self._spoilt(event):
                    yield part
            searched = max(0, len(rest) - LONGEST_END + 1)  # an end may have begun already
        async for part in self._spoilt(bytes(rest)):
            yield part

    async def aclose(self) -> None:
        await self._body.aclose()

    async def _spoilt(self, part: bytes) -> AsyncIterator[bytes]:
        if not self._has_answer(part) or not self._order.obey():
            yield part
        elif self._order == "cut":
            yield part[: len(part) // 2]
            raise httpx2.RemoteProtocolError(
                "peer closed connection without sending complete message body (incomplete chunked read)"
            )
        elif self._order.startswith("drip "):
            *pieces, last = pieces_of(part)
            for piece in pieces:
                yield piece
                await asyncio.sleep(float(self._order.split()[1]) / len(pieces))
            yield last
        else:
            yield torn(part)

    def _has_answer(self, part: bytes) -> bool:
        return has_answer(part, self._request_id, is_stream=self._is_stream)
