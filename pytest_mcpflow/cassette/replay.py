"""Answering from a cassette, in process and without any server.

A tool call finds its answer by tool and arguments, each recorded call once and in order; everything else a
client asks may be asked again. There is no approximate answer: what was not recorded is an error.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, cast

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCNotification, JSONRPCRequest, jsonrpc_message_adapter

from pytest_mcpflow.cassette.format import Cassette, Message, Session
from pytest_mcpflow.errors import CassetteError, nearest
from pytest_mcpflow.outcome import shortened, shown_arguments

__all__ = ["ReplayTransport"]

Sender = MemoryObjectSendStream[SessionMessage | Exception]
NOT_RECORDED, METHOD_NOT_FOUND = -32600, -32601
OPENINGS = ("initialize", "server/discover")
"""What names the client and not the question, so that the method alone finds its answer."""


@dataclass
class _Recorded:
    """A request on the tape with all that followed until its answer."""

    key: str
    shown: str
    method: str
    token: Any
    script: tuple[Mapping[str, Any], ...]
    used: bool = False


@dataclass
class _Waiting:
    """A replayed request that waits for the client's answer to a question of the server."""

    request: JSONRPCRequest
    steps: Iterator[Mapping[str, Any]]
    token: Any


@dataclass
class ReplayTransport:
    """A client transport whose other end is a cassette. It has no task: an answer is there when its request is sent.

    Args:
        cassette: What was recorded.
        server_name: The server's name, for messages.
        misses: Requests that had no answer, as the errors the test fails with.
    """

    cassette: Cassette
    server_name: str
    misses: list[CassetteError] = field(default_factory=list[CassetteError])

    def __post_init__(self) -> None:
        self._recorded = [each for session in self.cassette.sessions for each in _requests(session)]
        self._waiting: dict[str, _Waiting] = {}
        self._asked = 0
        self._to_client: Sender | None = None

    async def __aenter__(self) -> tuple[MemoryObjectReceiveStream[SessionMessage | Exception], _Writer]:
        self._to_client, received = anyio.create_memory_object_stream[SessionMessage | Exception](math.inf)
        self._received = received
        return received, _Writer(self)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        if self._to_client is not None:
            self._to_client.close()
            self._received.close()

    def unused(self) -> list[str]:
        """The recorded tool calls that nobody asked for."""
        return [each.shown for each in self._recorded if each.method == "tools/call" and not each.used]

    def take(self, message: SessionMessage) -> None:
        """Handle a message of the client."""
        match message.message:
            case JSONRPCRequest() as request:
                self._answer(request)
            case JSONRPCNotification():
                pass
            case answer:
                waiting = self._waiting.pop(str(answer.id), None)
                if waiting is not None:
                    self._play(waiting)

    def _answer(self, request: JSONRPCRequest) -> None:
        params = request.params or {}
        key = _key(request.method, params)
        matching = [each for each in self._recorded if each.key == key]
        reusable = request.method != "tools/call"
        found = next((each for each in matching if reusable or not each.used), None)
        if found is None:
            self._miss(request, exhausted=bool(matching))
            return
        found.used = True
        token = cast("Mapping[str, Any]", params.get("_meta") or {}).get("progressToken")
        steps = (_rebound(step, found.token, token) for step in found.script)
        self._play(_Waiting(request, iter([step for step in steps if step is not None]), token))

    def _play(self, waiting: _Waiting) -> None:
        """Send what followed a request, up to its answer or to a question that the client must answer first."""
        for step in waiting.steps:
            if "method" in step and "id" in step:
                self._asked += 1
                question = f"replayed-{self._asked}"
                self._waiting[question] = waiting
                self._send({**step, "id": question})
                return
            self._send(step if "method" in step else {**step, "id": waiting.request.id})

    def _miss(self, request: JSONRPCRequest, *, exhausted: bool) -> None:
        if request.method in OPENINGS:
            # A client that probes for an era which was not recorded goes on with the one that was.
            self._send(_error(request, METHOD_NOT_FOUND, f"{request.method} was not recorded"))
            return
        shown = _shown(request.method, request.params or {})
        known = [each.shown for each in self._recorded if each.method == request.method]
        why = "more often than it was recorded" if exhausted else _difference(shown, known)
        error = CassetteError(
            f"{self.cassette.path.name} has no answer of {self.server_name}: {shown} was asked {why}; "
            "record the session again, or correct the call"
        )
        self.misses.append(error)
        self._send(_error(request, NOT_RECORDED, str(error)))

    def _send(self, body: Mapping[str, Any]) -> None:
        assert self._to_client is not None
        copied = json.dumps(body)  # what the client does with it must not change the tape
        self._to_client.send_nowait(
            SessionMessage(jsonrpc_message_adapter.validate_json(copied, by_name=False))
        )


class _Writer:
    """The client's end for sending."""

    def __init__(self, transport: ReplayTransport) -> None:
        self._transport = transport

    async def send(self, item: SessionMessage, /) -> None:
        self._transport.take(item)

    async def aclose(self) -> None:
        await self._transport.__aexit__(None, None, None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.aclose()


def _requests(session: Session) -> Iterator[_Recorded]:
    """The client's requests that were answered, each with what the server sent until then."""
    for index, message in enumerate(session.messages):
        if message.sender != "client" or not message.is_request:
            continue
        method: str = message.body["method"]
        params: dict[str, Any] = message.body.get("params") or {}
        script = _script(session.messages[index + 1 :], message)
        if script is not None:
            token = cast("dict[str, Any]", params.get("_meta") or {}).get("progressToken")
            yield _Recorded(_key(method, params), _shown(method, params), method, token, script)


def _script(following: tuple[Message, ...], request: Message) -> tuple[Mapping[str, Any], ...] | None:
    """What the server sent after a request, its answer last; `None` if it never answered."""
    steps: list[Mapping[str, Any]] = []
    for message in following:
        if message.sender == "client":
            continue
        if message.is_response:
            if message.body["id"] == request.body["id"]:
                return (*steps, message.body)
        else:
            steps.append(message.body)
    return None


def _rebound(step: Mapping[str, Any], recorded: Any, token: Any) -> Mapping[str, Any] | None:
    """A step for another caller: its progress under the caller's token; other callers' progress is left out."""
    if step.get("method") != "notifications/progress":
        return step
    if token is None or recorded is None or step["params"].get("progressToken") != recorded:
        return None
    return {**step, "params": {**step["params"], "progressToken": token}}


def _key(method: str, params: Mapping[str, Any]) -> str:
    """What two requests must have in common: not who asks, nor what a person answered in an earlier round."""
    if method in OPENINGS:
        return method
    significant = {name: value for name, value in params.items() if name not in ("_meta", "inputResponses")}
    if method == "tools/call":
        significant.setdefault("arguments", {})
    return json.dumps([method, significant], sort_keys=True)


def _shown(method: str, params: Mapping[str, Any]) -> str:
    if method == "tools/call":
        return shortened(f"{params.get('name')}({shown_arguments(params.get('arguments') or {})})")
    return shortened(f"{method} {params.get('uri') or params.get('name') or ''}".strip())


def _difference(shown: str, known: list[str]) -> str:
    if not known:
        return "but nothing of the kind was recorded"
    return "but was never recorded; recorded were: " + ", ".join(dict.fromkeys(nearest(shown, known)))


def _error(request: JSONRPCRequest, code: int, message: str) -> Mapping[str, Any]:
    return {"jsonrpc": "2.0", "id": request.id, "error": {"code": code, "message": message}}
