"""Two tests that record into one cassette, in workers of pytest-xdist and at the same time.

Both tests of a mode are there at once: the second one asks for the cassette only while the first one is recording into
it, and the first one goes on only when the second one has asked.
"""

from __future__ import annotations

import asyncio
import threading
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from pytest_mcpflow import CassetteError, RecordMode
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.turns import Turns
from pytest_mcpflow.clock import VirtualTimeLoop

RECORDING = [each.value for each in RecordMode if each is not RecordMode.NONE]

COMMON = """
import time
from pathlib import Path

import pytest
from mcp.server import MCPServer

HERE = Path(__file__).parent
MODES = [pytest.param(mode, marks=pytest.mark.mcpflow(record=mode)) for mode in {modes}]
pytestmark = [
    pytest.mark.mcpflow(virtual_time=False),
    pytest.mark.parametrize("number", [2, 3]),
    pytest.mark.parametrize("mode", MODES),
]

def little():
    server = MCPServer("little", log_level="ERROR")
    server.tool()(double)
    return server

def double(n: int) -> int:
    return 2 * n

def wait_for(sign):
    until = time.monotonic() + 60
    while {together} and not (HERE / sign).exists():
        assert time.monotonic() < until, "the other test never came"
        time.sleep(0.01)

async def call(hub, *numbers):
    for n in numbers:
        assert (await hub.call_tool("little.double", {{"n": n}}))["result"] == 2 * n
"""
FIRST = """
async def test_first(mcpflow, mode, number):
    mcpflow.use(little(), cassette=f"{mode}-{number}.jsonl")
    await call(mcpflow, 1)
    (HERE / f"{mode}-{number}-recording").touch()
    wait_for(f"{mode}-{number}-asked")
    time.sleep(0.1)  # it asks right after it has said so
    await call(mcpflow, 2)
"""
SECOND = """
async def test_second(mcpflow, mode, number):
    wait_for(f"{mode}-{number}-recording")
    (HERE / f"{mode}-{number}-asked").touch()
    mcpflow.use(little(), cassette=f"{mode}-{number}.jsonl")
    await call(mcpflow, 1, number)
"""
OLD = (
    '{"format":1,"kind":"header","recorder":"pytest-mcpflow","redaction":null}\n'
    '{"command":[],"kind":"session","session":1,"transport":"memory"}\n'
)


def called(cassette: Path) -> list[list[int]]:
    """The numbers that were asked and answered in each session of a cassette."""
    found: list[list[int]] = []
    for session in read_cassette(cassette).sessions:
        assert session.frames[-1].kind == "end"
        asked = {each.body.get("id"): each.body for each in session.messages if each.sender == "client"}
        answered = [each.body.get("id") for each in session.messages if each.sender == "server"]
        calls = [asked[number] for number in answered if asked[number]["method"] == "tools/call"]
        found.append([call["params"]["arguments"]["n"] for call in calls])
    return found


@pytest.mark.parametrize("workers", [0, 2])
def test_of_two_tests_with_one_cassette_nothing_is_lost_or_mixed(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """Whoever comes first records, beside each other as one after the other; who does otherwise is told of both."""
    for variable in ("CI", "MCPFLOW_RECORD"):
        monkeypatch.delenv(variable, raising=False)
    common = COMMON.format(modes=RECORDING, together=workers > 0)
    (pytester.path / "test_first.py").write_text(common + FIRST, encoding="utf-8")
    (pytester.path / "test_second.py").write_text(common + SECOND, encoding="utf-8")
    for number in (2, 3):
        (pytester.path / f"rewrite-{number}.jsonl").write_text(OLD, encoding="utf-8")
    options = ["-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:asyncio"]

    if workers:
        result = pytester.runpytest_subprocess(*options, "-n", str(workers), "--dist", "loadfile")
    else:
        result = pytester.runpytest_inprocess(*options, "-p", "no:xdist")

    same = {mode: called(pytester.path / f"{mode}-2.jsonl") for mode in RECORDING}
    assert same == {"once": [[1, 2]], "new": [[1, 2]], "rewrite": [[1, 2]], "all": [[1, 2], [1, 2]]}
    other = {mode: called(pytester.path / f"{mode}-3.jsonl") for mode in RECORDING}
    assert other == {"once": [[1, 2]], "new": [[1, 2], [3]], "rewrite": [[1, 2]], "all": [[1, 2], [1, 3]]}
    result.assert_outcomes(passed=4 * len(RECORDING) - 2, failed=2)
    result.stdout.fnmatch_lines_random(
        [
            f"*{mode}-3.jsonl has no answer of little: double(n=3) was asked*; "
            f"since test_first.py::test_first?3-{mode}? recorded {mode}-3.jsonl in this run "
            f"and test_second.py::test_second?3-{mode}? does something else, give each a cassette of its own, "
            "or a session each with --mcp-record=all and Playback(allow_unused=True)*"
            for mode in ("once", "rewrite")
        ]
    )


def _hold(folder: Path, cassette: Path, held: Event, end: Event) -> None:
    Turns(folder, "test_holder").take(cassette)
    held.set()
    end.wait(60)


def test_who_holds_a_cassette_never_waits_for_another(tmp_path: Path) -> None:
    """Or two tests with the same two cassettes would wait for each other."""
    context = get_context("spawn")
    held, end = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(tmp_path / "turns", tmp_path / "b.jsonl", held, end))
    holder.start()
    assert held.wait(60)
    turns = Turns(tmp_path / "turns", "test_here")
    turns.take(tmp_path / "a.jsonl")

    try:
        with pytest.raises(
            CassetteError,
            match=r"test_here records a\.jsonl and now asks for b\.jsonl, which test_holder is recording",
        ):
            turns.take(tmp_path / "b.jsonl")
        turns.release_all()
    finally:
        end.set()
        holder.join()
    assert turns.take(tmp_path / "b.jsonl").recorded_by is None


def test_in_virtual_time_waiting_for_another_test_is_no_step_that_hangs(tmp_path: Path) -> None:
    context = get_context("spawn")
    held, end = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(tmp_path / "turns", tmp_path / "a.jsonl", held, end))
    holder.start()
    assert held.wait(60)
    later = threading.Timer(1.0, end.set)  # of the wall: ten times what one step may last
    later.start()

    async def take() -> None:
        Turns(tmp_path / "turns", "test_here").take(tmp_path / "a.jsonl")

    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(step_limit=0.1)) as runner:
        runner.run(take())
    holder.join()


def test_a_process_never_waits_for_itself(tmp_path: Path) -> None:
    """A hub that nobody closed, or two hubs of one test."""
    forgotten, turns = Turns(tmp_path, "test_forgets"), Turns(tmp_path, "test_next")
    forgotten.take(tmp_path / "a.jsonl").recorded()

    assert turns.take(tmp_path / "a.jsonl").recorded_by == "test_forgets"
    assert forgotten.take(tmp_path / "a.jsonl") is forgotten.take(tmp_path / "a.jsonl")


def test_a_test_that_runs_again_is_no_other_test(tmp_path: Path) -> None:
    for _ in range(2):
        turns = Turns(tmp_path, "test_flaky")
        turn = turns.take(tmp_path / "a.jsonl")
        assert turn.recorded_by is None
        turn.recorded()
        turns.release(tmp_path / "a.jsonl")
