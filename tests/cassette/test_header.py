"""The first line of a cassette says what it is a tape of, whoever wrote the file, and whatever came first."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import planted_secrets
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tapes import Said, ask, called, opened, say, write
from weather_station import record, station

from pytest_mcpflow import Era, Hub, RecordMode
from pytest_mcpflow.cassette.merge import merged
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.redaction import Redactor
from pytest_mcpflow.cassette.trim import Keep, trimmed
from pytest_mcpflow.cassette.verify import verify
from pytest_mcpflow.cassette.writer import CassetteWriter, SessionWriter

WHOSE = ("capabilities", "era", "protocol", "server")
PLAIN = b'{"format":1,"kind":"header","recorder":"pytest-mcpflow","redaction":null}'
OLD = Path(__file__).with_name("versions") / "format-1.jsonl"


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def whose(frame: dict[str, Any]) -> dict[str, Any]:
    return {key: frame[key] for key in WHOSE if key in frame}


def first_opened(lines: Sequence[bytes]) -> dict[str, Any]:
    frames: list[dict[str, Any]] = [json.loads(line) for line in lines]
    opened_ones = [frame for frame in frames if frame["kind"] == "opened"]
    return whose(opened_ones[0]) if opened_ones else {}


def greeting(name: str) -> list[Said]:
    """The handshake of a server of that name."""
    about = {"serverInfo": {"name": name}, "protocolVersion": "2025-06-18"}
    return [ask(0, "initialize"), say(0, result={**about, "capabilities": {"tools": dict[str, Any]()}})]


def discovery(name: str) -> list[Said]:
    """The same without a handshake."""
    meta = {"io.modelcontextprotocol/serverInfo": {"name": name}}
    return [ask(0, "server/discover"), say(0, result={"capabilities": {"logging": {}}, "_meta": meta})]


REFUSED: list[Said] = [ask(0, "server/discover"), say(0, error={"code": -32601, "message": "no such method"})]
EXCHANGES: list[list[Said]] = [
    greeting("a"),
    greeting("b"),
    discovery("c"),
    REFUSED,
    called(1, "t", {"door": "opened"}, "x"),
]
SESSIONS = st.lists(st.lists(st.sampled_from(EXCHANGES), max_size=3), max_size=3)
"""What is said in each session of a tape, by exchanges."""


def say_all(session: SessionWriter, exchange: Sequence[Said]) -> None:
    for sender, body in exchange:
        session.message(sender, body)


def tape_of(path: Path, sessions: Sequence[Sequence[Sequence[Said]]]) -> Path:
    return write(path, *([said for exchange in session for said in exchange] for session in sessions))


def test_the_header_is_complete_once_a_session_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    with CassetteWriter(path) as writer:
        session = writer.session(transport="stdio")
        say_all(session, REFUSED)
        before = lines_of(path)
        say_all(session, greeting("forecast"))
        header = json.loads(lines_of(path)[0])

    assert before[0] == PLAIN + b"\n"
    assert lines_of(path)[1 : len(before)] == before[1:]
    assert whose(header) == {
        "capabilities": {"tools": {}},
        "era": "2025-11-25",
        "protocol": "2025-06-18",
        "server": {"name": "forecast"},
    }
    assert header | json.loads(PLAIN) == header


def test_a_refused_handshake_leaves_the_header_as_it_was(tmp_path: Path) -> None:
    path = tape_of(tmp_path / "tape.jsonl", [[REFUSED]])

    assert lines_of(path)[0] == PLAIN + b"\n"


@given(SESSIONS, SESSIONS, st.randoms(use_true_random=False))
def test_the_header_says_what_the_first_opened_line_does_and_all_else_is_appended(
    former: list[list[list[Said]]], sessions: list[list[list[Said]]], chance: Any
) -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        path = tape_of(Path(folder, "tape.jsonl"), former)
        waiting = list[tuple[SessionWriter, list[list[Said]]]]()
        for exchanges in sessions:  # each has a recorder of its own, and they take turns
            writer = stack.enter_context(CassetteWriter(path))
            waiting.append((writer.session(transport="memory"), [*exchanges]))
        before = lines_of(path)
        while waiting := [each for each in waiting if each[1]]:
            session, rest = chance.choice(waiting)
            say_all(session, rest.pop(0))
            after = lines_of(path)
            assert after[1 : len(before)] == before[1:]
            assert after[0] == before[0] or not whose(json.loads(before[0]))
            assert whose(json.loads(after[0])) == first_opened(after)
            before = after
        assert [session.number for session in read_cassette(path).sessions] == [
            *range(1, len(former) + len(sessions) + 1)
        ]


@given(st.lists(SESSIONS, min_size=1, max_size=3), st.data())
def test_tapes_made_of_tapes_say_of_themselves_what_their_own_first_opened_line_does(
    contents: list[list[list[list[Said]]]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [tape_of(folder / f"{number}.jsonl", each) for number, each in enumerate(contents)]
        (folder / "merged.jsonl").write_bytes(b"".join(merged(paths)))
        numbers = [session.number for session in read_cassette(folder / "merged.jsonl").sessions]
        kept = data.draw(st.sets(st.sampled_from(numbers))) if numbers else set[int]()

        for lines in (merged(paths), trimmed(folder / "merged.jsonl", Keep(sessions=kept))):
            header = json.loads(lines[0])
            assert whose(header) == first_opened(lines)
            assert {**header, **dict.fromkeys(WHOSE)} == {**json.loads(PLAIN), **dict.fromkeys(WHOSE)}


def test_a_server_that_nobody_asked_who_it_is_is_told_by_its_first_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)  # where nothing is recorded
    path = tmp_path / "tape.jsonl"

    async def look() -> None:
        async with Hub(record=RecordMode.ONCE) as hub:
            hub.use(station("version"), cassette=path)
            await (await hub.client("weather-station")).list_tools()

    asyncio.run(look())

    lines = lines_of(path)
    told = whose(json.loads(lines[0]))
    assert told == first_opened(lines)
    assert told.pop("server") == {"name": "weather-station", "version": "2"}
    assert told == {"capabilities": {}, "era": "2026-07-28", "protocol": "2026-07-28"}
    [session] = read_cassette(path).sessions
    assert [frame.kind for frame in session.frames] == ["session", "message", "message", "opened", "end"]


def test_the_answer_to_the_question_who_it_is_counts_where_it_is_on_its_way(tmp_path: Path) -> None:
    version = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
    early = {"_meta": {"io.modelcontextprotocol/serverInfo": {"name": "c"}}}
    asked, answered = discovery("c")
    path = tape_of(
        tmp_path / "tape.jsonl", [[[asked, ask(1, "ping", _meta=version), say(1, result=early), answered]]]
    )

    assert whose(json.loads(lines_of(path)[0]))["capabilities"] == {"logging": {}}


def test_an_older_tape_is_read_as_ever_and_the_next_session_completes_its_header(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    path.write_bytes(OLD.read_bytes())
    before, read_before = lines_of(path), read_cassette(path)

    tape_of(path, [[greeting("later")]])

    after = lines_of(path)
    assert (read_before.server_name, len(read_before.sessions)) == ("forecast", 2)
    assert after[1 : len(before)] == before[1:]
    assert whose(json.loads(after[0])) == first_opened(before)


def test_recording_the_same_session_twice_changes_no_line(tmp_path: Path) -> None:
    first, second = (
        lines_of(tape_of(tmp_path / name, [[REFUSED, greeting("a"), called(1, "t", {}, "x")]]))
        for name in ("first.jsonl", "second.jsonl")
    )

    assert first == second


def test_another_session_changes_no_line_of_a_tape_whose_header_is_complete(tmp_path: Path) -> None:
    path = tape_of(tmp_path / "tape.jsonl", [[greeting("a")]])
    file, before = path.stat().st_ino, path.read_bytes()

    tape_of(path, [[discovery("b")]])

    assert path.read_bytes().startswith(before)
    assert path.stat().st_ino == file


def test_a_torn_line_below_a_complete_header_is_cut_off(tmp_path: Path) -> None:
    path = tape_of(tmp_path / "tape.jsonl", [[greeting("a")]])
    before = path.read_bytes()
    path.write_bytes(before + b'{"from":"cli')

    tape_of(path, [[]])

    assert path.read_bytes().startswith(before)
    assert [len(session.messages) for session in read_cassette(path).sessions] == [2, 0]


def test_secrets_are_taken_out_of_the_header_as_out_of_the_session(tmp_path: Path) -> None:
    path, secret = tmp_path / "tape.jsonl", planted_secrets.secret("github", 7)
    with CassetteWriter(path, redactor=Redactor(environment={})) as writer:  # pyright: ignore[reportArgumentType]  # a cached property is one
        session = writer.session(transport="stdio")
        about = {"serverInfo": {"name": "a", "description": f"made with {secret}"}, "capabilities": {}}
        say_all(session, [ask(0, "initialize"), say(0, result={"protocolVersion": "2025-11-25", **about})])

    assert secret not in path.read_text(encoding="utf-8")
    assert whose(json.loads(lines_of(path)[0])) == first_opened(lines_of(path))
    assert "[REDACTED:" in lines_of(path)[0].decode()


def test_an_updated_tape_says_in_its_header_what_the_live_server_is(tmp_path: Path) -> None:
    path = record(tmp_path / "tape.jsonl", Era.HANDSHAKE, station())
    changed = path.read_bytes().replace(b'"tools":{"listChanged":false}', b'"tools":{"listChanged":true}')
    assert changed != path.read_bytes()
    path.write_bytes(changed)

    asyncio.run(verify(path, station(), update=True))

    lines = lines_of(path)
    assert whose(json.loads(lines[0])) == first_opened(lines)
    assert json.loads(lines[0])["capabilities"]["tools"] == {"listChanged": False}


def test_a_header_says_nothing_that_a_replayed_session_does_not_say_itself(tmp_path: Path) -> None:
    path = write(tmp_path / "tape.jsonl", [*opened(), *called(1, "a", {}, "x")])
    header, *rest = lines_of(path)
    other = json.dumps({**json.loads(header), "era": "2026-07-28", "server": {"name": "somebody else"}})
    path.write_bytes(b"".join([other.encode() + b"\n", *rest]))

    [session] = read_cassette(path).sessions

    assert (session.era, session.server_name) == ("2025-11-25", "hand-made")
