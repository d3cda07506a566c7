"""Answers that are spoilt on the wire: the request itself says how, and the other end, where it is ours, obeys.

An order is a word and what belongs to it: `bad_json`, `status 401`, `status 503 30` with the seconds to wait,
`drip 20.0` with the seconds that the answer takes. Whoever obeys one says so, see `pytest_mcpflow.orders`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, cast

from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCRequest, JSONRPCResponse, RequestId
from pydantic_core import from_json
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pytest_mcpflow.clock import Flow, foreground
from pytest_mcpflow.orders import Order, Orders
from pytest_mcpflow.serve.bodies import has_answer, pieces_of, torn
from pytest_mcpflow.serve.lines import LineReader, LineWriter, line_of
from pytest_mcpflow.serve.sse import is_event_stream

__all__ = [
    "GARBAGE",
    "KILL_AFTER",
    "KILL_BEFORE",
    "PAGE",
    "TAMPER_KEY",
    "SpoiltApp",
    "order_in_body",
    "order_of",
    "spoilt",
    "spoilt_lines",
    "without_order",
]

TAMPER_KEY = "pytest-mcpflow/tamper"
"""Under this `_meta` key a request has the key of the order how its answer is to be spoilt."""

GARBAGE = (b"DEBUG starting worker 3\n", b"\x1b[31mWarning:\x1b[0m cache is cold\n", b"\n", b"{}\n")
"""What servers print that take their standard output for a log."""

PAGE = b"<h1>not now</h1>"
"""What a proxy says with a status."""

KILL_BEFORE = "kill before"
"""The order to kill the process in place of sending it the request."""

KILL_AFTER = "kill after"
"""The order to kill it when it has answered, or when nobody waits for that any more; the answer is lost."""


def spoilt(answer: JSONRPCResponse | JSONRPCError, order: str) -> bytes:
    """The line of an answer, no longer what it was.

    Raises:
        ValueError: There is no such order.
    """
    match order:
        case "bad_json":
            return torn(line_of(answer))
        case "wrong_id":
            of_nobody = answer.id + 1000 if isinstance(answer.id, int) else f"{answer.id}-1000"
            return line_of(answer.model_copy(update={"id": of_nobody}))
        case _:
            raise ValueError(f"an answer on a line cannot be spoilt by {order!r}")


def order_in_body(body: bytes, orders: Orders) -> tuple[Order, dict[str, Any]] | None:
    """What a request, as JSON, says of its answer, and the request; `None` if it says nothing."""
    if TAMPER_KEY.encode() not in body:
        return None
    message = cast("dict[str, Any]", from_json(body))
    order = order_of(message.get("params"), orders)
    return None if order is None else (order, message)


def order_of(params: Mapping[str, Any] | None, orders: Orders) -> Order | None:
    """What a request's params say of its answer."""
    meta: Mapping[str, Any] = (params or {}).get("_meta") or {}
    return orders.of_key(meta.get(TAMPER_KEY))


def without_order(params: Mapping[str, Any]) -> dict[str, Any]:
    """The same params without what they say of their answer, which is nobody else's business."""
    meta = {key: value for key, value in params["_meta"].items() if key != TAMPER_KEY}
    return {**params, "_meta": meta}


def spoilt_lines(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, there: Flow, back: Flow, orders: Orders
) -> tuple[LineReader, LineWriter]:
    """The server's ends of two streams of lines: they spoil the answers that are to be spoilt."""
    answers = _SpoiltWriter(writer, back)
    return _WatchedReader(reader, there, answers, orders), answers


class _WatchedReader(LineReader):
    def __init__(
        self, stream: asyncio.StreamReader, flow: Flow, answers: _SpoiltWriter, orders: Orders
    ) -> None:
        super().__init__(stream, flow)
        self._answers, self._orders = answers, orders

    async def receive(self) -> SessionMessage | Exception:
        item = await super().receive()
        if not isinstance(item, Exception) and isinstance(item.message, JSONRPCRequest):
            order = order_of(item.message.params, self._orders)
            if order is not None:
                self._answers.orders[item.message.id] = order
                if order == "hang_up":
                    order.when_given_up(self._answers.hang_up)
        return item


class _SpoiltWriter(LineWriter):
    def __init__(self, stream: asyncio.StreamWriter, flow: Flow) -> None:
        super().__init__(stream, flow)
        self.orders: dict[Any, Order] = {}

    async def send(self, item: SessionMessage, /) -> None:
        answer = item.message
        if not isinstance(answer, JSONRPCResponse | JSONRPCError):
            await super().send(item)
            return
        order = self.orders.pop(answer.id, None)
        if order is None or not order.obey():
            await super().send(item)
        elif order == "garbage":
            for line in GARBAGE:
                await self.write(line)
            await super().send(item)
        elif order == "hang_up":
            self.hang_up()
        else:
            await self.write(spoilt(answer, order) + b"\n")


class SpoiltApp:
    """An MCP server over HTTP that spoils the answers that are to be spoilt."""

    def __init__(self, app: ASGIApp, orders: Orders) -> None:
        self._app, self._orders = app, orders

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        received = list[Message]()
        while not received or received[-1].get("more_body"):
            received.append(await receive())
        found = order_in_body(b"".join(each.get("body", b"") for each in received), self._orders)
        if found is None:
            await self._app(scope, _first(received, receive), send)
            return
        order, request = found
        if order.startswith("status "):
            order.obey()
            code, *seconds = order.split()[1:]
            headers = [
                (b"content-type", b"text/html"),
                *((b"retry-after", each.encode()) for each in seconds),
            ]
            await send({"type": "http.response.start", "status": int(code), "headers": headers})
            await send({"type": "http.response.body", "body": PAGE})
        else:
            await self._app(scope, _first(received, receive), _Spoiling(send, order, request["id"]))


def _first(received: list[Message], receive: Receive) -> Receive:
    """What was received already, and then the rest."""
    again = iter(received)

    async def receive_again() -> Message:
        return next(again, None) or await receive()

    return receive_again


class _Spoiling:
    """Spoils a response that is being sent; `cut` ends it in its middle, `drip` sends it in pieces."""

    def __init__(self, send: Send, order: Order, request_id: RequestId) -> None:
        self._send, self._order, self._request_id = send, order, request_id
        self._is_stream = self._is_cut = False
        # A stream's pings come from another task, and must not stand in the middle of an answer.
        self._turn = asyncio.Lock()

    async def __call__(self, message: Message) -> None:
        async with self._turn:
            await self._pass_on(message)

    async def _pass_on(self, message: Message) -> None:
        if self._is_cut:
            return
        body = message.get("body", b"")
        if message["type"] == "http.response.start":
            message = {**message, "headers": self._headers(message["headers"])}
        elif self._order == "content_type" or not self._is_spoilt(body):
            pass
        elif self._order == "cut":
            self._is_cut = True
            message = {**message, "body": body[: len(body) // 2], "more_body": True, "cut": True}
        elif self._order == "bad_json":
            message = {**message, "body": torn(body)}
        elif self._order.startswith("drip "):
            message = await self._drip(message, body, float(self._order.split()[1]))
        await self._send(message)

    def _is_spoilt(self, body: bytes) -> bool:
        return has_answer(body, self._request_id, is_stream=self._is_stream) and self._order.obey()

    async def _drip(self, message: Message, body: bytes, seconds: float) -> Message:
        """Send all of it but the last piece, which is returned."""
        *pieces, last = pieces_of(body)
        for piece in pieces:
            await self._send({**message, "body": piece, "more_body": True})
            with foreground():  # the caller waits for this
                await asyncio.sleep(seconds / len(pieces))
        return {**message, "body": last}

    def _headers(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        if self._order == "content_type" and self._order.obey():
            others = [pair for pair in headers if pair[0].lower() != b"content-type"]
            return [*others, (b"content-type", b"text/html")]
        kinds = [value for name, value in headers if name.lower() == b"content-type"]
        self._is_stream = any(is_event_stream(each.decode("latin-1")) for each in kinds)
        return [pair for pair in headers if pair[0].lower() != b"content-length"]  # it is no longer true
