"""JSON-RPC messages as lines on an asyncio stream, the framing of MCP's stdio transport.

Both classes are the stream protocols of the SDK, without a task in between; they count what passes
if both ends are ours.
"""

from __future__ import annotations

import asyncio
from typing import Self

import anyio
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCMessage, jsonrpc_message_adapter
from pydantic import ValidationError

from pytest_mcpflow.clock import Flow
from pytest_mcpflow.serve.closing import Closing

__all__ = ["LINE_LIMIT", "LineReader", "LineTooLongError", "LineWriter", "line_of", "message_in"]

LINE_LIMIT = 64 * 1024 * 1024
"""The longest message, in bytes."""


def line_of(message: JSONRPCMessage) -> bytes:
    """A message as JSON, without the end of the line."""
    return message.model_dump_json(by_alias=True, exclude_unset=True).encode()


def message_in(line: bytes) -> SessionMessage | Exception:
    """The message of a line; the exception that it causes where it is none."""
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValidationError as error:
        return error


class LineTooLongError(ValueError):
    """A line is longer than a message may be."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"a line of more than {limit >> 20} MiB, the longest that is read")


class LineReader(Closing):
    """Reads messages; a line that is none is handed on as the exception it caused."""

    def __init__(self, stream: asyncio.StreamReader, flow: Flow | None) -> None:
        self._stream, self._flow = stream, flow
        self._is_lost = False

    async def receive(self) -> SessionMessage | Exception:
        try:
            return message_in(await self.line())
        except LineTooLongError as error:
            return error

    async def line(self) -> bytes:
        """The next line.

        Raises:
            EndOfStream: There is none.
            LineTooLongError: It is too long; where the one after it begins is not known, so there are no more.
        """
        if self._is_lost:
            raise anyio.EndOfStream
        try:
            line = await self._stream.readline()
        except ConnectionError as error:
            raise anyio.EndOfStream from error
        except ValueError:
            self._is_lost = True
            raise LineTooLongError(LINE_LIMIT) from None
        if not line:
            await self.aclose()
            raise anyio.EndOfStream
        if self._flow is not None:
            self._flow.received()
        return line

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        if self._flow is not None:
            self._flow.close()


class LineWriter(Closing):
    """Writes messages."""

    def __init__(self, stream: asyncio.StreamWriter, flow: Flow | None) -> None:
        self._stream, self._flow = stream, flow
        self.has_hung_up = False

    async def send(self, item: SessionMessage, /) -> None:
        await self.write(line_of(item.message) + b"\n")

    async def write(self, line: bytes) -> None:
        """Write one line, which may be no message."""
        if self._stream.is_closing():
            raise anyio.ClosedResourceError
        if self._flow is not None:
            self._flow.sent()
        self._stream.write(line)
        try:
            await self._stream.drain()
        except ConnectionError as error:
            raise anyio.BrokenResourceError from error

    def hang_up(self) -> None:
        """Close the stream; its end is on its way to the reader."""
        self.has_hung_up = True
        if self._flow is not None:
            self._flow.sent()
        self._stream.close()

    async def aclose(self) -> None:
        self._stream.close()
