"""Replaying in process: a client transport whose other end is a cassette, without any server."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import types
from mcp.shared.message import SessionMessage

from pytest_mcpflow.cassette.playback import Playback
from pytest_mcpflow.cassette.player import Player, Tape
from pytest_mcpflow.cassette.redaction import Redactor, Rule
from pytest_mcpflow.cassette.speaker import Out, Speaker
from pytest_mcpflow.errors import UnusedRecordingError
from pytest_mcpflow.serve.closing import Closing

__all__ = ["ReplayTransport"]

Sender = MemoryObjectSendStream[SessionMessage | Exception]
MESSAGE: Any = types.JSONRPCMessage
OLD_MESSAGE: Any = MESSAGE if isinstance(MESSAGE, type) else None
"""The model that SDK 1 has around each message; SDK 2 has none, and `JSONRPCMessage` is a union of types."""


@dataclass
class ReplayTransport:
    """A transport for any client of the SDK, of its versions 1 and 2. It has no task: an answer is there when its
    request is sent.

        transport = ReplayTransport.from_tape("tape.jsonl")
        async with transport as streams, ClientSession(*streams) as session:
            ...
        transport.verify()

    In a hub it is `hub.replay(...)`, whose transcript and faults a transport by itself does not have.

    Args:
        player: What was recorded. It may be played to several clients, one after the other.
    """

    player: Player

    @classmethod
    def from_tape(
        cls,
        tape: str | Path,
        *,
        playback: Playback | None = None,
        redaction: Sequence[Rule] = (),
    ) -> Self:
        """Play a cassette.

        Args:
            tape: The file.
            playback: How it answers; exactly by default.
            redaction: What was taken out of the tape besides secrets.

        Raises:
            CassetteError: The file is missing or broken.
        """
        loaded = Tape.load(Path(tape), playback)
        name = loaded.cassette.server_name or Path(tape).stem
        return cls(Player(loaded, name, Redactor.of_tape(loaded.cassette.redaction, redaction)))

    def verify(self) -> None:
        """Fail where it was not the recorded session, even if the client went on.

        Raises:
            CassetteError: Something was asked that has no answer.
            UnusedRecordingError: Recorded tool calls were never made, and may not be left.
        """
        if self.player.misses:
            raise self.player.misses[0]
        unused = self.player.unused()
        if unused and not self.player.tape.playback.allow_unused:
            raise UnusedRecordingError(
                f"{len(unused)} recorded calls were never made, the first of them {unused[0]}; correct the client, "
                "record the session again, or allow it: Playback(allow_unused=True)"
            )

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
        if self.player.tape.playback.timing and any(out.after for out in outs):
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
    inner: Any = message.message
    if OLD_MESSAGE is not None:
        inner = inner.root
    if isinstance(inner, types.JSONRPCRequest):
        return {"jsonrpc": "2.0", "id": inner.id, "method": inner.method, "params": inner.params or {}}
    body: Mapping[str, Any] = inner.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return body


def _session_message(out: Out) -> SessionMessage:
    body = out.message
    assert body is not None
    if out.is_fresh and "result" in body:  # most messages; no part of them is anybody else's
        response = types.JSONRPCResponse(jsonrpc="2.0", id=body["id"], result=body["result"])
        return SessionMessage(response if OLD_MESSAGE is None else OLD_MESSAGE(response))
    copied = json.dumps(body)  # what the client does with it must not change the tape
    if OLD_MESSAGE is not None:
        return SessionMessage(OLD_MESSAGE.model_validate_json(copied))
    return SessionMessage(types.jsonrpc_message_adapter.validate_json(copied, by_name=False))


class _Writer(Closing):
    """The client's end for sending."""

    def __init__(self, transport: ReplayTransport) -> None:
        self._transport = transport

    async def send(self, item: SessionMessage, /) -> None:
        self._transport.take(item)

    async def aclose(self) -> None:
        await self._transport.__aexit__(None, None, None)
