"""The twelve steps of `steps_client` recorded and replayed: each way of recording by each way of replaying.

A step counts if a replay says what the server said to the client that was recorded, secrets aside; progress must come
as it came, and each question must be asked. Peers that are to be had record and replay the same steps. Needs npm, the
package registry, and for one of the peers Python 3.12.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from measure import Measurement
from steps_client import PROGRESS, SECRET, STEPS, Steps

from pytest_mcpflow.cassette.player import Player, Tape
from pytest_mcpflow.cassette.redaction import Redactor
from pytest_mcpflow.cassette.replay import ReplayTransport
from pytest_mcpflow.cassette.tap import recorded
from pytest_mcpflow.cassette.writer import CassetteWriter

OURS = [sys.executable, "-m", "pytest_mcpflow"]
CLIENT = Path(__file__).with_name("steps_client.py")
ROOT, IN_PROCESS = CLIENT.parent.parent, ("record", "replay")
OLD_SDK = "mcp==1.30.0"
EVERYTHING = "@modelcontextprotocol/server-everything"
TOKEN = "t0k-" + "Zq8" * 8
LIMIT = 120.0
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What the client of one cell got, in a form in which cells can be compared."""

    answers: Mapping[str, str]
    progress: tuple[float, ...]
    questions: int

    @classmethod
    def of(cls, said: Json) -> Outcome:
        answers = {name: _plain(name, answer) for name, answer in said["answers"].items()}
        return cls(answers, tuple(said["progress"]), said["sampled"] + said["elicited"])

    def cell(self, expected: Outcome) -> str:
        """How many steps went as expected, and what of the conversation around them did not."""
        steps = sum(self.answers.get(name) == expected.answers[name] for name in STEPS)
        amiss = [f"progress {len(self.progress)}/{PROGRESS}"] if self.progress != expected.progress else []
        amiss += [f"questions {self.questions}/2"] if self.questions != 2 else []
        return ", ".join([f"{steps}/{len(STEPS)}", *amiss])


class Bench:
    """The server, the clients, and where their tapes are."""

    def __init__(self, home: Path) -> None:
        self.home = home
        npm = shutil.which("npm")
        if npm is None:
            raise FileNotFoundError("npm is needed for server-everything")
        install = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(home / "npm"), EVERYTHING]
        subprocess.run(install, check=True, capture_output=True)
        self.server = str(home / "npm" / "node_modules" / ".bin" / "mcp-server-everything")
        self.clients = {"2.3": Path(sys.executable), "1.30": _environment(home / "sdk-1", OLD_SDK)}
        # As little as possible: what is in the environment is in an answer.
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "API_TOKEN": TOKEN}

    def client(self, sdk: str, *target: str) -> Outcome:
        """Go through the steps with a client of that SDK."""
        command: list[str | Path] = [self.clients[sdk], CLIENT, *target]
        environment = (
            {**self.environment, "PYTHONPATH": str(ROOT)} if target[0] in IN_PROCESS else self.environment
        )
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=LIMIT, check=True
            )
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
            return Outcome(dict.fromkeys(STEPS, f"{type(error).__name__}"), (), 0)
        return Outcome.of(json.loads(done.stdout))

    def record(self, sdk: str, way: str, tape: Path) -> Outcome:
        match way:
            case "stdio":
                return self.client(sdk, "stdio", *OURS, "record", "-o", str(tape), "--", self.server)
            case "HTTP":
                with (
                    self.over_http() as url,
                    self.listening(*OURS, "record", "-o", str(tape), "--url", url) as address,
                ):
                    return self.client(sdk, "http", address)
            case _ if sdk == "2.3":
                return asyncio.run(self._recorded_in_process(tape))
            case _:
                return self.client(sdk, "record", str(tape), self.server)

    def replay(self, sdk: str, way: str, tape: Path) -> Outcome:
        match way:
            case "stdio":
                return self.client(sdk, "stdio", *OURS, "serve", str(tape), "--allow-unused")
            case "HTTP":
                with self.listening(*OURS, "serve", str(tape), "--http", "0", "--allow-unused") as url:
                    return self.client(sdk, "http", url)
            case _ if sdk == "2.3":
                return asyncio.run(_replayed_in_process(tape, "2026-07-28" if "2026" in way else "auto"))
            case _:
                return self.client(sdk, "replay", str(tape))

    async def _recorded_in_process(self, tape: Path) -> Outcome:
        server = StdioServerParameters(command=self.server, env=self.environment)
        steps = Steps()
        with CassetteWriter(tape, redactor=Redactor()) as writer, open(os.devnull, "w") as nowhere:  # noqa: ASYNC230
            transport = recorded(stdio_client(server, errlog=nowhere), writer.session(transport="memory"))
            async with Client(
                transport, sampling_callback=steps.sample, elicitation_callback=steps.elicit, cache=None
            ) as client:
                await asyncio.sleep(0.3)  # as in steps_client
                return Outcome.of(await steps.walk(client))

    @contextlib.contextmanager
    def over_http(self) -> Generator[str]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        environment = {**self.environment, "PORT": str(port)}
        command = [self.server, "streamableHttp"]
        with _ended(
            subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ):
            for _ in range(100):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.1)
            else:
                sys.exit(f"{' '.join(map(str, command))} listens at no port {port} after 10 s")
            yield f"http://127.0.0.1:{port}/mcp"

    def listening(self, *command: str) -> contextlib.AbstractContextManager[str]:
        """A program that says at which address of this machine it listens."""
        return _listening(command, self.environment)


BEST_PEER = "mcp-cassette: 2 of 8, secrets and all"
RECORDED = tuple((sdk, way) for sdk in ("1.30", "2.3") for way in ("stdio", "HTTP", "in process"))
REPLAYED = (*RECORDED, ("2.3", "in process, 2026-07-28"))


def measure() -> Iterator[Measurement]:
    """How many cells are whole. The table, with peers, is `python benchmarks/steps.py`."""
    if shutil.which("npm") is None:
        return
    _, whole, cells = table(peers=False)
    what = f"12 steps, recorded in {len(RECORDED)} ways and replayed in {len(REPLAYED)}: cells with all of it"
    yield Measurement(what, whole, "", f"{cells}", whole == cells, BEST_PEER)


def table(*, peers: bool = True) -> tuple[list[str], int, int]:
    """The table as lines of Markdown, how many cells are whole, and of how many."""
    lines = [
        "| recorded by SDK, over | " + " | ".join(f"{sdk} {way}" for sdk, way in REPLAYED) + " |",
        "|---" * (len(REPLAYED) + 1) + "|",
    ]
    whole = 0
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        for sdk, way in RECORDED:
            tape = Path(folder) / f"{sdk}-{way.replace(' ', '-')}.jsonl"
            live = bench.record(sdk, way, tape)
            if live.cell(live) != f"{len(STEPS)}/{len(STEPS)}" or any(
                "failed" in each for each in live.answers.values()
            ):
                raise RuntimeError(f"the live session of {sdk} over {way} was not whole: {live}")
            leaks = [secret for secret in (SECRET, TOKEN) if secret in tape.read_text(encoding="utf-8")]
            if leaks:
                raise RuntimeError(f"a secret is on the tape of {sdk} over {way}")
            cells = [bench.replay(*to, tape).cell(live) for to in REPLAYED]
            whole += cells.count(f"{len(STEPS)}/{len(STEPS)}")
            lines.append(f"| {sdk} {way} | " + " | ".join(cells) + " |")
        if peers:
            lines += _peers(bench)
    return lines, whole, len(RECORDED) * len(REPLAYED)


@dataclass(frozen=True)
class Peer:
    """Another recorder; `{tape}` and `{url}` stand in its commands, and what it cannot do is empty."""

    name: str
    record: Sequence[str]
    replay: Sequence[str]
    record_http: Sequence[str] = ()

    def row(self, bench: Bench, sdk: str, way: str) -> str:
        tape = str(bench.home / f"{self.name}-{sdk}-{way}".replace(" ", "-"))
        if way == "HTTP":
            with (
                bench.over_http() as url,
                bench.listening(*_filled(self.record_http, tape=tape, url=url)) as address,
            ):
                live = bench.client(sdk, "http", address)
        else:
            live = bench.client(sdk, "stdio", *_filled(self.record, tape=tape), bench.server)
        cells = ["" for _ in REPLAYED]
        for other in ("1.30", "2.3"):
            shutil.copy(tape, f"{tape}-for-{other}")
            command = _filled(self.replay, tape=f"{tape}-for-{other}")
            if way == "HTTP":
                with bench.listening(*command) as address:
                    again = bench.client(other, "http", address)
            else:
                again = bench.client(other, "stdio", *command)
            cells[REPLAYED.index((other, way))] = again.cell(live)
        return f"| {self.name}: {sdk} {way} | " + " | ".join(cells) + " |"


def _peers(bench: Bench) -> Iterator[str]:
    """The same steps by others, replayed the way they were recorded."""
    for peer in _installed_peers(bench.home):
        for way in ("stdio", "HTTP") if peer.record_http else ("stdio",):
            for sdk in ("1.30", "2.3"):
                yield peer.row(bench, sdk, way)


def _installed_peers(home: Path) -> Iterator[Peer]:
    folder = _peer(home, "mcp-rec==0.1.1", sys.executable)
    if folder is not None:
        program = str(folder / "mcp-rec")
        yield Peer("mcp-rec", [program, "record", "-o", "{tape}", "--"], [program, "replay", "{tape}"])
    newer = next((found for name in ("python3.13", "python3.12") if (found := _working(name))), None)
    folder = None if newer is None else _peer(home, "mcp-cassette[http]==0.4.0", newer)
    if folder is None:
        return
    program = str(folder / "mcp-cassette")
    for name, options in (("mcp-cassette", ()), ("mcp-cassette unredacted", ("--no-default-redactions",))):
        record = [program, "record", "--cassette", "{tape}", *options]
        yield Peer(name, [*record, "--"], [program, "serve", "{tape}"], [*record, "--url", "{url}"])


def _filled(command: Sequence[str], **values: str) -> list[str]:
    return [word.format(**values) for word in command]


def _working(name: str) -> str | None:
    found = shutil.which(name)
    works = (
        found is not None and subprocess.run([found, "-V"], capture_output=True, check=False).returncode == 0
    )
    return found if works else None


def _peer(home: Path, requirement: str, python: str) -> Path | None:
    folder = home / re.split(r"[=[]", requirement)[0]
    try:
        subprocess.run([python, "-m", "venv", str(folder)], check=True, capture_output=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", requirement]
        subprocess.run(pip, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return folder / "bin"


def _environment(folder: Path, requirement: str) -> Path:
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", requirement], check=True, capture_output=True)
    return python


@contextlib.contextmanager
def _listening(command: Sequence[str], environment: Mapping[str, str]) -> Generator[str]:
    program = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    with _ended(program):
        assert program.stdout is not None
        said = (re.search(r"http://127\.0\.0\.1:\d+\S*", line) for line in program.stdout)
        yield next(found[0] for found in said if found)


@contextlib.contextmanager
def _ended(program: subprocess.Popen[Any]) -> Generator[None]:
    try:
        yield
    finally:
        program.send_signal(signal.SIGINT)
        try:
            program.wait(10)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()
        if program.stdout is not None:
            program.stdout.close()


async def _replayed_in_process(tape: Path, mode: str) -> Outcome:
    loaded, steps = Tape.load(tape), Steps()
    transport = ReplayTransport(Player(loaded, "everything", Redactor()))
    async with Client(
        transport, mode=mode, sampling_callback=steps.sample, elicitation_callback=steps.elicit, cache=None
    ) as client:
        return Outcome.of(await steps.walk(client))


def _plain(step: str, answer: Json) -> str:
    """What of an answer every SDK has, with the same word for a secret and for what stands in its place."""
    match step:
        case "list":
            kept: object = [
                [tool["name"], tool.get("description"), tool["inputSchema"]]
                for tool in answer.get("tools", ())
            ]
        case "resource":
            kept = answer.get("contents")
        case "prompt":
            kept = answer.get("messages")
        case _:
            kept = [answer.get("content"), bool(answer.get("isError"))]
    text = json.dumps([kept, answer.get("failed")], sort_keys=True)
    return re.sub(r"\[REDACTED:[^\]]*\]", "SECRET", text.replace(SECRET, "SECRET").replace(TOKEN, "SECRET"))


if __name__ == "__main__":
    print("\n".join(table()[0]))
