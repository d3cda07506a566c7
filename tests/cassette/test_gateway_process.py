"""The gateway as a program of its own: it says where it is, and ends when asked, with everything written."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from http_servers import LIMIT, Answer, Script, Workshop, frames, nobody, serving
from mcp import Client

from pytest_mcpflow.cassette.reading import read_cassette

PROGRAM = "import sys; from pytest_mcpflow.cli import main; sys.exit(main(sys.argv[1:]))"
SMALL_FILES = (
    "import resource, sys; sys.dont_write_bytecode = True\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
)
"""Bytecode would be cut off, too, and others would import that."""


def command(tape: Path, url: str, port: int = 0, *, first: str = "") -> list[str]:
    given = ["record", "-o", str(tape), "--url", url, "--listen", f"127.0.0.1:{port}"]
    return [sys.executable, "-c", first + PROGRAM, *given]


@asynccontextmanager
async def running(
    tape: Path, url: str, *, first: str = "", shown: str = ""
) -> AsyncGenerator[tuple[Process, str]]:
    """The program and the address that it prints."""
    program = await asyncio.create_subprocess_exec(
        *command(tape, url, first=first), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert program.stdout is not None
        async with asyncio.timeout(LIMIT):
            line = (await program.stdout.readline()).decode()
        start, _, rest = line.partition("give the client ")
        address, _, end = rest.partition(" ")
        assert start == "mcpflow record: "
        assert end == f"in place of {shown or url}; Ctrl-C ends\n"
        yield program, address
    finally:
        if program.returncode is None:
            program.kill()
        await program.communicate()


async def ended(program: Process) -> tuple[int | None, bytes, bytes]:
    async with asyncio.timeout(LIMIT):
        out, err = await program.communicate()
    return program.returncode, out, err


@pytest.mark.asyncio
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_ends_when_asked_and_has_written_everything(tmp_path: Path, number: signal.Signals) -> None:
    tape, workshop = tmp_path / "tape.jsonl", Workshop()
    async with workshop.over_http() as url, running(tape, url) as (program, address):
        async with Client(address) as client:
            assert (await client.call_tool("count")).structured_content == {"result": 1}
            program.send_signal(number)
            assert await ended(program) == (0, b"", b"")
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(address, trust_env=False)

    assert workshop.calls == 1
    (session,) = read_cassette(tape).sessions
    assert "tools/call" in [message.body.get("method") for message in session.messages]
    assert [frame["by"] for frame in frames(tape, "end")] == ["client"]


@pytest.mark.asyncio
async def test_what_is_under_way_at_the_end_is_cut_and_goes_no_further(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    event = b'data: {"jsonrpc": "2.0", "method": "notifications/message", "params": {}}\n\n'
    headers = {"content-type": "text/event-stream"}
    script = Script(Answer(200, headers, (event, asyncio.Event().wait)))
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "go"}}
    async with serving(script) as base, running(tape, f"{base}/mcp") as (program, address):
        async with httpx2.AsyncClient(trust_env=False) as web:
            with pytest.raises(httpx2.TransportError):
                async with web.stream("POST", address, json=call) as answer:
                    async for piece in answer.aiter_raw():
                        assert piece == event
                        program.send_signal(signal.SIGTERM)
        assert await ended(program) == (0, b"", b"")
        async with asyncio.timeout(LIMIT):
            await script.left.wait()

    kinds = [frame["kind"] for frame in frames(tape)]
    assert kinds == ["header", "session", "message", "message", "end"]


@pytest.mark.asyncio
async def test_no_secret_of_address_headers_or_refusals_is_written(tmp_path: Path) -> None:
    tape, secrets = (
        tmp_path / "tape.jsonl",
        [f"{word}-3kP9xQ7vLm2Z" for word in ("pass", "key", "bearer", "body")],
    )
    password, key, bearer, body = secrets
    refusal = Answer(401, {"www-authenticate": 'Bearer realm="mcp"'}, (f"api_key={body}".encode(),))
    script = Script(refusal)
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "go"}}
    async with serving(script) as base:
        url = f"{base.replace('//', f'//ann:{password}@')}/mcp?api_key={key}"
        async with (
            running(tape, url, shown=f"{base}/mcp") as (program, address),
            httpx2.AsyncClient(trust_env=False) as web,
        ):
            sent = {"authorization": f"Bearer {bearer}"}
            assert (await web.post(address, json=call, headers=sent)).content == f"api_key={body}".encode()
            program.send_signal(signal.SIGTERM)
            assert await ended(program) == (0, b"", b"")

    assert [headers["authorization"] for _, _, headers, _ in script.requests] == [f"Bearer {bearer}"]
    assert [target for _, target, _, _ in script.requests] == [f"/mcp?api_key={key}"]
    assert [secret for secret in secrets if secret.encode() in tape.read_bytes()] == []


@pytest.mark.asyncio
async def test_what_a_killed_gateway_handed_on_is_on_the_tape(tmp_path: Path) -> None:
    tape, workshop = tmp_path / "tape.jsonl", Workshop()
    answers: list[object] = []
    async with workshop.over_http(json_response=True) as url, running(tape, url) as (program, address):

        async def work() -> None:
            async with Client(address, mode="2026-07-28") as client:
                while True:
                    answers.append((await client.call_tool("count")).structured_content)
                    if len(answers) == 20:
                        program.kill()

        with pytest.raises(BaseExceptionGroup):
            await work()

    session = read_cassette(tape).sessions[0]
    on_tape = [
        message.body["result"]["structuredContent"]
        for message in session.messages
        if "structuredContent" in message.body.get("result", {})
    ]
    assert on_tape[: len(answers)] == answers
    assert len(answers) >= 20


@pytest.mark.asyncio
async def test_it_ends_when_the_tape_cannot_be_written_any_more(tmp_path: Path) -> None:
    tape, workshop = tmp_path / "tape.jsonl", Workshop()
    statuses: list[int] = []
    async with (
        workshop.over_http(stateless=True) as url,
        running(tape, url, first=SMALL_FILES) as (program, address),
        httpx2.AsyncClient(trust_env=False) as web,
    ):
        for number in range(100):
            call = {"jsonrpc": "2.0", "id": number, "method": "ping"}
            accepted = {"accept": "application/json, text/event-stream"}
            try:
                statuses.append((await web.post(address, json=call, headers=accepted)).status_code)
            except httpx2.TransportError:
                break
        code, out, err = await ended(program)

    assert set(statuses) <= {200, 500}
    assert (code, out) == (2, b"")
    assert b"mcpflow record: what passed could not be recorded, so that nothing passed any more" in err
    assert b"Traceback" not in err
    assert tape.stat().st_size <= 2000


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    def says(tape: Path, url: str, port: int = 0) -> str:
        done = subprocess.run(command(tape, url, port), capture_output=True, text=True, timeout=LIMIT)
        assert (done.returncode, done.stdout) == (2, "")
        return done.stderr

    tape = tmp_path / "tape.jsonl"
    assert "is not the address of a server" in says(tape, "example.com")
    assert "cannot be written: No such file or directory" in says(tmp_path / "no" / "t.jsonl", nobody())
    assert "cannot listen on 127.0.0.1:99999" in says(tape, nobody(), 99999)
    (tmp_path / "other").write_text("no cassette")
    assert "is not a cassette" in says(tmp_path / "other", nobody())


def test_it_needs_no_sdk() -> None:
    code = "import json, sys, pytest_mcpflow.cassette.gateway; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))

    assert not loaded & {"mcp", "mcp_types", "pydantic", "pytest", "starlette.applications"}
