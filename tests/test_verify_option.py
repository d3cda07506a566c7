"""`--mcp-verify`: the servers behind cassettes are asked in the test run, and what they do otherwise fails tests."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from tapes import Said, ask, called, say, write

# Imported here once: pytester forgets what a run of its own imports.
for module in ("cassette.client_side", "hub", "served"):
    importlib.import_module(f"pytest_mcpflow.{module}")

SERVER = """
import json, pathlib, sys

STARTS = pathlib.Path(__file__).with_name("starts")
STARTS.write_text(STARTS.read_text() + "x" if STARTS.exists() else "x")

def say(number, **answer):
    print(json.dumps({"jsonrpc": "2.0", "id": number, **answer}), flush=True)

TOOLS = [{"name": "double", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": READS}}]

for line in sys.stdin:
    request = json.loads(line)
    if "id" not in request:
        continue
    match request["method"]:
        case "initialize":
            about = {"protocolVersion": "2025-11-25", "serverInfo": {"name": "little", "version": "1"}}
            say(request["id"], result={**about, "capabilities": {"tools": {}}})
        case "tools/list":
            say(request["id"], result={"tools": TOOLS})
        case "tools/call":
            text = str(2 * request["params"]["arguments"]["n"])
            say(request["id"], result={"content": [{"type": "text", "text": text}]})
        case method:
            say(request["id"], error={"code": -32601, "message": "Method not found: " + method})
"""

TESTS = """
import sys
from pathlib import Path

import pytest
from mcp import StdioServerParameters

SERVER = StdioServerParameters(command=sys.executable, args=[str(Path(__file__).with_name("server.py"))])

@pytest.mark.parametrize("again", [1, 2])
async def test_doubling(mcpflow, again):
    mcpflow.use(SERVER, name="little", cassette="little.jsonl")
    assert (await mcpflow.call_tool("little.double", {"n": 4})).text == "8"

def test_without_a_server():
    pass
"""


def _session(*, reads: bool) -> list[Said]:
    """What `SERVER` says to the client of `TESTS`."""
    listed = {"name": "double", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": reads}}
    about: dict[str, Any] = {"capabilities": {"tools": {}}, "serverInfo": {"name": "little", "version": "1"}}
    return [
        ask(1, "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo={}),
        say(1, result={**about, "protocolVersion": "2025-11-25"}),
        *called(2, "double", {"n": 4}, "8"),
        ask(3, "tools/list"),
        say(3, result={"tools": [listed]}),
    ]


class Project:
    """A user's project with a recorded server of its own."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.server = pytester.path / "server.py"
        self.starts = pytester.path / "starts"
        pytester.makepyfile(test_it=TESTS)
        self.serve()
        self.tape = write(pytester.path / "little.jsonl", _session(reads=True))

    def serve(self, *changes: tuple[str, str], reads: bool = True) -> None:
        code = SERVER.replace("READS", str(reads))
        for old, new in changes:
            assert old in code
            code = code.replace(old, new)
        self.server.write_text(code, encoding="utf-8")

    def run(self, *options: str) -> pytest.RunResult:
        unloaded = ("-pno:asyncio", "-pno:cacheprovider", "-pno:randomly")
        return self.pytester.runpytest_inprocess(*unloaded, *options)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    for variable in ("CI", "MCPFLOW_RECORD"):
        monkeypatch.delenv(variable, raising=False)
    return Project(pytester)


def test_a_server_that_does_the_same_is_asked_once_for_all_tests(project: Project) -> None:
    before = project.tape.read_bytes()

    result = project.run("--mcp-verify")

    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        ["*MCP servers and their cassettes*", "little.jsonl: no drift of little 1; 2 operations compared"]
    )
    assert project.starts.read_text(encoding="utf-8") == "x"
    assert project.tape.read_bytes() == before


def test_tests_whose_server_answers_something_else_fail_and_say_what(project: Project) -> None:
    project.serve(("str(2 * ", "str(3 * "))

    result = project.run("--mcp-verify")

    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(
        [
            "*answers",
            "*double(n=4) (line *): /content/0/text",
            '*- "8"',
            '*+ "12"',
            "*drift: tools 0, schemas 0, answers 1",
            "*If the server is right, record it again: pytest --mcp-record=rewrite.*",
            "*MCP servers and their cassettes*",
            "little.jsonl: drift of little 1; 2 operations compared; drift: tools 0, schemas 0, answers 1",
        ]
    )


def test_a_place_that_may_differ_is_named_in_the_ini_file(project: Project) -> None:
    project.serve(("str(2 * ", "str(3 * "))
    project.pytester.makeini("[pytest]\nmcp_verify_ignore =\n    /content/*/text\n")

    project.run("--mcp-verify").assert_outcomes(passed=3)


def test_a_tool_that_may_destroy_is_called_only_where_the_ini_file_allows_it(project: Project) -> None:
    project.serve(("str(2 * ", "str(3 * "), reads=False)
    project.tape.unlink()
    write(project.tape, _session(reads=False))

    refused = project.run("--mcp-verify")
    project.pytester.makeini("[pytest]\nmcp_verify_allow =\n    dou*\n")
    allowed = project.run("--mcp-verify")

    refused.assert_outcomes(passed=3)
    refused.stdout.fnmatch_lines(["little.jsonl: no drift of little 1; 1 operation compared; 1 skipped"])
    allowed.assert_outcomes(failed=2, passed=1)


def test_that_nothing_but_the_handshake_was_compared_is_no_success(project: Project) -> None:
    project.serve(reads=False)
    project.tape.unlink()
    write(project.tape, _session(reads=False)[:4])

    result = project.run("--mcp-verify")

    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(["*nothing but the handshake was compared*mcp_verify_allow*"])


def test_a_server_that_does_not_start_fails_the_tests_that_use_it(project: Project) -> None:
    project.server.write_text("raise SystemExit('no licence')", encoding="utf-8")

    result = project.run("--mcp-verify")

    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(["*little.jsonl could not be compared with little: *no licence*"])


def test_a_test_that_fails_anyway_is_not_told_of_drift(project: Project) -> None:
    project.serve(("str(2 * ", "str(3 * "))
    code = TESTS.replace('"n": 4', '"n": 5')
    project.pytester.makepyfile(test_it=code)

    result = project.run("--mcp-verify")

    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(["*at /arguments/n was recorded 4, and asked 5*"])
    result.stdout.no_fnmatch_line("*drift of little*")


def test_a_run_without_cassettes_says_that_nothing_was_compared(project: Project) -> None:
    result = project.run("--mcp-verify", "-k", "without")

    result.assert_outcomes(passed=1, deselected=2)
    result.stdout.fnmatch_lines(["no test used a server that has a cassette, so that nothing was compared"])


@pytest.mark.parametrize("mode", ["all", "rewrite"])
def test_comparing_and_recording_anew_exclude_one_another(project: Project, mode: str) -> None:
    result = project.run("--mcp-verify", f"--mcp-record={mode}")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"*--mcp-verify compares recordings with their servers, and recording mode '{mode}'*"]
    )
