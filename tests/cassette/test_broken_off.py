"""What becomes of a cassette when the test that records it is broken off, or may not write there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from mcp.server import MCPServer

from pytest_mcpflow import CassetteError, Hub
from pytest_mcpflow.cassette.modes import RecordMode
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.redaction import Redactor
from pytest_mcpflow.cassette.writer import CassetteWriter


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)


def ask(tape: Path, mode: RecordMode, then: Callable[[], object] = bool) -> None:
    """Call a server once, as a test that is recorded, and then do something."""
    server = MCPServer("little", log_level="CRITICAL")

    @server.tool()
    def double(n: int) -> int:
        return 2 * n

    async def workflow(hub: Hub) -> None:
        await hub.call_tool("little.double", {"n": 1})
        then()
        await asyncio.sleep(1)

    hub = Hub(record=mode)
    hub.use(server, cassette=tape)
    hub.run(workflow(hub))


def interrupt() -> None:
    """What Ctrl-C does in a loop: the main task is cancelled."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


def test_an_interrupted_recording_leaves_the_cassette_as_it_was(tmp_path: Path) -> None:
    tape = tmp_path / "little.jsonl"
    ask(tape, RecordMode.ONCE)
    tape.chmod(0o644)
    before = tape.read_bytes()

    with pytest.raises(asyncio.CancelledError):
        ask(tape, RecordMode.REWRITE, then=interrupt)

    assert tape.read_bytes() == before
    assert tape.stat().st_mode & 0o777 == 0o644
    assert [*tmp_path.iterdir()] == [tape]


def test_an_interrupted_first_recording_leaves_none(tmp_path: Path) -> None:
    with pytest.raises(asyncio.CancelledError):
        ask(tmp_path / "little.jsonl", RecordMode.ONCE, then=interrupt)

    assert not [*tmp_path.iterdir()]


def test_an_interrupted_recording_takes_no_session_of_others_away(tmp_path: Path) -> None:
    tape = tmp_path / "little.jsonl"

    def let_another_record_and_interrupt() -> None:
        with CassetteWriter(tape, redactor=Redactor()) as writer:
            writer.session(transport="stdio").end(by="client")
        interrupt()

    with pytest.raises(asyncio.CancelledError):
        ask(tape, RecordMode.ALL, then=let_another_record_and_interrupt)

    assert len(read_cassette(tape).sessions) == 2


def test_a_test_that_fails_has_recorded_what_it_did(tmp_path: Path) -> None:
    def fail() -> None:
        raise LookupError("not what was expected")

    with pytest.raises(LookupError):
        ask(tmp_path / "little.jsonl", RecordMode.ONCE, then=fail)

    assert len(read_cassette(tmp_path / "little.jsonl").sessions) == 1


@pytest.mark.parametrize("mode", [RecordMode.ONCE, RecordMode.REWRITE])
def test_a_folder_that_takes_no_files_is_named(
    tmp_path: Path, mode: RecordMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Tests may run as root, to whom no folder is closed.
    def is_closed(_: Path, __: int) -> bool:
        return False

    monkeypatch.setattr(os, "access", is_closed)

    with pytest.raises(
        CassetteError, match=r"little.jsonl cannot be written: Permission denied; name a file"
    ):
        ask(tmp_path / "little.jsonl", mode)
