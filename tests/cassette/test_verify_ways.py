"""Verifying whatever the way, the order and the pages: calls under way together, listings, real connections."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
import uvicorn
from mcp import Client, MCPError, StdioServerParameters
from mcp.server import MCPServer, Server
from mcp.types import (
    ListToolsResult,
    PaginatedRequestParams,
    Tool,
)
from weather_station import READS, found, record, serving, station

from pytest_mcpflow import Era
from pytest_mcpflow.cassette.operations import operations
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.verify import verify
from pytest_mcpflow.serve.memory import memory_transport

each_era = pytest.mark.parametrize("era", list(Era))


@pytest.fixture
def tape(tmp_path: Path, era: Era) -> Path:
    return record(tmp_path / "tape.jsonl", era, station())


async def two_at_once(client: Client) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.call_tool, "meet", {"who": "a"})
        tasks.start_soon(client.call_tool, "meet", {"who": "b"})


def meeting() -> MCPServer:
    server = MCPServer("meeting", log_level="ERROR")
    present, both = set[str](), anyio.Event()

    @server.tool(annotations=READS, structured_output=False)
    async def meet(who: str) -> str:
        """Wait for the other one."""
        present.add(who)
        if len(present) == 2:
            both.set()
        await both.wait()
        return "met"

    return server


@each_era
def test_calls_that_were_under_way_together_are_again(tmp_path: Path, era: Era) -> None:
    tape = record(tmp_path / "tape.jsonl", era, meeting(), two_at_once)

    assert not asyncio.run(verify(tape, meeting(), limit=10))


def library(*, size: int, page: int, salt: str = "") -> Server[Any]:
    """A server with many tools, whose cursors are its own."""

    async def list_tools(_: object, params: PaginatedRequestParams | None) -> ListToolsResult:
        cursor = params.cursor if params else None
        if cursor is not None and not cursor.startswith(salt):
            raise MCPError(-32602, f"{cursor} is no cursor of mine")
        first = int(cursor.removeprefix(salt)) if cursor else 0
        tools = [
            Tool(name=f"tool-{number}", input_schema={"type": "object"})
            for number in range(first, min(first + page, size))
        ]
        more = f"{salt}{first + page}" if first + page < size else None
        return ListToolsResult(tools=tools, next_cursor=more)

    return Server("library", on_list_tools=list_tools)


async def all_pages(client: Client) -> None:
    cursor = None
    while True:
        result = await client.list_tools(cursor=cursor)
        cursor = result.next_cursor
        if cursor is None:
            return


async def first_page(client: Client) -> None:
    await client.list_tools()


@each_era
def test_a_listing_is_followed_with_the_live_cursors_whatever_the_pages(tmp_path: Path, era: Era) -> None:
    tape = record(
        tmp_path / "tape.jsonl", era, memory_transport(library(size=5, page=2, salt="a")), all_pages
    )

    assert not asyncio.run(verify(tape, library(size=5, page=2, salt="b")))
    assert not asyncio.run(verify(tape, library(size=5, page=4, salt="c")))
    assert not asyncio.run(verify(tape, library(size=5, page=1, salt="d")))
    assert found(asyncio.run(verify(tape, library(size=6, page=2, salt="e"))).tools) == [("tool tool-5", "")]
    assert found(asyncio.run(verify(tape, library(size=4, page=3, salt="f"))).tools) == [("tool tool-4", "")]


@each_era
def test_of_a_listing_that_was_not_read_to_its_end_nothing_can_be_new(tmp_path: Path, era: Era) -> None:
    tape = record(
        tmp_path / "tape.jsonl", era, memory_transport(library(size=5, page=2, salt="a")), first_page
    )

    assert not asyncio.run(verify(tape, library(size=9, page=2, salt="b")))
    assert found(asyncio.run(verify(tape, library(size=1, page=2, salt="b"))).tools) == [("tool tool-1", "")]


@each_era
def test_an_updated_listing_has_the_live_pages(tmp_path: Path, era: Era) -> None:
    tape = record(
        tmp_path / "tape.jsonl", era, memory_transport(library(size=5, page=2, salt="a")), all_pages
    )
    grown = library(size=9, page=2, salt="b")

    assert asyncio.run(verify(tape, grown, update=True))
    assert not asyncio.run(verify(tape, grown))
    pages = [each for each in operations(read_cassette(tape).sessions[0]) if each.method == "tools/list"]
    assert [each.params.get("cursor") for each in pages] == [None, "b2", "b4", "b6", "b8"]
    shrunk = library(size=1, page=2, salt="c")
    assert asyncio.run(verify(tape, shrunk, update=True))
    assert not asyncio.run(verify(tape, shrunk))


@each_era
@pytest.mark.parametrize("way", ["stdio", "http"])
def test_real_connections_are_spoken_to_in_the_cassettes_era(tape: Path, way: str) -> None:
    if way == "stdio":
        parameters = [
            StdioServerParameters(command=words[0], args=words[1:]) for words in (serving(), serving("text"))
        ]
        same, other = [asyncio.run(verify(tape, each)) for each in parameters]
    else:
        with listening(station()) as url:
            same = asyncio.run(verify(tape, url))
        with listening(station("text")) as url:
            other = asyncio.run(verify(tape, url))

    assert (bool(same), same.skipped) == (False, ())
    assert found(other.answers) == [("motto()", "/content/0/text")]


def test_the_event_stream_of_the_oldest_transport_is_spoken_to(tmp_path: Path) -> None:
    tape = record(tmp_path / "tape.jsonl", Era.HANDSHAKE, station())

    with listening(station("text"), path="/sse") as url:
        drift = asyncio.run(verify(tape, url, limit=10))

    assert (found(drift.answers), drift.skipped) == ([("motto()", "/content/0/text")], ())


@contextmanager
def listening(server: MCPServer, *, path: str = "/mcp") -> Generator[str]:
    """The URL of a server that listens on a port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        free.listen()
        app = server.sse_app() if path == "/sse" else server.streamable_http_app()
        serving_app = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))
        thread = threading.Thread(target=lambda: asyncio.run(serving_app.serve(sockets=[free])))
        thread.start()
        try:
            yield f"http://127.0.0.1:{free.getsockname()[1]}{path}"
        finally:
            serving_app.should_exit = True
            thread.join(timeout=20)
