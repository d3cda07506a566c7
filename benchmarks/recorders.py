"""The recorders that are compared: how each is installed, how it records and replays, and what it cannot do.

Each is used as its documentation says, by its own program, in an environment of its own that is thrown away. What one
cannot do was looked up in its documentation and tried.
"""

from __future__ import annotations

import contextlib
import itertools
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from measure import Measurement
from sessions import HttpSession, Session, StdioSession, Unable, await_port, free_port

__all__ = [
    "NOWHERE",
    "OURS",
    "PEERS",
    "SERVER",
    "Recorder",
    "Way",
    "What",
    "address",
    "bench",
    "compared",
    "environment",
    "in_turn",
    "none_of",
]

Way = Literal["stdio", "HTTP"]
What = Literal["record", "replay"]
SERVER = (sys.executable, str(Path(__file__).with_name("echo_server.py")))
VCRPY_CLIENT = str(Path(__file__).with_name("vcrpy_client.py"))
PROGRAM = "pytest_mcpflow"
NOWHERE = "http://127.0.0.1:9/mcp"
"""For whom wants an address when it replays, where nobody is asked."""
Command = Sequence[str]


@dataclass(frozen=True)
class Recorder:
    """One that records sessions.

    In its commands `{bin}` is the folder of its programs, `{tape}` the file, `{server}` the server's command as words,
    `{line}` the same as one word, `{url}` the server's address (`{base}`: without a path), `{port}` where to
    listen. What it cannot do has no
    command, but a reason of a few words in `cannot`.
    """

    name: str
    requirements: Sequence[str] = ()
    record: Mapping[Way, Command] = field(default_factory=dict[Way, Command])
    replay: Mapping[Way, Command] = field(default_factory=dict[Way, Command])
    cannot: Mapping[str, str] = field(default_factory=dict[str, str])
    load: str = ""
    """Python that defines `load`, which takes a path and reads a tape."""
    calls_in: str = ""
    """In which member of the tape, a JSON document, the messages are; nowhere if it has a line for each."""
    suffix: str = ".json"
    newer: bool = False
    """Needs Python 3.12."""
    inside: bool = False
    """Is part of the client's process, which is then a program between."""
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    bin: Path = Path()
    missing: str = ""

    def must(self, what: What, way: Way) -> Command:
        """How it does that.

        Raises:
            Unable: It does not.
        """
        if self.missing:
            raise Unable(self.missing)
        found = (self.record if what == "record" else self.replay).get(way)
        if found is None:
            raise Unable(self.cannot.get(f"{what} {way}", self.cannot.get(what, f"no {way}")))
        return found

    def command(
        self, what: What, way: Way, tape: Path, *, server: Command = (), url: str = NOWHERE, port: int = 0
    ) -> list[str]:
        """What to run so that it records to a tape, or replays it."""
        template = self.must(what, way)
        known = {
            "bin": str(self.bin), "tape": str(tape), "line": shlex.join(server), "url": url,
            "base": url.removesuffix("/mcp"), "port": str(port),
        }  # fmt: skip
        words = (server if word == "{server}" else (word.format(**known),) for word in template)
        return [*itertools.chain.from_iterable(words)]

    def environment(self, tape: Path) -> dict[str, str]:
        return {name: value.format(tape=tape) for name, value in self.variables.items()}

    def recording(self, way: Way, tape: Path, *, script: Path | None = None) -> Session:
        """A session through the recorder with the server of the benchmarks, which may have a script."""
        server = SERVER if script is None else (*SERVER, "--script", str(script))
        if way == "stdio":
            return StdioSession(self.command("record", way, tape, server=server), self.environment(tape))
        theirs, ours = free_port(), free_port()
        command = self.command("record", way, tape, url=address(theirs), port=ours)
        listening = subprocess.Popen([*server, "--port", str(theirs)], stderr=subprocess.DEVNULL)
        await_port(theirs, listening)
        try:
            session = self._over_http(command, tape, ours)
        except Unable:
            listening.kill()
            raise
        session.beside = listening
        return session

    def replaying(self, way: Way, tape: Path) -> Session:
        port = free_port()
        command = self.command("replay", way, tape, port=port)
        if way == "stdio":
            return StdioSession(command, self.environment(tape))
        return self._over_http(command, tape, port)

    def tape(self, home: Path, stem: str) -> Path:
        return home / f"{self.name}-{stem}{self.suffix}"

    def can(self, what: What, way: Way) -> bool:
        return not self.missing and way in (self.record if what == "record" else self.replay)

    def usual(self, what: What) -> Way:
        """Over stdio, if it can."""
        return "HTTP" if self.can(what, "HTTP") and not self.can(what, "stdio") else "stdio"

    def _over_http(self, command: Command, tape: Path, port: int) -> Session:
        if self.inside:
            return StdioSession(command, self.environment(tape))
        return HttpSession(command, self.environment(tape), port)


def address(port: int) -> str:
    return f"http://127.0.0.1:{port}/mcp"


OURS = Recorder(
    "pytest-mcpflow",
    suffix=".jsonl",
    record={
        "stdio": (sys.executable, "-m", PROGRAM, "record", "-o", "{tape}", "--", "{server}"),
        "HTTP": (sys.executable, "-m", PROGRAM, "record", "-o", "{tape}", "--url", "{url}",
                 "--listen", "127.0.0.1:{port}"),
    },
    replay={
        "stdio": (sys.executable, "-m", PROGRAM, "serve", "{tape}", "--allow-unused"),
        "HTTP": (sys.executable, "-m", PROGRAM, "serve", "{tape}", "--http", "{port}", "--allow-unused"),
    },
)  # fmt: skip
PEERS = (
    Recorder(
        "mcp-rec",
        ["mcp-rec==0.1.1"],
        suffix=".jsonl",
        record={"stdio": ("{bin}/mcp-rec", "record", "-o", "{tape}", "--", "{server}")},
        replay={"stdio": ("{bin}/mcp-rec", "replay", "{tape}")},
        load="from mcp_rec.replayer import _build_index as load",
        variables={"NO_NOTICE": "1"},
    ),
    Recorder(
        "mcp-cassette",
        ["mcp-cassette[http]==0.4.0"],
        record={
            "stdio": ("{bin}/mcp-cassette", "record", "--cassette", "{tape}", "--", "{server}"),
            "HTTP": (
                "{bin}/mcp-cassette", "record", "--cassette", "{tape}", "--url", "{url}", "--port", "{port}",
            ),
        },
        replay={
            "stdio": ("{bin}/mcp-cassette", "serve", "{tape}"),
            "HTTP": ("{bin}/mcp-cassette", "serve", "{tape}", "--port", "{port}"),
        },
        load="from mcp_cassette.cassette import Cassette\nload = Cassette.load",
        calls_in="messages",
        newer=True,
    ),
    Recorder(
        "mcp-recorder",
        # With the starlette that pip chooses by itself, 0.5.0 does not start.
        ["mcp-recorder==0.5.0", "starlette<1"],
        record={
            "HTTP": ("{bin}/mcp-recorder", "record", "--target", "{base}", "--output", "{tape}", "--port", "{port}")
        },
        replay={"HTTP": ("{bin}/mcp-recorder", "replay", "--cassette", "{tape}", "--port", "{port}")},
        load="from mcp_recorder._utils import load_cassette as load",
        calls_in="interactions",
    ),
    Recorder(
        "mcp-vcr",
        ["mcp-vcr==0.2.2"],
        suffix=".ndjson",
        # Of its two formats the one that is written and read faster.
        record={"stdio": ("{bin}/mcp-vcr", "record", "--format", "ndjson", "-o", "{tape}", "--", "{server}")},
        cannot={"replay": "plays no server"},
        load="from mcp_vcr.validator import validate_file as load",
        newer=True,
    ),
    Recorder(
        "mcp-debugger",
        ["mcp-debugger==0.1.1"],
        suffix=".db",
        record={"stdio": ("{bin}/mcp-debugger", "proxy", "-s", "{line}")},
        cannot={"replay": "plays no server"},
        variables={"MCP_DEBUGGER_DATABASE_PATH": "{tape}"},
    ),
    Recorder(
        "agent-vcr",
        ["agent-vcr==0.1.0"],
        suffix=".vcr",
        record={
            "stdio": (
                "{bin}/agent-vcr", "record", "--transport", "stdio", "--server-command", "{line}", "-o", "{tape}",
            )
        },
        # What it replays over stdio begins with a greeting for people, and knows no `initialize`.
        cannot={"replay": "no handshake", "replay HTTP": "SSE only", "record HTTP": "SSE only"},
        load="from agent_vcr.core.format import VCRRecording\nload = lambda path: VCRRecording.load(str(path))",
    ),
    Recorder(
        "vcrpy",
        ["vcrpy==9.4.2"],
        record={"HTTP": ("{bin}/python", VCRPY_CLIENT, "{tape}", "once", "{url}")},
        replay={"HTTP": ("{bin}/python", VCRPY_CLIENT, "{tape}", "none", "{url}")},
        load="from vcr.persisters.filesystem import FilesystemPersister\nfrom vcr.serializers import jsonserializer\n"
        "load = lambda path: FilesystemPersister.load_cassette(path, jsonserializer)",
        calls_in="interactions",
        inside=True,
    ),
)  # fmt: skip


@contextlib.contextmanager
def bench() -> Generator[tuple[Path, Sequence[Recorder]]]:
    """A folder to record in, and the recorders: this project's, and the others' where they can be had."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        yield home, (OURS, *(installed(each, home / "programs" / each.name) for each in PEERS))


def installed(recorder: Recorder, folder: Path) -> Recorder:
    python = _newer_python() if recorder.newer else sys.executable
    if python is None:
        return replace(recorder, missing="not installed here: needs Python 3.12")
    try:
        return replace(recorder, bin=environment(folder, *recorder.requirements, python=python))
    except (OSError, subprocess.CalledProcessError):
        return replace(recorder, missing="not installed here: pip could not")


def environment(folder: Path, *requirements: str, python: str = sys.executable) -> Path:
    """Where the programs are of an environment that has just this."""
    subprocess.run([python, "-m", "venv", str(folder)], check=True, capture_output=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", *requirements]
    subprocess.run(pip, check=True, capture_output=True)
    return folder / "bin"


def _newer_python() -> str | None:
    """A Python that the newer of the others run on, also one that pyenv has and does not offer at this place."""
    names = ("python3.12", "python3.13")
    known = sorted(Path.home().glob(".pyenv/versions/3.1[23].*/bin/python"))
    candidates = [sys.executable, *filter(None, map(shutil.which, names)), *map(str, known)]
    asked = "import sys; sys.exit(sys.version_info < (3, 12))"
    for each in candidates:
        if subprocess.run([each, "-c", asked], capture_output=True, check=False).returncode == 0:
            return each
    return None


def in_turn(
    recorders: Sequence[Recorder],
    figure: Callable[[Recorder], float],
    rounds: int,
    best: Callable[..., float],
) -> dict[str, float | str]:
    """The best figure of each in some rounds, by name, or in words why there is none.

    One after the other in each round, so that a machine that is busy for a while is busy for all.
    """
    found: dict[str, float | str] = {}
    for _ in range(rounds):
        for each in recorders:
            before = found.get(each.name)
            if isinstance(before, str):
                continue
            try:
                value = figure(each)
            except Unable as error:
                found[each.name] = str(error)
            except (ArithmeticError, LookupError, OSError, ValueError, subprocess.SubprocessError) as error:
                if each is OURS:
                    raise
                found[each.name] = f"fails: {type(error).__name__}"
            else:
                found[each.name] = value if before is None else best(before, value)
    return found


def compared(
    what: str, found: Mapping[str, float | str], unit: str, bar: str, holds: Callable[[float], bool]
) -> Measurement:
    """What was found of this project, and beside it what was of the others."""
    ours = found[OURS.name]
    if isinstance(ours, str):
        raise RuntimeError(f"{what}: {ours}")
    peers = {name: figure for name, figure in found.items() if name != OURS.name}
    return Measurement(what, ours, unit, bar, holds(ours), peers=peers)


def none_of(
    what: str, recorders: Sequence[Recorder], figure: Callable[[Recorder], float], unit: str = ""
) -> Measurement:
    """Of something there must not be any, looked for once."""
    return compared(what, in_turn(recorders, figure, 1, max), unit, "0", lambda amount: amount == 0)
