"""How long answers took: written down where a test asks for it, and replayed only where it was."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from mcp.server import MCPServer

from pytest_mcpflow import CassetteError, Hub, Playback, RecordMode, ReplayTransport
from pytest_mcpflow.cli import main
from pytest_mcpflow.options import record_timing_asked

SLOWLY = Playback(timing=True)
where_recording_is_allowed = pytest.mark.usefixtures("own_machine")


@pytest.fixture
def own_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No CI, where nothing is recorded."""
    monkeypatch.delenv("CI", raising=False)


def slow_server() -> MCPServer:
    server = MCPServer("slow", log_level="ERROR")

    @server.tool(structured_output=False)
    async def think() -> str:
        """Take a fifth of a second."""
        await asyncio.sleep(0.2)
        return "done"

    return server


def seconds_of(hub: Hub) -> float:
    hub.use(slow_server(), name="slow", cassette="slow.jsonl")
    hub.run(hub.call_tool("slow.think"))
    return hub.clock.now()


@where_recording_is_allowed
@pytest.mark.parametrize("asked_by", ["record_timing", "playback"])
def test_what_a_test_records_with_times_takes_as_long_again(tmp_path: Path, asked_by: str) -> None:
    timed = Hub(
        virtual_time=False,
        record=RecordMode.ONCE,
        record_timing=asked_by == "record_timing",
        playback=SLOWLY if asked_by == "playback" else None,
        cassettes=tmp_path,
    )

    took = seconds_of(timed)

    assert 0.19 < seconds_of(Hub(cassettes=tmp_path, playback=SLOWLY)) <= took + 0.001
    assert seconds_of(Hub(cassettes=tmp_path)) == 0


@where_recording_is_allowed
def test_times_that_nobody_recorded_are_not_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds_of(Hub(virtual_time=False, record=RecordMode.ONCE, cassettes=tmp_path))
    tape = tmp_path / "slow.jsonl"
    told = "slow.jsonl:2 does not say when the messages of session 1 came.*--mcp-record=rewrite --mcp-record-timing"

    for replay in (
        lambda: Hub(playback=SLOWLY, cassettes=tmp_path).use(slow_server(), name="slow", cassette=tape),
        lambda: Hub().replay(tape, playback=SLOWLY),
        lambda: ReplayTransport.from_tape(tape, playback=SLOWLY),
    ):
        with pytest.raises(CassetteError, match=told):
            replay()
    assert main(["serve", str(tape), "--timing"]) == 2
    assert "does not say when the messages of session 1 came" in capsys.readouterr().err


@where_recording_is_allowed
def test_a_session_without_times_is_named(tmp_path: Path) -> None:
    for record_timing in (True, False):
        hub = Hub(virtual_time=False, record=RecordMode.ALL, record_timing=record_timing, cassettes=tmp_path)
        seconds_of(hub)

    with pytest.raises(CassetteError, match="messages of session 2 came"):
        Hub().replay(tmp_path / "slow.jsonl", playback=SLOWLY)


@pytest.mark.parametrize(
    ("options", "marked", "ini", "expected"),
    [
        ([], None, "", False),
        ([], None, "true", True),
        ([], False, "true", False),
        ([], True, "", True),
        (["--mcp-record-timing"], False, "", True),
    ],
)
def test_the_option_decides_before_the_marker_and_the_ini(
    pytester: pytest.Pytester, options: list[str], marked: bool | None, ini: str, expected: bool
) -> None:
    pytester.makeini(f"[pytest]\nmcp_record_timing = {ini or 'false'}\n")

    assert record_timing_asked(pytester.parseconfig(*options), marked) is expected


TEST = '''
import sys
import pytest
from mcp import StdioServerParameters

SERVER = """
import time
from mcp.server import MCPServer
server = MCPServer("real", log_level="ERROR")
@server.tool(structured_output=False)
def think() -> str:
    time.sleep(0.3)
    return "done"
server.run()
"""

MARKED
async def test_it(mcpflow):
    target = StdioServerParameters(command=sys.executable, args=["-c", SERVER])
    mcpflow.use(target, name="real", cassette="real.jsonl")
    assert (await mcpflow.call_tool("real.think")).text == "done"
    assert mcpflow.clock.now() >= EXPECTED
'''


def test_a_real_server_is_recorded_with_its_times_though_time_is_virtual(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("CI", "MCPFLOW_RECORD"):
        monkeypatch.delenv(variable, raising=False)
    marker = "from pytest_mcpflow import Playback\n@pytest.mark.mcpflow(playback=Playback(timing=True))"

    pytester.makepyfile(test_it=TEST.replace("MARKED", "").replace("EXPECTED", "0"))
    recorded = pytester.runpytest_subprocess("--mcp-record=once", "--mcp-record-timing")
    pytester.makepyfile(test_it=TEST.replace("MARKED", marker).replace("EXPECTED", "0.3"))
    replayed = pytester.runpytest_subprocess()

    recorded.assert_outcomes(passed=1)
    replayed.assert_outcomes(passed=1)
    assert '"kind":"timing"' in (pytester.path / "real.jsonl").read_text(encoding="utf-8")
