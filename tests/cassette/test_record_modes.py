"""`--mcp-record`: when a server is started, when its cassette answers, and who decides."""

from __future__ import annotations

import asyncio
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from mcp import MCPError, StdioServerParameters
from mcp.server import MCPServer

from pytest_mcpflow import CassetteError, Hub, ServerStartError
from pytest_mcpflow.cassette.modes import RecordMode
from pytest_mcpflow.options import record_mode_asked

SERVER = """
import json, pathlib, sys

STARTS = pathlib.Path(__file__).with_name("starts")
STARTS.write_text(STARTS.read_text() + "x" if STARTS.exists() else "x")

def say(number, **answer):
    print(json.dumps({"jsonrpc": "2.0", "id": number, **answer}), flush=True)

for line in sys.stdin:
    request = json.loads(line)
    if "id" not in request:
        continue
    match request["method"]:
        case "initialize":
            info = {"name": "little", "version": "1"}
            about = {"protocolVersion": "2025-11-25", "serverInfo": {"name": "little", "version": "1"}}
            say(request["id"], result={**about, "capabilities": {"tools": {}}})
        case "tools/list":
            say(request["id"], result={"tools": [{"name": "double", "inputSchema": {"type": "object"}}]})
        case "tools/call":
            text = str(2 * request["params"]["arguments"]["n"])
            say(request["id"], result={"content": [{"type": "text", "text": text}]})
        case method:
            say(request["id"], error={"code": -32601, "message": "Method not found: " + method})
"""

TEST = """
import sys
from pathlib import Path

import pytest
from mcp import StdioServerParameters

SERVER = StdioServerParameters(command=sys.executable, args=[str(Path(__file__).with_name("server.py"))])

@pytest.mark.mcpflow(MARKED)
async def test_doubling(mcpflow):
    mcpflow.use(SERVER, name="little", cassette="tapes/little.jsonl")
    for n in NUMBERS:
        assert (await mcpflow.call_tool("little.double", {"n": n})).text == str(2 * n)
"""


class Project:
    """A user's project with a server of its own."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        (pytester.path / "server.py").write_text(SERVER, encoding="utf-8")
        self.tape: Path = pytester.path / "tapes" / "little.jsonl"

    @property
    def starts(self) -> int:
        """How often the server was started."""
        counted = self.pytester.path / "starts"
        return len(counted.read_text(encoding="utf-8")) if counted.exists() else 0

    def test(self, *options: str, numbers: str = "[1, 2]", marked: str = "") -> pytest.RunResult:
        code = TEST.replace("NUMBERS", numbers).replace("MARKED", marked)
        (self.pytester.path / "test_it.py").write_text(code, encoding="utf-8")
        return self.pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)

    def sessions(self) -> int:
        return self.tape.read_text(encoding="utf-8").count('"kind":"session"')


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    for variable in ("CI", "MCPFLOW_RECORD"):
        monkeypatch.delenv(variable, raising=False)
    return Project(pytester)


def test_once_records_and_then_replays_without_the_server(project: Project) -> None:
    project.test("--mcp-record=once").assert_outcomes(passed=1)
    recorded = project.tape.read_bytes()
    project.test("--mcp-record=once").assert_outcomes(passed=1)
    project.test().assert_outcomes(passed=1)

    assert project.starts == 1
    assert project.tape.read_bytes() == recorded


def test_without_a_cassette_the_default_says_how_to_record(project: Project) -> None:
    result = project.test()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*CassetteError: there is no cassette *little.jsonl of little; record it where*"]
    )
    assert project.starts == 0


def test_what_was_not_recorded_fails_the_test_and_starts_nothing(project: Project) -> None:
    project.test("--mcp-record=once").assert_outcomes(passed=1)
    result = project.test(numbers="[1, 2, 3]")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*at /arguments/n was recorded 1, and asked 3*"])
    assert project.starts == 1


def test_a_recording_that_is_not_asked_for_fails_the_test(project: Project) -> None:
    project.test("--mcp-record=once").assert_outcomes(passed=1)
    result = project.test(numbers="[1]")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*UnusedRecordingError: 1 recorded calls were never made, * double(n=2); correct the workflow, let calls "
            "be left with Playback(allow_unused=True), give each test a cassette of its own, or record it again: *"
        ]
    )


def test_new_records_only_what_is_missing(project: Project) -> None:
    project.test("--mcp-record=once").assert_outcomes(passed=1)
    project.test("--mcp-record=new", numbers="[2, 3, 1]").assert_outcomes(passed=1)
    assert project.tape.read_text(encoding="utf-8").count('"arguments"') == 3
    project.test("--mcp-record=new", numbers="[3, 2]").assert_outcomes(passed=1)
    assert project.starts == 2
    project.test(numbers="[1, 2, 3]").assert_outcomes(passed=1)


def test_all_adds_a_session_and_rewrite_begins_anew(project: Project) -> None:
    project.test("--mcp-record=all").assert_outcomes(passed=1)
    first = project.tape.read_bytes()
    project.test("--mcp-record=all").assert_outcomes(passed=1)
    assert project.sessions() == 2
    project.test("--mcp-record=rewrite").assert_outcomes(passed=1)

    assert project.tape.read_bytes() == first  # the same session again changes no line
    assert project.starts == 3


AWAY = [
    StdioServerParameters(command=sys.executable, args=["-c", "input()"]),
    "http://127.0.0.1:9/mcp",
]
"""A server that ends without an answer, and an address where nobody listens."""


def call_of(target: StdioServerParameters | str | MCPServer, mode: RecordMode, tape: Path) -> None:
    async def call() -> None:
        async with Hub(record=mode, virtual_time=False) as hub:
            hub.use(target, name="little", cassette=tape)
            assert (await hub.call_tool("little.double", {"n": 2}))["result"] == 4

    asyncio.run(call())


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> MCPServer:
    """A server of this process, where recording is allowed."""
    monkeypatch.delenv("CI", raising=False)
    server = MCPServer("little", log_level="ERROR")

    def double(n: int) -> int:
        return 2 * n

    server.tool()(double)
    return server


@pytest.mark.parametrize("away", AWAY)
@pytest.mark.parametrize("mode", [RecordMode.ONCE, RecordMode.NEW, RecordMode.ALL, RecordMode.REWRITE])
def test_a_server_that_never_answers_leaves_no_cassette_behind(
    tmp_path: Path, little: MCPServer, mode: RecordMode, away: StdioServerParameters | str
) -> None:
    tape = tmp_path / "tapes" / "little.jsonl"

    with pytest.raises(ServerStartError):
        call_of(away, mode, tape)
    assert not tape.exists()

    call_of(little, mode, tape)
    call_of(little, RecordMode.NONE, tape)


@pytest.mark.parametrize("away", AWAY)
@pytest.mark.parametrize("mode", [RecordMode.ALL, RecordMode.REWRITE])
def test_a_server_that_never_answers_leaves_the_old_cassette_as_it_was(
    tmp_path: Path, little: MCPServer, mode: RecordMode, away: StdioServerParameters | str
) -> None:
    tape = tmp_path / "little.jsonl"
    call_of(little, RecordMode.ONCE, tape)
    before = tape.read_bytes()

    with pytest.raises(ServerStartError):
        call_of(away, mode, tape)

    assert tape.read_bytes() == before


@pytest.mark.parametrize("mode", [RecordMode.ONCE, RecordMode.REWRITE])
def test_a_gateway_without_a_server_behind_it_leaves_no_cassette_behind(
    tmp_path: Path, mode: RecordMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)  # where nothing is recorded

    class Gateway(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_error(503)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    tape = tmp_path / "little.jsonl"
    with ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as gateway:
        serving = threading.Thread(target=gateway.serve_forever)
        serving.start()
        try:
            # The client says of a status that it is an answer of the server.
            with pytest.raises(ServerStartError, match="Server returned an error response"):
                call_of(f"http://127.0.0.1:{gateway.server_port}/mcp", mode, tape)
        finally:
            gateway.shutdown()
            serving.join()
    assert not tape.exists()


def test_a_session_in_which_all_was_refused_is_recorded(tmp_path: Path, little: MCPServer) -> None:
    async def ask(mode: RecordMode) -> str:
        async with Hub(record=mode) as hub:
            hub.use(little, cassette=tmp_path / "little.jsonl")
            client = await hub.client("little")
            with pytest.raises(MCPError) as refused:
                await client.read_resource("nothing://here")
            return refused.value.message

    live, replayed = (asyncio.run(ask(mode)) for mode in (RecordMode.ONCE, RecordMode.NONE))

    assert live == replayed


@pytest.mark.parametrize(
    ("environment", "options", "marked", "ini", "expected"),
    [
        ({}, [], None, "", "none"),
        ({}, [], None, "once", "once"),
        ({}, [], "all", "once", "all"),
        ({}, ["--mcp-record=new"], "all", "once", "new"),
        ({"MCPFLOW_RECORD": "none"}, ["--mcp-record=new"], "all", "once", "none"),
        ({"CI": "false"}, [], "all", "once", "all"),
        ({"CI": "true"}, [], "all", "once", "none"),
        ({"CI": "1"}, ["--mcp-record=none"], "all", "once", "none"),
        ({"CI": "true", "MCPFLOW_RECORD": "none"}, ["--mcp-record=new"], "all", "once", "none"),
    ],
)
def test_the_environment_decides_before_the_option_the_marker_and_the_ini(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    options: list[str],
    marked: str | None,
    ini: str,
    expected: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    project.pytester.makeini(f"[pytest]\nmcp_record = {ini}\n")
    config = project.pytester.parseconfig(*options)

    assert record_mode_asked(config, RecordMode(marked) if marked else None) is RecordMode(expected)


@pytest.mark.parametrize("mode", ["once", "new", "all", "rewrite"])
@pytest.mark.parametrize("asked_as", ["MCPFLOW_RECORD", "--mcp-record"])
def test_nothing_records_in_ci(
    project: Project, monkeypatch: pytest.MonkeyPatch, asked_as: str, mode: str
) -> None:
    monkeypatch.setenv("CI", "true")
    options = [f"--mcp-record={mode}"] if asked_as == "--mcp-record" else []
    if not options:
        monkeypatch.setenv(asked_as, mode)
    config = project.pytester.parseconfig(*options)

    with pytest.raises(
        pytest.UsageError,
        match=f"{asked_as}={mode} asks to record, and CI=true says .* record on your own machine and commit",
    ):
        record_mode_asked(config, None)


def test_a_run_that_is_to_record_in_ci_ends_before_any_test(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    result = project.test("--mcp-record=once")

    assert result.ret is pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --mcp-record=once asks to record, and CI=true says*"])
    assert not project.tape.exists()
    assert project.starts == 0


def test_a_marker_that_records_replays_in_ci(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.test("--mcp-record=once").assert_outcomes(passed=1)
    monkeypatch.setenv("CI", "true")
    project.test(marked='record="all"').assert_outcomes(passed=1)

    assert project.starts == 1


@pytest.mark.parametrize("mode", [each for each in RecordMode if each is not RecordMode.NONE])
def test_a_hub_made_in_code_records_nothing_in_ci(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: RecordMode
) -> None:
    monkeypatch.setenv("CI", "true")
    hub = Hub(record=mode, cassettes=tmp_path)

    with pytest.raises(
        CassetteError, match=rf"RecordMode.{mode.name}\) asks to record, and CI=true .* RecordMode.NONE"
    ):
        hub.use("http://127.0.0.1:9/mcp", name="away", cassette="tape.jsonl")

    assert not hub.servers
    assert not [*tmp_path.iterdir()]


def test_a_mode_that_does_not_exist_is_a_usage_error(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(pytest.UsageError, match="invalid choice: 'sometimes'"):
        project.pytester.parseconfig("--mcp-record=sometimes")
    project.pytester.makeini("[pytest]\nmcp_record = always\n")
    with pytest.raises(
        pytest.UsageError, match="mcp_record=always is no mode of recording; there is: none, once"
    ):
        record_mode_asked(project.pytester.parseconfig(), None)
    monkeypatch.setenv("MCPFLOW_RECORD", "maybe")
    result = project.test()
    assert result.ret is pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: MCPFLOW_RECORD=maybe is no mode of recording; there is: none, once, new, all, rewrite"]
    )
    monkeypatch.delenv("MCPFLOW_RECORD")
    project.pytester.makeini("")
    project.test(marked='record="seldom"').stdout.fnmatch_lines(
        ["*record is one of none, once, new, all, rewrite, got 'seldom'*"]
    )


def test_workers_record_side_by_side(project: Project) -> None:
    one = TEST.replace("NUMBERS", "[1]").replace("MARKED", "")
    tests = one + "".join(
        one.split("\n\n")[-1]
        .replace("test_doubling", f"test_{index}")
        .replace("little.jsonl", f"{index % 2}.jsonl")
        for index in range(6)
    )
    (project.pytester.path / "test_it.py").write_text(tests, encoding="utf-8")
    result = project.pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n", "2", "--mcp-record=all")

    result.assert_outcomes(passed=7)
    for index in range(2):
        frames = (project.pytester.path / "tapes" / f"{index}.jsonl").read_text(encoding="utf-8").splitlines()
        assert sum('"kind":"session"' in frame for frame in frames) == 3
        assert sum('"kind":"end"' in frame for frame in frames) == 3
