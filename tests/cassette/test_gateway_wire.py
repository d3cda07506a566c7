"""What passes the gateway byte for byte: statuses, headers, streams, and what breaks off, on both sides."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from http_servers import LIMIT, Answer, Script, Workshop, frames, nobody, recorded, serving, serving_bytes

JSON = {"content-type": "application/json"}
EVENTS = {"content-type": "text/event-stream"}
STATELESS = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}

pytestmark = pytest.mark.asyncio


def call(number: int = 1, *, stateless: bool = True) -> bytes:
    params: dict[str, Any] = {"name": "go", **({"_meta": STATELESS} if stateless else {})}
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}).encode()


def result(number: int = 1, **content: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "result": content}).encode()


def notice(step: int) -> bytes:
    message = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": step}}
    return b"event: message\ndata: " + json.dumps(message).encode() + b"\n\n"


def client() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(timeout=LIMIT, trust_env=False)


def said(tape: Path, sender: str) -> list[dict[str, Any]]:
    return [frame["message"] for frame in frames(tape, "message") if frame["from"] == sender]


REFUSAL = b'{"jsonrpc": "2.0", "id": 1, "error": {"code": -32600, "message": "no"}}'
REFUSALS = {
    "401": Answer(401, {"www-authenticate": 'Bearer realm="mcp"', "content-type": "text/plain"}, (b"who?",)),
    "429": Answer(429, {"retry-after": "7", "content-type": "text/plain"}, (b"later",)),
    "404": Answer(404, JSON, (REFUSAL,)),
    "400": Answer(400, JSON, (REFUSAL,)),
    "500": Answer(500, {}, (b"",)),
    "503": Answer(503, {"content-type": "text/html; charset=utf-8"}, ("<h1>müde</h1>".encode(),)),
    "html": Answer(200, {"content-type": "text/html"}, (b"<h1>Welcome</h1>",)),
    "a string": Answer(200, JSON, (b'"hello"',)),
    "no message": Answer(200, JSON, (b'{"hello": "world"}',)),
    "bad JSON": Answer(200, JSON, (b'{"jsonrpc": "2.0", "id": 1, "resul',)),
    "not a number": Answer(200, JSON, (b'{"jsonrpc": "2.0", "id": 1, "result": {"x": NaN}}',)),
    "too big a number": Answer(200, JSON, (b'{"jsonrpc": "2.0", "id": 1, "result": {"x": 1e999}}',)),
    "too deep": Answer(200, JSON, (b"[" * 100_000,)),
    "not UTF-8": Answer(200, JSON, (b'{"jsonrpc": "2.0", "id": 1, "result": {"x": "\xff"}}',)),
}


@pytest.mark.parametrize("kind", REFUSALS)
async def test_an_answer_that_is_no_message_reaches_the_client_and_the_tape(
    tmp_path: Path, kind: str
) -> None:
    answer = REFUSALS[kind]
    script, tape = Script(answer), tmp_path / "tape.jsonl"
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, client() as web:
        got = await web.post(address, content=call(), headers=JSON)

    assert got.status_code == answer.status
    assert {name: got.headers[name] for name in answer.headers} == answer.headers
    assert (got.content,) == answer.body
    assert len(script.requests) == 1
    (frame,) = frames(tape, "http")
    (body,) = (piece for piece in answer.body if isinstance(piece, bytes))
    assert frame == {
        "kind": "http",
        "session": 1,
        "request": 1,
        "status": answer.status,
        "headers": answer.headers,
        "body": body.decode(errors="replace"),
    }


async def test_a_request_that_was_refused_may_be_sent_again_under_its_id(tmp_path: Path) -> None:
    answers = iter([REFUSALS["401"], REFUSALS["429"], Answer(200, JSON, (result(),))])
    tape = tmp_path / "tape.jsonl"

    def next_answer(method: str, target: str) -> Answer:
        return next(answers)

    async with (
        serving(Script(next_answer)) as base,
        recorded(f"{base}/mcp", tape) as address,
        client() as web,
    ):
        statuses = [(await web.post(address, content=call(), headers=JSON)).status_code for _ in range(3)]

    assert statuses == [401, 429, 200]
    kinds = [frame["kind"] for frame in frames(tape)]
    assert kinds == ["header", "session", "message", "http", "message", "http", "message", "message", "end"]


async def test_bodies_that_are_no_messages_pass_untouched(tmp_path: Path) -> None:
    sent = [
        b"not json \xff",
        b'{"jsonrpc": "2.0",  "id": 1',
        b"[]",
        b'{"jsonrpc": "2.0", "method": "m", "params": {"x": 1e999}}',
        b"[" * 100_000,
    ]
    script, tape = Script(REFUSALS["400"]), tmp_path / "tape.jsonl"
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, client() as web:
        for body in sent:
            assert (await web.post(address, content=body, headers=JSON)).content == REFUSAL

    assert [body for *_, body in script.requests] == sent
    assert [frame["text"] for frame in frames(tape, "noise")] == [
        body.decode(errors="replace") for body in sent
    ]
    assert [frame["request"] for frame in frames(tape, "http")] == [None] * len(sent)


async def test_events_that_are_no_messages_pass_untouched(tmp_path: Path) -> None:
    stream = b": hello\n\ndata: not json\n\nevent: other\ndata: x\n\ndata: {\n\ndata:\nid: 1\n\n" + notice(1)
    stream += b'data: {"jsonrpc": "2.0", "method": "m", "params": {"x": NaN}}\n\n'
    stream += b"data: " + result() + b"\r\n\r\ndata: torn"
    tape = tmp_path / "tape.jsonl"
    script = Script(Answer(200, EVENTS, (stream,)))
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, client() as web:
        assert (await web.post(address, content=call(), headers=JSON)).content == stream

    assert [frame["text"] for frame in frames(tape, "noise")] == [
        "not json",
        "{",
        '{"jsonrpc": "2.0", "method": "m", "params": {"x": NaN}}',
    ]
    assert [message.get("method") for message in said(tape, "server")] == ["notifications/message", None]
    assert frames(tape, "http", "cut") == []


async def test_batches_are_recorded_message_by_message(tmp_path: Path) -> None:
    asked = b"[" + call(1) + b"," + call(2) + b"]"
    tape = tmp_path / "tape.jsonl"
    script = Script(Answer(200, JSON, (b"[" + result(2) + b"," + result(1) + b"]",)))
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, client() as web:
        await web.post(address, content=asked, headers=JSON)

    assert [message["id"] for message in said(tape, "client")] == [1, 2]
    assert [message["id"] for message in said(tape, "server")] == [2, 1]


@pytest.mark.parametrize("kind", [EVENTS, JSON], ids=["events", "json"])
async def test_an_answer_passes_as_it_comes_and_never_before_it_is_on_the_tape(
    tmp_path: Path, kind: dict[str, str]
) -> None:
    tape, go_on = tmp_path / "tape.jsonl", asyncio.Event()
    end = b"data: " + result() + b"\n\n" if kind is EVENTS else result()
    start = notice(1) if kind is EVENTS else b"  "
    script = Script(Answer(200, kind, (start, go_on.wait, end)))
    async with (
        serving(script) as base,
        recorded(f"{base}/mcp", tape) as address,
        client() as web,
        web.stream("POST", address, content=call(), headers=JSON) as got,
    ):
        pieces: list[bytes] = []
        on_tape: list[int] = []
        async for piece in got.aiter_raw():
            pieces.append(piece)
            on_tape.append(len(said(tape, "server")))
            go_on.set()

    assert (pieces[0], b"".join(pieces)) == (start, start + end)
    if kind is EVENTS:
        assert on_tape == [1, 2]
    assert [message.get("id") for message in said(tape, "server")][-1] == 1


async def test_a_whole_answer_is_on_the_tape_when_its_last_byte_is_handed_on(tmp_path: Path) -> None:
    tape, never = tmp_path / "tape.jsonl", asyncio.Event()
    headers = {**JSON, "content-length": str(len(result()))}
    script = Script(Answer(200, headers, (result()[:5], result()[5:], never.wait)))
    async with (
        serving(script) as base,
        recorded(f"{base}/mcp", tape) as address,
        client() as web,
    ):
        assert (await web.post(address, content=call(), headers=JSON)).content == result()
        assert [message["id"] for message in said(tape, "server")] == [1]
        never.set()


async def test_a_request_passes_as_it_comes(tmp_path: Path) -> None:
    tape, arrived = tmp_path / "tape.jsonl", asyncio.Event()

    async def upstream(scope: Any, receive: Any, send: Any) -> None:
        got = b""
        more = True
        while more:
            message = await receive()
            got, more = got + message["body"], message["more_body"]
            arrived.set()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": result() if got == call() else b"changed"})

    async def pieces() -> AsyncGenerator[bytes]:
        yield call()[:9]
        async with asyncio.timeout(LIMIT):
            await arrived.wait()
        yield call()[9:]

    async with serving(upstream) as base, recorded(f"{base}/mcp", tape) as address, client() as web:
        assert (await web.post(address, content=pieces(), headers=JSON)).content == result()

    assert [len(said(tape, sender)) for sender in ("client", "server")] == [1, 1]


@pytest.mark.parametrize("stateless", [True, False], ids=["stateless", "handshake"])
async def test_a_server_that_dies_in_the_middle_of_a_stream(tmp_path: Path, stateless: bool) -> None:
    tape = tmp_path / "tape.jsonl"
    script = Script(Answer(200, EVENTS, (notice(1),), breaks_off=True))
    got: list[bytes] = []
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, client() as web:
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
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, client() as web:
        assert (await web.post(address, content=call(), headers=JSON)).content == notice(1)

    assert [frame["by"] for frame in frames(tape, "cut")] == ["server"]


async def test_a_stream_that_is_resumed_brings_the_answer_and_repeats_nothing(tmp_path: Path) -> None:
    first, last = b"id: 1\n" + notice(1), b"id: 2\ndata: " + result() + b"\n\n"
    tape = tmp_path / "tape.jsonl"

    def answer(method: str, _: str) -> Answer:
        return Answer(200, EVENTS, (first,) if method == "POST" else (first, last))

    script = Script(answer)
    session = {"mcp-session-id": "s"}
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, client() as web:
        await web.post(address, content=call(stateless=False), headers=JSON | session)
        await web.get(address, headers={"last-event-id": "0"} | session)

    assert [message.get("id") for message in said(tape, "server")] == [None, 1]
    assert frames(tape, "cut") == []


async def test_a_client_that_leaves_ends_the_request_at_the_server(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    script = Script(Answer(200, EVENTS, (notice(1), asyncio.Event().wait)))
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, client() as web:
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
    async with serving_bytes(*BROKEN[kind]) as (url, asked), recorded(url, tape) as address, client() as web:
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
    async with serving_bytes(answer) as (url, _), recorded(url, tape) as address, client() as web:
        got = await web.post(address, content=call(), headers=JSON)

    assert (got.status_code, got.content) == (200, result())
    assert [message["id"] for message in said(tape, "server")] == [1]


@pytest.mark.parametrize("start", [b"204 No Content", b"304 Not Modified"])
async def test_an_answer_that_has_no_body_may_have_a_length(tmp_path: Path, start: bytes) -> None:
    tape, answer = tmp_path / "tape.jsonl", b"HTTP/1.1 " + start + b"\r\ncontent-length: 5\r\n\r\n"
    async with serving_bytes(answer) as (url, _), recorded(url, tape) as address, client() as web:
        got = await web.post(address, content=call(), headers=JSON)

    assert (got.status_code, got.content) == (int(start[:3]), b"")
    assert [frame["status"] for frame in frames(tape, "http")] == [got.status_code]


async def test_a_server_that_is_not_there_is_named_without_its_secrets(tmp_path: Path) -> None:
    tape, url = tmp_path / "tape.jsonl", nobody()
    secret = url.replace("//", "//user:hidden@") + "?key=hidden"
    async with recorded(secret, tape) as address, client() as web:
        got = await web.post(address, content=call(), headers=JSON)

    assert got.status_code == 502
    assert f"{url} gave no answer" in got.json()["error"]["message"]
    assert "hidden" not in address + got.text


async def test_an_answer_shorter_than_it_says_is_cut_for_the_client_too(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n" + result()
    async with serving_bytes(answer) as (url, asked), recorded(url, tape) as address, client() as web:
        with pytest.raises(httpx2.RemoteProtocolError):
            await web.post(address, content=call(), headers=JSON)

    assert len(asked) == 1
    assert [frame["by"] for frame in frames(tape, "cut")] == ["server"]
    assert said(tape, "server") == []


async def test_a_compressed_answer_passes_as_it_is_and_is_read_for_the_tape(tmp_path: Path) -> None:
    tape, packed = tmp_path / "tape.jsonl", gzip.compress(b"data: " + result(text="packed") + b"\n\n")
    script = Script(Answer(200, EVENTS | {"content-encoding": "gzip"}, (packed[:9], packed[9:])))
    async with (
        serving(script) as base,
        recorded(f"{base}/mcp", tape) as address,
        client() as web,
        web.stream("POST", address, content=call(), headers=JSON) as got,
    ):
        assert b"".join([piece async for piece in got.aiter_raw()]) == packed

    assert [message["result"] for message in said(tape, "server")] == [{"text": "packed"}]


async def test_what_belongs_to_the_stream_of_a_session_goes_to_that_session(tmp_path: Path) -> None:
    def answer(method: str, target: str) -> Answer:
        if method == "GET":
            return Answer(200, EVENTS, (notice(1),))
        return Answer(200, {}, (b"",)) if method == "DELETE" else Answer(202, {}, (b"",))

    tape = tmp_path / "tape.jsonl"
    initialized = b'{"jsonrpc": "2.0", "method": "notifications/initialized"}'
    async with (
        serving(Script(answer)) as base,
        recorded(f"{base}/mcp", tape) as address,
        client() as web,
    ):
        for name in ("one", "two", "one"):
            session = {"mcp-session-id": name}
            await web.post(address, content=initialized, headers=JSON | session)
            await web.get(address, headers=session)
        await web.delete(address, headers={"mcp-session-id": "one"})
        await web.post(address, content=initialized, headers=JSON | {"mcp-session-id": "one"})

    written = [(frame["session"], frame["kind"], frame.get("by")) for frame in frames(tape)[1:]]
    both = [(1, "message", None)] * 2
    two = [(2, "session", None), (2, "message", None), (2, "message", None)]
    assert written[:8] == [(1, "session", None), *both, *two, *both]
    assert written[8:] == [
        *[(1, "end", "client"), (3, "session", None), (3, "message", None)],
        *[(2, "end", "client"), (3, "end", "client")],
    ]


async def test_a_server_without_a_stream_leaves_no_trace_of_saying_so(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    script = Script(Answer(405, {"allow": "POST"}, (b"no",)))
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, client() as web:
        got = await web.get(address, headers={"mcp-session-id": "s"})

    assert (got.status_code, got.headers["allow"]) == (405, "POST")
    assert [frame["kind"] for frame in frames(tape)] == ["header"]


async def test_a_guarded_server_sees_itself_as_host_and_strangers_as_strangers(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    headers = JSON | {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2026-07-28"}
    headers |= {"mcp-method": "tools/list"}
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    capabilities = {"io.modelcontextprotocol/clientCapabilities": dict[str, object]()}
    params = {
        "_meta": STATELESS
        | capabilities
        | {"io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"}}
    }
    async with Workshop().over_http() as url, recorded(url, tape) as address, client() as web:
        base = address.removesuffix("/mcp")
        port = base.rpartition(":")[2]
        statuses = [
            (await web.post(address, json=asked | {"params": params}, headers=headers | more)).status_code
            for more in (
                dict[str, str](),
                {"origin": base},
                {"host": f"localhost:{port}", "origin": f"http://localhost:{port}"},
                {"origin": "http://evil.example"},
                {"host": f"evil.example:{port}"},
                {"host": "evil.example", "origin": base},
            )
        ]

    assert statuses == [200, 200, 200, 403, 421, 421]
    assert [frame["status"] for frame in frames(tape, "http")] == [403]
