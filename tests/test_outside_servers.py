"""Servers that do not come, do not talk, or do not stay: an error with cause and cure, and nothing left running."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from mcp import MCPError, StdioServerParameters
from mcp.server import MCPServer

from pytest_mcpflow import Hub, ServerStartError
from pytest_mcpflow.clock.proc import state_of
from pytest_mcpflow.serve import child
from pytest_mcpflow.serve.http import listening

PRELUDE = "import json, sys, time, os\n"
SERVER = (
    PRELUDE
    + """
def say(message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)

for line in sys.stdin:
    request = json.loads(line)
    if "id" not in request:
        continue
    match request["method"]:
        case "initialize":
            info = {"name": "little", "version": "1"}
            result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info}
            say({"id": request["id"], "result": result})
        case "tools/list":
            say({"id": request["id"], "result": {"tools": [{"name": "go", "inputSchema": {"type": "object"}}]}})
        case "tools/call":
            ACTION
        case _:
            say({"id": request["id"], "error": {"code": -32601, "message": "Method not found"}})
"""
)


def program(source: str) -> StdioServerParameters:
    return StdioServerParameters(command=sys.executable, args=["-c", source])


async def failure(
    target: StdioServerParameters | str, *, limit: float = 20.0, timeout: float = 20.0
) -> Exception:
    """The error of one call."""
    async with Hub() as hub:
        hub.use(target, name="far", connect_timeout=limit)
        try:
            await hub.call_tool("far.go", timeout=timeout)
        except Exception as error:
            return error
        raise AssertionError("the call succeeded")


def children() -> str:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text() if sys.platform == "linux" else ""


COMMANDS = {
    "missing": (
        StdioServerParameters(command="no-such-program-here"),
        "`no-such-program-here` FileNotFoundError",
    ),
    "ends at once": (
        program("import sys; sys.exit('bad configuration')"),
        "its standard error ends: bad configuration",
    ),
    "is silent": (program("import time; time.sleep(60)"), "did not answer within 2 s"),
    "prints garbage": (
        program("import time; print('Server ready!', flush=True); time.sleep(60)"),
        "it wrote what is not MCP: Server ready!",
    ),
}


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_command_that_is_no_server_is_named_with_its_words(kind: str) -> None:
    command, words = COMMANDS[kind]
    before = children()
    error = asyncio.run(failure(command, limit=2))
    assert isinstance(error, ServerStartError)
    assert words in str(error)
    assert "server 'far'" in str(error)
    assert "run the command by hand" in str(error)
    assert children() == before


def test_a_server_that_dies_in_a_call_breaks_the_call_at_once_and_its_words_are_told() -> None:
    before = children()
    error = asyncio.run(failure(program(SERVER.replace("ACTION", "sys.exit('no space left')"))))
    assert isinstance(error, MCPError)
    assert "Connection closed" in str(error)
    assert [note.partition(" is `")[0] for note in error.__notes__] == ["server 'far'"]
    assert error.__notes__[0].endswith("`; its standard error ends: no space left")
    assert children() == before


def test_an_answer_that_is_too_long_to_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "LINE_LIMIT", 100_000)
    error = asyncio.run(failure(program(SERVER.replace("ACTION", "print('x' * 300_000, flush=True)"))))
    assert isinstance(error, MCPError)
    assert "Connection closed" in str(error)
    assert (
        "; it wrote what is not MCP: a line of more than 64 MiB, the longest that is read"
        in error.__notes__[0]
    )


@pytest.mark.parametrize(
    "action", ["time.sleep(60)", "print('garbage', flush=True)"], ids=["silence", "garbage"]
)
def test_a_call_without_an_answer_ends_with_its_time_limit(
    action: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = children()
    error = asyncio.run(failure(program(SERVER.replace("ACTION", action)), timeout=0.5))
    assert isinstance(error, MCPError)
    assert "timed out" in str(error)
    assert ("; it wrote what is not MCP: garbage" in error.__notes__[0]) == ("garbage" in action)
    assert caplog.records == []
    assert children() == before


STAYS = """
import signal

def leave(*_):
    with open(sys.argv[1], "w") as file:
        file.write("in order")
    sys.exit()

signal.signal(signal.SIGTERM, leave)
time.sleep(60)
"""
"""What a server does that does not leave when its standard input is closed."""


@pytest.mark.skipif(sys.platform == "win32", reason="the SDK ends servers there")
@pytest.mark.parametrize(("obeys", "left"), [(True, ["left"]), (False, [])])
def test_a_server_that_stays_is_told_to_leave_before_it_is_killed(
    obeys: bool, left: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_mcpflow.serve.child.EXIT_LIMIT", 0.2)
    monkeypatch.setattr("pytest_mcpflow.serve.child.LAST_MOMENT", 0.2 if not obeys else 20.0)
    stays = STAYS if obeys else STAYS.replace("leave)", "signal.SIG_IGN)")
    source = SERVER.replace("ACTION", 'say({"id": request["id"], "result": {"content": []}})') + stays
    command = StdioServerParameters(
        command=sys.executable, args=["-c", source, str(tmp_path / "left")], cwd=tmp_path
    )

    async def call() -> None:
        async with Hub(virtual_time=False) as hub:
            hub.use(command, name="far")
            await hub.call_tool("far.go")

    before, began, known = children(), time.monotonic(), threading.enumerate()
    asyncio.run(call())

    assert time.monotonic() - began < 30
    timers = [each for each in threading.enumerate() if each not in known]
    for each in timers:
        each.join(10)  # one that is cancelled takes a moment to notice
    assert not [each for each in timers if each.is_alive()]
    assert [each.name for each in tmp_path.iterdir()] == left
    assert children() == before


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
@pytest.mark.parametrize("plan", ["", "far.go=kill"])
def test_what_a_server_has_started_ends_with_it(plan: str, tmp_path: Path) -> None:
    starts = (
        "import subprocess; nothing = subprocess.DEVNULL; "
        "child = subprocess.Popen(['sleep', '600'], stdin=nothing, stdout=nothing, stderr=nothing); "
        "open(sys.argv[1], 'w').write(str(child.pid)); "
        'say({"id": request["id"], "result": {"content": []}})'
    )
    source, told = SERVER.replace("ACTION", starts), tmp_path / "pid"
    command = StdioServerParameters(command=sys.executable, args=["-c", source, str(told)])

    async def call() -> None:
        async with Hub(virtual_time=False) as hub:
            hub.use(command, name="far")
            if plan:
                hub.fail(plan)
            with suppress(MCPError):
                await hub.call_tool("far.go")

    asyncio.run(call())

    started = Path("/proc", told.read_text(encoding="ascii"))
    for _ in range(100):
        if state_of(started) in ("", "Z"):
            return
        time.sleep(0.1)
    os.kill(int(started.name), signal.SIGKILL)
    raise AssertionError("it still runs")


def test_an_address_where_nobody_listens_is_named() -> None:
    error = asyncio.run(failure("http://127.0.0.1:9/mcp", limit=5))
    assert isinstance(error, ServerStartError)
    assert "http://127.0.0.1:9/mcp" in str(error)
    assert "check the address" in str(error)


@asynccontextmanager
async def served() -> AsyncGenerator[str]:
    """The address of an SDK server on a socket of this machine."""
    server = MCPServer("adder", log_level="WARNING")

    @server.tool()
    def add(first: int, second: int) -> int:
        """Add."""
        return first + second

    app = server.streamable_http_app()
    async with server.session_manager.run(), listening(app) as url:
        yield f"{url}/mcp"


def test_a_server_at_a_url_is_called_in_real_time() -> None:
    async def main() -> object:
        async with served() as url, Hub() as hub:
            hub.use(url, name="adder")
            result = await hub.call_tool("adder.add", {"first": 1, "second": 2})
            assert [each.qualified_name for each in await hub.list_tools()] == ["adder.add"]
            return result["result"]

    assert asyncio.run(main()) == 3


def test_two_clients_can_be_closed_in_any_order_with_the_test_failing() -> None:
    async def main() -> None:
        async with Hub() as hub:
            hub.use(program(SERVER.replace("ACTION", "os._exit(3)")), name="one")
            hub.use(program(SERVER.replace("ACTION", "os._exit(3)")), name="two")
            await hub.client("one")
            await hub.client("two")
            raise ZeroDivisionError

    before = children()
    with pytest.raises(ZeroDivisionError):
        asyncio.run(main())
    assert children() == before
