"""SDK servers and clients of both eras with the gateway between them: nothing changes, and all of it is on the tape."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from http_servers import LIMIT, Workshop, everything_over_http, frames, on_elicit, on_sample, recorded
from mcp import Client
from mcp.client.sse import sse_client
from mcp_types import TextContent

from pytest_mcpflow.cassette.operations import Notice, Questions, Result, Silence, operations
from pytest_mcpflow.cassette.reading import read_cassette

Mode = Literal["legacy", "auto", "2026-07-28"]
BOTH = pytest.mark.parametrize("mode", ["legacy", "auto"], ids=["handshake", "stateless"])


@asynccontextmanager
async def connected(address: str, mode: Mode) -> AsyncGenerator[Client]:
    async with asyncio.timeout(LIMIT):
        async with Client(
            address, mode=mode, elicitation_callback=on_elicit, sampling_callback=on_sample
        ) as client:
            yield client


def messages(tape: Path) -> list[tuple[str, Any]]:
    """Who said what: a method, or the kind of an answer."""
    return [
        (frame["from"], frame["message"].get("method") or sorted(frame["message"])[0])
        for frame in frames(tape, "message")
    ]


def outcomes(tape: Path, method: str = "tools/call") -> list[Any]:
    return [
        operation.outcome
        for session in read_cassette(tape).sessions
        for operation in operations(session)
        if operation.method == method
    ]


@pytest.mark.asyncio
@BOTH
@pytest.mark.parametrize("json_response", [False, True], ids=["events", "json"])
async def test_a_session_is_on_the_tape_and_each_call_ran_once(
    tmp_path: Path, mode: Mode, json_response: bool
) -> None:
    tape, workshop = tmp_path / "tape.jsonl", Workshop()
    async with (
        workshop.over_http(json_response=json_response) as url,
        recorded(url, tape) as address,
        connected(address, mode) as client,
    ):
        counts = [(await client.call_tool("count")).structured_content for _ in range(3)]

    assert counts == [{"result": 1}, {"result": 2}, {"result": 3}]
    assert workshop.calls == 3
    assert [outcome.body["structuredContent"] for outcome in outcomes(tape)] == counts
    (session,) = read_cassette(tape).sessions
    assert (session.transport, session.command, session.server_name) == ("http", [url], "workshop")
    assert session.protocol == ("2025-11-25" if mode == "legacy" else "2026-07-28")
    assert frames(tape, "end") == [{"by": "client", "exit_code": None, "kind": "end", "session": 1}]
    assert frames(tape, "http", "noise", "cut") == []


@pytest.mark.asyncio
async def test_a_client_that_asks_nothing_first_is_recorded(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    async with (
        Workshop().over_http() as url,
        recorded(url, tape) as address,
        connected(address, "2026-07-28") as client,
    ):
        await client.call_tool("count")

    assert messages(tape)[:2] == [("client", "tools/call"), ("server", "id")]
    assert [session.era for session in read_cassette(tape).sessions] == ["2026-07-28"]


@pytest.mark.asyncio
async def test_a_probe_that_failed_and_the_handshake_after_it_are_one_session(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    async with (
        asyncio.timeout(LIMIT),
        everything_over_http("streamableHttp", tmp_path) as url,
        recorded(url, tape) as address,
        connected(address, "auto") as client,
    ):
        assert client.protocol_version == "2025-11-25"

    asked = [said for sender, said in messages(tape) if sender == "client"]
    assert asked[:3] == ["server/discover", "initialize", "notifications/initialized"]
    (session,) = read_cassette(tape).sessions
    assert session.era == "2025-11-25"


@pytest.mark.asyncio
@BOTH
async def test_progress_arrives_as_it_happens(tmp_path: Path, mode: Mode) -> None:
    tape, workshop = tmp_path / "tape.jsonl", Workshop()
    seen: list[float] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)
        workshop.go_on.set()  # without which the tool would wait for ever

    async with (
        workshop.over_http() as url,
        recorded(url, tape) as address,
        connected(address, mode) as client,
    ):
        result = await client.call_tool("slow", progress_callback=on_progress)
        assert result.structured_content == {"result": "done"}

    assert seen == [1, 2]
    (session,) = read_cassette(tape).sessions
    (call,) = [each for each in operations(session) if each.method == "tools/call"]
    reported = [step.message["params"]["progress"] for step in call.steps if isinstance(step, Notice)]
    assert reported == [1, 2]


@pytest.mark.asyncio
@BOTH
@pytest.mark.parametrize(
    ("tool", "said", "asked"),
    [
        ("greet", "Hello, Ada!", "elicitation/create"),
        ("paint", "It is green now.", "sampling/createMessage"),
    ],
)
async def test_what_the_server_asks_and_the_client_answers_is_part_of_the_call(
    tmp_path: Path, mode: Mode, tool: str, said: str, asked: str
) -> None:
    tape = tmp_path / "tape.jsonl"
    async with (
        Workshop().over_http() as url,
        recorded(url, tape) as address,
        connected(address, mode) as client,
    ):
        assert (await client.call_tool(tool)).structured_content == {"result": said}

    (session,) = read_cassette(tape).sessions
    (call,) = [each for each in operations(session) if each.method == "tools/call"]
    (step,) = call.steps
    assert isinstance(step, Questions)
    assert [request["method"] for request in step.requests.values()] == [asked]
    assert list(step.answers) == list(step.requests)
    assert isinstance(call.outcome, Result)
    assert call.outcome.body["structuredContent"] == {"result": said}


@pytest.mark.asyncio
@BOTH
async def test_a_call_that_the_client_gives_up_ends_at_the_server_and_on_the_tape(
    tmp_path: Path, mode: Mode
) -> None:
    tape, workshop = tmp_path / "tape.jsonl", Workshop()
    async with (
        workshop.over_http() as url,
        recorded(url, tape) as address,
        connected(address, mode) as client,
    ):
        call = asyncio.create_task(client.call_tool("hang"))
        await workshop.started.wait()
        call.cancel()
        await asyncio.wait([call])
        await workshop.cancelled.wait()
        assert (await client.call_tool("count")).structured_content == {"result": 1}

    given_up, counted = outcomes(tape)
    assert given_up == Silence()
    assert isinstance(counted, Result)
    (notice,) = [
        frame["message"]
        for frame in frames(tape, "message")
        if frame["message"].get("method") == "notifications/cancelled"
    ]
    (asked,) = [
        frame["message"]
        for frame in frames(tape, "message")
        if frame["message"].get("params", {}).get("name") == "hang"
    ]
    assert notice["params"]["requestId"] == asked["id"]


@pytest.mark.asyncio
@BOTH
async def test_huge_messages_pass_in_both_directions(tmp_path: Path, mode: Mode) -> None:
    tape, text = tmp_path / "tape.jsonl", "Größe" * 100_000
    async with (
        Workshop().over_http(json_response=True) as url,
        recorded(url, tape) as address,
        connected(address, mode) as client,
    ):
        result = await client.call_tool("big", {"text": text})
        assert result.structured_content == {"result": text + text}

    (outcome,) = outcomes(tape)
    assert outcome.body["structuredContent"] == {"result": text + text}


@pytest.mark.asyncio
@BOTH
async def test_concurrent_calls_are_told_apart(tmp_path: Path, mode: Mode) -> None:
    tape = tmp_path / "tape.jsonl"
    texts = [str(number) for number in range(20)]
    async with (
        Workshop().over_http() as url,
        recorded(url, tape) as address,
        connected(address, mode) as client,
    ):
        results = await asyncio.gather(*(client.call_tool("big", {"text": text}) for text in texts))

    assert [each.structured_content for each in results] == [{"result": text * 2} for text in texts]
    (session,) = read_cassette(tape).sessions
    recorded_calls = [each for each in operations(session) if each.method == "tools/call"]
    assert len(recorded_calls) == len(texts)
    for call in recorded_calls:
        assert isinstance(call.outcome, Result)
        assert call.outcome.body["structuredContent"] == {"result": call.arguments["text"] * 2}


@pytest.mark.asyncio
@pytest.mark.parametrize("stateless", [False, True], ids=["with ids", "without ids"])
@BOTH
async def test_clients_at_the_same_time_have_sessions_of_their_own(
    tmp_path: Path, mode: Mode, stateless: bool
) -> None:
    tape = tmp_path / "tape.jsonl"
    async with (
        Workshop().over_http(stateless=stateless) as url,
        recorded(url, tape) as address,
        connected(address, mode) as one,
        connected(address, mode) as other,
    ):
        for _ in range(3):
            await asyncio.gather(one.call_tool("count"), other.call_tool("count"))

    sessions = read_cassette(tape).sessions
    assert len(sessions) == 2
    calls = [[each for each in operations(session) if each.method == "tools/call"] for session in sessions]
    assert [len(each) for each in calls] == [3, 3]
    assert all(isinstance(each.outcome, Result) for session in calls for each in session)


@pytest.mark.asyncio
@BOTH
async def test_a_client_that_comes_again_begins_a_session(tmp_path: Path, mode: Mode) -> None:
    tape, workshop = tmp_path / "tape.jsonl", Workshop()
    async with workshop.over_http() as url, recorded(url, tape) as address:
        for _ in range(2):
            async with connected(address, mode) as client:
                await client.call_tool("count")

    assert [session.number for session in read_cassette(tape).sessions] == [1, 2]
    assert [outcome.body["structuredContent"]["result"] for outcome in outcomes(tape)] == [1, 2]


@pytest.mark.asyncio
@BOTH
async def test_the_same_session_recorded_twice_is_the_same_tape(tmp_path: Path, mode: Mode) -> None:
    tapes = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    for tape in tapes:
        async with (
            Workshop().over_http() as url,
            recorded(url, tape) as address,
            connected(address, mode) as client,
        ):
            await client.call_tool("greet")
            await client.call_tool("count")
        # The test picks the port.
        tape.write_text(tape.read_text().replace(url, "http://server/mcp"))

    assert tapes[0].read_text() == tapes[1].read_text()


@pytest.mark.asyncio
async def test_the_old_transport_is_recorded(tmp_path: Path) -> None:
    tape, workshop = tmp_path / "tape.jsonl", Workshop()

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        workshop.go_on.set()

    async with asyncio.timeout(LIMIT), workshop.over_sse() as url, recorded(url, tape) as address:
        assert address.endswith("/sse")
        async with Client(sse_client(address), mode="legacy", elicitation_callback=on_elicit) as client:
            result = await client.call_tool("slow", progress_callback=on_progress)
            assert result.structured_content == {"result": "done"}
            assert (await client.call_tool("greet")).structured_content == {"result": "Hello, Ada!"}

    (session,) = read_cassette(tape).sessions
    slow, greet = (each for each in operations(session) if each.method == "tools/call")
    assert [type(step) for step in slow.steps] == [Notice, Notice]
    assert [type(step) for step in greet.steps] == [Questions]
    assert isinstance(slow.outcome, Result)
    assert isinstance(greet.outcome, Result)
    assert frames(tape, "end") == [{"by": "client", "exit_code": None, "kind": "end", "session": 1}]
    assert frames(tape, "http", "noise", "cut") == []


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["streamableHttp", "sse"])
async def test_the_reference_server_is_recorded(tmp_path: Path, kind: str) -> None:
    tape = tmp_path / "tape.jsonl"
    reports: list[float] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        reports.append(progress)

    async with (
        asyncio.timeout(LIMIT),
        everything_over_http(kind, tmp_path) as url,
        recorded(url, tape) as address,
        Client(
            sse_client(address) if kind == "sse" else address,
            mode="legacy",
            elicitation_callback=on_elicit,
            sampling_callback=on_sample,
        ) as client,
    ):
        echo = await client.call_tool("echo", {"message": "hello"})
        work = {"duration": 0.2, "steps": 2}
        await client.call_tool("trigger-long-running-operation", work, progress_callback=on_progress)
        asked = await client.call_tool("trigger-sampling-request", {"prompt": "A colour?"})
        listed = await client.list_tools()

    assert isinstance(echo.content[0], TextContent)
    assert echo.content[0].text == "Echo: hello"
    assert reports == [1, 2]
    assert isinstance(asked.content[0], TextContent)
    assert "green" in asked.content[0].text
    assert len(listed.tools) > 10
    (session,) = read_cassette(tape).sessions
    calls = [each for each in operations(session) if each.method == "tools/call"]
    assert [each.name for each in calls] == [
        "echo",
        "trigger-long-running-operation",
        "trigger-sampling-request",
    ]
    assert all(isinstance(each.outcome, Result) for each in calls)
    assert any(isinstance(step, Questions) for step in calls[2].steps)
    assert frames(tape, "noise", "cut") == []
