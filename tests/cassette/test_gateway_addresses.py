"""What the gateway changes on the way and nothing else: addresses that would lead around it, and what is secret."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

import httpx2
import pytest
from http_servers import EVENTS, JSON, LIMIT, Answer, Script, Workshop, frames, recorded, serving, web_client
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client

from pytest_mcpflow import CassetteError
from pytest_mcpflow.cassette.gateway import gateway
from pytest_mcpflow.cassette.gateway_address import Upstream
from pytest_mcpflow.cassette.gateway_exchange import RecordedExchange, UnreadableAnswerError
from pytest_mcpflow.cassette.gateway_tape import HttpTape
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.writer import CassetteWriter

CALL = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "go"}}'
RESULT = b'{"jsonrpc": "2.0", "id": 1, "result": {}}'


@pytest.mark.asyncio
async def test_the_server_gets_the_clients_headers_and_is_addressed_as_itself(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    script = Script(Answer(200, JSON, (RESULT,)))
    sent = JSON | {
        "authorization": "Bearer of-nobody",
        "mcp-param-city": "=?base64?w5ZyZWJybw==?=",
        "mcp-method": "tools/call",
        "connection": "keep-alive, x-hop",
        "x-hop": "1",
        "te": "trailers",
        "accept-encoding": "br",
    }
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, web_client() as web:
        await web.post(address, content=CALL, headers=sent)
        public = address.removesuffix("/mcp")

    ((_, target, got, body),) = script.requests
    assert (target, body) == ("/mcp", CALL)
    for name in ("authorization", "mcp-param-city", "mcp-method", "content-type"):
        assert got[name] == sent[name]
    assert not {"x-hop", "te", "connection", "x-forwarded-for", "via"} & set(got)
    assert got["accept-encoding"] == "identity"
    assert f"http://{got['host']}" == base != public
    assert got["content-length"] == str(len(CALL))
    assert b"of-nobody" not in tape.read_bytes()


@pytest.mark.asyncio
async def test_the_client_gets_the_servers_headers_but_those_of_its_connection(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    sent = JSON | {
        "mcp-session-id": "s-1",
        "set-cookie": "a=b; Path=/",
        "x-any": "1",
        "connection": "x-hop",
        "x-hop": "1",
        "keep-alive": "timeout=1",
        "alt-svc": 'h3=":443"',
    }
    script = Script(Answer(200, sent, (RESULT,)))
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, web_client() as web:
        got = (await web.post(address, content=CALL, headers=JSON)).headers

    for name in ("mcp-session-id", "set-cookie", "x-any", "content-type"):
        assert got[name] == sent[name]
    assert not {"x-hop", "keep-alive", "alt-svc", "server", "date"} & set(got)


@pytest.mark.asyncio
async def test_a_redirect_leads_back_to_the_gateway_and_is_one_request_on_the_tape(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"

    def answer(method: str, target: str) -> Answer:
        if target == "/mcp":
            return Answer(307, {"location": f"{base}/v2/mcp"}, (b"",))
        return Answer(200, JSON, (RESULT,))

    script = Script(answer)
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, web_client() as web:
        got = await web.post(address, content=CALL, headers=JSON, follow_redirects=True)

    assert got.content == RESULT
    assert str(got.url) == address.replace("/mcp", "/v2/mcp")
    assert [target for _, target, *_ in script.requests] == ["/mcp", "/v2/mcp"]
    kinds = [(frame["kind"], frame.get("from")) for frame in frames(tape)]
    assert kinds == [
        *[("header", None), ("session", None), ("message", "client"), ("message", "server"), ("end", None)]
    ]


@pytest.mark.asyncio
async def test_a_redirect_to_another_server_is_an_answer_like_any(tmp_path: Path) -> None:
    tape, location = tmp_path / "tape.jsonl", "https://elsewhere.example/mcp"
    script = Script(Answer(308, {"location": location}, (b"",)))
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, web_client() as web:
        got = await web.post(address, content=CALL, headers=JSON)

    assert (got.status_code, got.headers["location"]) == (308, location)
    (frame,) = frames(tape, "http")
    assert (frame["request"], frame["status"], frame["headers"]) == (1, 308, {"location": location})


ENDPOINTS = {
    "/messages?session_id=5": "/messages?session_id=5",
    "messages?session_id=5": "messages?session_id=5",
    "{base}/messages?session_id=5": "{public}/messages?session_id=5",
    "http://elsewhere.example/messages": "http://elsewhere.example/messages",
    "http://[broken": "http://[broken",
}


@pytest.mark.asyncio
@pytest.mark.parametrize("given", ENDPOINTS)
async def test_the_endpoint_of_the_old_transport_leads_to_the_gateway(tmp_path: Path, given: str) -> None:
    tape, posted, commented = tmp_path / "tape.jsonl", asyncio.Event(), asyncio.Event()

    def answer(method: str, _: str) -> Answer:
        if method == "POST":
            posted.set()
            return Answer(202, {"content-type": "text/plain"}, (b"Accepted",))
        event = f"event: endpoint\r\ndata: {given.format(base=base)}\r\n\r\n".encode()
        last = b"event: message\r\ndata: " + RESULT + b"\r\n\r\n"
        return Answer(
            200, EVENTS, (b": hello\n\n", commented.wait, event[:30], event[30:], posted.wait, last)
        )

    async with (
        serving(Script(answer)) as base,
        recorded(f"{base}/sse", tape) as address,
        web_client() as web,
        web.stream("GET", address, headers={"accept": "text/event-stream"}) as stream,
    ):
        public = address.removesuffix("/sse")
        pieces = stream.aiter_raw()
        assert await anext(pieces) == b": hello\n\n"  # which nobody has to wait for
        commented.set()
        expected = ENDPOINTS[given].format(base=base, public=public)
        got = b""
        while b"\r\n\r\n" not in got:
            got += await anext(pieces)
        assert got == f"event: endpoint\r\ndata: {expected}\r\n\r\n".encode()
        if "elsewhere" in given or "broken" in given:
            posted.set()
        else:
            to = httpx2.URL(address).join(expected)
            assert (await web.post(to, content=CALL, headers=JSON)).content == b"Accepted"
        assert RESULT in b"".join([piece async for piece in pieces])

    senders = [frame["from"] for frame in frames(tape, "message")]
    assert senders == (["server"] if "elsewhere" in given or "broken" in given else ["client", "server"])
    assert frames(tape, "end") == [{"by": "server", "exit_code": None, "kind": "end", "session": 1}]
    assert len(read_cassette(tape).sessions) == 1


@pytest.mark.asyncio
async def test_what_is_no_endpoint_of_the_server_passes_and_is_not_written(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    script = Script(Answer(200, JSON, (b'{"access_token": "hidden"}',)))
    async with serving(script) as base, recorded(f"{base}/mcp", tape) as address, web_client() as web:
        public = address.removesuffix("/mcp")
        got = await web.get(f"{public}/.well-known/oauth-authorization-server?x=%2F")
        await web.post(f"{public}/token", content=b"client_secret=hidden")
        await web.options(address)

    assert got.content == b'{"access_token": "hidden"}'
    assert [target for _, target, *_ in script.requests] == [
        *["/.well-known/oauth-authorization-server?x=%2F", "/token", "/mcp"]
    ]
    assert b"hidden" not in tape.read_bytes()


@pytest.mark.asyncio
async def test_the_keys_of_an_address_go_to_the_server_and_are_not_told_to_the_client(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    script = Script(Answer(200, JSON, (RESULT,)))
    async with serving(script) as base:
        url = f"{base.replace('//', '//ann:p%40ss@')}/mcp?key=hidden"
        async with recorded(url, tape) as address, web_client() as web:
            await web.post(address, content=CALL, headers=JSON)
            await web.post(f"{address}?page=2", content=CALL, headers=JSON | {"authorization": "Bearer own"})

    assert "hidden" not in address
    (_, first, headers, _), (_, second, own, _) = script.requests
    assert (first, second) == ("/mcp?key=hidden", "/mcp?key=hidden&page=2")
    assert (headers["authorization"], own["authorization"]) == ("Basic YW5uOnBAc3M=", "Bearer own")


@pytest.mark.asyncio
async def test_nothing_passes_that_cannot_be_written(tmp_path: Path) -> None:
    class FullDisk(CassetteWriter):
        is_full = False

        def write(self, *frames: bytes) -> None:
            if self.is_full:
                raise OSError(28, "No space left on device")
            super().write(*frames)

    script = Script(Answer(200, JSON, (RESULT,)))
    statuses: list[int] = []
    with FullDisk(tmp_path / "tape.jsonl") as writer:

        async def work() -> None:
            async with (
                serving(script) as base,
                gateway(f"{base}/mcp", writer) as address,
                web_client() as web,
            ):
                for number in range(3):
                    writer.is_full = number == 1
                    content = CALL.replace(b"1", str(number).encode())
                    statuses.append((await web.post(address, content=content, headers=JSON)).status_code)

        with pytest.raises(CassetteError, match=r"nothing passed any more: .*No space left on device"):
            await work()

    assert statuses == [200, 500, 500]
    assert len(script.requests) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("url", ["", "host/mcp", "ftp://host/x", "http://", "http://[x", "http://h:99999/x"])
async def test_an_address_of_nothing_is_refused(tmp_path: Path, url: str) -> None:
    said = "is not the address of a server; it should be like https://"
    with CassetteWriter(tmp_path / "tape.jsonl") as writer, pytest.raises(CassetteError, match=said):
        async with gateway(url, writer):
            pass


@pytest.mark.asyncio
async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with CassetteWriter(tmp_path / "tape.jsonl") as writer:
        async with gateway("http://127.0.0.1:9/mcp", writer) as address:
            port = int(address.removesuffix("/mcp").rpartition(":")[2])
            with pytest.raises(CassetteError, match=f"cannot listen on 127.0.0.1:{port}: .*in use"):
                async with gateway("http://127.0.0.1:9/mcp", writer, port=port):
                    pass


@pytest.mark.asyncio
async def test_a_gateway_leaves_nothing_behind(tmp_path: Path) -> None:
    tape, workshop = tmp_path / "tape.jsonl", Workshop()
    async with asyncio.timeout(LIMIT), workshop.over_http() as url:
        before = asyncio.all_tasks()
        with CassetteWriter(tape) as writer:
            async with gateway(url, writer) as address, web_client() as web:
                async with Client(address, mode="2026-07-28") as caller:
                    hanging = asyncio.create_task(caller.call_tool("hang"))
                    await workshop.started.wait()
                    hanging.cancel()
                    await asyncio.wait([hanging])
                await web.get(address)
        await workshop.cancelled.wait()
        async with web_client() as again:
            with pytest.raises(httpx2.ConnectError):
                await again.get(address)
        while asyncio.all_tasks() - before:  # the server's own end a moment later
            await asyncio.sleep(0.01)


UPSTREAMS = [
    ("https://Example.com/mcp", "https://example.com", "example.com"),
    ("https://example.com:443/mcp", "https://example.com", "example.com"),
    ("http://example.com:8080/mcp", "http://example.com:8080", "example.com:8080"),
    ("http://[::1]:8080/mcp", "http://[::1]:8080", "[::1]:8080"),
]


@pytest.mark.parametrize(("url", "origin", "host"), UPSTREAMS)
def test_the_host_has_its_port_unless_it_is_the_schemes_own(url: str, origin: str, host: str) -> None:
    upstream = Upstream.parse(url)

    assert (upstream.origin, upstream.host_header, upstream.path) == (origin, host, "/mcp")


PIECES = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from(
            [b"data: ", b"event: endpoint\n", b"\n\n", b"\r\n", b"data: " + RESULT, RESULT, b"id: 1\n"]
        ),
        st.sampled_from(
            [b'{"jsonrpc": "2.0", "id": 1, "result": {"x": ', b"NaN", b"1e999", b'"\\ud800"', b"}}"]
        ),
    ),
    max_size=12,
)


@given(
    asked=PIECES,
    answer=PIECES,
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    status=st.sampled_from([200, 202, 307, 404]),
    headers=st.fixed_dictionaries(
        {"content-type": st.sampled_from(["text/event-stream", "application/json", ""])},
        optional={
            "content-encoding": st.sampled_from(["gzip", "identity", "br"]),
            "mcp-session-id": st.just("s"),
            "location": st.sampled_from(["/mcp/", "http://[", "http://elsewhere/"]),
        },
    ),
    ends=st.sampled_from(["complete", "broke_off", "client_left"]),
    session_id=st.sampled_from([None, "s"]),
)
def test_bytes_pass_as_they_are_and_the_tape_can_always_be_read(
    asked: list[bytes],
    answer: list[bytes],
    method: str,
    status: int,
    headers: dict[str, str],
    ends: str,
    session_id: str | None,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tape.jsonl"
        with CassetteWriter(path) as writer:
            tape = HttpTape(writer, "http://server/mcp")
            exchange = RecordedExchange(
                tape,
                method=method,
                target="/mcp",
                session_id=session_id,
                connection=("127.0.0.1", 1),
                resumes=False,
                upstream=Upstream.parse("http://server/mcp"),
                public="http://127.0.0.1:1",
            )
            exchange.asked(b"".join(asked))
            passed = b""
            try:
                exchange.answered(status, headers)
                for piece in answer:
                    passed += exchange.take(piece)
            except UnreadableAnswerError:
                assert headers["content-encoding"] in ("gzip", "br")
                exchange.broke_off()
            else:
                if ends == "complete":
                    passed += exchange.complete()
                    assert passed == b"".join(answer)
                else:
                    getattr(exchange, ends)()
                    assert b"".join(answer).startswith(passed)
            tape.close()
        read_cassette(path)
        for line in path.read_bytes().splitlines():
            json.loads(line)
