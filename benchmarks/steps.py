"""The twelve steps of `steps_client` recorded and replayed: each way of recording by each way of replaying.

python benchmarks/steps.py

A step counts if a replay says what the server said to the client that was recorded, secrets aside; progress must come
as it came, and each question must be asked. Others record and replay the same steps, where they are to be had. Needs
npm and the package registry.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from measure import Measurement
from recorders import NOWHERE, OURS, Recorder, Way, What, address, bench, compared, environment
from sessions import Unable, await_port, free_port
from steps_client import PROGRESS, SECRET, STEPS, Steps

from pytest_mcpflow.cassette.player import Player, Tape
from pytest_mcpflow.cassette.redaction import Redactor
from pytest_mcpflow.cassette.replay import ReplayTransport
from pytest_mcpflow.cassette.tap import recorded
from pytest_mcpflow.cassette.writer import CassetteWriter

CLIENT = Path(__file__).with_name("steps_client.py")
ROOT, IN_PROCESS = CLIENT.parent.parent, ("record", "replay")
SDKS = {"1.30": "mcp==1.30.0", "2.3": "mcp==2.3.*"}
EVERYTHING = "@modelcontextprotocol/server-everything"
NOTHING: Mapping[str, str] = {}
TOKEN = "t0k-" + "Zq8" * 8
LIMIT = 60.0
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What the client of one cell got, in a form in which cells can be compared."""

    answers: Mapping[str, str]
    progress: tuple[float, ...]
    questions: int
    failed: frozenset[str] = frozenset()
    """The steps that raised an error."""

    @classmethod
    def of(cls, said: Json) -> Outcome:
        answers = {name: _plain(name, answer) for name, answer in said["answers"].items()}
        failed = frozenset(name for name, answer in said["answers"].items() if "failed" in answer)
        return cls(answers, tuple(said["progress"]), said["sampled"] + said["elicited"], failed)

    def cell(self, expected: Outcome) -> str:
        """How many steps went as expected, and what of the conversation around them did not."""
        worked = [name for name in STEPS if name not in expected.failed]
        steps = sum(self.answers.get(name) == expected.answers[name] for name in worked)
        amiss = [f"progress {len(self.progress)}/{PROGRESS}"] if self.progress != expected.progress else []
        amiss += [f"questions {self.questions}/2"] if self.questions != 2 else []
        return ", ".join([f"{steps}/{len(STEPS)}", *amiss])


class Bench:
    """The server, the clients, and where their tapes are."""

    def __init__(self, home: Path) -> None:
        self.home = home
        install = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(home / "npm"), EVERYTHING]
        subprocess.run(install, check=True, capture_output=True)
        self.server = str(home / "npm" / "node_modules" / ".bin" / "mcp-server-everything")
        old = environment(home / "sdk-1", SDKS["1.30"]) / "python"
        self.clients: dict[tuple[str, str], Path] = {("2.3", ""): Path(sys.executable), ("1.30", ""): old}
        # As little as possible: what is in the environment is in an answer.
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "API_TOKEN": TOKEN}

    def client(
        self,
        sdk: str,
        *target: str,
        within: Recorder | None = None,
        variables: Mapping[str, str] = NOTHING,
    ) -> Outcome:
        """Go through the steps with a client of that SDK, which is in a process with that recorder."""
        known = (sdk, "" if within is None else within.name)
        if within is not None and known not in self.clients:
            folder = self.home / "-".join(known)
            self.clients[known] = environment(folder, SDKS[sdk], *within.requirements) / "python"
        command: list[str | Path] = [self.clients[known], CLIENT, *target]
        known_to = {**self.environment, **variables}
        if target[0] in IN_PROCESS:
            known_to["PYTHONPATH"] = str(ROOT)
        try:
            done = subprocess.run(
                command, env=known_to, capture_output=True, text=True, timeout=LIMIT, check=True
            )
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
            return Outcome(dict.fromkeys(STEPS, f"{type(error).__name__}"), (), 0, frozenset(STEPS))
        return Outcome.of(json.loads(done.stdout))

    def through(self, recorder: Recorder, what: What, way: Way, sdk: str, tape: Path) -> Outcome:
        """Record the steps with a program of a recorder, or replay them."""
        variables = recorder.environment(tape)
        recorder.must(what, way)
        if way == "stdio":
            command = recorder.command(what, way, tape, server=[self.server])
            return self.client(sdk, "stdio", *command, variables=variables)
        with contextlib.ExitStack() as stack:
            url = stack.enter_context(self.over_http()) if what == "record" else NOWHERE
            if recorder.inside:
                mode = "once" if what == "record" else "none"
                return self.client(sdk, "vcr", str(tape), mode, url, within=recorder)
            port = free_port()
            command = recorder.command(what, way, tape, url=url, port=port)
            stack.enter_context(_listening(command, port, {**self.environment, **variables}))
            return self.client(sdk, "http", address(port))

    def record(self, sdk: str, way: str, tape: Path) -> Outcome:
        match way:
            case "stdio" | "HTTP":
                return self.through(OURS, "record", way, sdk, tape)
            case _ if sdk == "2.3":
                return asyncio.run(self._recorded_in_process(tape))
            case _:
                return self.client(sdk, "record", str(tape), self.server)

    def replay(self, sdk: str, way: str, tape: Path) -> Outcome:
        match way:
            case "stdio" | "HTTP":
                return self.through(OURS, "replay", way, sdk, tape)
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
        port = free_port()
        with _listening([self.server, "streamableHttp"], port, {**self.environment, "PORT": str(port)}):
            yield address(port)


RECORDED = tuple((sdk, way) for sdk in SDKS for way in ("stdio", "HTTP", "in process"))
REPLAYED = (*RECORDED, ("2.3", "in process, 2026-07-28"))
WHOLE = f"{len(STEPS)}/{len(STEPS)}"
UNREDACTED = "--no-default-redactions"


@dataclass(frozen=True)
class Row:
    """What was recorded in one way, by whom, and the cells of what it was replayed in."""

    recorder: str
    recorded: str
    cells: Sequence[str]

    def __str__(self) -> str:
        title = self.recorded if self.recorder == OURS.name else f"{self.recorder}: {self.recorded}"
        return f"| {title} | " + " | ".join(self.cells) + " |"


def table(rows: Sequence[Row]) -> Iterator[str]:
    """As lines of Markdown."""
    yield "| recorded by SDK, over | " + " | ".join(f"{sdk} {way}" for sdk, way in REPLAYED) + " |"
    yield "|---" * (len(REPLAYED) + 1) + "|"
    yield from map(str, rows)


TITLE = f"12 steps, recorded in {len(RECORDED)} ways and replayed in {len(REPLAYED)}: cells with all of it"


def unmeasured(why: Unable) -> Measurement:
    return Measurement(TITLE, str(why), "", "", holds=False)


def measured(rows: Sequence[Row], recorders: Sequence[Recorder]) -> Measurement:
    """How many cells are whole, of each."""
    found: dict[str, float | str] = {each.name: _counted(rows, each) for each in recorders}
    cells = len(RECORDED) * len(REPLAYED)
    whole = sum(row.cells.count(WHOLE) for row in rows if row.recorder == OURS.name)
    return compared(TITLE, {**found, OURS.name: whole}, "", f"{cells}", lambda count: count == cells)


def _counted(rows: Sequence[Row], recorder: Recorder) -> str:
    """Whole ones of those that there can be, also with other options; else why there are none."""
    counts: list[str] = []
    names = dict.fromkeys(row.recorder for row in rows if f"{row.recorder} ".startswith(f"{recorder.name} "))
    for name in names:
        cells = [cell for row in rows if row.recorder == name for cell in row.cells if cell]
        option = name.removeprefix(recorder.name).strip()
        counts.append(f"{option} {cells.count(WHOLE)} of {len(cells)}".strip())
    for what in ("record", "replay"):
        try:
            recorder.must(what, recorder.usual(what))
        except Unable as error:
            return str(error)
    return ", ".join(counts)


def walked(home: Path, recorders: Sequence[Recorder]) -> list[Row]:
    """Record and replay in all ways.

    Raises:
        Unable: The server, or a client, cannot be had here.
    """
    if shutil.which("npm") is None:
        raise Unable("not installed here: no npm")
    try:
        ways = Bench(home)
    except subprocess.CalledProcessError as error:
        raise Unable(f"not installed here: {Path(error.cmd[0]).name} could not") from error
    rows: list[Row] = []
    for sdk, way in RECORDED:
        tape = home / f"{sdk}-{way.replace(' ', '-')}.jsonl"
        live = ways.record(sdk, way, tape)
        if live.cell(live) != WHOLE or live.failed:
            raise RuntimeError(f"the live session of {sdk} over {way} was not whole: {live}")
        leaks = [secret for secret in (SECRET, TOKEN) if secret in tape.read_text(encoding="utf-8")]
        if leaks:
            raise RuntimeError(f"a secret is on the tape of {sdk} over {way}")
        rows.append(Row(OURS.name, f"{sdk} {way}", [ways.replay(*to, tape).cell(live) for to in REPLAYED]))
    for recorder in recorders:
        rows += _of_another(ways, recorder) if recorder is not OURS else ()
        unredacted = {way: _with(command, UNREDACTED) for way, command in recorder.record.items()}
        if recorder.name == "mcp-cassette":
            other = replace(recorder, name=f"{recorder.name} unredacted", record=unredacted)
            rows += _of_another(ways, other)
    return rows


def _with(command: Sequence[str], option: str) -> Sequence[str]:
    """With one more option, after the program and what it is to do."""
    return (*command[:2], option, *command[2:])


def _of_another(bench: Bench, recorder: Recorder) -> Iterator[Row]:
    """The same steps by others, replayed the way they were recorded."""
    ways: tuple[Way, ...] = ("stdio", "HTTP")
    for way in ways:
        for sdk in SDKS:
            if recorder.can("record", way) and recorder.can("replay", way):
                yield Row(recorder.name, f"{sdk} {way}", _cells(bench, recorder, sdk, way))


def _cells(bench: Bench, recorder: Recorder, sdk: str, way: Way) -> list[str]:
    tape = recorder.tape(bench.home, f"{sdk}-{way}")
    try:
        live = bench.through(recorder, "record", way, sdk, tape)
    except Unable as error:
        return [str(error)]
    cells = ["" for _ in REPLAYED]
    for other in SDKS:
        place = REPLAYED.index((other, way))
        if not tape.exists():
            cells[place] = "no tape"
            continue
        copied = recorder.tape(bench.home, f"{sdk}-{way}-for-{other}")
        shutil.copy(tape, copied)
        try:
            cells[place] = bench.through(recorder, "replay", way, other, copied).cell(live)
        except Unable as error:
            cells[place] = str(error)
    return cells


@contextlib.contextmanager
def _listening(command: Sequence[str], port: int, variables: Mapping[str, str]) -> Generator[None]:
    """A program that listens at a port of this machine."""
    nothing = subprocess.DEVNULL
    program = subprocess.Popen(command, env=variables, stdout=nothing, stderr=nothing)
    with _ended(program):
        await_port(port, program)
        yield


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
    with bench() as (home, recorders):
        print("\n".join(table(walked(home, recorders))))
