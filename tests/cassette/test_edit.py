"""Merging and trimming: whole lines, to the byte, and nothing that is still needed is lost."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from weather_station import record, station

from pytest_mcpflow import CassetteError, Era
from pytest_mcpflow.cassette.files import write_lines, write_new
from pytest_mcpflow.cassette.format import Cassette
from pytest_mcpflow.cassette.merge import merged
from pytest_mcpflow.cassette.operations import operations
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.redaction import Redactor
from pytest_mcpflow.cassette.trim import Keep, trimmed
from pytest_mcpflow.cassette.verify import verify
from pytest_mcpflow.cassette.writer import CassetteWriter

each_era = pytest.mark.parametrize("era", list(Era))


def mcpflow(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "pytest_mcpflow", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60)


def merge(out: Path, *paths: Path) -> Path:
    write_new(out, merged(paths))
    return out


def trim(path: Path, **keep: Any) -> Cassette:
    out = path.with_name("out.jsonl")
    write_new(out, trimmed(path, Keep(**keep)), force=True)
    return read_cassette(out)


def asked(cassette: Cassette) -> list[tuple[str, str]]:
    return [(each.method, each.name) for session in cassette.sessions for each in operations(session)]


def written(path: Path, sessions: list[list[int]]) -> Path:
    """A cassette whose sessions ask for these numbers, their lines among each other."""
    with CassetteWriter(path) as writer:
        open_ones = [writer.session(transport="memory") for _ in sessions]
        for step in range(max(map(len, sessions), default=0)):
            for session, numbers in zip(open_ones, sessions, strict=True):
                if step < len(numbers):
                    session.message("client", {"jsonrpc": "2.0", "id": step, "method": f"m{numbers[step]}"})
    return path


TAPES = st.lists(st.lists(st.lists(st.integers(0, 9), max_size=3), max_size=3), min_size=1, max_size=4)


@given(TAPES, st.data())
def test_it_does_not_matter_in_how_many_steps_cassettes_are_merged(
    contents: list[list[list[int]]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [written(folder / f"{number}.jsonl", each) for number, each in enumerate(contents)]
        cut = data.draw(st.integers(1, len(paths)))
        at_once = merge(folder / "at-once.jsonl", *paths)
        in_steps = merge(folder / "in-steps.jsonl", merge(folder / "first.jsonl", *paths[:cut]), *paths[cut:])

        assert at_once.read_bytes() == in_steps.read_bytes()


@given(TAPES)
def test_a_merged_cassette_has_all_sessions_in_order_and_numbered(contents: list[list[list[int]]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [written(folder / f"{number}.jsonl", each) for number, each in enumerate(contents)]
        cassette = read_cassette(merge(folder / "out.jsonl", *paths))

        methods = [[message.body["method"] for message in session.messages] for session in cassette.sessions]
        assert methods == [[f"m{number}" for number in session] for tape in contents for session in tape]
        assert [session.number for session in cassette.sessions] == [*range(1, len(methods) + 1)]


@given(st.lists(st.lists(st.integers(0, 9), max_size=3), max_size=3))
def test_merging_or_trimming_one_cassette_to_all_of_it_changes_no_byte(content: list[list[int]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = written(Path(name, "tape.jsonl"), content)

        assert b"".join(merged([path])) == path.read_bytes()
        # Sessions are written one after the other, which is how most tapes are anyway.
        assert sorted(trimmed(path, Keep())) == sorted(path.read_bytes().splitlines(keepends=True))


def test_a_torn_line_is_left_out_and_a_tape_can_be_merged_with_itself(tmp_path: Path) -> None:
    path = written(tmp_path / "tape.jsonl", [[1, 2]])
    path.write_bytes(path.read_bytes() + b'{"from":"cli')

    cassette = read_cassette(merge(tmp_path / "out.jsonl", path, path))

    assert (cassette.torn, len(cassette.sessions)) == (False, 2)


def test_cassettes_that_were_redacted_by_different_rules_are_not_merged(tmp_path: Path) -> None:
    plain = written(tmp_path / "plain.jsonl", [[1]])
    with CassetteWriter(tmp_path / "redacted.jsonl", redactor=Redactor()) as writer:  # pyright: ignore[reportArgumentType]  # a cached property is one
        redacted = writer.path

    done = mcpflow("merge", tmp_path / "out.jsonl", plain, redacted)

    assert done.returncode == 2
    assert f"{plain} is redacted by None and {redacted} by {Redactor().fingerprint}" in done.stderr


@pytest.mark.parametrize("command", ["merge", "trim"])
def test_a_file_that_exists_is_replaced_only_when_told(tmp_path: Path, command: str) -> None:
    path, out = written(tmp_path / "tape.jsonl", [[1]]), tmp_path / "out.jsonl"
    out.write_text("precious", encoding="utf-8")
    arguments: list[str | Path] = [out, path] if command == "merge" else [path, "-o", out]

    refused = mcpflow(command, *arguments)
    kept = out.read_text(encoding="utf-8")
    done = mcpflow(command, *arguments, "--force")

    assert (refused.returncode, kept, done.returncode) == (2, "precious", 0)
    assert f"{out} exists" in refused.stderr
    assert out.read_bytes() == path.read_bytes()


def test_a_new_cassette_is_for_its_owner_and_is_all_there_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"

    def failing() -> Any:
        yield b"half"
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        write_lines(path, failing())
    assert [*tmp_path.iterdir()] == []
    write_lines(path, [b"all\n"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(CassetteError, match="cannot be written"):
        write_lines(tmp_path / "no" / "tape.jsonl", [])


def test_a_link_to_a_cassette_goes_on_leading_to_it(tmp_path: Path) -> None:
    path, link = written(tmp_path / "tape.jsonl", [[1]]), tmp_path / "link.jsonl"
    link.symlink_to(path.name)

    write_lines(link, [b"other\n"])

    assert (link.is_symlink(), path.read_bytes()) == (True, b"other\n")


@each_era
def test_trimmed_to_a_tool_the_tape_still_has_what_its_calls_need(tmp_path: Path, era: Era) -> None:
    path = record(tmp_path / "tape.jsonl", era, station())
    opening = [("initialize", "")] if era is Era.HANDSHAKE else []

    trimmed_tape = trim(path, tools=["chris*", "measure"], drop_unused=True)

    assert asked(trimmed_tape) == [
        *opening,
        ("tools/list", ""),
        ("tools/call", "measure"),
        ("tools/call", "christen"),
    ]
    drift = asyncio.run(verify(trimmed_tape, station()))
    assert (bool(drift), drift.skipped, drift.compared) == (False, (), 3)
    # What came with the calls is there, too: their questions, answers and progress.
    assert asyncio.run(verify(trimmed_tape, station("question", "silent"))).answers != ()


@each_era
def test_what_stays_stays_to_the_byte(tmp_path: Path, era: Era) -> None:
    path = record(tmp_path / "tape.jsonl", era, station())
    before = path.read_bytes().splitlines()

    for keep in ({"tools": ["motto"]}, {"drop_unused": True}, {"drop_unanswered": True}):
        after = trim(path, **keep).path.read_bytes().splitlines()
        assert [line for line in before if line in after] == after


def test_sessions_are_chosen_and_numbered_anew(tmp_path: Path) -> None:
    path = written(tmp_path / "tape.jsonl", [[1], [2], [3]])

    cassette = trim(path, sessions=[1, 3])

    assert [(session.number, session.messages[0].body["method"]) for session in cassette.sessions] == [
        (1, "m1"),
        (2, "m3"),
    ]


def test_what_was_given_up_goes_with_its_cancellation(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    with CassetteWriter(path, timing=True) as writer:
        session = writer.session(transport="memory")
        session.message("client", {"jsonrpc": "2.0", "id": 1, "method": "ping"})
        cancelled = {"method": "notifications/cancelled", "params": {"requestId": 1}}
        session.message("client", {"jsonrpc": "2.0", **cancelled})
        session.message("server", {"jsonrpc": "2.0", "id": 1, "result": {}})
        session.message("client", {"jsonrpc": "2.0", "id": 2, "method": "ping"})
        session.line("server", b"noise\n")
        session.message("server", {"jsonrpc": "2.0", "id": 2, "result": {}})

    kept = trim(path, drop_unanswered=True)
    without_times = trim(path, drop_timing=True)

    assert [message.body["id"] for message in kept.sessions[0].messages] == [2, 2]
    kinds = [frame.kind for frame in kept.sessions[0].frames]
    assert kinds == ["session", "message", "timing", "noise", "timing", "message", "timing"]
    assert "timing" not in {frame.kind for frame in without_times.sessions[0].frames}
    assert "noise" not in {frame.kind for frame in trim(path, drop_unused=True).sessions[0].frames}


def test_what_is_not_there_cannot_be_kept(tmp_path: Path) -> None:
    path = record(tmp_path / "tape.jsonl", Era.HANDSHAKE, station())

    session = mcpflow("trim", path, "-o", tmp_path / "out.jsonl", "--session", "7")
    tool = mcpflow("trim", path, "-o", tmp_path / "out.jsonl", "--tool", "moto")

    assert [done.returncode for done in (session, tool)] == [2, 2]
    assert "has no session 7; it has 1" in session.stderr
    assert "has no call of 'moto'; nearest: motto" in tool.stderr
    assert not (tmp_path / "out.jsonl").exists()
