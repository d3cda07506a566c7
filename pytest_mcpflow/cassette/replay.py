"""Replaying in process: a client transport whose other end is a cassette, without any server."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCRequest, JSONRPCResponse, jsonrpc_message_adapter

from pytest_mcpflow.cassette.player import Player
from pytest_mcpflow.cassette.speaker import Out, Speaker
from pytest_mcpflow.serve.closing import Closing

__all__ = ["ReplayTransport"]

Sender = MemoryObjectSendStream[SessionMessage | Exception]


@dataclass
class ReplayTransport:
    """A transport for any client of the SDK. It has no task: an answer is there when its request is sent.

    Args:
        player: What was recorded. It may be played to several clients, one after the other.
        timing: Whether messages come when they came while recording; in virtual time that costs nothing.
    """

    player: Player
    timing: bool = False

    def __post_init__(self) -> None:
        self._to_client: Sender | None = None
        self._later: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> tuple[MemoryObjectReceiveStream[SessionMessage | Exception], _Writer]:
        self._speaker = Speaker(self.player)
        self._to_client, received = anyio.create_memory_object_stream[SessionMessage | Exception](math.inf)
        self._received = received
        return received, _Writer(self)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)
        self._hang_up()
        self._received.close()

    def take(self, message: SessionMessage) -> None:
        """Handle a message of the client."""
        outs = self._speaker.receive(_body(message))
        if self.timing and any(out.after for out in outs):
            task = asyncio.create_task(self._send_in_time(outs), name=f"replay of {self.player.server}")
            self._later.add(task)
            task.add_done_callback(self._later.discard)
            return
        for out in outs:
            self._send(out)

    async def _send_in_time(self, outs: list[Out]) -> None:
        passed = 0.0
        for out in outs:
            await asyncio.sleep(out.after - passed)
            passed = max(passed, out.after)
            self._send(out)

    def _send(self, out: Out) -> None:
        if out.hangs_up:
            self._hang_up()
        elif out.message is not None and self._to_client is not None:
            self._to_client.send_nowait(_session_message(out))

    def _hang_up(self) -> None:
        if self._to_client is not None:
            self._to_client.close()
            self._to_client = None


def _body(message: SessionMessage) -> Mapping[str, Any]:
    """A message as JSON values. Requests are most of them, and hold JSON values already."""
    inner = message.message
    if isinstance(inner, JSONRPCRequest):
        return {"jsonrpc": "2.0", "id": inner.id, "method": inner.method, "params": inner.params or {}}
    return inner.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _session_message(out: Out) -> SessionMessage:
    body = out.message
    assert body is not None
    if out.is_fresh and "result" in body:  # most messages; no part of them is anybody else's
        return SessionMessage(JSONRPCResponse(jsonrpc="2.0", id=body["id"], result=body["result"]))
    copied = json.dumps(body)  # what the client does with it must not change the tape
    return SessionMessage(jsonrpc_message_adapter.validate_json(copied, by_name=False))


class _Writer(Closing):
    """The client's end for sending."""

    def __init__(self, transport: ReplayTransport) -> None:
        self._transport = transport

    async def send(self, item: SessionMessage, /) -> None:
        self._transport.take(item)

    async def aclose(self) -> None:
        await self._transport.__aexit__(None, None, None)
