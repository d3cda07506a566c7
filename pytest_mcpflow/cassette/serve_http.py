"""A recorded server over streamable HTTP, in both eras, as an ASGI application that needs no SDK.

Source: the transports of the specifications 2025-11-25 (sessions, a GET stream) and 2026-07-28 (each POST by itself).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, cast

from starlette.types import Receive, Scope, Send

from pytest_mcpflow.cassette.kinds import is_rpc
from pytest_mcpflow.cassette.operations import Http
from pytest_mcpflow.cassette.player import Player
from pytest_mcpflow.cassette.speaker import Out, Speaker
from pytest_mcpflow.cassette.values import as_object

__all__ = ["ReplayApp"]

Headers = list[tuple[bytes, bytes]]
SESSION = b"mcp-session-id"
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})


class ReplayApp:
    """Serves a cassette at any path.

    Args:
        player: What was recorded.
    """

    def __init__(self, player: Player) -> None:
        self._player, self._timing = player, player.tape.playback.timing
        self._stateless = _Client(player)
        self._sessions: dict[str, _Client] = {}
        self._named = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = dict(cast("Headers", scope["headers"]))
        reply = _Reply(send)
        if not _is_local(headers):
            await reply.text(403, "this server answers this machine only")
            return
        session = headers.get(SESSION, b"").decode("latin-1")
        if session and session not in self._sessions:
            await reply.text(404, f"there is no session {session!r}")
        elif scope["method"] == "POST":
            await self._post(self._sessions.get(session), receive, reply)
        elif not session:
            await reply.text(405, "POST a message; without a session there is nothing else here")
        elif scope["method"] == "GET":
            await self._stream(self._sessions[session], None, [], receive, reply)
        elif scope["method"] == "DELETE":
            del self._sessions[session]
            await reply.text(200, "")
        else:
            await reply.text(405, "GET, POST or DELETE")

    async def _post(self, client: _Client | None, receive: Receive, reply: _Reply) -> None:
        try:
            body: object = json.loads(await _body(receive))
        except (ValueError, RecursionError) as error:
            await reply.error(-32700, f"not JSON: {error}")
            return
        if not is_rpc(body):
            await reply.error(-32600, "not a message of JSON-RPC 2.0")
            return
        message = as_object(body)
        if message.get("method") == "initialize":
            client = _Client(self._player)
            self._named += 1  # no name is given twice, whoever has left
            name = f"replayed-session-{self._named}"
            self._sessions[name] = client
            reply.headers.append((SESSION, name.encode()))
        client = client or self._stateless
        outs = client.speaker.receive(message)
        if "id" not in message or "method" not in message:
            await reply.text(202, "")
            await client.deliver(outs, self._timing)
            return
        only = outs[0] if len(outs) == 1 and outs[0].is_last and outs[0].request == message["id"] else None
        if only is None or (self._timing and only.after):
            await self._stream(client, message["id"], outs, receive, reply)
        elif only.http is not None:
            await reply.http(only.http)
        elif only.message is not None:
            await reply.json(200, only.message)
        else:
            await reply.hang_up()

    async def _stream(
        self, client: _Client, request: object, outs: list[Out], receive: Receive, reply: _Reply
    ) -> None:
        """Send events until the request has its answer, or the client leaves."""
        stream = client.open(request)
        leaving = asyncio.create_task(_left(receive))
        delivering = asyncio.create_task(client.deliver(outs, self._timing))
        try:
            await reply.begin_events()
            while True:
                getting = asyncio.create_task(stream.get())
                done, _ = await asyncio.wait({getting, leaving}, return_when=asyncio.FIRST_COMPLETED)
                if getting not in done:
                    getting.cancel()
                    client.gave_up(request)
                    return
                out = getting.result()
                if out.message is not None:
                    await reply.event(out.message)
                if out.is_last:
                    await reply.end()
                    return
        finally:
            client.close(request)
            for task in (leaving, delivering):
                task.cancel()
            await asyncio.gather(leaving, delivering, return_exceptions=True)


class _Client:
    """One client's conversation, and the streams on which it waits."""

    def __init__(self, player: Player) -> None:
        self.speaker = Speaker(player, speaks_http=True)
        self._streams: dict[object, asyncio.Queue[Out]] = {}
        self._unread: asyncio.Queue[Out] = asyncio.Queue()

    def open(self, request: object) -> asyncio.Queue[Out]:
        queue = self._unread if request is None else asyncio.Queue[Out]()
        self._streams[request] = queue
        return queue

    def close(self, request: object) -> None:
        self._streams.pop(request, None)

    def gave_up(self, request: object) -> None:
        """In the stateless era a client cancels by hanging up."""
        if request is not None:
            cancelled = {"method": "notifications/cancelled", "params": {"requestId": request}}
            self.speaker.receive({"jsonrpc": "2.0", **cancelled})

    async def deliver(self, outs: list[Out], timing: bool) -> None:
        """Put each message on the stream it belongs to."""
        passed = 0.0
        for out in outs:
            if timing and out.after > passed:
                await asyncio.sleep(out.after - passed)
                passed = out.after
            self._streams.get(out.request, self._unread).put_nowait(out)


class _Reply:
    """One HTTP response."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.headers: Headers = []

    async def json(self, status: int, body: Mapping[str, Any]) -> None:
        await self._whole(status, b"application/json", json.dumps(body, separators=(",", ":")).encode())

    async def text(self, status: int, text: str) -> None:
        await self._whole(status, b"text/plain; charset=utf-8", text.encode())

    async def error(self, code: int, text: str) -> None:
        await self.json(400, {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": text}})

    async def http(self, answer: Http) -> None:
        self.headers += [
            (name.encode(), value.encode("latin-1", "replace"))
            for name, value in answer.headers.items()
            if name != "content-type"
        ]
        kind = answer.headers.get("content-type", "text/plain; charset=utf-8")
        await self._whole(answer.status, kind.encode("latin-1", "replace"), answer.body.encode())

    async def begin_events(self) -> None:
        self.headers.append((b"cache-control", b"no-store"))
        await self._start(200, b"text/event-stream")

    async def event(self, message: Mapping[str, Any]) -> None:
        data = json.dumps(message, separators=(",", ":"))
        await self._send(
            {
                "type": "http.response.body",
                "body": f"event: message\ndata: {data}\n\n".encode(),
                "more_body": True,
            }
        )

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b""})

    async def hang_up(self) -> None:
        """Announce a body and end without it: the connection breaks, as it did while recording."""
        self.headers.append((b"content-length", b"1000000"))
        await self._start(200, b"application/json")
        await self._send({"type": "http.response.body", "body": b"", "more_body": True})
        raise ConnectionAbortedError("the recorded server went away here")

    async def _whole(self, status: int, kind: bytes, body: bytes) -> None:
        self.headers.append((b"content-length", str(len(body)).encode()))
        await self._start(status, kind)
        await self._send({"type": "http.response.body", "body": body})

    async def _start(self, status: int, kind: bytes) -> None:
        headers = [(b"content-type", kind), *self.headers]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})


async def _body(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _is_local(headers: Mapping[bytes, bytes]) -> bool:
    """A page of another site must not reach this server through the user's browser (DNS rebinding)."""
    host = headers.get(b"host", b"").decode("latin-1").rpartition(":")[0] or headers.get(b"host", b"").decode(
        "latin-1"
    )
    origin = headers.get(b"origin", b"").decode("latin-1")
    from_here = not origin or origin.partition("://")[2].rpartition(":")[0] in LOCAL_HOSTS
    return host in LOCAL_HOSTS and from_here
