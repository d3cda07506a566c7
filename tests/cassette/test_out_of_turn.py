"""What a server says and asks by itself, between the answers, comes from the tape, too, and in time."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client import ClientRequestContext
from mcp.types import ListRootsResult
from tapes import Said, ask, called, opened, player, say, tell, write

from pytest_mcpflow import NeverRecordedError, Playback, ReplayTransport
from pytest_mcpflow.cassette import serve_stdio
from pytest_mcpflow.cassette.player import Player
from pytest_mcpflow.cassette.serve_http import ReplayApp
from pytest_mcpflow.serve.http import listening

CHANGED = "notifications/tools/list_changed"
ROOTS: Said = ("server", {"jsonrpc": "2.0", "id": 0, "method": "roots/list"})
NO_ROOTS: Said = ("client", {"jsonrpc": "2.0", "id": 0, "result": {"roots": []}})
INITIALIZED: Said = ("client", {"jsonrpc": "2.0", "method": "notifications/initialized"})
BY_ITSELF = [*opened(), INITIALIZED, tell(CHANGED), ROOTS, NO_ROOTS, tell(CHANGED)]


async def heard_of(tape: Path, *, has_roots: bool = True) -> list[str]:
    """What a client of the SDK hears of a server on a tape while it opens the connection and says `ping`."""
    heard: list[str] = []

    async def note(message: Any) -> None:
        heard.append(message.method)

    async def list_roots(context: ClientRequestContext) -> ListRootsResult:
        heard.append("asked for roots")
        return ListRootsResult(roots=[])

    transport = ReplayTransport.from_tape(tape, playback=Playback(allow_unused=True))
    asked = list_roots if has_roots else None
    async with Client(transport, mode="legacy", message_handler=note, list_roots_callback=asked) as client:
        await client.session.send_ping()
        await client.session.send_ping()
    return heard


@pytest.mark.asyncio
@pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")
async def test_what_the_server_said_and_asked_at_the_beginning_comes_again(tmp_path: Path) -> None:
    tape = write(tmp_path / "t.jsonl", BY_ITSELF)

    assert await heard_of(tape) == [CHANGED, "asked for roots", CHANGED]
    assert await heard_of(tape, has_roots=False) == [CHANGED, CHANGED]


@pytest.mark.asyncio
@pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")
async def test_what_came_with_an_empty_answer_comes_again_once(tmp_path: Path) -> None:
    tape = write(tmp_path / "t.jsonl", [*opened(), ask(1, "ping"), say(1, result={}), tell(CHANGED)])

    assert await heard_of(tape) == [CHANGED]


def test_who_listens_hears_what_had_changed_before_anything_was_asked(tmp_path: Path) -> None:
    _, speaker = player(tmp_path / "t.jsonl", BY_ITSELF)

    listening_for = {"toolsListChanged": True}
    first = speaker.receive(ask(1, "subscriptions/listen", _meta=STATELESS, notifications=listening_for)[1])
    again = speaker.receive(ask(2, "subscriptions/listen", _meta=STATELESS, notifications=listening_for)[1])

    assert [_method(out.message) for out in first][1:] == [CHANGED, CHANGED]
    assert [_method(out.message) for out in again][1:] == []


def test_a_server_that_refuses_what_others_only_acknowledge_refuses_again(tmp_path: Path) -> None:
    refused = {"code": -32601, "message": "no logging here"}
    tape, speaker = player(
        tmp_path / "t.jsonl", [*opened(), ask(1, "logging/setLevel", level="debug"), say(1, error=refused)]
    )

    [same] = speaker.receive(ask(7, "logging/setLevel", level="debug")[1])
    [other] = speaker.receive(ask(8, "logging/setLevel", level="error")[1])
    [another] = speaker.receive(ask(9, "resources/subscribe", uri="note://first")[1])

    assert same.message == {"jsonrpc": "2.0", "id": 7, "error": refused}
    assert other.message is not None
    assert "error" in other.message
    assert [type(miss) for miss in tape.misses] == [NeverRecordedError]
    assert another.message == {"jsonrpc": "2.0", "id": 9, "result": {}}


@pytest.mark.parametrize("over", ["pipe", "socket"])
def test_progress_is_read_by_itself_before_the_answer_is_written(
    tmp_path: Path, over: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve_stdio, "READ_LIMIT", 60.0)
    asked, answer = called(1, "slowly", {}, "done", progressToken=1)
    progress = tell("notifications/progress", progressToken=1, progress=1)
    tape, _ = player(tmp_path / "t.jsonl", [*opened(), asked, progress, answer])

    with served(tape, over) as (write_to, read_from):
        # Without a line feed at its end, and then no more: as `printf` has it.
        os.write(write_to, json.dumps(asked[1]).encode())
        os.close(write_to)
        reads = [*iter(lambda: os.read(read_from, 1 << 16), b"")]

    methods = [[_method(json.loads(line)) for line in read.splitlines()] for read in reads]
    assert methods == [["notifications/progress"], [None]]


@contextmanager
def served(tape: Player, over: str) -> Generator[tuple[int, int]]:
    """Where to write to a server that speaks stdio, and where to read from it, as a parent has it."""
    stdin, write_to = os.pipe()
    if over == "pipe":
        read_from, stdout = os.pipe()
    else:  # as Node.js starts its children
        read_from, stdout = (end.detach() for end in socket.socketpair())

    def serve() -> None:
        serve_stdio.serve_stdio(tape, stdin=stdin, stdout=stdout)
        os.close(stdout)

    serving = threading.Thread(target=serve)
    serving.start()
    yield write_to, read_from
    serving.join()
    os.close(stdin)
    os.close(read_from)


@pytest.mark.asyncio
async def test_no_client_gets_the_session_of_another(tmp_path: Path) -> None:
    tape, _ = player(tmp_path / "t.jsonl", BY_ITSELF)
    handshake = opened()[0][1]

    async with listening(ReplayApp(tape)) as url, httpx2.AsyncClient() as web:
        first, second = [(await web.post(url, json=handshake)).headers["mcp-session-id"] for _ in range(2)]
        await web.delete(url, headers={"mcp-session-id": first})
        third = (await web.post(url, json=handshake)).headers["mcp-session-id"]

    assert len({first, second, third}) == 3


STATELESS = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}


def _method(message: Any) -> object:
    return message.get("method")
