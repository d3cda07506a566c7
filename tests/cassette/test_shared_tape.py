"""A tape that several record to while its first session opens, and the file is replaced: nothing is lost or mixed."""

from __future__ import annotations

import json
import os
import random
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import pytest
from tapes import called, opened

from pytest_mcpflow import CassetteError
from pytest_mcpflow.cassette.format import Cassette
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.writer import CassetteWriter, SessionWriter

ROUNDS, RECORDERS, THREADS, CALLS = 4, 3, 2, 5
HEADER = b'{"format":1,"kind":"header","recorder":"pytest-mcpflow","redaction":null}\n'


def open_session(session: SessionWriter) -> None:
    for sender, body in opened():
        session.message(sender, body)


def call(session: SessionWriter, number: int = 1) -> None:
    for sender, body in called(number, "t", {"by": session.number}, "done"):
        session.message(sender, body)


def header_of(path: Path) -> dict[str, object]:
    header: dict[str, object] = json.loads(path.read_bytes().partition(b"\n")[0])
    return header


def counts(cassette: Cassette) -> list[int]:
    return [len(session.messages) for session in cassette.sessions]


def record_all(folder: str, wait: Callable[[], object]) -> None:
    """What one of many recorders does: open a session on each tape, and call, when all others do."""
    for number in range(ROUNDS):
        wait()
        with CassetteWriter(Path(folder, f"{number}.jsonl")) as writer:
            session = writer.session(transport="stdio")
            open_session(session)
            for index in range(CALLS):
                call(session, index + 1)
            session.end(by="client")


def record_in_threads(folder: str, wait: Callable[[], object]) -> None:
    threads = [threading.Thread(target=record_all, args=(folder, wait)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_processes_and_threads_that_begin_one_new_tape_at_once_lose_and_mix_nothing(tmp_path: Path) -> None:
    context = get_context("spawn")
    barrier = context.Barrier(RECORDERS * THREADS, timeout=60)
    recorders = [
        context.Process(target=record_in_threads, args=(str(tmp_path), barrier.wait))
        for _ in range(RECORDERS)
    ]
    for recorder in recorders:
        recorder.start()
    for recorder in recorders:
        recorder.join()

    assert [recorder.exitcode for recorder in recorders] == [0] * RECORDERS
    assert {path.name for path in tmp_path.iterdir()} == {f"{number}.jsonl" for number in range(ROUNDS)}
    for path in tmp_path.iterdir():
        cassette = read_cassette(path)
        numbers = range(1, RECORDERS * THREADS + 1)
        assert sorted(session.number for session in cassette.sessions) == [*numbers]
        assert counts(cassette) == [2 + 2 * CALLS] * len(numbers)
        for session in cassette.sessions:
            asked = [each.body["params"] for each in session.messages if each.is_request]
            assert [params["arguments"]["by"] for params in asked[1:]] == [session.number] * CALLS
        assert header_of(path)["server"] == {"name": "hand-made", "version": "1"}


ENDLESS = """
import itertools, sys
from pathlib import Path
from tapes import opened
from pytest_mcpflow.cassette.writer import CassetteWriter
for number in itertools.count():
    with CassetteWriter(Path(sys.argv[1], f"{number}.jsonl")) as writer:
        session = writer.session(transport="stdio")
        for sender, body in opened():
            session.message(sender, body)
    print(number, flush=True)
"""


def test_a_recorder_that_is_killed_while_a_session_opens_leaves_whole_tapes(tmp_path: Path) -> None:
    chance = random.Random(7)
    for index in range(8):
        folder = tmp_path / str(index)
        folder.mkdir()
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        command = [sys.executable, "-c", ENDLESS, str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as running:
            assert running.stdout is not None
            running.stdout.readline()
            killer = threading.Timer(chance.uniform(0, 0.02), running.kill)
            killer.start()
            handed_on = 1 + len(running.stdout.read().splitlines())
            killer.join()

        tapes = [folder / f"{number}.jsonl" for number in range(handed_on + 1)]
        assert handed_on <= len([*folder.glob("[0-9]*.jsonl")]) <= handed_on + 1
        for tape in tapes[:handed_on]:
            assert counts(read_cassette(tape)) == [2]
            assert "server" in header_of(tape)
        if tapes[-1].exists() and tapes[-1].stat().st_size:  # the one that it was making
            [*sessions] = read_cassette(tapes[-1]).sessions
            has_opened = any(session.opened for session in sessions)
            assert ("server" in header_of(tapes[-1])) == has_opened


def test_a_reader_finds_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path, found = tmp_path / "tape.jsonl", list[list[bytes]]()
    with CassetteWriter(path) as writer:
        session = writer.session(transport="stdio")
        reading, done = path.open("rb"), threading.Event()
        watcher = threading.Thread(target=lambda: _watch(path, found, done))
        watcher.start()
        open_session(session)
        done.set()
        watcher.join()
    with reading:  # opened before, read after
        found.append(reading.read().splitlines())

    for lines in found:
        kinds = [json.loads(line)["kind"] for line in lines]
        assert kinds[:2] == ["header", "session"]
        assert ("opened" in kinds) == ("server" in json.loads(lines[0]))


def _watch(path: Path, found: list[list[bytes]], done: threading.Event) -> None:
    while not done.is_set():
        found.append(path.read_bytes().splitlines())


def test_a_recorder_goes_on_in_the_file_that_another_put_in_place(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    with CassetteWriter(path) as one, CassetteWriter(path) as other:
        first, second = one.session(transport="stdio"), other.session(transport="stdio")
        call(second)
        open_session(first)
        call(second, 2)
        third = other.session(transport="stdio")
        call(first)

    assert third.number == 3
    assert counts(read_cassette(path)) == [4, 4, 0]


def test_files_that_keep_a_name_while_they_are_open_are_left_behind_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, replace = tmp_path / "tape.jsonl", os.replace

    def replaced_over_a_network(source: str, target: Path) -> None:
        os.link(target, tmp_path / ".nfs000001")
        replace(source, target)

    monkeypatch.setattr(os, "replace", replaced_over_a_network)
    with CassetteWriter(path) as one, CassetteWriter(path) as other:
        first, second = one.session(transport="stdio"), other.session(transport="stdio")
        open_session(first)
        call(first)
        call(second)

    assert counts(read_cassette(path)) == [4, 2]


def test_a_change_of_the_working_folder_leads_to_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    with CassetteWriter(Path("tape.jsonl")) as writer:
        monkeypatch.chdir(tmp_path / "elsewhere")
        session = writer.session(transport="stdio")
        open_session(session)
        call(session)

    assert counts(read_cassette(tmp_path / "tape.jsonl")) == [4]
    assert [*(tmp_path / "elsewhere").iterdir()] == []


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o604])
def test_the_mode_stays_and_a_link_goes_on_leading_to_the_tape(tmp_path: Path, mode: int) -> None:
    path, link = tmp_path / "tape.jsonl", tmp_path / "link.jsonl"
    path.touch(mode=0o600)
    path.chmod(mode)
    link.symlink_to(path.name)
    with CassetteWriter(link) as writer:
        session = writer.session(transport="stdio")
        open_session(session)
        call(session)

    assert (link.is_symlink(), stat.S_IMODE(path.stat().st_mode)) == (True, mode)
    assert counts(read_cassette(path)) == [4]
    assert "server" in header_of(path)


def test_where_the_folder_takes_no_new_file_recording_goes_on_under_the_header_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tape.jsonl"

    def busy(source: object, target: object) -> None:
        # What the kernel says of a file that is mounted by itself.
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(os, "replace", busy)
    with CassetteWriter(path) as writer:
        for _ in range(2):
            session = writer.session(transport="stdio")
            open_session(session)
            call(session)

    assert path.read_bytes().startswith(HEADER)
    assert counts(read_cassette(path)) == [4, 4]
    assert [*tmp_path.iterdir()] == [path]


def test_a_tape_with_a_second_name_stays_one_file(tmp_path: Path) -> None:
    path, name = tmp_path / "tape.jsonl", tmp_path / "name.jsonl"
    with CassetteWriter(path) as writer:
        name.hardlink_to(path)
        session = writer.session(transport="stdio")
        open_session(session)

    assert path.samefile(name)
    assert path.read_bytes().startswith(HEADER)
    assert counts(read_cassette(name)) == [2]


def deleted(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(b"")


def replaced_by_notes(path: Path) -> None:
    (path.parent / "notes").write_bytes(b"my notes\n")
    os.replace(path.parent / "notes", path)


def begun_anew(path: Path) -> None:
    path.unlink()
    with CassetteWriter(path) as other:
        open_session(other.session(transport="stdio"))


def updated(path: Path) -> None:
    lines = path.read_bytes().replace(b"hand-made", b"edited")
    (path.parent / "new").write_bytes(lines)
    os.replace(path.parent / "new", path)


@pytest.mark.parametrize("change", [deleted, cut, replaced_by_notes, begun_anew, updated])
def test_a_tape_that_somebody_takes_away_is_an_error_and_what_is_there_then_is_left_alone(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    path = tmp_path / "tape.jsonl"
    said = r"tape\.jsonl was deleted, cut or replaced while it was being recorded; record it again"
    with CassetteWriter(path) as writer:
        session = writer.session(transport="stdio")
        open_session(session)
        change(path)
        before = path.read_bytes() if path.exists() else None
        for _ in range(2):
            with pytest.raises(CassetteError, match=said):
                call(session)
        with pytest.raises(CassetteError, match=said):
            writer.session(transport="stdio")

    assert (path.read_bytes() if path.exists() else None) == before


def test_one_recorder_of_a_deleted_tape_does_not_keep_another_waiting(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    with CassetteWriter(path) as one, CassetteWriter(path) as other:
        sessions = [writer.session(transport="stdio") for writer in (one, other)]
        path.unlink()
        for session in sessions:
            with pytest.raises(CassetteError, match="was deleted"):
                call(session)


def under_other_rules(path: Path) -> None:
    lines = path.read_bytes().replace(b'"redaction":null', b'"redaction":"803fd4286640"')
    (path.parent / "new").write_bytes(lines)
    os.replace(path.parent / "new", path)


@pytest.mark.parametrize("change", [deleted, replaced_by_notes, begun_anew, under_other_rules])
def test_a_recorder_follows_to_no_other_tape_than_its_own(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    path = tmp_path / "tape.jsonl"
    with CassetteWriter(path) as one, CassetteWriter(path) as other:
        first, second = one.session(transport="stdio"), other.session(transport="stdio")
        open_session(first)
        change(path)
        before = path.read_bytes() if path.exists() else None
        for session in (second, first):
            with pytest.raises(CassetteError, match="was deleted, cut or replaced"):
                call(session)

    assert (path.read_bytes() if path.exists() else None) == before


def lost_when_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next file that is opened be deleted before it can be locked."""
    opened_for_real = os.open

    def open_and_lose(path: Path, flags: int, mode: int) -> int:
        file = opened_for_real(path, flags, mode)
        monkeypatch.undo()
        path.unlink()
        return file

    monkeypatch.setattr(os, "open", open_and_lose)


def test_a_recorder_that_loses_the_file_it_follows_to_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tape.jsonl"
    with CassetteWriter(path) as one, CassetteWriter(path) as other:
        first, second = one.session(transport="stdio"), other.session(transport="stdio")
        open_session(first)
        lost_when_opened(monkeypatch)
        with pytest.raises(CassetteError, match="was deleted, cut or replaced"):
            second.noise("server", "one frame is enough to be lost")


def test_a_recorder_that_loses_a_new_file_begins_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tape.jsonl"
    lost_when_opened(monkeypatch)
    with CassetteWriter(path) as writer:
        call(writer.session(transport="stdio"))

    assert counts(read_cassette(path)) == [2]
