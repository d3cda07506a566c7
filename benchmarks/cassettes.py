"""What recording and replaying cost, beside a recorder of others in an environment of its own."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mcp import Client
from measure import Measurement

from pytest_mcpflow.cassette.player import Player, Tape
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.replay import ReplayTransport
from pytest_mcpflow.cassette.values import dump

CALLS, LONG, KILLS = 2_000, 10_000, 200
PEER = "mcp-rec"
ECHO = """
import json, sys
about = {"name": "e", "version": "1"}
for line in sys.stdin:
    request = json.loads(line)
    if "id" in request:
        result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": about}
        if request["method"] == "tools/call":
            text = "The sum is %d." % (request["params"]["arguments"]["a"] + 7)
            result = {"content": [{"type": "text", "text": text}]}
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)
"""
OURS = [sys.executable, "-m", "pytest_mcpflow"]


def measure() -> Iterator[Measurement]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        tape = write_tape(home / "long.jsonl", LONG)
        peer = _peer(home)
        yield from _replaying(home, tape, peer)
        yield from _recording(home, peer)
        yield from _loading(home, tape)
        yield _killing(home)


Json = Mapping[str, Any]


def request(number: int) -> bytes:
    return _line("tools/call", number, {"name": "get-sum", "arguments": {"a": number, "b": 7}})


def _line(method: str, number: int, params: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n"


INITIALIZE = _line("initialize", 0, {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}})


def write_tape(path: Path, calls: int) -> Path:
    """A session of many different calls."""
    result: Json = {
        "protocolVersion": "2025-11-25",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "e", "version": "1"},
    }
    frames: list[Json] = [
        {"kind": "header", "format": 1, "recorder": "benchmark", "redaction": None},
        {"kind": "session", "session": 1, "transport": "stdio", "command": []},
        {"kind": "message", "session": 1, "from": "client", "message": json.loads(INITIALIZE)},
        {
            "kind": "message",
            "session": 1,
            "from": "server",
            "message": {"jsonrpc": "2.0", "id": 0, "result": result},
        },
    ]
    listing: Json = {"tools": [{"name": "get-sum", "inputSchema": {"type": "object"}}]}
    frames += [
        {
            "kind": "message",
            "session": 1,
            "from": "client",
            "message": json.loads(_line("tools/list", -1, {})),
        },
        {
            "kind": "message",
            "session": 1,
            "from": "server",
            "message": {"jsonrpc": "2.0", "id": -1, "result": listing},
        },
    ]
    for number in range(1, calls + 1):
        text: Json = {"content": [{"type": "text", "text": f"The sum of {number} and 7 is {number + 7}."}]}
        answer: Json = {"jsonrpc": "2.0", "id": number, "result": text}
        frames.append(
            {"kind": "message", "session": 1, "from": "client", "message": json.loads(request(number))}
        )
        frames.append({"kind": "message", "session": 1, "from": "server", "message": answer})
    frames.append({"kind": "end", "session": 1, "by": "client", "exit_code": 0})
    path.write_bytes(b"".join(map(dump, frames)))
    return path


class Program:
    """A server as a child, spoken to line by line."""

    def __init__(self, command: Sequence[str | Path], **environment: str) -> None:
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, **environment},
        )  # fmt: skip

    def ask(self, line: bytes) -> bytes:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def start(self) -> float:
        """Milliseconds from the start to the first answer."""
        assert self.ask(INITIALIZE)
        return (time.perf_counter() - self.began) * 1000

    def calls(self, count: int) -> list[float]:
        """Seconds of each call."""
        taken: list[float] = []
        for number in range(1, count + 1):
            began = time.perf_counter()
            answer = self.ask(request(number))
            taken.append(time.perf_counter() - began)
            assert str(number + 7).encode() in answer, answer
        return taken

    def end(self) -> None:
        self.process.communicate()


def _replaying(home: Path, tape: Path, peer: Path | None) -> Iterator[Measurement]:
    rate = asyncio.run(_in_process(tape))
    yield Measurement("replay in process, calls a second", rate, "", "10,000", rate >= 10_000)
    many, few = write_tape(home / "many.jsonl", CALLS), write_tape(home / "few.jsonl", 10)
    rate = _rate([*OURS, "serve", many, "--allow-unused"])
    start = _start([*OURS, "serve", few, "--allow-unused"])
    rates, starts = ("no mcp-rec here",) * 2
    if peer is not None:
        theirs = _rate([peer, "replay", _as_theirs(many, home / "their-many.jsonl")])
        rates = f"{PEER}: {theirs:,.0f}"
        starts = f"{PEER}: {_start([peer, 'replay', _as_theirs(few, home / 'their-few.jsonl')]):.0f} ms"
    yield Measurement("replay over stdio, calls a second", rate, "", "6,000", rate >= 6_000, rates)
    yield Measurement(
        "stdio replay, start to first answer", start, "ms", "at most 60 ms", start <= 60, starts
    )
    rate = _over_http(tape)
    yield Measurement("replay over HTTP, calls a second", rate, "", "2,000", rate >= 2_000)


def _rate(command: Sequence[str | Path]) -> float:
    """Calls a second, the best of five runs."""
    rates: list[float] = []
    for _ in range(5):
        program = Program(command)
        program.start()
        rates.append(CALLS / sum(program.calls(CALLS)))
        program.end()
    return max(rates)


def _start(command: Sequence[str | Path]) -> float:
    """Milliseconds from the start to the first answer, the shortest of fifteen."""
    starts: list[float] = []
    for _ in range(15):
        program = Program(command)
        starts.append(program.start())
        program.end()
    return min(starts)


def _as_theirs(tape: Path, target: Path) -> Path:
    """A session as mcp-rec writes it."""
    lines = [
        json.dumps({"ts": 0.0, "dir": f"{sender}->{other}", "msg": message.body})
        for session in read_cassette(tape).sessions
        for message in session.messages
        for sender, other in [("client", "server") if message.sender == "client" else ("server", "client")]
    ]
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return target


async def _in_process(tape: Path) -> float:
    """Calls a second of processor time: nobody is waited for, so that this is what an idle machine takes."""
    best = 0.0
    for _ in range(5):
        async with Client(ReplayTransport(Player(Tape.load(tape), "e")), mode="legacy", cache=None) as client:
            await client.list_tools()
            began = time.process_time()
            for number in range(1, CALLS + 1):
                await client.call_tool("get-sum", {"a": number, "b": 7})
            best = max(best, CALLS / (time.process_time() - began))
    return best


def _over_http(tape: Path) -> float:
    server = subprocess.Popen(
        [*OURS, "serve", tape, "--http", "0", "--allow-unused"], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    url: str = server.stdout.readline().strip()
    headers = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    try:
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port)
        connection.request("POST", "/mcp", INITIALIZE, headers)
        opened = connection.getresponse()
        opened.read()
        headers["mcp-session-id"] = opened.headers["mcp-session-id"]
        began = time.perf_counter()
        for number in range(1, CALLS + 1):
            connection.request("POST", "/mcp", request(number), headers)
            answer = connection.getresponse().read()
            assert str(number + 7).encode() in answer
        return CALLS / (time.perf_counter() - began)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def _recording(home: Path, peer: Path | None) -> Iterator[Measurement]:
    live_command = [sys.executable, "-c", ECHO]
    medians: dict[str, float] = {}
    commands: dict[str, list[str | Path]] = {
        "live": [*live_command],
        "ours": [*OURS, "record", "-o", home / "recorded.jsonl", "--", *live_command],
    }
    if peer is not None:
        commands["peer"] = [peer, "record", "-o", home / "peer.jsonl", "--", *live_command]
    for name, command in commands.items():
        program = Program(command)
        program.start()
        program.calls(200)
        medians[name] = statistics.median(program.calls(CALLS)) * 1e6
        program.end()
    extra = medians["ours"] - medians["live"]
    note = f"{PEER}: {medians['peer'] - medians['live']:.0f} us" if "peer" in medians else f"no {PEER} here"
    yield Measurement(
        "recording over stdio, overhead per call", extra, "us", "at most 100 us", extra <= 100, note
    )
    tapes: list[list[bytes]] = []
    for name in ("first", "second"):
        program = Program([*OURS, "record", "-o", home / f"{name}.jsonl", "--", *live_command])
        program.start()
        program.calls(50)
        program.end()
        tapes.append((home / f"{name}.jsonl").read_bytes().splitlines())
    changed = sum(a != b for a, b in zip(*tapes, strict=True))
    yield Measurement("the same session recorded twice, changed lines", changed, "", "0", changed == 0)


def _peer(home: Path) -> Path | None:
    """The command of a recorder of others, installed from the registry."""
    try:
        venv.create(home / "peer", with_pip=True)
        pip: list[str | Path] = [home / "peer" / "bin" / "python", "-m", "pip", "install", "-q", PEER]
        subprocess.run(pip, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    found = home / "peer" / "bin" / PEER
    return found if found.exists() else None


LOADING = """
import resource, sys, time
from pathlib import Path
from pytest_mcpflow.cassette.player import Player, Tape
from pytest_mcpflow.cassette.speaker import Speaker
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 1e6
Tape.load(Path(sys.argv[2]))
before = resident()
began = time.process_time()
tape = Tape.load(Path(sys.argv[1]))
loaded = time.process_time() - began
grown = resident() - before
speaker = Speaker(Player(tape, "e"))
taken = []
for number in range(1, int(sys.argv[3]) + 1):
    message = {"jsonrpc": "2.0", "id": number, "method": "tools/call",
               "params": {"name": "get-sum", "arguments": {"a": number, "b": 7}}}
    began = time.perf_counter()
    speaker.receive(message)
    taken.append(time.perf_counter() - began)
first, last = sorted(taken[:300])[150], sorted(taken[-300:])[150]
print(loaded, grown, first * 1e6, last * 1e6)
"""


def _loading(home: Path, tape: Path) -> Iterator[Measurement]:
    empty = write_tape(home / "empty.jsonl", 0)
    runs: list[list[float]] = []
    for _ in range(7):
        command: list[str | Path] = [sys.executable, "-c", LOADING, tape, empty, str(LONG)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        runs.append([float(word) for word in said.split()])
    loaded, grown = min(run[0] for run in runs), min(run[1] for run in runs)
    ratio = statistics.median(run[3] / run[2] for run in runs)
    yield Measurement(f"{LONG:,} interactions, load", loaded, "s", "at most 0.10 s", loaded <= 0.10)
    yield Measurement(f"{LONG:,} interactions, resident memory", grown, "MB", "at most 15 MB", grown <= 15)
    yield Measurement("last 300 calls against the first 300", ratio, "x", "within 1.1x", ratio <= 1.1)


def _killing(home: Path) -> Measurement:
    chance, lost = random.Random(7), 0  # noqa: S311 - moments to kill at, not secrets
    for index in range(KILLS):
        tape = home / f"killed-{index}.jsonl"
        program = Program([*OURS, "record", "-o", tape, "--", sys.executable, "-c", ECHO])
        program.start()
        killer = threading.Timer(chance.uniform(0.0, 0.02), program.process.kill)
        killer.start()
        answered = 0
        for number in range(1, LONG):
            try:
                answer = program.ask(request(number))
            except BrokenPipeError:
                break
            if not answer.endswith(b"\n"):
                break
            answered = number
        killer.join()
        program.process.wait()
        recorded = {
            message.body["id"]
            for session in read_cassette(tape).sessions
            for message in session.messages
            if message.sender == "server"
        }
        lost += sum(number not in recorded for number in range(answered + 1))
    return Measurement(
        f"kill -9 at {KILLS} random moments, answered calls not on tape", lost, "", "0", lost == 0
    )


if __name__ == "__main__":
    for each in measure():
        print(each, flush=True)
