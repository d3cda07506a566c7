"""Handing HTTP requests on to a server and its answers back, as they come, with a copy for the tape."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Collection, Iterator
from typing import cast

import anyio
import httpx2
from starlette.types import Receive, Scope, Send

from pytest_mcpflow.cassette.gateway_address import Upstream
from pytest_mcpflow.cassette.gateway_exchange import Exchange, RecordedExchange, UnreadableAnswerError
from pytest_mcpflow.cassette.gateway_tape import HttpTape
from pytest_mcpflow.errors import CassetteError
from pytest_mcpflow.serve.sse import is_event_stream

__all__ = ["GatewayApp"]

Headers = list[tuple[bytes, bytes]]

HOP_BY_HOP = frozenset(
    (
        *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"),
        *(b"te", b"trailer", b"transfer-encoding", b"upgrade"),
    )
)
"""What concerns one connection and not the message, RFC 9110 section 7.6.1."""

OURS = frozenset((b"host", b"origin", b"accept-encoding", b"expect"))
"""Request headers that the gateway writes itself: it answers `Expect`, and must read the answer's body."""

AROUND_US = frozenset((b"alt-svc",))
"""The header of an answer that would lead a client to the server without the gateway."""

METHODS = ("GET", "POST", "DELETE")
"""The HTTP methods that MCP uses."""

BAD_REQUEST, MISDIRECTED, INTERNAL_ERROR, BAD_GATEWAY = 400, 421, 500, 502
NO_ANSWER = -32000
"""The JSON-RPC code under which the gateway says that the server did not answer."""


class GatewayApp:
    """The ASGI application.

    Args:
        upstream: The server.
        transport: What sends requests; it must not follow redirects, repeat requests or add anything to them.
        tape: Where to write. What cannot be written does not pass, see `failure`.
        address: Scheme, host and port at which clients reach the gateway.
        hosts: The `Host` headers to accept, so that no web page of somebody else talks to the server through a
            name that leads here; empty to accept all.
    """

    def __init__(
        self,
        upstream: Upstream,
        transport: httpx2.AsyncBaseTransport,
        tape: HttpTape,
        *,
        address: str,
        hosts: Collection[str],
    ) -> None:
        self._upstream, self._transport, self._tape = upstream, transport, tape
        self._address, self._hosts = address, hosts
        self._paths = {_plain(upstream.path)}
        self._base = httpx2.URL(upstream.origin)
        self.failure: Exception | None = None
        self.failed = asyncio.Event()
        self.is_closing = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            # An answer that is left without its end is cut by the ASGI server, so that the client sees it, too.
            await self._serve(scope, receive, _Reply(send))
        except Exception as error:
            self.fail(error)
            raise

    def fail(self, error: Exception) -> None:
        """From now on nothing passes, since it would not be on the tape."""
        group = cast("ExceptionGroup[Exception] | None", error if isinstance(error, ExceptionGroup) else None)
        self.failure = self.failure or (error if group is None else group.exceptions[0])
        self.failed.set()

    def close(self) -> None:
        """Write how the sessions end."""
        self.is_closing = True
        try:
            self._tape.close()
        except (OSError, CassetteError) as error:
            self.fail(error)

    async def _serve(self, scope: Scope, receive: Receive, reply: _Reply) -> None:
        headers = cast("Headers", scope["headers"])
        host = _value(headers, b"host")
        if self._hosts and host.lower() not in self._hosts:
            await reply.refuse(MISDIRECTED, f"this gateway is {self._address}, not {host!r}", None)
            return
        path = bytes(scope["raw_path"]).decode("latin-1")
        query = bytes(scope["query_string"]).decode("latin-1")
        if not path.startswith("/"):
            await reply.refuse(BAD_REQUEST, f"{path!r} is no path", None)
            return
        target = path + (f"?{query}" if query else "")
        exchange = self._exchange(scope, headers, path, target)
        if path == self._upstream.path and self._upstream.query:
            target = f"{path}?{self._upstream.query}" + (f"&{query}" if query else "")
        body = _Body(receive, exchange, _value(headers, b"content-length"))
        request = httpx2.Request(
            scope["method"],
            self._base,
            headers=[*self._request_headers(headers, host)],
            stream=body,
            extensions={"target": target.encode("latin-1")},
        )
        async with anyio.create_task_group() as group:
            group.start_soon(self._stop_when_client_leaves, receive, body, exchange, group.cancel_scope)
            await self._pass(request, exchange, reply)
            group.cancel_scope.cancel()

    async def _pass(self, request: httpx2.Request, exchange: Exchange, reply: _Reply) -> None:
        """Send a request, once, and hand its answer on."""
        try:
            if self.failure is None:
                await self._forward(request, exchange, reply)
        except _ClientLeftError:
            return
        except (httpx2.TransportError, UnreadableAnswerError) as error:
            if reply.has_begun:
                exchange.broke_off()
            else:
                text = f"{self._upstream.shown} gave no answer: {_reason(error)}"
                await reply.refuse(BAD_GATEWAY, text, exchange)
        except (OSError, CassetteError) as error:
            self.fail(error)
        if self.failure is not None and not reply.has_begun:
            await reply.refuse(INTERNAL_ERROR, f"the tape cannot be written: {self.failure}", None)

    async def _forward(self, request: httpx2.Request, exchange: Exchange, reply: _Reply) -> None:
        response = await self._transport.handle_async_request(request)
        try:
            if not 200 <= response.status_code < 600:
                raise UnreadableAnswerError(f"status {response.status_code}")
            lower = {name.lower(): value for name, value in response.headers.items()}
            exchange.answered(response.status_code, lower)
            await reply.begin(
                response.status_code,
                [*self._answer_headers(response, request.extensions["target"].decode("latin-1"))],
            )
            length = _number(lower.get("content-length", ""))
            passed, is_complete = 0, False
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            async for chunk in response.stream:
                out = exchange.take(chunk)
                passed += len(chunk)
                if passed == length:  # the client will have it all before the stream says that it is over
                    is_complete = True
                    out += exchange.complete()
                await reply.go_on(out)
            await reply.end(b"" if is_complete else exchange.complete())
        finally:
            await response.aclose()

    async def _stop_when_client_leaves(
        self, receive: Receive, body: _Body, exchange: Exchange, scope: anyio.CancelScope
    ) -> None:
        await body.is_read.wait()
        while (await receive())["type"] != "http.disconnect":
            pass
        if not self.is_closing:
            try:
                exchange.client_left()
            except (OSError, CassetteError) as error:
                self.fail(error)
        scope.cancel()

    def _exchange(self, scope: Scope, headers: Headers, path: str, target: str) -> Exchange:
        """Only MCP is recorded: what else passes may be the making of a token."""
        is_endpoint = _plain(path) in self._paths or self._tape.leads_to_endpoint(target)
        if not is_endpoint or scope["method"] not in METHODS:
            return Exchange()
        return RecordedExchange(
            self._tape,
            method=scope["method"],
            target=target,
            session_id=_value(headers, b"mcp-session-id") or None,
            connection=scope["client"],
            resumes=bool(_value(headers, b"last-event-id")),
            upstream=self._upstream,
            public=self._address,
        )

    def _request_headers(self, headers: Headers, host: str) -> Iterator[tuple[bytes, bytes]]:
        yield b"host", self._upstream.host_header.encode()
        yield b"accept-encoding", b"identity"
        named = _named_by_connection(headers)
        is_chunked = bool(_value(headers, b"transfer-encoding"))
        if is_chunked:
            yield b"transfer-encoding", b"chunked"
        if self._upstream.authorization and not _value(headers, b"authorization"):
            yield b"authorization", self._upstream.authorization.encode()
        for name, value in headers:
            if name == b"origin":
                # What a client says of itself as being here is true there; a stranger stays one.
                is_ours = value.decode("latin-1") in (self._address, f"http://{host}")
                yield name, self._upstream.origin.encode() if is_ours else value
            elif name not in HOP_BY_HOP | OURS | named and not (is_chunked and name == b"content-length"):
                yield name, value

    def _answer_headers(self, response: httpx2.Response, target: str) -> Iterator[tuple[bytes, bytes]]:
        raw = [(name.lower(), value) for name, value in response.headers.raw]
        named = _named_by_connection(raw)
        # A chunked body says itself how long it is, and events may grow by an address on the way.
        is_counted = not _value(raw, b"transfer-encoding") and not is_event_stream(
            _value(raw, b"content-type")
        )
        for name, value in raw:
            if name == b"location":
                there = self._upstream.target_of(value.decode("latin-1"), target)
                if there is not None:
                    self._paths.add(_plain(there.partition("?")[0]))
                    value = (self._address + there).encode("latin-1", "replace")
                yield name, value
            elif name not in HOP_BY_HOP | named | AROUND_US and (is_counted or name != b"content-length"):
                yield name, value


class _ClientLeftError(Exception):
    """The client went away while it was sending."""


class _Body(httpx2.AsyncByteStream):
    """The body of a request, handed on as it comes; its last byte, when the whole is on the tape."""

    def __init__(self, receive: Receive, exchange: Exchange, content_length: str) -> None:
        self._receive, self._exchange, self._length = receive, exchange, _number(content_length)
        self.is_read = asyncio.Event()

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        parts: list[bytes] = []
        size, is_written, more = 0, False, True
        try:
            while more:
                message = await self._receive()
                if message["type"] == "http.disconnect":
                    raise _ClientLeftError
                chunk, more = bytes(message.get("body", b"")), bool(message.get("more_body", False))
                parts.append(chunk)
                size += len(chunk)
                if not is_written and (not more or size == self._length):
                    is_written = True
                    self._exchange.asked(b"".join(parts))
                    parts.clear()
                if chunk:
                    yield chunk
        finally:
            self.is_read.set()


class _Reply:
    """The answer to a client."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    async def begin(self, status: int, headers: Headers) -> None:
        self.has_begun = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def go_on(self, body: bytes) -> None:
        if body:
            await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def refuse(self, status: int, text: str, exchange: Exchange | None) -> None:
        """Answer in the server's place, in a form that clients show; on the tape too, if there is an exchange."""
        error = {"code": NO_ANSWER, "message": f"mcpflow record: {text}"}
        request = None if exchange is None else exchange.request
        body = json.dumps({"jsonrpc": "2.0", "id": request, "error": error})
        if exchange is not None:
            exchange.refused(status, {"content-type": "application/json"}, body)
        data = body.encode()
        length = str(len(data)).encode()
        await self.begin(status, [(b"content-type", b"application/json"), (b"content-length", length)])
        await self.end(data)


def _value(headers: Headers, name: bytes) -> str:
    return next((value.decode("latin-1") for each, value in headers if each == name), "")


def _named_by_connection(headers: Headers) -> frozenset[bytes]:
    """Further headers that concern one connection, as `Connection` names them."""
    lists = (value for name, value in headers if name == b"connection")
    return frozenset(word.strip().lower() for value in lists for word in value.split(b","))


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _plain(path: str) -> str:
    """A path without the slash at its end, with which many servers redirect."""
    return path.rstrip("/")


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
