"""A gateway between an HTTP client and a real MCP server, which records what passes.

Streamable HTTP of both protocol eras and the old HTTP+SSE transport. A request is sent to the server once, whatever
happens; bytes go on as they come. No SDK is imported.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import cast
from urllib.request import getproxies, proxy_bypass

import httpx2
from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from pytest_mcpflow.cassette.gateway_address import Upstream
from pytest_mcpflow.cassette.gateway_app import GatewayApp
from pytest_mcpflow.cassette.gateway_tape import HttpTape
from pytest_mcpflow.cassette.writer import CassetteWriter, Redacting
from pytest_mcpflow.errors import CassetteError

__all__ = ["gateway", "record_http"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104
CLIENTS_IDLE_LIMIT = 300
"""Seconds after which an idle connection of a client is closed; clients close theirs long before."""

SERVERS_IDLE_LIMIT = 2.0
"""Seconds for which an idle connection to the server is used again. Many servers close theirs after 5 s, and a request
that meets that moment would be lost, since it is never sent twice."""

NOT_RECORDED = 2


@asynccontextmanager
async def gateway(
    url: str, writer: CassetteWriter, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncGenerator[str]:
    """Record what passes between clients and the server at `url`, for as long as the context lasts.

    Needs an asyncio loop in real time. The writer stays open.

    Args:
        url: The server's endpoint: of streamable HTTP, or the event stream of the old HTTP+SSE transport. What it
            says in user, password and query goes to the server and is not told to the client.
        writer: The cassette. There is one session for each `mcp-session-id`, and one for the traffic of a client
            without sessions.
        host: Where to listen. On the loopback interface, only requests that name it as their host are let through.
        port: The port to listen on; 0 takes a free one.

    Yields:
        The address to give to the client in place of `url`.

    Raises:
        CassetteError: `url` is no address of a server, the gateway cannot listen there, or, when the context ends,
            the tape could not be written at some point; nothing passed from then on.
    """
    async with _running(url, writer, host=host, port=port) as (address, app):
        yield address
    _raise_failure(app)


def record_http(
    cassette: Path, url: str, *, host: str, port: int, redactor: Redacting | None, timing: bool = False
) -> int:
    """Run a gateway until SIGINT or SIGTERM, and print the line that says where it is.

    Args:
        cassette: The file to append sessions to.
        url: The server, as for `gateway`.
        host: Where to listen.
        port: The port; 0 takes a free one.
        redactor: Takes out secrets before anything is written; `None` writes what passed.
        timing: Whether to note when each message came.

    Returns:
        0 when it was asked to end, 2 if nothing could be recorded, or no more.
    """
    try:
        with CassetteWriter(cassette, redactor=redactor, timing=timing) as writer:
            asyncio.run(_until_asked(url, writer, host, port))
    except CassetteError as error:
        print(f"mcpflow record: {error}", file=sys.stderr)
        return NOT_RECORDED
    return 0


async def _until_asked(url: str, writer: CassetteWriter, host: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with _running(url, writer, host=host, port=port) as (address, app):
        shown = Upstream.parse(url).shown
        print(f"mcpflow record: give the client {address} in place of {shown}; Ctrl-C ends", flush=True)
        waiting = [asyncio.create_task(event.wait()) for event in (stopping, app.failed)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    _raise_failure(app)


def _raise_failure(app: GatewayApp) -> None:
    if app.failure is not None:
        raise CassetteError(
            f"what passed could not be recorded, so that nothing passed any more: {app.failure}"
        ) from app.failure


@asynccontextmanager
async def _running(
    url: str, writer: CassetteWriter, *, host: str, port: int
) -> AsyncGenerator[tuple[str, GatewayApp]]:
    upstream = Upstream.parse(url)
    host = host.strip("[]")
    async with AsyncExitStack() as stack:
        transport = await stack.enter_async_context(_transport(upstream))
        tape = HttpTape(writer, url)
        bound = _bind(host, port)
        stack.callback(bound.close)
        number = cast("int", bound.getsockname()[1])
        address = f"http://{_authority('127.0.0.1' if host in WILDCARDS else host, number)}"
        hosts = {_authority(name, number) for name in LOOPBACK} if host in LOOPBACK else set[str]()
        app = GatewayApp(upstream, transport, tape, address=address, hosts=hosts)
        stack.callback(app.close)
        await stack.enter_async_context(_listening(bound, app))
        yield address + upstream.path, app


def _transport(upstream: Upstream) -> httpx2.AsyncHTTPTransport:
    """What sends requests as they are: without a client around it that adds, follows, logs or remembers."""
    proxy = None if proxy_bypass(upstream.host_header) else getproxies().get(upstream.scheme)
    limits = httpx2.Limits(
        max_connections=None, max_keepalive_connections=None, keepalive_expiry=SERVERS_IDLE_LIMIT
    )
    return httpx2.AsyncHTTPTransport(limits=limits, proxy=proxy, retries=0)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        bound = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise CassetteError(f"cannot listen on {_authority(host, port)}: {error}") from error
    # asyncio does this only for sockets that name TCP as their protocol; without it an answer in two writes
    # waits 40 ms for an acknowledgement.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@asynccontextmanager
async def _listening(bound: socket.socket, app: GatewayApp) -> AsyncGenerator[None]:
    """Serve on a socket with uvicorn's protocol, without its `Server`, which would take the signal handlers."""
    config = Config(
        cast("ASGIApp", app),
        http=H11Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        proxy_headers=False,
        timeout_keep_alive=CLIENTS_IDLE_LIMIT,
    )
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(config, state, {}), sock=bound
    )
    try:
        yield
    finally:
        app.is_closing = True
        server.close()
        for connection in list(state.connections):
            cast("_Connection", connection).transport.abort()
        for task in list(state.tasks):
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)
        await asyncio.sleep(0)  # in which connections without a request close their sockets


class _Connection(H11Protocol):
    """A connection of a client. It logs nothing: what goes wrong is answered, or ends the recording."""

    def __init__(self, config: Config, state: ServerState, app_state: dict[str, object]) -> None:
        super().__init__(config, state, app_state)
        self.access_log = False
        self.logger = logging.Logger("mcpflow.gateway", level=logging.CRITICAL + 1)
