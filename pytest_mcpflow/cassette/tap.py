"""Recording in process: a transport of the SDK, version 1 or 2, whose messages are written down on their way."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Self, cast

import anyio
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCError, JSONRPCRequest, JSONRPCResponse

from pytest_mcpflow.cassette.kinds import Side
from pytest_mcpflow.cassette.operations import LISTEN
from pytest_mcpflow.cassette.pending import PendingSession
from pytest_mcpflow.cassette.writer import SessionWriter
from pytest_mcpflow.clock import Flow, transit
from pytest_mcpflow.serve.closing import Closing

if TYPE_CHECKING:
    from mcp.client import Transport

__all__ = ["recorded"]


def recorded(transport: Transport, session: SessionWriter | PendingSession) -> Transport:
    """The same transport, recorded into a session of a cassette."""
    return cast("Transport", _recorded(transport, session))


@asynccontextmanager
async def _recorded(transport: Transport, session: SessionWriter | PendingSession) -> AsyncGenerator[Any]:
    # The server lives in real time. While it is starting, answering or ending, virtual time stands still.
    waiting = transit().flow("the answer of a server that is being recorded")
    by: Side = "server"
    async with AsyncExitStack() as stack:
        with transit().hold("the start of a server that is being recorded"):
            reading, writing = await stack.enter_async_context(transport)
        try:
            yield _Reader(reading, session, waiting), _Writer(writing, session, waiting)
            by = "client"
        finally:
            waiting.close()
            session.end(by=by)
            with transit().hold("the end of a server that is being recorded"):
                await stack.aclose()


class _End(Closing):
    def __init__(self, inner: Any, session: SessionWriter | PendingSession, waiting: Flow) -> None:
        self._inner, self._session, self._waiting = inner, session, waiting

    def _write(self, sender: Side, item: SessionMessage | Exception) -> None:
        if not isinstance(item, SessionMessage):
            return
        message: Any = getattr(item.message, "root", item.message)  # SDK 1 has a model around each message
        self._session.message(sender, message.model_dump(mode="json", by_alias=True, exclude_unset=True))
        if isinstance(message, JSONRPCRequest) and sender == "client" and message.method != LISTEN:
            self._waiting.sent()
        elif isinstance(message, JSONRPCResponse | JSONRPCError) and sender == "server":
            self._waiting.received()

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Reader(_End):
    async def receive(self) -> SessionMessage | Exception:
        item: SessionMessage | Exception = await self._inner.receive()
        self._write("server", item)
        return item

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None


class _Writer(_End):
    async def send(self, item: SessionMessage, /) -> None:
        self._write("client", item)  # first: the answer must not be on the tape before the question
        await self._inner.send(item)
