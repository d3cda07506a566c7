"""Verifying over HTTP, servers whose tools change, tapes that were damaged, and putting live answers into a tape."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp import Client
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from weather_station import READS, record, station

from pytest_mcpflow import CannotVerifyError, CassetteError, Era
from pytest_mcpflow.cassette.diff import differing
from pytest_mcpflow.cassette.kinds import Side
from pytest_mcpflow.cassette.merge import merged
from pytest_mcpflow.cassette.operations import operations
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.rewrite import Rewrite
from pytest_mcpflow.cassette.show import lines_of
from pytest_mcpflow.cassette.trim import Keep, trimmed
from pytest_mcpflow.cassette.verify import verify
from pytest_mcpflow.cassette.writer import CassetteWriter

each_era = pytest.mark.parametrize("era", list(Era))

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
TOOL = {
    "name": "look",
    "annotations": {"readOnlyHint": True},
    "inputSchema": {
        "type": "object",
        "properties": {"where": {"type": "string", "x-mcp-header": "Where"}},
    },
}


class Site:
    """An HTTP server that answers as it is told, and keeps what it was asked and under which headers."""

    def __init__(self) -> None:
        self.asked: list[tuple[Mapping[str, str], dict[str, Any]]] = []
        self.answers: dict[str, tuple[int, dict[str, Any] | str]] = {}

    def answer(self, body: dict[str, Any]) -> tuple[int, str]:
        status, said = self.answers.get(body["method"], (404, "no such page"))
        if isinstance(said, str):
            return status, said
        return status, json.dumps({"jsonrpc": "2.0", "id": body["id"], **said})

    @contextmanager
    def listening(self) -> Generator[str]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                site.asked.append(({name.lower(): value for name, value in self.headers.items()}, body))
                status, said = site.answer(body)
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(said.encode())))
                self.end_headers()
                self.wfile.write(said.encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            yield f"http://127.0.0.1:{server.server_address[1]}/mcp"
            server.shutdown()
            thread.join()


@pytest.fixture
def site() -> Site:
    return Site()


def look(path: Path) -> CassetteWriter:
    """A tape on which the tool was called twice: once without leave, and once with."""
    writer = CassetteWriter(path)
    session = writer.session(transport="http", command=["http://127.0.0.1/mcp"])
    for number in (1, 2):
        call = {"name": "look", "arguments": {"where": "über"}, "_meta": META}
        body = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": call}
        session.message("client", body)
    session.http(request=1, status=401, headers={"www-authenticate": "Bearer"}, body="who are you?")
    session.message(
        "server", {"jsonrpc": "2.0", "id": 2, "result": {"resultType": "complete", "content": []}}
    )
    return writer


def test_http_statuses_are_compared_and_headers_of_the_protocol_sent(tmp_path: Path, site: Site) -> None:
    look(tmp_path / "tape.jsonl").close()
    site.answers["tools/list"] = (200, {"result": {"resultType": "complete", "tools": [TOOL]}})
    site.answers["tools/call"] = (401, "who are you?")

    with site.listening() as url:
        refused = asyncio.run(verify(tmp_path / "tape.jsonl", url, headers={"x-team": "blue"}))
        site.answers["tools/call"] = (200, {"result": {"resultType": "complete", "content": []}})
        served = asyncio.run(verify(tmp_path / "tape.jsonl", url))

    # One of the two was answered with a status and the other was not: each half of them differs from one server.
    assert [(each.line, each.pointer) for each in refused.answers] == [(4, "/error"), (4, "/result")]
    assert [(each.line, each.pointer) for each in served.answers] == [(3, "/result"), (3, "/status")]
    headers, _ = next(each for each in site.asked if each[1]["method"] == "tools/call")
    assert headers["x-team"] == "blue"
    assert headers["mcp-protocol-version"] == "2026-07-28"
    assert (headers["mcp-method"], headers["mcp-name"]) == ("tools/call", "look")
    assert headers["mcp-param-where"] == "=?base64?w7xiZXI=?="


def test_a_status_cannot_be_compared_with_a_server_that_has_none(tmp_path: Path) -> None:
    look(tmp_path / "tape.jsonl").close()

    drift = asyncio.run(verify(tmp_path / "tape.jsonl", station(), allow=["*"]))

    assert [(each.line, each.why) for each in drift.skipped] == [
        (3, "it was answered with an HTTP status, which only a server behind a URL can do")
    ]


@pytest.mark.parametrize(("status", "said"), [(401, "{}"), (500, "oops"), (404, "<html>")])
def test_a_site_that_refuses_the_handshake_cannot_be_verified(
    tmp_path: Path, site: Site, status: int, said: str
) -> None:
    tape = record(tmp_path / "tape.jsonl", Era.HANDSHAKE, station())
    site.answers["initialize"] = (status, said)

    with site.listening() as url, pytest.raises(CannotVerifyError, match=f"HTTP status {status}"):
        asyncio.run(verify(tape, url))


@each_era
def test_tools_that_come_in_the_middle_are_looked_at_before_they_are_called(tmp_path: Path, era: Era) -> None:
    async def grow_and_call(client: Client) -> None:
        await client.list_tools()
        await client.call_tool("grow", {})
        await client.list_tools()
        await client.call_tool("shoot", {})

    tape = record(tmp_path / "tape.jsonl", era, growing(), grow_and_call)

    drift = asyncio.run(verify(tape, growing()))

    assert (bool(drift), drift.skipped) == (False, ())


def growing() -> MCPServer:
    server = MCPServer("growing", log_level="ERROR")

    @server.tool(annotations=READS, structured_output=False)
    async def grow(ctx: Context[Any, Any]) -> str:
        """Grow another tool."""
        server.add_tool(shoot, annotations=READS, structured_output=False)
        return "grown"

    def shoot() -> str:
        """Be new."""
        return "green"

    return server


# Putting live answers into a tape.


@pytest.fixture(scope="module", params=list(Era))
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("tapes") / "tape.jsonl", request.param, station())


@given(st.data())
def test_putting_in_what_was_recorded_changes_no_byte_whatever_the_live_ids(
    recording: Path, data: st.DataObject
) -> None:
    before = recording.read_bytes()
    tape = read_cassette(recording)
    [session] = tape.sessions
    asked = operations(session)
    chosen = data.draw(st.sets(st.sampled_from(range(len(asked)))))
    shift = data.draw(st.integers(-5, 1000))
    messages = {frame.line: frame.message for frame in session.frames if frame.kind == "message"}
    rewrite = Rewrite(tape, None)

    def live(line: int) -> tuple[Side, Mapping[str, Any]]:
        body = dict(messages[line].body)
        if "id" in body:
            body["id"] = messages[line].body["id"] + shift
        return messages[line].sender, body

    fresh = {asked[index].line: [live(line) for line in asked[index].lines] for index in chosen}
    rewrite.session(session, asked, fresh)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy.jsonl")
        copy.write_bytes(b"".join(rewrite.lines()))
        # Messages that came between others stand after them now: the same lines, perhaps in another order.
        assert sorted(copy.read_bytes().splitlines()) == sorted(before.splitlines())
        assert differing(read_cassette(copy), tape, exact=True) == []
    assert rewrite.has_changed == bool(chosen)


# Tapes that were damaged or made up.

ODD: list[Any] = [None, 0, -1, "", "x", [], {}, [1], {"a": 1}, True, 1e300, "state-1", "tools/list", "\ud800"]


@st.composite
def damaged(draw: st.DrawFn, lines: list[bytes]) -> bytes:
    """A tape with lines lost, repeated, exchanged, and with something odd in place of any value."""
    lines = list(lines)
    for _ in range(draw(st.integers(1, 4))):
        index = draw(st.integers(1, len(lines) - 1))
        match draw(st.sampled_from(["odd", "odd", "lost", "repeated", "exchanged"])):
            case "odd":
                lines[index] = draw(changed(json.loads(lines[index])))
            case "lost" if len(lines) > 3:
                del lines[index]
            case "repeated":
                lines.insert(draw(st.integers(1, len(lines))), lines[index])
            case _:
                other = draw(st.integers(1, len(lines) - 1))
                lines[index], lines[other] = lines[other], lines[index]
    return b"\n".join(lines) + b"\n"


@st.composite
def changed(draw: st.DrawFn, frame: dict[str, Any]) -> bytes:
    here: Any = frame
    while True:
        inner = keys_of(here)
        if not inner:
            return json.dumps(frame).encode()
        key = draw(st.sampled_from(inner))
        if len(keys_of(here[key])) > 0 and draw(st.integers(0, 3)) > 0:
            here = here[key]
            continue
        if draw(st.booleans()):
            here[key] = draw(st.sampled_from(ODD))
        else:
            del here[key]
        return json.dumps(frame).encode()


def keys_of(value: object) -> list[Any]:
    if isinstance(value, dict):
        return [*cast("dict[str, object]", value)]
    return [*range(len(cast("list[object]", value)))] if isinstance(value, list) else []


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_any_tape_is_handled_or_refused_with_a_reason(recording: Path, data: st.DataObject) -> None:
    content = data.draw(damaged(recording.read_bytes().splitlines()))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tape.jsonl")
        path.write_bytes(content)
        cassette = outcome(lambda: read_cassette(path))
        if isinstance(cassette, str):
            assert str(path) in cassette
            return
        assert all(line.isprintable() for line in lines_of(cassette))
        assert all(line.isprintable() for line in lines_of(cassette, full=True))
        items = "\n".join(map(str, differing(read_cassette(recording), cassette)))
        assert all(line.isprintable() for line in items.splitlines())
        path.write_bytes(b"".join(merged([path, path])))
        read_cassette(path)
        for keep in (Keep(drop_unused=True), Keep(drop_unanswered=True)):
            path.write_bytes(b"".join([*trimmed(path, keep)]))
            read_cassette(path)
        drift = outcome(lambda: asyncio.run(verify(path, station(), limit=10, update=True)))
        assert str(drift)
        read_cassette(path)


T = TypeVar("T")


def outcome(action: Callable[[], T]) -> T | str:
    """What an action comes to; the message of an error that is documented."""
    try:
        return action()
    except (CassetteError, CannotVerifyError) as error:
        return str(error)
