"""What passes the gateway byte for byte: statuses, headers, streams, and what breaks off, on both sides."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncGenerator, MutableMapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from http_servers import (
    EVENTS,
    JSON,
    LIMIT,
    STATELESS,
    Answer,
    Script,
    Workshop,
    call,
    frames,
    notice,
    recorded,
    result,
    said,
    serving,
    web_client,
)

from pytest_mcpflow.cassette.gateway_address import Upstream
from pytest_mcpflow.cassette.gateway_app import GatewayApp
from pytest_mcpflow.cassette.gateway_tape import HttpTape
from pytest_mcpflow.cassette.writer import CassetteWriter

pytestmark = pytest.mark.asyncio


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
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, web_client() as web:
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
        web_client() as web,
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
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, web_client() as web:
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
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, web_client() as web:
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
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, web_client() as web:
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
        web_client() as web,
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
        web_client() as web,
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

    async with serving(upstream) as base, recorded(f"{base}/mcp", tape) as address, web_client() as web:
        assert (await web.post(address, content=pieces(), headers=JSON)).content == result()

    assert [len(said(tape, sender)) for sender in ("client", "server")] == [1, 1]


async def test_a_compressed_answer_passes_as_it_is_and_is_read_for_the_tape(tmp_path: Path) -> None:
    tape, packed = tmp_path / "tape.jsonl", gzip.compress(b"data: " + result(text="packed") + b"\n\n")
    script = Script(Answer(200, EVENTS | {"content-encoding": "gzip"}, (packed[:9], packed[9:])))
    async with (
        serving(script) as base,
        recorded(f"{base}/mcp", tape) as address,
        web_client() as web,
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
        web_client() as web,
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
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, web_client() as web:
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
    async with Workshop().over_http() as url, recorded(url, tape) as address, web_client() as web:
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


async def test_no_last_byte_is_handed_on_before_the_message_is_on_the_tape(tmp_path: Path) -> None:
    tape, seen = tmp_path / "tape.jsonl", list[tuple[str, bytes, int]]()

    def note(who: str, piece: bytes) -> None:
        seen.append((who, piece, len(frames(tape, "message"))))

    class Pieces(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncGenerator[bytes]:
            yield result()[:5]
            yield result()[5:]

    class Server(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            assert isinstance(request.stream, httpx2.AsyncByteStream)
            async for piece in request.stream:
                note("server", piece)
            headers = JSON | {"content-length": str(len(result()))}
            return httpx2.Response(200, headers=headers, stream=Pieces())

    parts = iter([call()[:5], call()[5:], b""])

    async def receive() -> dict[str, Any]:
        part = next(parts, None)
        if part is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": part, "more_body": part != b""}

    async def send(message: MutableMapping[str, Any]) -> None:
        note("client", message.get("body", b""))

    scope = {
        "type": "http",
        "method": "POST",
        "raw_path": b"/mcp",
        "query_string": b"",
        "client": ("::1", 1),
        "headers": [(b"host", b"here"), (b"content-length", str(len(call())).encode())],
    }
    upstream = Upstream.parse("http://server/mcp")
    with CassetteWriter(tape) as writer:
        app = GatewayApp(upstream, Server(), HttpTape(writer, upstream.url), address="http://here", hosts=())
        await app(scope, receive, send)

    assert seen == [
        *[("server", call()[:5], 0), ("server", call()[5:], 1)],
        *[("client", b"", 1), ("client", result()[:5], 1), ("client", result()[5:], 2), ("client", b"", 2)],
    ]


async def test_clients_behind_one_proxy_are_told_apart_by_their_connections(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"

    def answer(method: str, target: str) -> Answer:
        return Answer(200, JSON, (result(json.loads(script.requests[-1][3])["id"]),))

    script = Script(answer)
    headers = JSON | {"x-forwarded-for": "192.0.2.1"}
    async with (
        serving(script) as base,
        recorded(f"{base}/mcp", tape) as address,
        web_client() as one,
        web_client() as other,
    ):
        for web, number in ((one, 1), (other, 1), (one, 2), (other, 2), (other, 3), (one, 3)):
            await web.post(address, content=call(number), headers=headers)

    asked = [frame for frame in frames(tape, "message") if frame["from"] == "client"]
    assert [(frame["session"], frame["message"]["id"]) for frame in asked] == [
        *[(1, 1), (2, 1), (1, 2), (2, 2), (2, 3), (1, 3)]
    ]
    assert {headers["x-forwarded-for"] for _, _, headers, _ in script.requests} == {"192.0.2.1"}
