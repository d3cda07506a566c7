"""Who breaks off, leaves or never was there, on both sides: the other side sees it, and the tape says it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
import pytest
from http_servers import (
    EVENTS,
    JSON,
    LIMIT,
    Answer,
    Script,
    call,
    frames,
    nobody,
    notice,
    recorded,
    result,
    said,
    serving,
    serving_bytes,
    web_client,
)

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("stateless", [True, False], ids=["stateless", "handshake"])
async def test_a_server_that_dies_in_the_middle_of_a_stream(tmp_path: Path, stateless: bool) -> None:
    tape = tmp_path / "tape.jsonl"
    script = Script(Answer(200, EVENTS, (notice(1),), breaks_off=True))
    got: list[bytes] = []
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, web_client() as web:
        with pytest.raises(httpx2.RemoteProtocolError):
            async with web.stream("POST", address, content=call(stateless=stateless), headers=JSON) as answer:
                async for piece in answer.aiter_raw():
                    got.append(piece)

    assert got == [notice(1)]
    assert len(script.requests) == 1
    assert frames(tape, "cut") == [{"by": "server", "kind": "cut", "request": 1, "session": 1}]
    assert len(said(tape, "server")) == 1


async def test_a_stateless_stream_that_ends_without_the_answer_has_broken_off(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    script = Script(Answer(200, EVENTS, (notice(1),)))
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, web_client() as web:
        assert (await web.post(address, content=call(), headers=JSON)).content == notice(1)

    assert [frame["by"] for frame in frames(tape, "cut")] == ["server"]


async def test_a_stream_that_is_resumed_brings_the_answer_and_repeats_nothing(tmp_path: Path) -> None:
    first, last = b"id: 1\n" + notice(1), b"id: 2\ndata: " + result() + b"\n\n"
    tape = tmp_path / "tape.jsonl"

    def answer(method: str, _: str) -> Answer:
        return Answer(200, EVENTS, (first,) if method == "POST" else (first, last))

    script = Script(answer)
    session = {"mcp-session-id": "s"}
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, web_client() as web:
        await web.post(address, content=call(stateless=False), headers=JSON | session)
        await web.get(address, headers={"last-event-id": "0"} | session)

    assert [message.get("id") for message in said(tape, "server")] == [None, 1]
    assert frames(tape, "cut") == []


async def test_a_client_that_leaves_ends_the_request_at_the_server(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    script = Script(Answer(200, EVENTS, (notice(1), asyncio.Event().wait)))
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, web_client() as web:
        for number, stateless in enumerate((True, False), 1):
            content = call(number, stateless=stateless)
            async with web.stream("POST", address, content=content, headers=JSON) as answer:
                assert await anext(answer.aiter_raw()) == notice(1)
            async with asyncio.timeout(LIMIT):
                await script.left.wait()
            script.left.clear()

    cancelled = said(tape, "client")[1]
    assert cancelled == {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    assert frames(tape, "cut") == [{"by": "client", "kind": "cut", "request": 2, "session": 1}]


async def test_a_client_that_leaves_before_it_has_said_all_has_asked_nothing(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    script = Script(Answer(200, JSON, (result(),)))
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address:
        host, port = address.removeprefix("http://").removesuffix("/mcp").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /mcp HTTP/1.1\r\nhost: %s:%s\r\ncontent-length: 999\r\n\r\n{"
            % (host.encode(), port.encode())
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        async with asyncio.timeout(LIMIT):
            await script.left.wait()

    assert script.requests == []
    assert [frame["kind"] for frame in frames(tape)] == ["header"]


BROKEN = {
    "closes at once": (),
    "speaks another protocol": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n",),
    "has an impossible status": (b"HTTP/1.1 799 What\r\ncontent-length: 0\r\n\r\n",),
    "has too long a header": (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000 + b"\r\n\r\n",),
    "encodes as nobody asked": (b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 1\r\n\r\nx",),
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_a_server_that_does_not_speak_http_is_asked_once_and_named(tmp_path: Path, kind: str) -> None:
    tape = tmp_path / "tape.jsonl"
    async with (
        serving_bytes(*BROKEN[kind]) as (url, asked),
        recorded(url, tape) as address,
        web_client() as web,
    ):
        got = await web.post(address, content=call(7), headers=JSON)

    assert got.status_code == 502
    assert got.json()["id"] == 7
    assert got.json()["error"]["message"].startswith(f"mcpflow record: {url} gave no answer: ")
    assert len(asked) == 1
    (frame,) = frames(tape, "http")
    assert (frame["request"], frame["status"], frame["body"]) == (7, 502, got.text)


ODD = {
    "two lengths": b"transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
    % (len(result()), result()),
    "no length": b"connection: close\r\n\r\n" + result(),
    "a length twice": b"content-length: %d, %d\r\n\r\n%b" % (len(result()), len(result()), result()),
    "bytes in a header": b"x-name: \xfc\x80\r\ncontent-length: %d\r\n\r\n%b" % (len(result()), result()),
}


@pytest.mark.parametrize("kind", ODD)
async def test_odd_answers_pass_all_the_same(tmp_path: Path, kind: str) -> None:
    tape, answer = tmp_path / "tape.jsonl", b"HTTP/1.1 200 OK\r\n" + ODD[kind]
    async with serving_bytes(answer) as (url, _), recorded(url, tape) as address, web_client() as web:
        got = await web.post(address, content=call(), headers=JSON)

    assert (got.status_code, got.content) == (200, result())
    assert [message["id"] for message in said(tape, "server")] == [1]


@pytest.mark.parametrize("start", [b"204 No Content", b"304 Not Modified"])
async def test_an_answer_that_has_no_body_may_have_a_length(tmp_path: Path, start: bytes) -> None:
    tape, answer = tmp_path / "tape.jsonl", b"HTTP/1.1 " + start + b"\r\ncontent-length: 5\r\n\r\n"
    async with serving_bytes(answer) as (url, _), recorded(url, tape) as address, web_client() as web:
        got = await web.post(address, content=call(), headers=JSON)

    assert (got.status_code, got.content) == (int(start[:3]), b"")
    assert [frame["status"] for frame in frames(tape, "http")] == [got.status_code]


async def test_a_server_that_is_not_there_is_named_without_its_secrets(tmp_path: Path) -> None:
    tape, url = tmp_path / "tape.jsonl", nobody()
    secret = url.replace("//", "//user:hidden@") + "?key=hidden"
    async with recorded(secret, tape) as address, web_client() as web:
        got = await web.post(address, content=call(), headers=JSON)

    assert got.status_code == 502
    assert f"{url} gave no answer" in got.json()["error"]["message"]
    assert "hidden" not in address + got.text


async def test_an_answer_shorter_than_it_says_is_cut_for_the_client_too(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n" + result()
    async with serving_bytes(answer) as (url, asked), recorded(url, tape) as address, web_client() as web:
        with pytest.raises(httpx2.RemoteProtocolError):
            await web.post(address, content=call(), headers=JSON)

    assert len(asked) == 1
    assert [frame["by"] for frame in frames(tape, "cut")] == ["server"]
    assert said(tape, "server") == []
