"""The stateless era in one process: the SDK's client, the kernel of its server, and JSON-RPC messages in between.

`Server.run` hands each message through three tasks before it serves it, and a client's dispatcher takes the answer from
a task of its own, since that is what sockets and pipes need. In one process a message has arrived as soon as it is
sent: here each request is served at once, in a task of its own, and nothing else is waiting for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import Context, copy_context
from itertools import count
from types import TracebackType
from typing import Any, Self

import anyio
from anyio.abc import TaskStatus
from mcp import MCPError
from mcp.server import Server
from mcp.server.connection import Connection
from mcp.server.runner import ServerRunner, modern_error_data
from mcp.shared.dispatcher import CallOptions, OnNotify, OnNotifyIntercept, OnRequest, Outbound
from mcp.shared.exceptions import NoBackChannelError
from mcp.shared.inbound import InboundLadderRejection, classify_inbound_request
from mcp.shared.message import SessionMessage
from mcp.shared.transport_context import TransportContext
from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    CONNECTION_CLOSED,
    PROTOCOL_VERSION_META_KEY,
    REQUEST_TIMEOUT,
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    RequestId,
)

from pytest_mcpflow.clock import foreground
from pytest_mcpflow.serve.closing import Closing

__all__ = ["Channel"]

_Answer = JSONRPCResponse | JSONRPCError
_Answered = asyncio.Future[_Answer | None]
"""What whoever waits for an answer waits for; `None` is that it took too long."""
_ENVELOPE = (PROTOCOL_VERSION_META_KEY, CLIENT_INFO_META_KEY, CLIENT_CAPABILITIES_META_KEY)
"""What each request says of its client."""
_SIMPLE = frozenset({"cancel_on_abandon", "headers", "timeout"})
"""The options of a request that needs nothing of the SDK's dispatcher: headers mean something to HTTP only."""
_TRANSPORT = TransportContext(kind="memory", can_send_request=False)
_CLOSED = JSONRPCError(
    jsonrpc="2.0", id=None, error=ErrorData(code=CONNECTION_CLOSED, message="Connection closed")
)
"""What whoever waits for an answer gets when the channel is left."""


class Channel:
    """A client transport whose other end is the server of a fake, in protocol 2026-07-28.

    Args:
        server: Has no lifespan and keeps nothing with a connection, as those of fakes.
        schema_of: The output schema that a tool is listed with; `None` if it has none.
    """

    def __init__(self, server: Server[Any], schema_of: Callable[[str], Mapping[str, Any] | None]) -> None:
        self._server, self.schema_of = server, schema_of
        self._received = _Received()
        self._context: Context | None = None
        self._ids = count(1)
        self._serving: dict[RequestId, tuple[asyncio.Task[None], _Answered]] = {}
        self._envelope: tuple[Any, ...] = ()
        self._runner: ServerRunner[Any] | None = None

    def open(self) -> None:
        """Serve requests from here on. Nobody listens to what else the server says, unless the channel is entered."""
        with foreground():  # what a tool waits for is something to wait for; there is no infrastructure here
            self._context = copy_context()

    async def __aenter__(self) -> tuple[_Received, _Sent]:
        self.open()
        self._received.open()
        return self._received, _Sent(self)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the calls that go on; whoever waits for one is told."""
        self._context = None
        serving = [*self._serving.values()]
        for task, _ in serving:
            task.cancel()
        if serving:
            await asyncio.wait([task for task, _ in serving])
        for _, answered in serving:
            _settle(answered, _CLOSED)
        await self._received.aclose()

    async def carry(
        self, otherwise: Outbound, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None
    ) -> dict[str, Any]:
        """Send a request and wait for its answer.

        Args:
            otherwise: The dispatcher of the session, for requests with options that are its business.
            method, params, opts: As a dispatcher has them.

        Raises:
            MCPError: The answer is an error, or there was none in time or before the channel was left.
        """
        if opts is None:
            return await self._request(method, params, None)
        if opts.keys() <= _SIMPLE:
            return await self._request(method, params, opts.get("timeout"))
        return await otherwise.send_raw_request(method, params, opts)

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        """The same for a session that has no other dispatcher."""
        return await self._request(method, params, None if opts is None else opts.get("timeout"))

    async def notify(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> None:
        """Nothing that a client says by itself means anything to a fake of this era."""

    async def run(
        self,
        on_request: OnRequest,
        on_notify: OnNotify,
        on_notify_intercept: OnNotifyIntercept | None = None,
        *,
        task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        """There is nothing to run."""
        task_status.started()

    async def _request(
        self, method: str, params: Mapping[str, Any] | None, timeout: float | None
    ) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        answered: _Answered = loop.create_future()
        # The session's own dispatcher counts its requests by numbers.
        task = self._begin(_request(f"short-{next(self._ids)}", method, params), answered)
        timer = None if timeout is None else loop.call_later(timeout, _settle, answered, None)
        try:
            answer = await answered
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if answer is None:
            task.cancel()
            raise MCPError(REQUEST_TIMEOUT, f"Request {method!r} timed out")
        if self._received.has_unread:
            await self._received.read()  # what the server said meanwhile arrives before its answer
        if isinstance(answer, JSONRPCError):
            raise MCPError(answer.error.code, answer.error.message, answer.error.data)
        return answer.result

    def take(self, message: JSONRPCMessage) -> None:
        """Receive what the session's dispatcher sends.

        Raises:
            MCPError: The channel was left.
        """
        if isinstance(message, JSONRPCRequest):
            answered: _Answered = asyncio.get_running_loop().create_future()
            answered.add_done_callback(self._reply)
            self._begin(message, answered)
        elif isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled":
            serving = self._serving.get((message.params or {}).get("requestId", ""))
            if serving is not None:
                serving[0].cancel()

    def send(self, message: JSONRPCMessage) -> None:
        """Let the client receive a message."""
        self._received.put(SessionMessage(message))

    def _begin(self, request: JSONRPCRequest, answered: _Answered) -> asyncio.Task[None]:
        if self._context is None:
            raise MCPError(CONNECTION_CLOSED, "Connection closed")
        # Each in a context of its own, so that what one call sets no other sees.
        task = asyncio.get_running_loop().create_task(
            self._serve(request, answered),
            name=f"{self._server.name} serves {_meant(request)}",
            context=self._context.copy(),
        )
        self._serving[request.id] = task, answered
        return task

    def _reply(self, answered: _Answered) -> None:
        answer = None if answered.cancelled() else answered.result()
        if answer is not None:
            self.send(answer)

    async def _serve(self, request: JSONRPCRequest, answered: _Answered) -> None:
        """Answer a request; one that is cancelled gets no answer."""
        answer: _Answer
        try:
            runner = self._runner_for(request)
            result = await runner.on_request(_Exchange(self, request), request.method, request.params)
            answer = JSONRPCResponse(jsonrpc="2.0", id=request.id, result=result)
        except Exception as error:
            answer = JSONRPCError(jsonrpc="2.0", id=request.id, error=modern_error_data(error))
        finally:
            del self._serving[request.id]
        _settle(answered, answer)

    def _runner_for(self, request: JSONRPCRequest) -> ServerRunner[Any]:
        """The kernel for requests of this client: each says anew who it is, and it is always the same."""
        meta = _meta_of(request)
        envelope = tuple(meta.get(key) for key in _ENVELOPE)
        if self._runner is None or envelope != self._envelope:
            route = classify_inbound_request({"method": request.method, "params": request.params})
            if isinstance(route, InboundLadderRejection):
                raise MCPError(route.code, route.message, route.data)
            connection = Connection.from_envelope(
                route.protocol_version, route.client_info, route.client_capabilities
            )
            self._envelope, self._runner = envelope, ServerRunner(self._server, connection, {})
        return self._runner


def _settle(answered: _Answered, answer: _Answer | None) -> None:
    if not answered.done():
        answered.set_result(answer)


def _meant(request: JSONRPCRequest) -> str:
    """What a request is about: a tool, or else its method."""
    return (request.params or {}).get("name") or request.method


def _meta_of(request: JSONRPCRequest) -> Mapping[str, Any]:
    return (request.params or {}).get("_meta") or {}


def _request(request_id: str, method: str, params: Mapping[str, Any] | None) -> JSONRPCRequest:
    return JSONRPCRequest(
        jsonrpc="2.0", id=request_id, method=method, params=None if params is None else dict(params)
    )


class _Exchange:
    """One request as the server sees it: what it says meanwhile goes to the client; it cannot ask in this era."""

    transport = _TRANSPORT
    message_metadata = None
    can_send_request = False

    def __init__(self, channel: Channel, request: JSONRPCRequest) -> None:
        self._channel = channel
        self._token = _meta_of(request).get("progressToken")
        self.request_id: RequestId | None = request.id

    @property
    def cancel_requested(self) -> anyio.Event:
        """Never set: a request that is cancelled is interrupted."""
        return anyio.Event()

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        raise NoBackChannelError(method)

    async def notify(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> None:
        said = None if params is None else dict(params)
        self._channel.send(JSONRPCNotification(jsonrpc="2.0", method=method, params=said))

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        if self._token is not None:
            told = {"progressToken": self._token, "progress": progress, "total": total, "message": message}
            present = {name: value for name, value in told.items() if value is not None}
            await self.notify("notifications/progress", present)


class _Received(Closing):
    """The client's end for receiving."""

    def __init__(self) -> None:
        self._messages = deque[SessionMessage]()
        self._reader: asyncio.Future[None] | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self._is_closed = True

    def open(self) -> None:
        """Keep what comes from here on."""
        self._is_closed = False

    def put(self, message: SessionMessage) -> None:
        if not self._is_closed:
            self._messages.append(message)
            self._wake()

    @property
    def has_unread(self) -> bool:
        """Whether something was not received yet."""
        return bool(self._messages)

    async def read(self) -> None:
        """Wait until everything was received, or nobody receives any more."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    async def receive(self) -> SessionMessage:
        while not self._messages:
            self._all_read()
            if self._is_closed:
                raise anyio.EndOfStream
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._messages.popleft()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        self._is_closed = True
        self._messages.clear()
        self._wake()
        self._all_read()

    def _all_read(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


class _Sent(Closing):
    """The client's end for sending."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def send(self, item: SessionMessage, /) -> None:
        self._channel.take(item.message)

    async def aclose(self) -> None:
        """What was sent is served."""
