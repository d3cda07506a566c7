"""Servers that speak HTTP on a socket of this machine, and a gateway in front of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, cast

import httpx2
import real_servers
from mcp.client.session import ClientRequestContext
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Elicit, Resolve, Sample
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import (
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequestParams,
    ElicitResult,
    SamplingMessage,
    TextContent,
)
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from pytest_mcpflow.cassette.gateway import gateway
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.writer import CassetteWriter, Redacting
from pytest_mcpflow.serve.http import listening

__all__ = [
    "EVENTS",
    "JSON",
    "LIMIT",
    "STATELESS",
    "Answer",
    "Script",
    "Workshop",
    "call",
    "everything_over_http",
    "frames",
    "nobody",
    "notice",
    "on_elicit",
    "on_sample",
    "recorded",
    "result",
    "said",
    "serving",
    "serving_bytes",
    "web_client",
]

LIMIT = 20.0
"""Real seconds after which a test that waits has failed."""

AnyContext = Context[Any, Any]

JSON = {"content-type": "application/json"}
EVENTS = {"content-type": "text/event-stream"}
STATELESS = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}

ANNOUNCE_PORT = """
const net = require("net");
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...given) {
  this.once("listening", () => process.stderr.write(`\\nbound ${this.address().port}\\n`));
  return listen.apply(this, given);
};
"""
"""For Node.js servers, which say which port they were told, and not which one they have."""


class Name(BaseModel):
    name: str


def ask_name() -> Elicit[Name]:
    return Elicit("What is your name?", Name)


def ask_model() -> Sample:
    text = TextContent(type="text", text="Say a colour.")
    return Sample([SamplingMessage(role="user", content=text)], max_tokens=10)


@dataclass
class Workshop:
    """Tools of an SDK server, and what they did."""

    calls: int = 0
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    def server(self) -> MCPServer:
        server = MCPServer("workshop", version="1", log_level="CRITICAL")
        for tool in (self.count, self.slow, self.hang, self.greet, self.paint, self.big):
            server.add_tool(tool)
        return server

    async def count(self) -> int:
        """Count how often it was called."""
        self.calls += 1
        return self.calls

    async def slow(self, ctx: AnyContext) -> str:
        """Report progress, and finish only when the test has seen it."""
        await ctx.report_progress(1, 2)
        await self.go_on.wait()
        await ctx.report_progress(2, 2)
        return "done"

    async def hang(self) -> str:
        """Never answer."""
        self.started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return "never"

    async def greet(self, name: Annotated[Name, Resolve(ask_name)]) -> str:
        """Ask the user for a name."""
        return f"Hello, {name.name}!"

    async def paint(self, answer: Annotated[CreateMessageResult, Resolve(ask_model)]) -> str:
        """Ask the model for a colour."""
        assert isinstance(answer.content, TextContent)
        return f"It is {answer.content.text} now."

    async def big(self, text: str) -> str:
        """Give back what it got, twice."""
        return text + text

    @asynccontextmanager
    async def over_http(self, *, json_response: bool = False, stateless: bool = False) -> AsyncGenerator[str]:
        """Serve over streamable HTTP; guarded, so that only its own host and origin are let in."""
        server = self.server()
        security = TransportSecuritySettings(enable_dns_rebinding_protection=True)
        app = server.streamable_http_app(
            json_response=json_response, stateless_http=stateless, transport_security=security
        )
        async with server.session_manager.run(), serving(app) as base:
            security.allowed_hosts.append(base.removeprefix("http://"))
            security.allowed_origins.append(base)
            yield f"{base}/mcp"

    @asynccontextmanager
    async def over_sse(self) -> AsyncGenerator[str]:
        """Serve over the old HTTP+SSE transport."""
        async with serving(self.server().sse_app()) as base:
            yield f"{base}/sse"


@asynccontextmanager
async def serving(app: object) -> AsyncGenerator[str]:
    """Serve an ASGI application and yield its base URL."""
    async with listening(cast("ASGIApp", app)) as base:
        yield base


@dataclass
class Answer:
    """What a `Script` answers to one request: a status, headers, and pieces of a body with something between them."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: tuple[bytes | Callable[[], Awaitable[object]], ...] = (b"",)
    breaks_off: bool = False


@dataclass
class Script:
    """An application that answers as it is told, always or by method and target, and keeps what it was asked."""

    answer: Answer | Callable[[str, str], Answer]
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(
        default_factory=list[tuple[str, str, dict[str, str], bytes]]
    )
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left.set()
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
        target = scope["raw_path"].decode() + (
            f"?{scope['query_string'].decode()}" if scope["query_string"] else ""
        )
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        self.requests.append((scope["method"], target, headers, body))
        answer = self.answer if isinstance(self.answer, Answer) else self.answer(scope["method"], target)
        given = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": given})
        watching = asyncio.create_task(self._watch(receive))
        try:
            for piece in answer.body:
                if isinstance(piece, bytes):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                else:
                    await piece()
            if answer.breaks_off:
                raise ConnectionError("as it is told")
            await send({"type": "http.response.body", "body": b""})
        finally:
            watching.cancel()

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left.set()


@asynccontextmanager
async def serving_bytes(*pieces: bytes) -> AsyncGenerator[tuple[str, list[bytes]]]:
    """A server that answers every connection with the same bytes and closes it; its URL, and what it was sent."""
    got: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp", got
    finally:
        server.close()


def nobody() -> str:
    """An address where nobody listens: its port was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        return f"http://127.0.0.1:{bound.getsockname()[1]}/mcp"


@asynccontextmanager
async def recorded(url: str, tape: Path, *, redactor: Redacting | None = None) -> AsyncGenerator[str]:
    """A gateway in front of `url` that records to `tape`."""
    with CassetteWriter(tape, redactor=redactor) as writer:
        async with gateway(url, writer) as address:
            yield address


def frames(tape: Path, *kinds: str) -> list[dict[str, Any]]:
    """The frames of a tape, which must be readable; of some kinds only, if they are given."""
    read_cassette(tape)
    every = [cast("dict[str, Any]", json.loads(line)) for line in tape.read_bytes().splitlines()]
    return [frame for frame in every if not kinds or frame["kind"] in kinds]


@asynccontextmanager
async def everything_over_http(kind: str, folder: Path) -> AsyncGenerator[str]:
    """The reference server; `kind` is `streamableHttp` or `sse`."""
    command = real_servers.everything().command
    preload = folder / "announce.cjs"
    preload.write_text(ANNOUNCE_PORT, encoding="utf-8")
    environment = {**os.environ, "PORT": "0", "NODE_OPTIONS": f"--require {preload}"}
    async with AsyncExitStack() as stack:
        server = await asyncio.create_subprocess_exec(
            command, kind, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        stack.push_async_callback(server.wait)
        stack.callback(lambda: server.kill() if server.returncode is None else None)
        assert server.stderr is not None
        async with asyncio.timeout(LIMIT):
            line = b""
            while not line.startswith(b"bound "):
                line = await server.stderr.readline()
                assert line, "the server ended"
        reading = asyncio.create_task(server.stderr.read())
        stack.callback(reading.cancel)
        path = "sse" if kind == "sse" else "mcp"
        yield f"http://127.0.0.1:{int(line.split()[1])}/{path}"


def call(number: int = 1, *, stateless: bool = True) -> bytes:
    params: dict[str, Any] = {"name": "go", **({"_meta": STATELESS} if stateless else {})}
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}).encode()


def result(number: int = 1, **content: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "result": content}).encode()


def notice(step: int) -> bytes:
    message = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": step}}
    return b"event: message\ndata: " + json.dumps(message).encode() + b"\n\n"


def web_client() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(timeout=LIMIT, trust_env=False)


def said(tape: Path, sender: str) -> list[dict[str, Any]]:
    return [frame["message"] for frame in frames(tape, "message") if frame["from"] == sender]


async def on_elicit(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
    return ElicitResult(action="accept", content={"name": "Ada"})


async def on_sample(context: ClientRequestContext, params: CreateMessageRequestParams) -> CreateMessageResult:
    return CreateMessageResult(
        role="assistant", content=TextContent(type="text", text="green"), model="model"
    )
