"""A real server, spoken to message by message, so that what it says is compared as it was on the wire."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import IO, Any, TypeAlias, cast
from urllib.parse import urlsplit

import anyio
import httpx2
from mcp import StdioServerParameters
from mcp.client import Transport
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.server import MCPServer, Server
from mcp.shared.inbound import (
    MCP_METHOD_HEADER,
    MCP_NAME_HEADER,
    MCP_PROTOCOL_VERSION_HEADER,
    NAME_BEARING_METHODS,
    encode_header_value,
    find_invalid_x_mcp_header,
    mcp_param_headers,
    x_mcp_header_map,
)
from mcp.shared.message import ClientMessageMetadata, SessionMessage
from mcp_types import ErrorData, JSONRPCError, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse
from pydantic import ValidationError

from pytest_mcpflow.cassette.columns import fitted
from pytest_mcpflow.cassette.format import PROTOCOL_VERSION
from pytest_mcpflow.cassette.kinds import Side
from pytest_mcpflow.cassette.values import as_object
from pytest_mcpflow.errors import CannotVerifyError
from pytest_mcpflow.serve.memory import memory_transport

__all__ = ["Answering", "Exchange", "LiveServer", "Target", "is_reusable", "live_server"]

Target: TypeAlias = StdioServerParameters | str | Transport | Server[Any] | MCPServer
"""A command, a URL, anything that the SDK's client connects to, or a server of this process."""

Answering: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Given a question, with `method` and `params`, makes an object with `result` or `error`."""

COMMAND = 120
"""Columns of a command that a message repeats."""

HEARD = 400
"""Characters of a server's last words that a message repeats."""


@dataclass(eq=False)
class Exchange:
    """What passes between us and the server for one operation.

    Args:
        answer: Answers the server's questions.
        token: The progress token that the operation's request carries.
        said: Every message, in order.
    """

    answer: Answering
    token: object = None
    said: list[tuple[Side, Mapping[str, Any]]] = field(default_factory=list[tuple[Side, Mapping[str, Any]]])

    in_rounds: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    """What the server asked in results that require input."""

    @property
    def questions(self) -> list[Mapping[str, Any]]:
        """What the server asked, each with `method` and `params`."""
        asked = [
            body for sender, body in self.said if sender == "server" and "method" in body and "id" in body
        ]
        return [*asked, *self.in_rounds]

    @property
    def has_progress(self) -> bool:
        return any(body.get("method") == "notifications/progress" for _, body in self.said)


@dataclass(frozen=True)
class _HttpAnswer:
    status: int
    headers: Mapping[str, str]


class LiveServer:
    """A connected server.

    Args:
        streams: What the transport yields.
        what: What to call the server in messages.
        limit: Seconds that one answer may take.
        spare: Answers what the server asks when nothing is going on.
        is_http: Whether there are HTTP statuses.
    """

    def __init__(
        self, streams: tuple[Any, Any], *, what: str, limit: float, spare: Answering, is_http: bool
    ) -> None:
        self._read, self._write = streams
        self._what, self._limit = what, limit
        self._outside = Exchange(spare)
        self._waiting: dict[object, tuple[asyncio.Future[Mapping[str, Any]], Exchange]] = {}
        self._ids = 0
        self.has_ended = False
        self.garbage: list[Exception] = []
        self.http: dict[object, _HttpAnswer] = {}
        """HTTP answers that were no answers of the protocol, by the request's id."""
        self.was_heard = not is_http
        """Whether anything came back."""
        self.protocol: str | None = None
        """The protocol version that has been agreed on."""
        self.is_stateless = False
        self.is_http = is_http
        self._header_maps: dict[str, dict[tuple[str, ...], str]] = {}
        self.tools_changed = False

    @property
    def first_garbage(self) -> str:
        """The first thing that it wrote and that was no message, on one line."""
        return " ".join(_written(self.garbage[0]).split()) if self.garbage else ""

    async def ask(self, method: str, params: Mapping[str, Any], exchange: Exchange) -> Mapping[str, Any]:
        """Send a request and wait for its response: an object with `result` or `error`, and the live `id`.

        Raises:
            CannotVerifyError: There is none within the time limit, or the server ended.
        """
        self._ids += 1
        number = self._ids
        waiting = asyncio.get_running_loop().create_future()
        self._waiting[number] = (waiting, exchange)
        message = JSONRPCRequest.model_validate(
            {"jsonrpc": "2.0", "id": number, "method": method} | ({"params": dict(params)} if params else {})
        )
        exchange.said.append(("client", _wire(message)))
        try:
            async with asyncio.timeout(self._limit):
                await self._send(message, ClientMessageMetadata(headers=self._headers(method, params)))
                return cast("Mapping[str, Any]", await waiting)
        except TimeoutError:
            raise CannotVerifyError(
                f"{self._what} did not answer {method} within {self._limit:g} s"
            ) from None
        finally:
            self._waiting.pop(number, None)

    async def tell(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification."""
        message = JSONRPCNotification.model_validate(
            {"jsonrpc": "2.0", "method": method} | ({"params": dict(params)} if params else {})
        )
        await self._send(message, ClientMessageMetadata(headers=self._headers(method, params)))

    def listed(self, tools: Mapping[str, Mapping[str, Any]]) -> None:
        """Note the tools of the server, whose schemas may ask for HTTP headers."""
        self.tools_changed = False
        schemas = {name: tool.get("inputSchema") for name, tool in tools.items()}
        self._header_maps = {
            name: x_mcp_header_map(schema)
            for name, schema in schemas.items()
            if find_invalid_x_mcp_header(schema) is None
        }

    async def listen(self) -> None:
        """Take what the server sends, until it ends."""
        async for item in self._read:
            if isinstance(item, Exception):
                if _written(item).strip():  # an empty line between messages means nothing
                    self.garbage.append(item)
            else:
                await self._take(_wire(item.message))
        self.has_ended = True
        for waiting, _ in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(CannotVerifyError(f"{self._what} ended before it answered"))

    async def _take(self, body: Mapping[str, Any]) -> None:
        if "method" not in body:
            waiting, exchange = self._waiting.get(body.get("id"), (None, self._outside))
            exchange.said.append(("server", body))
            if waiting is not None and not waiting.done():
                waiting.set_result(body)
            return
        exchange = self._exchange_of(body)
        exchange.said.append(("server", body))
        if "id" in body:
            given = exchange.answer({"method": body["method"], "params": as_object(body.get("params"))})
            reply: JSONRPCError | JSONRPCResponse
            if "error" in given:
                error = ErrorData.model_validate(given["error"])
                reply = JSONRPCError(jsonrpc="2.0", id=body["id"], error=error)
            else:
                reply = JSONRPCResponse(jsonrpc="2.0", id=body["id"], result=dict(as_object(given["result"])))
            exchange.said.append(("client", _wire(reply)))
            await self._send(reply, None)
        elif body["method"] == "notifications/tools/list_changed":
            self.tools_changed = True

    def _exchange_of(self, body: Mapping[str, Any]) -> Exchange:
        """What a message of the server belongs to: progress says it, the rest belongs to the last request."""
        going_on = [exchange for _, exchange in self._waiting.values()]
        if body["method"] == "notifications/progress":
            token = as_object(body.get("params")).get("progressToken")
            going_on = [exchange for exchange in going_on if token is not None and exchange.token == token]
        return going_on[-1] if going_on else self._outside

    async def _send(self, message: Any, metadata: ClientMessageMetadata | None) -> None:
        try:
            async with asyncio.timeout(self._limit):
                await self._write.send(SessionMessage(message, metadata))
        except TimeoutError:
            raise CannotVerifyError(
                f"{self._what} did not read what it was sent within {self._limit:g} s"
            ) from None
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            self.has_ended = True
            raise CannotVerifyError(f"{self._what} ended before all was asked") from None
        if self.has_ended:
            raise CannotVerifyError(f"{self._what} ended before all was asked")

    def _headers(self, method: str, params: Mapping[str, Any]) -> dict[str, str]:
        """What the HTTP transport must say outside of the message; other transports ignore it."""
        if method == "initialize":
            return {}
        if not self.is_stateless:
            return {} if self.protocol is None else {MCP_PROTOCOL_VERSION_HEADER: self.protocol}
        version = as_object(params.get("_meta")).get(PROTOCOL_VERSION) or self.protocol
        headers = {MCP_PROTOCOL_VERSION_HEADER: str(version), MCP_METHOD_HEADER: method}
        name = params.get(NAME_BEARING_METHODS.get(method, ""))
        if isinstance(name, str):
            headers[MCP_NAME_HEADER] = encode_header_value(name)
            if method == "tools/call" and name in self._header_maps:
                headers |= mcp_param_headers(self._header_maps[name], as_object(params.get("arguments")))
        return headers


def is_reusable(target: Target) -> bool:
    """Whether several sessions can be held with it, one after the other."""
    return isinstance(target, StdioServerParameters | str | Server | MCPServer)


@asynccontextmanager
async def live_server(
    target: Target, *, limit: float, spare: Answering, headers: Mapping[str, str]
) -> AsyncGenerator[LiveServer]:
    """Start or reach a server; when this is left, a process that was started has ended.

    Raises:
        CannotVerifyError: It cannot be started or reached, or it broke off; with its last words.
    """
    what = _what(target)
    servers: list[LiveServer] = []

    async def note(response: httpx2.Response) -> None:
        servers[0].was_heard = True
        if response.request.method == "POST" and response.status_code not in (200, 202):
            kept = {
                name: response.headers[name] for name in ("www-authenticate",) if name in response.headers
            }
            asked = as_object(json.loads(response.request.content))
            servers[0].http[asked.get("id")] = _HttpAnswer(response.status_code, kept)

    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as heard:
        client = httpx2.AsyncClient(
            headers=headers, event_hooks={"response": [note]}, timeout=httpx2.Timeout(limit, read=None)
        )
        try:
            async with (
                client,
                _transport(target, heard, client) as streams,
                anyio.create_task_group() as tasks,
            ):
                server = LiveServer(
                    streams, what=what, limit=limit, spare=spare, is_http=isinstance(target, str)
                )
                servers.append(server)
                tasks.start_soon(server.listen)
                yield server
                tasks.cancel_scope.cancel()
        except Exception as error:
            cause = _cause(error)
            if not isinstance(
                cause,
                CannotVerifyError
                | OSError
                | ValueError
                | RecursionError
                | httpx2.HTTPError
                | httpx2.InvalidURL,
            ):
                raise
            why = (
                str(cause)
                if isinstance(cause, CannotVerifyError)
                else f"{what}: {cause or type(cause).__name__}"
            )
            is_lost = isinstance(cause, httpx2.TransportError)
            if servers and not servers[0].was_heard and (is_lost or servers[0].has_ended):
                reason = f" ({cause})" if is_lost else ""
                why = f"{what}: nobody answers there{reason}; check the address, and whether the server runs"
            raise CannotVerifyError(why + _last_words(heard, servers)) from None


def _written(garbage: Exception) -> str:
    """What a server wrote, where the error says that what it wrote is no message."""
    if not isinstance(garbage, ValidationError):
        return str(garbage)
    written: object = garbage.errors(include_url=False)[0].get("input")
    return written if isinstance(written, str) else str(garbage)


def _transport(target: Target, heard: IO[str], client: httpx2.AsyncClient) -> Any:
    match target:
        case StdioServerParameters():
            # Half a character in its output must not keep us waiting for ever.
            lenient = target.model_copy(update={"encoding_error_handler": "replace"})
            return stdio_client(lenient, errlog=cast("Any", heard))
        case str() if urlsplit(target).path.endswith("/sse"):
            # The transport of 2024-11-05, on which the event stream has an address of its own.
            headers, limit = dict(client.headers), client.timeout.connect or 0.0
            return sse_client(target, headers=headers, timeout=limit, sse_read_timeout=limit)
        case str():
            return streamable_http_client(target, http_client=client)
        case MCPServer():
            # MCPServer shows the lowlevel server it wraps under no public name (mcp 2.3).
            return memory_transport(target._lowlevel_server)  # pyright: ignore[reportPrivateUsage]
        case Server():
            return memory_transport(target)
        case _:
            return target


def _what(target: Target) -> str:
    match target:
        case StdioServerParameters():
            return f"`{fitted(' '.join([target.command, *target.args]), COMMAND)}`"
        case str():
            return target
        case MCPServer() | Server():
            return f"the server {target.name!r}"
        case _:
            return "the server"


def _last_words(heard: IO[str], servers: Sequence[LiveServer]) -> str:
    words = ""
    for server in servers:
        if server.garbage:
            count = len(server.garbage)
            words += f"; it wrote {count} {'thing that is' if count == 1 else 'things that are'} not MCP, the first: "
            words += fitted(server.first_garbage, HEARD)
        words += "".join(
            f"; it answered with HTTP status {answer.status}" for answer in [*server.http.values()][-1:]
        )
    heard.seek(0)
    said = heard.read().strip()[-HEARD:]
    return words + (f"; its standard error ends: {fitted(said, 2 * HEARD)}" if said else "")


def _cause(error: BaseException) -> BaseException:
    """The error that says most, out of groups of errors that came of it."""
    leaves, todo = list[BaseException](), [error]
    while todo:
        each = todo.pop(0)
        inside = cast("Sequence[BaseException]", getattr(each, "exceptions", ()))
        todo += inside
        leaves += [] if inside else [each]
    ours = [leaf for leaf in leaves if isinstance(leaf, CannotVerifyError)]
    return (ours or leaves)[0]


def _wire(message: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", message.model_dump(by_alias=True, mode="json", exclude_unset=True))
