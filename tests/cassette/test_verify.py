"""Verifying: what a live server does otherwise than its cassette is found, put in its place, and nothing else is."""

from __future__ import annotations

import asyncio
import difflib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import anyio
import pytest
import real_servers
import uvicorn
from checkout import ROOT
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.server import MCPServer, Server
from mcp.types import (
    CallToolRequest,
    CallToolRequestParams,
    EmptyResult,
    ListToolsResult,
    PaginatedRequestParams,
    Tool,
)
from weather_station import READS, record, serving, station

from pytest_mcpflow import CannotVerifyError, CassetteError, Era
from pytest_mcpflow.cassette.columns import columns
from pytest_mcpflow.cassette.compare import MISSING
from pytest_mcpflow.cassette.drift import Change, Drift, Skipped
from pytest_mcpflow.cassette.format import read_cassette
from pytest_mcpflow.cassette.operations import operations
from pytest_mcpflow.cassette.redaction import Redactor
from pytest_mcpflow.cassette.verify import verify
from pytest_mcpflow.cassette.writer import CassetteWriter
from pytest_mcpflow.serve.memory import memory_transport

each_era = pytest.mark.parametrize("era", list(Era))


@pytest.fixture
def tape(tmp_path: Path, era: Era) -> Path:
    return record(tmp_path / "tape.jsonl", era, station())


def check(cassette: Path, *changes: str, **options: Any) -> Drift:
    return asyncio.run(verify(cassette, station(*changes), **options))


def command(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `mcpflow verify`."""
    return subprocess.run(
        [sys.executable, "-m", "pytest_mcpflow", "verify", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=cwd,
    )


def found(changes: tuple[Change, ...]) -> list[tuple[str, str]]:
    return [(each.subject, each.pointer) for each in changes]


@each_era
def test_an_unchanged_server_has_not_drifted(tape: Path, era: Era) -> None:
    drift = check(tape)

    assert not drift
    assert drift.skipped == ()
    assert drift.compared == (14 if era is Era.HANDSHAKE else 13)


WHERE = {
    "description": ("schemas", [("tool temperature", "/description")]),
    "schema": (
        "schemas",
        [("tool temperature", "/inputSchema/properties/unit"), ("tool temperature", "/inputSchema/title")],
    ),
    "structured": (
        "answers",
        [
            ("temperature(city='Oslo')", "/content/0/text/celsius"),
            ("temperature(city='Oslo')", "/structuredContent/celsius"),
        ],
    ),
    "text": ("answers", [("motto()", "/content/0/text")]),
    "json": ("answers", [("report(city='Oslo')", "/content/0/text/wind")]),
    "error": ("answers", [("motto()", "/content/0/text"), ("motto()", "/isError")]),
    "silent": ("answers", [("measure()", "/progress")]),
    "question": ("answers", [("christen()", "/questions/0/params/message")]),
    "resource": ("answers", [("resources/read weather://history", "/contents/0/text")]),
    "prompt": ("answers", [("prompts/get small_talk", "/messages/0/content/text")]),
    "added": ("tools", [("tool sun", "")]),
    "removed": ("tools", [("tool moon", "")]),
}


@each_era
@pytest.mark.parametrize("change", WHERE)
def test_each_change_is_found_in_its_section(tape: Path, change: str) -> None:
    section, expected = WHERE[change]
    drift = check(tape, change)

    assert bool(drift)
    assert [entry for entry in found(getattr(drift, section)) if "town" not in entry[0]] == expected
    others = {"tools", "schemas", "answers"} - {section}
    # A tool that is gone answers otherwise, and one with another signature refuses in other words.
    consequences = {"removed": {"moon()"}, "schema": {"temperature(town='Oslo')"}}.get(change, set[str]())
    assert {each.subject for other in others for each in getattr(drift, other)} == consequences


@each_era
def test_another_version_is_a_note_and_no_drift(tape: Path) -> None:
    drift = check(tape, "version")

    assert not drift
    assert drift.notes == ("its version was 1 when it was recorded and is 2",)
    assert drift.server == "weather-station 2"


@each_era
def test_what_is_volatile_counts_when_asked_for(tape: Path) -> None:
    pointers = {pointer for _, pointer in found(check(tape, exact=True).answers)}

    assert pointers == {
        "/content/0/text/measured_at",
        "/structuredContent/measured_at",
        "/content/0/text/now",
        "/content/0/text/id",
    }


@each_era
def test_what_is_ignored_is_no_drift(tape: Path) -> None:
    assert check(
        tape, "structured", ignore=["/structuredContent/celsius", "/content/*/text/celsius"]
    ) == check(tape)
    assert found(check(tape, "structured", ignore=["/content"]).answers) == [
        ("temperature(city='Oslo')", "/structuredContent/celsius")
    ]


@each_era
def test_updating_writes_what_changed_and_then_nothing_differs(tape: Path) -> None:
    changes = ("description", "text", "question", "added", "silent")
    before = tape.read_text(encoding="utf-8").splitlines()
    tape.chmod(0o640)

    assert check(tape, *changes, update=True)
    after = tape.read_text(encoding="utf-8").splitlines()

    assert not check(tape, *changes)
    assert oct(tape.stat().st_mode)[-3:] == "640"
    assert [path.name for path in tape.parent.iterdir()] == [tape.name]
    compared = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    replaced = sorted(
        {line for tag, low, high, *_ in compared if tag != "equal" for line in before[low:high]}
    )
    # The listing, the motto, the steps that are gone, and the dialogue of the christening; nothing else.
    assert all(
        re.search('tools/list|"tools":|Rain or shine|progress|Which name|Ada|state-1', each)
        for each in replaced
    )
    assert not [each for each in replaced if "Oslo" in each]


@each_era
def test_updating_from_a_server_that_has_not_changed_changes_no_byte(tape: Path) -> None:
    before = tape.read_bytes()

    assert not check(tape, update=True)
    assert tape.read_bytes() == before


@each_era
def test_an_updated_tape_is_numbered_as_if_it_had_been_recorded(tape: Path, era: Era, tmp_path: Path) -> None:
    changed = record(tmp_path / "changed.jsonl", era, station("question", "prompt"))

    check(tape, "question", "prompt", update=True)

    def stable(path: Path) -> list[str]:
        volatile = r"[0-9a-f]{32}|\d{4}-\d\d-\d\dT[^\"\\]*|\d{10}\.\d+"
        return re.sub(volatile, "", path.read_text(encoding="utf-8")).splitlines()

    assert stable(tape) == stable(changed)


async def demolishing(client: Client) -> None:
    await client.list_tools()
    await client.call_tool("motto", {})
    await client.call_tool("demolish", {})
    await client.call_tool("tinker", {})


@each_era
def test_what_may_destroy_is_not_called_and_is_named(
    tmp_path: Path, era: Era, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tape = record(tmp_path / "tape.jsonl", era, station("harmless"), demolishing)

    drift = check(tape)

    assert not (tmp_path / "demolished").exists()
    assert not drift
    assert [(each.subject, each.why) for each in drift.skipped] == [
        ("demolish()", "it says destructiveHint; --allow-destructive calls it"),
        (
            "tinker()",
            "it does not say readOnlyHint or destructiveHint: false, so by the protocol it is destructive; "
            "--allow-destructive calls it",
        ),
    ]
    assert "demolish()" in str(drift)


@each_era
def test_what_may_destroy_is_called_when_allowed_by_name(
    tmp_path: Path, era: Era, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tape = record(tmp_path / "tape.jsonl", era, station("harmless"), demolishing)

    assert [each.subject for each in check(tape, allow=["tink*"]).skipped] == ["demolish()"]
    assert not (tmp_path / "demolished").exists()
    assert check(tape, allow=["*"]).skipped == ()
    assert (tmp_path / "demolished").exists()


@each_era
def test_a_tool_that_is_gone_is_drift_even_if_the_client_never_listed_it(tmp_path: Path, era: Era) -> None:
    async def call(client: Client) -> None:
        # Unlike `Client.call_tool`, this does not list the tools by itself.
        request = CallToolRequest(params=CallToolRequestParams(name="moon", arguments={}))
        await client.session.send_request(request, EmptyResult)

    tape = record(tmp_path / "tape.jsonl", era, station(), call)
    drift = check(tape, "removed")
    [skipped] = drift.skipped

    assert drift.tools == (Change("tool moon", "", {"name": "moon"}, MISSING, skipped.line),)
    assert skipped.why == "the server lists no such tool; --allow-destructive calls it nevertheless"


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


# Servers that are not well. Their tapes are written by hand.


def written(path: Path, *messages: tuple[str, Mapping[str, Any]]) -> Path:
    with CassetteWriter(path) as writer:
        session = writer.session(transport="stdio", command=["server"])
        for sender, body in messages:
            session.message(cast("Any", sender), {"jsonrpc": "2.0", **body})
    return path


HANDSHAKE: list[tuple[str, Mapping[str, Any]]] = [
    (
        "client",
        {
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "c", "version": "1"},
            },
        },
    ),
    (
        "server",
        {
            "id": 1,
            "result": {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "s", "version": "1"},
            },
        },
    ),
    ("client", {"method": "notifications/initialized"}),
]


def verify_script(tape: Path, code: str, **options: Any) -> Drift:
    words = script(code)
    return asyncio.run(verify(tape, StdioServerParameters(command=words[0], args=words[1:]), **options))


def script(code: str) -> list[str]:
    """A server in a line of Python, which answers the handshake and does as it likes from then on."""
    beginning = (
        "import json, os, sys, time\n"
        "def say(**body): print(json.dumps({'jsonrpc': '2.0', **body}), flush=True)\n"
        "def hear(): return json.loads(sys.stdin.readline())\n"
        "def greet():\n"
        "    asked = hear()\n"
        f"    say(id=asked['id'], result={HANDSHAKE[1][1]['result']!r})\n"
        "    hear()\n"
    )
    return [sys.executable, "-c", beginning + code]


CALL: list[tuple[str, Mapping[str, Any]]] = [
    *HANDSHAKE,
    ("client", {"id": 2, "method": "prompts/get", "params": {"name": "p"}}),
    ("server", {"id": 2, "result": {"messages": []}}),
]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "sys.exit('no database')",
            r"ended before it (was|all|answered).*its standard error ends: no database",
        ),
        (
            "print('hello', flush=True); sys.stdin.read()",
            r"did not answer initialize within 1 s; it wrote 1 thing that is not MCP",
        ),
        ("os.write(1, b'\\xff\\xfe' * 9 + b'\\n'); sys.stdin.read()", "it wrote 1 thing that is not MCP"),
        ("sys.stdin.read()", "did not answer initialize within 1 s"),
        ("greet(); sys.stdin.read()", "did not answer prompts/get within 1 s"),
        ("greet(); os.kill(os.getpid(), 9)", "ended before"),
        (
            "say(id=hear()['id'], error={'code': -32000, 'message': 'too early'})",
            r"does not speak 2025-11-25.*'too early'",
        ),
        (
            "greet(); a = hear(); os.write(1, b'[' * 100000 + b'\\n'); sys.stdin.read()",
            "did not answer prompts/get within 1 s",
        ),
    ],
)
def test_a_server_that_is_not_well_is_told_about(tmp_path: Path, code: str, message: str) -> None:
    tape = written(tmp_path / "tape.jsonl", *CALL)

    with pytest.raises(CannotVerifyError, match=message):
        verify_script(tape, code, limit=1)


def test_a_server_that_only_chatters_in_between_is_verified_and_told_about(tmp_path: Path) -> None:
    tape = written(tmp_path / "tape.jsonl", *CALL)

    drift = verify_script(tape, "print('Listening!'); greet(); say(id=hear()['id'], result={'messages': []})")

    assert not drift
    assert re.match("it wrote lines that are not MCP, the first: .*Listening!", drift.notes[0])


def test_a_server_that_asks_for_ever_is_left(tmp_path: Path) -> None:
    question = "{'resultType': 'input_required', 'requestState': 's', 'inputRequests': {}}"
    code = f"greet()\nwhile True: say(id=hear()['id'], result={question})"

    with pytest.raises(CannotVerifyError, match="prompts/get p: the server asks back again and again"):
        verify_script(written(tmp_path / "tape.jsonl", *CALL), code)


def test_a_question_that_was_never_recorded_is_refused_and_is_drift(tmp_path: Path) -> None:
    code = (
        "greet(); a = hear(); say(id='q', method='elicitation/create', params={'message': 'Why?'}); b = hear()\n"
        "say(id=a['id'], result={'messages': [], 'said': b['error']['message']})"
    )

    drift = verify_script(written(tmp_path / "tape.jsonl", *CALL), code)

    assert [(each.pointer, each.new) for each in drift.answers] == [
        ("/questions", [{"method": "elicitation/create", "params": {"message": "Why?"}}]),
        ("/said", "the cassette has no answer to this"),
    ]


def test_what_is_asked_at_any_time_is_answered_at_any_time(tmp_path: Path) -> None:
    roots = {"roots": [{"uri": "file:///home"}]}
    tape = written(
        tmp_path / "tape.jsonl",
        *HANDSHAKE,
        ("server", {"id": "r", "method": "roots/list"}),
        ("client", {"id": "r", "result": roots}),
        *CALL[-2:],
    )
    code = (
        "greet(); a = hear(); say(id=1, method='roots/list'); b = hear(); say(id=2, method='ping'); c = hear()\n"
        f"if (b['result'], c['result']) == ({roots!r}, {{}}): say(id=a['id'], result={{'messages': []}})"
    )

    assert not verify_script(tape, code)


def test_nothing_is_left_running(tmp_path: Path) -> None:
    tape = written(tmp_path / "tape.jsonl", *CALL)
    stubborn = (
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "while True: time.sleep(1)"
    )

    assert command(tape, "--limit", "1", "--", *script(stubborn)).returncode == 2
    assert is_gone(tmp_path / "pid")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_verification_ends_its_server(tmp_path: Path, number: signal.Signals) -> None:
    tape = written(tmp_path / "tape.jsonl", *CALL)
    patient = f"greet(); open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); sys.stdin.read()"
    words = [sys.executable, "-m", "pytest_mcpflow", "verify", str(tape), "--", *script(patient)]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for((tmp_path / "pid").exists)
    running.send_signal(number)
    out, err = running.communicate(timeout=30)

    assert (running.returncode, out, err) == (2, "", "mcpflow verify: interrupted\n")
    assert is_gone(tmp_path / "pid")


def is_gone(pid_file: Path) -> bool:
    pid = int(pid_file.read_text(encoding="utf-8"))

    def gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    wait_for(gone)
    return True


def wait_for(condition: Any) -> None:
    for _ in range(400):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail(f"{condition} never came true")


def test_what_cannot_be_started_or_reached_is_named(tmp_path: Path) -> None:
    tape = written(tmp_path / "tape.jsonl", *CALL)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/mcp"
        unreachable = command(tape, "--url", url)
    missing = command(tape, "--", "no-such-server", "--flag")

    assert (unreachable.returncode, missing.returncode) == (2, 2)
    assert url in unreachable.stderr
    assert "`no-such-server --flag`" in missing.stderr
    assert "No such file" in missing.stderr


HEADER = '{"format":1,"kind":"header","recorder":"pytest-mcpflow","redaction":null}\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        (HEADER, "holds no request"),
        (HEADER + "{\n", ":2 is not JSON"),
        (HEADER + "[" * 100_000 + "\n", ":2 is not JSON"),
        (HEADER + '{"kind":"message","session":1}\n', ":2 is a message frame"),
        (HEADER.replace("1", "99", 1), "has format 99"),
        ("\x00" * 1000 + "\n", ":1 is not JSON"),
    ],
)
def test_a_broken_cassette_is_said_with_file_and_line(tmp_path: Path, content: str, message: str) -> None:
    tape = tmp_path / "tape.jsonl"
    tape.write_text(content, encoding="utf-8")

    done = command(tape, "--", *script("open('started', 'w')"), cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert str(tape) in done.stderr
    assert message in done.stderr
    assert not (tmp_path / "started").exists()


def test_a_cassette_nested_too_deeply_is_an_error_and_no_crash(tmp_path: Path) -> None:
    deep: object = "x"
    for _ in range(900):
        deep = [deep]
    tape = written(
        tmp_path / "tape.jsonl",
        *HANDSHAKE,
        ("client", {"id": 2, "method": "prompts/get", "params": {"name": "p", "deep": deep}}),
        ("server", {"id": 2, "result": {"messages": [], "deep": deep}}),
    )

    done = command(tape, "--", *script("greet(); say(id=hear()['id'], result={'messages': []})"))

    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr


def test_a_session_can_be_chosen(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    record(tape, Era.HANDSHAKE, station(), demolishing_nothing)
    record(tape, Era.STATELESS, station("text"), demolishing_nothing)

    assert not check(tape, sessions=[1])
    assert found(check(tape, sessions=[2]).answers) == [("motto()", "/content/0/text")]
    assert found(check(tape).answers) == [("motto()", "/content/0/text")]
    with pytest.raises(CassetteError, match="has no session 3; it has 1, 2"):
        check(tape, sessions=[3])


async def demolishing_nothing(client: Client) -> None:
    await client.list_tools()
    await client.call_tool("motto", {})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "are required: -- SERVER"),
        (["--url", "http://127.0.0.1:1/", "--", "server"], "give either a URL"),
        (["--ignore", "now", "--", "server"], "'now' is no JSON pointer"),
        (["--limit", "0", "--", "server"], "--limit 0 must be"),
        (["--header", "nonsense", "--url", "http://127.0.0.1:1/"], "--header takes NAME:VALUE"),
        (["--session", "7", "--", "server"], "has no session 7"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, arguments: list[str], message: str) -> None:
    tape = written(tmp_path / "tape.jsonl", *CALL)

    done = command(tape, *arguments)

    assert done.returncode == 2
    assert message in done.stderr


def test_the_command_prints_what_differs_within_eighty_columns(tmp_path: Path) -> None:
    tape = record(tmp_path / "tape.jsonl", Era.HANDSHAKE, station())
    changes = ("description", "structured", "text", "added")

    same, other = command(tape, "--", *serving()), command(tape, "--", *serving(*changes))
    updated = command(tape, "--update", "--", *serving(*changes))
    again = command(tape, "--", *serving(*changes))

    assert [done.returncode for done in (same, other, updated, again)] == [0, 1, 1, 0]
    assert same.stdout == "tape.jsonl: no drift of weather-station 1\n14 operations compared\n"
    assert other.stdout == EXPECTED
    assert all(columns(line) <= 80 for line in other.stdout.splitlines())
    assert updated.stdout == f"{EXPECTED}{tape} now holds the live answers\n"
    assert [done.stderr for done in (same, other, updated, again)] == [""] * 4


EXPECTED = """\
tape.jsonl: drift of weather-station 1

tools added or removed
  tool sun (line 7)
    + {"annotations": {"readOnlyHint": true}, "description": "Say whether it sh…

schemas and descriptions
  tool temperature (line 7): /description
    - "Say how warm it is."
    + "Say how warm it is. Today."

answers
  temperature(city='Oslo') (line 9): /content/0/text/celsius
    - 12.5
    + 21.5
  temperature(city='Oslo') (line 9): /structuredContent/celsius
    - 12.5
    + 21.5
  motto() (line 13): /content/0/text
    - we measure.
    + we measure. Always.

14 operations compared; drift: tools 1, schemas 1, answers 3
"""


def test_a_verification_of_nothing_is_no_success(tmp_path: Path) -> None:
    tape = written(
        tmp_path / "tape.jsonl",
        ("client", {"id": 2, "method": "tools/call", "params": {"name": "demolish", "arguments": {}}}),
    )

    done = command(tape, "--", *serving())

    assert done.returncode == 2
    assert "demolish()" in done.stdout
    assert "nothing of the cassette was asked" in done.stderr


def test_a_report_escapes_what_a_server_says_and_shows_a_limited_number() -> None:
    changes = tuple(
        Change(f"tool {number}\x1b[2J", "/x", "a" * 500, {"b": "\x1b]0;"}) for number in range(30)
    )
    drift = Drift(
        cassette="t.jsonl",
        server="evil\x1b[31m",
        compared=30,
        answers=changes,
        skipped=(Skipped("f()\n", "why", 3),),
    )

    assert "\x1b" not in str(drift)
    assert all(columns(line) <= 80 for line in str(drift).splitlines())
    assert "  and 10 more\n" in str(drift)


def vault(*, says: str) -> MCPServer:
    server = MCPServer("vault", log_level="ERROR")

    @server.tool(annotations=READS, structured_output=False)
    def unlock(password: str) -> str:
        """Give out what is inside."""
        return f"token {says}" if password == KEY else "wrong password"

    return server


KEY, TOKEN, OTHER_TOKEN = "open-" + "sesame-4711", "ghp_" + "a1B2" * 9, "ghp_" + "z9Y8" * 9


async def unlocking(client: Client) -> None:
    await client.call_tool("unlock", {"password": KEY})


@each_era
def test_a_redacted_tape_verifies_where_the_environment_holds_its_secrets(
    tmp_path: Path, era: Era, monkeypatch: pytest.MonkeyPatch
) -> None:
    tape = record(tmp_path / "tape.jsonl", era, vault(says=TOKEN), unlocking, redactor=Redactor())
    assert KEY not in (recorded := tape.read_text(encoding="utf-8"))
    assert TOKEN not in recorded

    unknown = asyncio.run(verify(tape, vault(says=TOKEN)))
    monkeypatch.setenv("ANY_NAME", KEY)
    known = asyncio.run(verify(tape, vault(says=TOKEN)))
    renewed = asyncio.run(verify(tape, vault(says=OTHER_TOKEN)))
    without = asyncio.run(verify(tape, vault(says="none"), update=True))

    assert [each.why for each in unknown.skipped] == [
        "it sent a secret that is not on the tape, and no environment variable holds it"
    ]
    assert (bool(known), known.skipped, bool(renewed)) == (False, (), False)
    [change] = without.answers
    assert re.fullmatch(r"unlock\(password='\[REDACTED:[a-z]+:[0-9a-f]{8}\]'\)", change.subject)
    assert KEY not in tape.read_text(encoding="utf-8")
    assert not asyncio.run(verify(tape, vault(says="none")))


def test_a_tape_redacted_by_other_rules_is_not_updated(tmp_path: Path) -> None:
    other = Redactor(entropy=False)
    tape = record(tmp_path / "tape.jsonl", Era.HANDSHAKE, station(), demolishing_nothing, redactor=other)

    assert check(tape).notes == ("it was redacted by other rules than these, and secrets may count as drift",)
    assert check(tape, redactor=other).notes == ()
    with pytest.raises(CassetteError, match="redacted by other rules"):
        check(tape, update=True)


def test_a_client_that_tried_the_newer_era_first_is_played_in_the_one_it_found() -> None:
    drift = asyncio.run(verify(ROOT / "examples" / "replay" / "tape.jsonl", real_servers.everything()))

    assert (bool(drift), drift.skipped) == (False, ()), str(drift)
    assert drift.server.startswith("mcp-servers/everything")


@pytest.mark.parametrize(
    ("server", "era"), [("everything", Era.HANDSHAKE), ("time", Era.HANDSHAKE), ("time", Era.STATELESS)]
)
def test_real_servers_verify_against_what_was_recorded_of_them(tmp_path: Path, server: str, era: Era) -> None:
    parameters = getattr(real_servers, server)()
    tape = tmp_path / "tape.jsonl"

    async def talk(client: Client) -> None:
        await client.list_tools()
        if server == "time":
            await client.call_tool("get_current_time", {"timezone": "UTC"})
            await client.call_tool(
                "convert_time", {"source_timezone": "UTC", "time": "12:00", "target_timezone": "UTC"}
            )
        else:
            await client.call_tool("echo", {"message": "hello"})
            await client.call_tool("get-structured-content", {"location": "New York"})
            await client.call_tool("trigger-long-running-operation", {"duration": 0.2, "steps": 2})
            await client.call_tool("trigger-sampling-request", {"prompt": "hello"})
            await client.call_tool("trigger-elicitation-request", {})
            await client.list_resources()
            await client.list_prompts()

    record(tape, era, stdio_client(parameters), talk)
    drift = asyncio.run(verify(tape, parameters))

    assert (bool(drift), drift.skipped) == (False, ()), str(drift)
    assert drift.compared >= 3
