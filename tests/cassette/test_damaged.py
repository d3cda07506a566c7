"""Tapes that were damaged, edited or made to do harm: each is played right or refused with file and line."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from pathlib import Path
from typing import Any, cast

import pytest
from conversation import record
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tapes import ask, called, opened, say, tell, write

from pytest_mcpflow import CassetteError, Era
from pytest_mcpflow.cassette.operations import operations
from pytest_mcpflow.cassette.player import Player, Tape
from pytest_mcpflow.cassette.speaker import Speaker

WHERE = re.compile(r"\S+\.jsonl(:\d+)? ")
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The lines of two real sessions, one of each era, and some that only gateways write."""
    path = tmp_path_factory.mktemp("tapes") / "both.jsonl"
    for era in Era:
        asyncio.run(record(path, era))
    more = [
        *opened(),
        *called(1, "a", {}, "x", progressToken=1),
        tell("notifications/progress", progressToken=1),
    ]
    write(path, more, [ask(1, "subscriptions/listen"), say(1, error={"code": 1, "message": "no"})])
    lines = path.read_bytes().splitlines(keepends=True)
    extra: list[dict[str, Any]] = [
        {
            "kind": "http",
            "session": 3,
            "request": 1,
            "status": 429,
            "headers": {"retry-after": "1"},
            "body": "",
        },
        {"kind": "timing", "session": 3, "ms": 5},
        {"kind": "cut", "session": 3, "request": 1, "by": "server"},
    ]
    return [*lines, *(json.dumps(frame).encode() + b"\n" for frame in extra)]


def play(path: Path) -> None:
    """Ask a tape for all it has, in both eras."""
    loaded = Tape.load(path)
    for session in loaded.cassette.sessions:
        for operation in operations(session):
            _ = operation.steps, operation.outcome, operation.aftermath, operation.name
    for meta in ({}, {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}):
        speaker = Speaker(Player(loaded, "damaged"))
        for number, method in enumerate(("server/discover", "initialize", "tools/list")):
            json.dumps([out.message for out in speaker.receive(ask(number, method, **cast("Any", meta))[1])])
        for operation in loaded.of_method("tools/call", "resources/read"):
            outs = speaker.receive(ask(9, operation.method, **{**operation.params, **meta})[1])
            json.dumps([out.message for out in outs])


def refusal(path: Path) -> str | None:
    """Why a tape cannot be played; any other error than the documented one is a failure."""
    try:
        play(path)
    except CassetteError as error:
        return str(error)
    return None


def check(lines: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.jsonl")
        path.write_bytes(b"".join(lines))
        said = refusal(path)
        assert said is None or WHERE.search(said), said


def test_the_tape_itself_is_played(tape: list[bytes]) -> None:
    check(tape)


FIXTURES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@FIXTURES
@given(data=st.data())
def test_lines_that_are_lost_doubled_or_moved(tape: list[bytes], data: st.DataObject) -> None:
    lines = list(tape)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["drop", "double", "move"])):
            case "drop" if len(lines) > 1:
                lines.pop(place)
            case "double":
                lines.insert(place, lines[place])
            case _:
                lines.insert(data.draw(st.integers(0, len(lines) - 1)), lines.pop(place))
    check(lines)


@FIXTURES
@given(data=st.data())
def test_bytes_that_are_changed_or_cut_off(tape: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(b"".join(tape))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(whole) - 1))
        whole[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=4))
    check([bytes(whole[: data.draw(st.integers(0, len(whole)))])])


@FIXTURES
@given(data=st.data())
def test_values_that_are_something_else(tape: list[bytes], data: st.DataObject) -> None:
    lines = list(tape)
    place = data.draw(st.integers(0, len(lines) - 1))
    frame: dict[str, Any] = json.loads(lines[place])
    inside = frame
    for _ in range(data.draw(st.integers(0, 5))):
        objects = [name for name, value in inside.items() if isinstance(value, dict)]
        if not objects:
            break
        inside = cast("dict[str, Any]", inside[data.draw(st.sampled_from(objects))])
    if inside:
        inside[data.draw(st.sampled_from(sorted(inside)))] = data.draw(JUNK)
    lines[place] = json.dumps(frame).encode() + b"\n"
    check(lines)
