"""The recorder: bytes pass through, nothing is lost, and it ends as its server does."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import real_servers
from mcp import StdioServerParameters

from pytest_mcpflow import CassetteError, Era, Hub
from pytest_mcpflow.cassette.reading import read_cassette

ECHO = "import sys\nfor line in sys.stdin.buffer:\n    sys.stdout.buffer.write(line)\n    sys.stdout.buffer.flush()\n"


# Reads all it can, whether its answers are taken or not.
EAGER = """
import queue, sys, threading
heard = queue.Queue()
def answer():
    while line := heard.get():
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
answering = threading.Thread(target=answer)
answering.start()
for line in sys.stdin.buffer:
    heard.put(line)
heard.put(b"")
answering.join()
"""
TALKATIVE = "while True:\n    print('a b ' * 50_000)"
PIPELINED = b"".join(
    b'{"jsonrpc":"2.0","id":%d,"method":"ping","params":{"_":"%s"}}\n' % (number, b"a b " * 12_500)
    for number in range(40)
)


def recorder(tape: Path, *command: str) -> list[str]:
    return [sys.executable, "-m", "pytest_mcpflow", "record", "-o", str(tape), "--", *command]


def test_bytes_pass_through_untouched(tmp_path: Path) -> None:
    sent = (
        b'{"id": 1,  "method":"ping"}\n'
        + b"not json \xff\n"
        + b'"a string"\n'
        + b"x" * 3_000_000
        + b"\n"
        + b"no end"
    )
    done = subprocess.run(
        recorder(tmp_path / "t.jsonl", sys.executable, "-c", ECHO), input=sent, capture_output=True
    )
    assert (done.stdout, done.returncode, done.stderr) == (sent, 0, b"")
    frames = [json.loads(line) for line in (tmp_path / "t.jsonl").read_bytes().splitlines()]
    kinds = [(frame["kind"], frame.get("from")) for frame in frames]
    assert kinds.count(("message", "client")) == kinds.count(("message", "server")) == 1
    assert kinds.count(("noise", "client")) == kinds.count(("noise", "server")) == 4
    assert frames[-1] == {"by": "client", "kind": "end", "exit_code": 0, "session": 1}


@pytest.fixture
def recording(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    """A recorder of a server, ended if it has not within 30 seconds, so that what waits for it goes on."""
    command = recorder(tmp_path / "t.jsonl", sys.executable, "-c", request.param)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        late = threading.Timer(30, running.kill)
        late.start()
        yield running
        late.cancel()
        running.kill()


def test_a_server_that_answers_while_it_is_asked_more_is_not_kept_from_reading(tmp_path: Path) -> None:
    command = recorder(tmp_path / "t.jsonl", sys.executable, "-c", ECHO)
    done = subprocess.run(command, input=PIPELINED, capture_output=True, timeout=30)

    assert (done.stdout, done.returncode, done.stderr) == (PIPELINED, 0, b"")
    [session] = read_cassette(tmp_path / "t.jsonl").sessions
    assert len(session.messages) == 80


@pytest.mark.parametrize("recording", [EAGER], indirect=True, ids=["eager"])
def test_a_client_that_asks_all_before_it_reads_is_not_kept_from_asking(
    recording: subprocess.Popen[bytes],
) -> None:
    assert recording.stdin is not None
    assert recording.stdout is not None
    recording.stdin.write(PIPELINED)
    recording.stdin.close()

    assert recording.stdout.read() == PIPELINED
    assert recording.wait() == 0


@pytest.mark.parametrize("recording", [TALKATIVE], indirect=True, ids=["talkative"])
def test_a_server_that_says_more_than_its_client_reads_is_kept_waiting(
    tmp_path: Path, recording: subprocess.Popen[bytes]
) -> None:
    while not (tmp_path / "t.jsonl").exists() or (tmp_path / "t.jsonl").stat().st_size < 500_000:
        assert recording.poll() is None
        time.sleep(0.01)
    time.sleep(0.3)

    assert (tmp_path / "t.jsonl").stat().st_size < 2_000_000


@pytest.mark.parametrize(("code", "expected"), [("sys.exit(7)", 7), ("os.kill(os.getpid(), 9)", 137)])
def test_the_exit_code_is_the_servers(tmp_path: Path, code: str, expected: int) -> None:
    command = recorder(tmp_path / "t.jsonl", sys.executable, "-c", f"import os, sys; {code}")
    assert subprocess.run(command, input=b"").returncode == expected


@pytest.mark.parametrize("source", ["a file", "nothing"])
def test_what_is_asked_may_come_from_a_file(tmp_path: Path, source: str) -> None:
    asked = tmp_path / "asked.jsonl"
    asked.write_bytes(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
    with open(asked if source == "a file" else os.devnull, "rb") as stdin:
        done = subprocess.run(
            recorder(tmp_path / "t.jsonl", sys.executable, "-c", ECHO), stdin=stdin, capture_output=True
        )

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == (asked.read_bytes() if source == "a file" else b"")


def test_nothing_is_handed_on_that_has_no_room_on_the_tape(tmp_path: Path) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    asked = [b'{"jsonrpc":"2.0","id":%d,"method":"ping"}\n' % number for number in range(100)]
    done = subprocess.run(
        recorder(tmp_path / "t.jsonl", sys.executable, "-c", ECHO),
        input=b"".join(asked),
        capture_output=True,
        preexec_fn=small_files,
        env={
            **os.environ,
            "PYTHONDONTWRITEBYTECODE": "1",
        },  # it would be cut off, and others would import that
    )

    assert done.returncode == 2
    assert b"t.jsonl cannot be written: File too large" in done.stderr
    assert b"Traceback" not in done.stderr
    recorded = read_cassette(tmp_path / "t.jsonl")
    written = [message for session in recorded.sessions for message in session.messages]
    assert done.stdout.count(b"\n") <= sum(message.sender == "server" for message in written)


def test_what_cannot_be_started_or_written_is_said(tmp_path: Path) -> None:
    missing = subprocess.run(
        recorder(tmp_path / "t.jsonl", "no-such-program"), capture_output=True, text=True
    )
    assert (missing.returncode, missing.stdout) == (127, "")
    assert "cannot start 'no-such-program': there is no such program" in missing.stderr
    assert not (tmp_path / "t.jsonl").exists()
    nowhere = recorder(tmp_path / "no" / "t.jsonl", sys.executable, "-c", "open('ran', 'w')")
    unwritable = subprocess.run(nowhere, capture_output=True, text=True, cwd=tmp_path)
    assert (unwritable.returncode, unwritable.stdout) == (2, "")
    assert "cannot be written" in unwritable.stderr
    assert not (tmp_path / "ran").exists()


def test_a_command_that_cannot_be_started_leaves_no_session(tmp_path: Path) -> None:
    subprocess.run(recorder(tmp_path / "t.jsonl", sys.executable, "-c", ""), input=b"", check=True)
    recorded = (tmp_path / "t.jsonl").read_bytes()
    no_program = tmp_path / "no-program"
    no_program.write_bytes(b"\0")
    no_program.chmod(0o755)
    for command in (str(no_program), "no-such-program"):
        failed = subprocess.run(recorder(tmp_path / "t.jsonl", command), capture_output=True)
        assert failed.returncode == 127
        assert b"cannot start" in failed.stderr

    assert (tmp_path / "t.jsonl").read_bytes() == recorded


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_go_to_the_server(tmp_path: Path, number: signal.Signals) -> None:
    patient = (
        "import signal, sys, time\n"
        f"signal.signal({int(number)}, lambda *_: sys.exit(5))\n"
        "print('ready', flush=True)\ntime.sleep(60)\n"
    )
    command = recorder(tmp_path / "t.jsonl", sys.executable, "-c", patient)
    running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert running.stdout is not None
    assert running.stdout.readline() == b"ready\n"
    running.send_signal(number)
    running.communicate(timeout=20)
    assert running.returncode == 5


def test_a_killed_recorder_leaves_a_readable_tape_and_its_server_ends(tmp_path: Path) -> None:
    tape = tmp_path / "t.jsonl"
    announced = f"import os; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n{ECHO}"
    command = recorder(tape, sys.executable, "-c", announced)
    running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(b'{"id":1,"method":"ping"}\n')
    running.stdin.flush()
    assert running.stdout.readline() == b'{"id":1,"method":"ping"}\n'
    server = int((tmp_path / "pid").read_text())
    running.kill()
    running.communicate()
    assert [len(session.messages) for session in read_cassette(tape).sessions] == [2]
    for _ in range(200):
        try:
            os.kill(server, 0)
        except ProcessLookupError:
            break
        if Path(f"/proc/{server}/stat").exists() and " Z " in Path(f"/proc/{server}/stat").read_text():
            break
        time.sleep(0.05)
    else:
        pytest.fail("the server outlived its recorder")


def test_a_program_that_the_server_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    leave = f'echo \'{{"jsonrpc":"2.0","method":"bye"}}\'; cat \'{gate}\' & exit 5'

    ended = subprocess.run(
        recorder(tmp_path / "t.jsonl", "sh", "-c", leave),
        input=b"",
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    gate.write_bytes(b"")  # for which `cat` is still waiting

    assert (ended.returncode, ended.stdout) == (5, b'{"jsonrpc":"2.0","method":"bye"}\n')
    (session,) = read_cassette(tmp_path / "t.jsonl").sessions
    assert [frame.kind for frame in session.frames] == ["session", "message", "end"]


def test_the_recorder_imports_no_sdk() -> None:
    code = "import sys, pytest_mcpflow.cli, pytest_mcpflow.cassette.record as r; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not [
        name for name in ("'mcp'", "'pydantic'", "'anyio'", "'asyncio'", "'pytest'") if name in loaded
    ]


async def session(hub: Hub) -> list[object]:
    """Something of everything that the reference server has."""
    reports: list[object] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        reports.append((progress, total))

    echo = await hub.call_tool("everything.echo", {"message": "hello"})
    arguments = {"duration": 0.2, "steps": 2}
    work = await hub.call_tool("everything.trigger-long-running-operation", arguments, on_progress=note)
    client = await hub.client("everything")
    prompts = [each.name for each in (await client.list_prompts()).prompts]
    again = await hub.call_tool("everything.echo", {"message": "hello"})
    return [echo.text, work.text, reports, prompts, again.text, len(await hub.list_tools())]


@pytest.mark.parametrize("era", list(Era))
def test_a_real_server_is_recorded_and_answers_alike_from_the_tape(tmp_path: Path, era: Era) -> None:
    tape = tmp_path / "everything.jsonl"
    server = real_servers.everything()

    async def record() -> list[object]:
        async with Hub(era=era) as hub:
            command = recorder(tape, server.command, *server.args)
            hub.use(StdioServerParameters(command=command[0], args=command[1:]), name="everything")
            return await session(hub)

    async def replay() -> list[object]:
        async with Hub() as hub:
            hub.replay(tape, name="everything")
            answers = await session(hub)
            with pytest.raises(CassetteError, match="asked more often than it was recorded"):
                await hub.call_tool("everything.echo", {"message": "hello"})
            with pytest.raises(CassetteError, match="never recorded; recorded were: echo"):
                await hub.call_tool("everything.echo", {"message": "hullo"})
            with pytest.raises(CassetteError):
                hub.verify()
            return answers

    live = asyncio.run(record())
    assert live[0] == "Echo: hello"
    assert Hub().run(replay()) == live
