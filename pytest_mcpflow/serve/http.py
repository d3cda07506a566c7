"""A fake over streamable HTTP, on a socket of 127.0.0.1 that is bound here and handed over.

Client and server are in this process, with the kernel's TCP in between. What is on its way is counted at
both ends (bytes of bodies, beginnings and ends), so that virtual time stands still meanwhile.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

import httpx2
from mcp.client import Transport
from mcp.client.streamable_http import streamable_http_client
from mcp.server import Server
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from pytest_mcpflow.clock import Flow, background, foreground, ours, transit
from pytest_mcpflow.orders import Orders
from pytest_mcpflow.serve.tamper import SpoiltApp

__all__ = ["http_transport", "listening"]

HEADER = "mcpflow-exchange"
"""Names a request on its way, so that its two ends can be counted against each other."""


def http_transport(server: Server[Any], orders: Orders) -> Transport:
    """A client transport that talks to `server` over HTTP; `orders` say how answers are to be spoilt."""
    return cast("Transport", _connected(server, orders))


@asynccontextmanager
async def _connected(server: Server[Any], orders: Orders) -> AsyncGenerator[Any]:
    exchanges: dict[str, _Exchange] = {}
    async with AsyncExitStack() as stack:
        server.middleware.insert(0, _tools_in_foreground)
        stack.callback(server.middleware.remove, _tools_in_foreground)
        app = server.streamable_http_app()
        await stack.enter_async_context(server.session_manager.run())
        url = await stack.enter_async_context(listening(_CountingApp(SpoiltApp(app, orders), exchanges)))
        wire = _CountingTransport(exchanges, server.name)
        # No time limits of the HTTP client's own: a hanging tool is the workflow's to notice, on every way alike.
        client = await stack.enter_async_context(httpx2.AsyncClient(transport=wire, timeout=None))
        yield await stack.enter_async_context(streamable_http_client(f"{url}/mcp", http_client=client))


async def _tools_in_foreground(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """What a tool waits for is something to wait for, unlike the pings of the HTTP server around it."""
    with foreground():
        return await call_next(ctx)


@asynccontextmanager
async def listening(app: ASGIApp) -> AsyncGenerator[str]:
    """Serve an ASGI application and yield its base URL.

    uvicorn's protocol is used without its `Server`, which would wake every 0.1 s of virtual time and take
    the signal handlers.
    """
    config = Config(app, http=H11Protocol, ws="none", lifespan="off", log_config=None, access_log=False)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    bound = socket.create_server(("127.0.0.1", 0))
    # asyncio does this only for sockets that name TCP as their protocol; without it an answer in two writes
    # waits 40 ms for an acknowledgement.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = await loop.create_server(lambda: H11Protocol(config, state, {}), sock=bound)
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.close()
        for connection in list(state.connections):
            cast("H11Protocol", connection).transport.abort()
        for task in list(state.tasks):
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)


class _Exchange:
    """One request and its response while they are on their way."""

    def __init__(self, flow: Flow, on_arrival: Callable[[], None] = lambda: None) -> None:
        self.flow, self._on_arrival = flow, on_arrival
        self.arrived = False
        self.answered = False
        self.cut = False

    def arrive(self) -> None:
        """The request is with the application, whole."""
        if not self.arrived:
            self.arrived = True
            self.flow.received()
            self._on_arrival()

    def abort(self) -> None:
        """The client gave up; the application has still to hear of it."""
        self.flow.close()
        if not self.arrived:
            self.arrived = True
            self._on_arrival()
        elif not self.answered and not self.cut:
            self.flow.sent()


class _CountingTransport(httpx2.AsyncBaseTransport):
    def __init__(self, exchanges: MutableMapping[str, _Exchange], name: str) -> None:
        self._inner, self._exchanges, self._name = httpx2.AsyncHTTPTransport(), exchanges, name
        self._numbers = itertools.count(1)
        # Requests arrive in the order in which they were made, although each has a connection of its own.
        self._turn = asyncio.Lock()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        number = str(next(self._numbers))
        request.headers[HEADER] = number
        await self._turn.acquire()
        flow = transit().flow(f"HTTP {request.method} to {self._name}")
        exchange = self._exchanges[number] = _Exchange(flow, self._turn.release)
        exchange.flow.sent()
        try:
            with ours(), background():  # a request is sent in the context of whoever caused it
                response = await self._inner.handle_async_request(request)
        except BaseException:
            exchange.abort()
            raise
        exchange.flow.received()
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _CountingBody(response.stream, exchange)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _CountingBody(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, exchange: _Exchange) -> None:
        self._inner, self._exchange = inner, exchange
        self._ended = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            self._exchange.flow.received(len(chunk))
            yield chunk
        self._ended = True
        self._exchange.flow.close()

    async def aclose(self) -> None:
        if not self._ended:
            self._exchange.abort()
        await self._inner.aclose()


class _CountingApp:
    def __init__(self, app: ASGIApp, exchanges: MutableMapping[str, _Exchange]) -> None:
        self._app, self._exchanges = app, exchanges

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(cast("list[tuple[bytes, bytes]]", scope["headers"]))
        exchange = self._exchanges.pop(headers.get(HEADER.encode(), b"").decode(), None) or _Exchange(
            transit().flow("HTTP from a client of the test")
        )

        async def counted_receive() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                exchange.flow.close()
            elif not message.get("more_body"):
                exchange.arrive()
            return message

        async def counted_send(message: Message) -> None:
            exchange.arrive()
            body = cast("bytes", message.get("body", b""))
            ends = message["type"] == "http.response.body" and not message.get("more_body", False)
            exchange.answered = exchange.answered or ends
            exchange.cut = exchange.cut or message.get("cut", False)
            exchange.flow.sent(len(body) + (message["type"] == "http.response.start") + ends + exchange.cut)
            await send(message)

        with background():
            try:
                await self._app(scope, counted_receive, counted_send)
            finally:
                if not exchange.answered and not exchange.cut:
                    exchange.flow.close()
