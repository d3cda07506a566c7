"""What the gateway recorded answers a client as the server did, over HTTP and in process, in either era."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import httpx2
import pytest
from http_servers import (
    EVENTS,
    LIMIT,
    Answer,
    Script,
    Workshop,
    call,
    frames,
    notice,
    on_elicit,
    on_sample,
    recorded,
    serving,
    web_client,
)
from mcp import Client
from mcp.server import MCPServer
from mcp.server.mcpserver import Context

from pytest_mcpflow.cassette.operations import Silence, operations
from pytest_mcpflow.cassette.player import Player, Tape
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.replay import ReplayTransport
from pytest_mcpflow.cassette.serve_http import ReplayApp

Mode = Literal["legacy", "auto"]
ERAS: tuple[Mode, ...] = ("legacy", "auto")


def player_of(tape: Path) -> Player:
    return Player(Tape.load(tape), "workshop")


@asynccontextmanager
async def server_of(tape: Path, way: str) -> AsyncGenerator[str | ReplayTransport]:
    if way == "memory":
        yield ReplayTransport(player_of(tape))
        return
    async with serving(ReplayApp(player_of(tape))) as base:
        yield f"{base}/mcp"


async def session(target: str | ReplayTransport, mode: Mode) -> list[object]:
    """Something of everything; what the client got."""
    got: list[object] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        got.append((progress, total))

    async with (
        asyncio.timeout(LIMIT),
        Client(target, mode=mode, elicitation_callback=on_elicit, sampling_callback=on_sample) as client,
    ):
        got.append(sorted(tool.name for tool in (await client.list_tools()).tools))
        for tool in ("count", "greet", "slow", "paint", "count"):
            progress = on_progress if tool == "slow" else None
            got.append((await client.call_tool(tool, progress_callback=progress)).structured_content)
        refused = await client.call_tool("big", {"text": 7})
        got.append((refused.is_error, refused.content))
    return got


@pytest.mark.asyncio
@pytest.mark.parametrize("way", ["memory", "http"])
@pytest.mark.parametrize("mode", ERAS, ids=["to handshake", "to stateless"])
@pytest.mark.parametrize("recorded_in", ERAS, ids=["from handshake", "from stateless"])
async def test_a_recorded_session_answers_alike(
    tmp_path: Path, recorded_in: Mode, mode: Mode, way: str
) -> None:
    tape, workshop = tmp_path / "tape.jsonl", Workshop()
    workshop.go_on.set()
    async with workshop.over_http() as url, recorded(url, tape) as address:
        live = await session(address, recorded_in)

    async with server_of(tape, way) as target:
        replayed = await session(target, mode)

    assert replayed == live
    assert workshop.calls == 2
    assert live[3:5] == [(1, 2), (2, 2)]


@pytest.mark.asyncio
async def test_an_answer_that_broke_off_breaks_off_again(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    script = Script(Answer(200, EVENTS, (notice(1),), breaks_off=True))
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, web_client() as web:
        with pytest.raises(httpx2.RemoteProtocolError):
            await web.post(address, content=call(), headers={"mcp-method": "tools/call"})

    async with server_of(tape, "http") as target, web_client() as web:
        assert isinstance(target, str)
        with pytest.raises(httpx2.RemoteProtocolError):
            await web.post(target, content=call())


@pytest.mark.asyncio
async def test_a_refusal_refuses_again_with_what_it_said(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    script = Script(Answer(429, {"retry-after": "7", "content-type": "text/plain"}, (b"later",)))
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, web_client() as web:
        await web.post(address, content=call())

    async with server_of(tape, "http") as target, web_client() as web:
        assert isinstance(target, str)
        got = await web.post(target, content=call())

    assert (got.status_code, got.headers["retry-after"], got.text) == (429, "7", "later")


@pytest.mark.asyncio
async def test_a_subscription_is_recorded_until_the_client_ends_it(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    server = MCPServer("news", log_level="CRITICAL")

    @server.tool()
    async def publish(ctx: Context[Any, Any]) -> str:
        """Say that the tools are others now."""
        await ctx.notify_tools_changed()
        return "done"

    app = server.streamable_http_app()
    async with (
        asyncio.timeout(LIMIT),
        server.session_manager.run(),
        serving(app) as base,
        recorded(f"{base}/mcp", tape) as address,
        Client(address) as client,
    ):
        async with client.listen(tools_list_changed=True) as subscription:
            await client.call_tool("publish")
            await anext(aiter(subscription))
        await client.call_tool("publish")

    (recorded_session,) = read_cassette(tape).sessions
    (listening,) = [each for each in operations(recorded_session) if each.method == "subscriptions/listen"]
    assert listening.outcome == Silence()
    methods = [
        frame["message"].get("method") for frame in frames(tape, "message") if "method" in frame["message"]
    ]
    assert methods.count("notifications/tools/list_changed") == 1
    assert methods.count("notifications/cancelled") == 1
