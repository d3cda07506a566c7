"""What the commands that look after cassettes say of what they cannot do."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import cast

import pytest
from tapes import called, opened, write

from pytest_mcpflow import CassetteError, Hub
from pytest_mcpflow.cli import main

KINDS = ("pipe", "folder", "socket", "device")


@contextlib.contextmanager
def something(kind: str, path: Path) -> Generator[Path]:
    """What is no file, at a path; of a pipe, the end comes at once to whoever reads it."""
    match kind:
        case "pipe":
            os.mkfifo(path)
            other_end = threading.Thread(target=lambda: path.open("wb").close())
            other_end.start()
            yield path
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
            other_end.join()
        case "folder":
            path.mkdir()
            yield path
        case "socket":
            with socket.socket(socket.AF_UNIX) as end:
                end.bind(str(path))
                yield path
        case _:
            path.symlink_to("/dev/null")
            yield path


def mcpflow(*arguments: str | Path) -> int:
    try:
        return main([*map(str, arguments)])
    except SystemExit as ended:  # a usage error
        return cast("int", ended.code)


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return write(tmp_path / "tape.jsonl", [*opened(), *called(1, "get", {"n": 1}, "one")])


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_is_said_to_be_none_and_not_waited_for(
    tape: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tape.parent)  # the path of a socket may not be long
    with something(kind, Path("odd")) as odd:
        for arguments in (
            ("show", odd),
            ("lint", tape, odd),
            ("diff", tape, odd),
            ("merge", "out.jsonl", tape, odd),
            ("trim", odd, "-o", "out.jsonl"),
            ("serve", odd),
            ("verify", odd, "--", "server"),
            ("record", "-o", odd, "--", "cat"),
            ("trim", tape, "-o", odd, "--force"),
        ):
            code = mcpflow(*arguments)

            told = capsys.readouterr().err
            assert (code, told.count("\n")) == (2, 1), arguments
            assert f"mcpflow {arguments[0]}: cassette odd cannot be " in told
            assert f": it is a {kind} and no file; name a file" in told
        with pytest.raises(CassetteError, match=f"it is a {kind} and no file"):
            Hub().replay(odd)
    assert not Path("out.jsonl").exists()
    assert not Path("odd").is_file()


def test_a_folder_does_not_stand_in_the_way_of_the_fake_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def serves(_: object) -> Iterator[None]:
        raise KeyboardInterrupt

    (tmp_path / "github").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pytest_mcpflow.server.serve_fake", serves)

    with pytest.raises(KeyboardInterrupt):
        main(["serve", "github"])


def test_a_tape_that_is_served_until_ctrl_c_ends_with_what_was_not_asked(
    tape: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("pytest_mcpflow.cassette.serve_stdio.os.read", interrupted)

    assert mcpflow("serve", tape) == 1
    assert capsys.readouterr().err == "mcpflow serve: get(n=1) was recorded and never called\n"


USAGE_OF_RECORD = """\
usage: mcpflow record [OPTION ...] -o FILE -- SERVER [ARG ...]
       mcpflow record [OPTION ...] -o FILE --url URL
"""
USAGE_OF_VERIFY = """\
usage: mcpflow verify [OPTION ...] CASSETTE -- SERVER [ARG ...]
       mcpflow verify [OPTION ...] CASSETTE --url URL
"""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("record", USAGE_OF_RECORD),
        ("record -h", USAGE_OF_RECORD),
        (
            "record -o new.jsonl python --flag",
            f"{USAGE_OF_RECORD}mcpflow record: error: unrecognized arguments: ",
        ),
        ("record -o new.jsonl python --flag", "--flag; write -- in front of the server's command\n"),
        ("verify", USAGE_OF_VERIFY),
        ("verify tape.jsonl python --flag", "--flag; write -- in front of the server's command\n"),
        (
            "record -o new.jsonl --url http://127.0.0.1:1 -- cat",
            "mcpflow record: give either a URL (--url) or a",
        ),
        (
            "record -o new.jsonl --listen 127.0.0.1:0 -- cat",
            "mcpflow record: --listen is where a --url is recorded",
        ),
        (
            "verify tape.jsonl --url http://127.0.0.1:1 -- cat",
            "mcpflow verify: give either a URL (--url) or a",
        ),
        ("verify tape.jsonl --header A:B -- cat", "mcpflow verify: --header is for a --url"),
        (
            "serve tape.jsonl --errors prose",
            "mcpflow serve: --errors is for fakes, and this is a cassette\n",
        ),
        ("serve github --ignore /n", "mcpflow serve: --ignore is for cassettes, and this is a fake\n"),
        ("serve github --allow-unused", "mcpflow serve: --allow-unused is for cassettes, and"),
        ("show tape.jsonl --wat", "mcpflow show: error: unrecognized arguments: --wat\n"),
    ],
)
def test_what_makes_no_sense_is_said_and_nothing_is_done(
    tape: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: str, told: str
) -> None:
    monkeypatch.chdir(tape.parent)
    before = tape.read_bytes()

    code = mcpflow(*arguments.split())

    out, err = capsys.readouterr()
    assert code == (0 if arguments.endswith("-h") else 2)
    assert told in out + err
    assert [*tape.parent.iterdir()] == [tape]
    assert tape.read_bytes() == before
