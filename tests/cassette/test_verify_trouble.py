"""Verifying what is not well: servers that die, hang, chatter or ask, broken tapes, and the command line."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from mcp import Client, StdioServerParameters
from weather_station import record, serving, station

from pytest_mcpflow import CannotVerifyError, Era
from pytest_mcpflow.cassette.columns import columns
from pytest_mcpflow.cassette.drift import Drift
from pytest_mcpflow.cassette.verify import verify
from pytest_mcpflow.cassette.writer import CassetteWriter


def command(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `mcpflow verify`."""
    return subprocess.run(
        [sys.executable, "-m", "pytest_mcpflow", "verify", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=cwd,
    )


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


def test_a_server_that_does_not_read_is_told_about(tmp_path: Path) -> None:
    long = (
        "client",
        {"method": "notifications/roots/list_changed", "params": {"_meta": {"x": "x" * 500_000}}},
    )
    tape = written(tmp_path / "tape.jsonl", *HANDSHAKE, long, long, long, *CALL[-2:])

    with pytest.raises(CannotVerifyError, match="did not read what it was sent within 1 s"):
        verify_script(tape, "greet(); time.sleep(15)", limit=1)


def test_a_server_that_only_chatters_in_between_is_verified_and_told_about(tmp_path: Path) -> None:
    tape = written(tmp_path / "tape.jsonl", *CALL)

    drift = verify_script(
        tape, "print('\\nListening!'); greet(); say(id=hear()['id'], result={'messages': []})"
    )

    assert not drift
    assert drift.notes == ("it wrote lines that are not MCP, the first: Listening!",)


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
    assert f"{url}: nobody answers there" in unreachable.stderr
    assert "; check the address" in unreachable.stderr
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
        (HEADER.replace("1", "99", 1), "says format 99"),
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
    assert same.stdout == "tape.jsonl: no drift of weather-station 1\n13 operations compared\n"
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

13 operations compared; drift: tools 1, schemas 1, answers 3
"""


META: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def test_a_server_that_does_not_list_its_tools_is_not_called(tmp_path: Path) -> None:
    tape = written(
        tmp_path / "tape.jsonl",
        *HANDSHAKE,
        ("client", {"id": 2, "method": "tools/call", "params": {"name": "f"}}),
        ("server", {"id": 2, "result": {"content": []}}),
    )
    code = "greet(); say(id=hear()['id'], error={'code': -32601, 'message': 'no such method'}); hear()"

    drift = verify_script(tape, code)

    assert (bool(drift), drift.compared) == (False, 0)
    assert [each.why for each in drift.skipped] == [
        "the server does not say what it does: no such method; --allow-destructive calls it"
    ]


def test_what_has_no_beginning_or_no_end_is_skipped_with_the_reason(tmp_path: Path) -> None:
    tape = written(
        tmp_path / "tape.jsonl",
        *HANDSHAKE,
        ("client", {"id": 2, "method": "prompts/get", "params": {"name": "p", "requestState": "state-1"}}),
        ("server", {"id": 2, "result": {"messages": []}}),
        ("client", {"id": 3, "method": "prompts/get", "params": {"name": "q"}}),
        ("client", {"method": "notifications/cancelled", "params": {"requestId": 3}}),
        *CALL[-2:],
    )

    drift = verify_script(tape, "greet(); say(id=hear()['id'], result={'messages': []}); hear()")

    assert (bool(drift), drift.compared) == (False, 1)
    assert [(each.subject, each.why) for each in drift.skipped] == [
        ("prompts/get p", "it goes on with something whose beginning is not on the tape"),
        ("prompts/get q", "the client did not wait for the answer: there is nothing to compare with"),
    ]


def test_a_verification_of_nothing_is_no_success(tmp_path: Path) -> None:
    destructive = written(
        tmp_path / "tape.jsonl",
        ("client", {"id": 2, "method": "tools/call", "params": {"name": "demolish", "_meta": META}}),
        ("server", {"id": 2, "result": {}}),
    )

    async def nothing(client: Client) -> None:
        pass

    handshake = record(tmp_path / "handshake.jsonl", Era.HANDSHAKE, station(), nothing)

    refused, empty = (command(tape, "--", *serving()) for tape in (destructive, handshake))

    assert [done.returncode for done in (refused, empty)] == [2, 2]
    assert "demolish()" in refused.stdout
    assert "it says destructiveHint" in refused.stdout
    assert "nothing but the handshake was compared" in refused.stderr
    assert "0 operations compared" in empty.stdout
