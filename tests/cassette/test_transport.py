"""A tape as a transport: for a client's own session, of either version of the SDK."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from checkout import ROOT
from mcp import ClientSession, MCPError
from real_servers import python_with_sdk_1
from tapes import ask, called, opened, say, write

from pytest_mcpflow import DifferentArgumentsError, Playback, ReplayTransport, UnusedRecordingError
from pytest_mcpflow.cassette.recording import Recording

EVERYTHING = ROOT / "fixtures" / "tapes" / "everything.jsonl"
CLIENT = """
import asyncio, importlib.metadata, sys

from mcp import ClientSession, McpError, types
from pytest_mcpflow.cassette.replay import ReplayTransport

async def sample(context, params):
    text = types.TextContent(type="text", text="tea")
    return types.CreateMessageResult(role="assistant", content=text, model="none")

async def main():
    seen = []
    async def note(progress, total, message):
        seen.append(progress)
    transport = ReplayTransport.from_tape(sys.argv[1])
    async with transport as streams, ClientSession(*streams, sampling_callback=sample) as session:
        server = await session.initialize()
        tools = (await session.list_tools()).tools
        steps = {"duration": 0.4, "steps": 4}
        await session.call_tool("trigger-long-running-operation", steps, progress_callback=note)
        asked = await session.call_tool("trigger-sampling-request", {"prompt": "tea"})
        wrong = await session.call_tool("get-sum", {"a": "two"})
        try:
            await session.call_tool("echo", {"message": "never"})
        except McpError as error:
            print(error)
    print(importlib.metadata.version("mcp"), server.serverInfo.name, len(tools), seen, wrong.isError)
    print(asked.content[0].text.splitlines()[0])
    print(len(transport.player.misses))

asyncio.run(main())
"""

RECORDER = """
import asyncio, sys
from pathlib import Path

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from pytest_mcpflow.cassette.tap import recorded
from pytest_mcpflow.cassette.writer import CassetteWriter

async def main(out, python, tape):
    command = StdioServerParameters(command=python, args=["-m", "pytest_mcpflow", "serve", tape, "--allow-unused"])
    with CassetteWriter(Path(out)) as writer:
        transport = recorded(stdio_client(command), writer.session(transport="memory"))
        async with transport as streams, ClientSession(*streams) as session:
            await session.initialize()
            await session.list_tools()
            print((await session.call_tool("echo", {"message": "hello"})).content[0].text)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    listed = [
        ask(9, "tools/list"),
        say(9, result={"tools": []}),
    ]  # the SDK asks for it before it answers a call
    calls = [*called(1, "a", {"n": 1}, "one"), *called(2, "a", {"n": 2}, "two")]
    return write(tmp_path / "tape.jsonl", [*opened(), *listed, *calls])


def in_session(transport: ReplayTransport, use: Callable[[ClientSession], Awaitable[object]]) -> None:
    async def talk() -> None:
        async with transport as streams, ClientSession(*streams) as session:
            await session.initialize()
            await use(session)

    asyncio.run(talk())


def test_a_session_of_sdk_1_is_answered_with_progress_and_questions() -> None:
    done = subprocess.run(
        [python_with_sdk_1(), "-W", "error", "-c", CLIENT, EVERYTHING],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    miss, said, asked, misses = done.stdout.splitlines() if done.returncode == 0 else [done.stderr, *"???"]
    assert "at /arguments/message was recorded 'hello', and asked 'never'" in miss
    assert said == "1.30.0 mcp-servers/everything 16 [1.0, 2.0, 3.0, 4.0] True"
    assert asked.startswith("LLM sampling result:")
    assert misses == "1"


def test_a_session_of_sdk_1_is_recorded_in_process(tmp_path: Path) -> None:
    tape = tmp_path / "recorded.jsonl"

    done = subprocess.run(
        [python_with_sdk_1(), "-W", "error", "-c", RECORDER, tape, sys.executable, EVERYTHING],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.stdout == "Echo: hello\n", done.stderr
    recording = Recording.read(tape)
    assert [each["content"][0]["text"] for each in recording.answers("echo", {"message": "hello"})] == [
        "Echo: hello"
    ]
    assert recording.tape.cassette.era == "2025-11-25"


def test_a_miss_that_the_client_swallowed_is_raised_by_verify(tape: Path) -> None:
    transport = ReplayTransport.from_tape(tape)

    async def swallow(session: ClientSession) -> None:
        with pytest.raises(MCPError, match="at /arguments/n was recorded 1, and asked 3"):
            await session.call_tool("a", {"n": 3})

    in_session(transport, swallow)

    with pytest.raises(DifferentArgumentsError, match="at /arguments/n was recorded 1, and asked 3"):
        transport.verify()


def test_recorded_calls_that_were_not_made_are_raised_by_verify(tape: Path) -> None:
    transport = ReplayTransport.from_tape(tape)

    in_session(transport, lambda session: session.call_tool("a", {"n": 1}))

    with pytest.raises(
        UnusedRecordingError, match=r"1 recorded calls were never made, the first of them a\(n=2\)"
    ):
        transport.verify()

    relaxed = ReplayTransport.from_tape(tape, playback=Playback(allow_unused=True))
    in_session(relaxed, lambda session: session.call_tool("a", {"n": 1}))
    relaxed.verify()


def test_what_does_not_count_and_the_order_are_the_clients_to_say(tape: Path) -> None:
    loose = ReplayTransport.from_tape(tape, playback=Playback(ignore=["/arguments/n"]))
    in_session(loose, lambda session: session.call_tool("a", {"n": 9}))
    strict = ReplayTransport.from_tape(tape, playback=Playback(ordered=True))

    async def backwards(session: ClientSession) -> None:
        with pytest.raises(MCPError, match="out of order"):
            await session.call_tool("a", {"n": 2})

    in_session(strict, backwards)
