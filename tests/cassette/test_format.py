"""The cassette format: what is written is read, and what is damaged is said."""

from __future__ import annotations

import json
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mcpflow import CassetteError
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.values import as_object, decoded, decoded_lines, encoder
from pytest_mcpflow.cassette.writer import CassetteWriter

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
OBJECTS: st.SearchStrategy[Any] = st.dictionaries(TEXT, JSON, max_size=3)
IDS: st.SearchStrategy[Any] = st.integers(0, 9) | TEXT
WORDS: st.SearchStrategy[Any] = TEXT
ERRORS: st.SearchStrategy[Any] = st.fixed_dictionaries({"code": st.integers(), "message": TEXT})
PARAMS: dict[str, st.SearchStrategy[Any]] = {"params": OBJECTS}
RPC: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"id": IDS, "method": WORDS}, optional=PARAMS),
    st.fixed_dictionaries({"method": WORDS}, optional=PARAMS),
    st.fixed_dictionaries({"id": IDS, "result": OBJECTS}),
    st.fixed_dictionaries({"id": IDS, "error": ERRORS}),
)
MESSAGES = st.lists(st.tuples(st.sampled_from(["client", "server"]), RPC), max_size=8)


def written(path: Path, messages: list[Any]) -> Path:
    with CassetteWriter(path) as writer:
        session = writer.session(transport="stdio", command=["server"])
        for sender, body in messages:
            session.line(sender, json.dumps(body).encode())
        session.end(by="client", exit_code=0)
    return path


def read_back(path: Path) -> list[tuple[str, Any]]:
    [session] = read_cassette(path).sessions
    return [(message.sender, message.body) for message in session.messages]


@given(MESSAGES)
def test_what_is_written_is_read(messages: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder, "tape.jsonl"), messages)
        states = {"requestState", "_meta"}  # of which only the part that is not volatile is written
        assert [(sender, _without(body, states)) for sender, body in read_back(path)] == [
            (sender, _without(body, states)) for sender, body in messages
        ]


def _without(body: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """A message without some members of its parameters or its result."""
    parts: dict[str, Any] = {}
    for part, value in body.items():
        members = as_object(value)
        parts[part] = {k: v for k, v in members.items() if k not in names} if members else value
    return parts


@given(MESSAGES, st.data())
def test_a_kill_at_any_byte_loses_at_most_the_frame_being_written(
    messages: list[Any], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder, "tape.jsonl"), messages)
        whole, read_all = path.read_bytes(), read_back(path)
        cut = data.draw(st.integers(whole.index(b"\n") + 1, len(whole)))
        path.write_bytes(whole[:cut])
        cassette = read_cassette(path)
        kept = [(m.sender, m.body) for session in cassette.sessions for m in session.messages]
        complete = [json.loads(line) for line in whole[:cut].split(b"\n")[:-1]]
        assert len(kept) == sum(frame["kind"] == "message" for frame in complete)
        assert kept == read_all[: len(kept)]
        assert cassette.torn == (not whole[:cut].endswith(b"\n"))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tape.jsonl")
        path.write_bytes(data)
        with pytest.raises(CassetteError, match=r"tape\.jsonl"):
            read_cassette(path)


HEADER = '{"format":1,"kind":"header","recorder":"pytest-mcpflow"}\n'


@given(JSON | st.floats(allow_nan=False), st.booleans())
def test_the_quick_encoder_writes_what_the_standard_one_does(value: object, in_ascii: bool) -> None:
    standard = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=in_ascii)

    assert encoder(in_ascii=in_ascii)(value) == standard.encode(value)


def test_where_python_makes_no_quick_encoder_the_standard_one_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json.encoder, "c_make_encoder", None)

    assert encoder(in_ascii=False)({"b": ["ä", 1], "a": None}) == '{"a":null,"b":["ä",1]}'


SPLIT = [b'{"a":"x', b'y"}', b'{"a":[1', b"2]}", b"1]", b"[1", b"1,NaN,2", b"1,2"]
WHOLE = [b"{}", b" {} ", b"7", b'"NaN"', b"NaN", b"Infinity", b"", b"\xc3", b"\xa0{}", b'{"a":1e999}']
FRAGMENTS = st.sampled_from([*SPLIT, *WHOLE, b"[" * 300 + b"]" * 300])


@given(st.lists(FRAGMENTS | st.binary(max_size=6), min_size=1, max_size=8))
def test_lines_read_together_are_what_each_is_alone(lines: list[bytes]) -> None:
    def as_far_as_possible(values: Iterator[object]) -> list[object]:
        found = list[object]()
        with suppress(ValueError, RecursionError):
            for value in values:
                found.append(value)
        return found

    assert as_far_as_possible(decoded_lines(lines)) == as_far_as_possible(map(decoded, lines))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty; record it again"),
        ("\n", ":1 is not JSON"),
        ("hello\n", ":1 is not JSON"),
        ("[]\n", ":1 is not a JSON object"),
        ("\ufeff" + '{"format":1,"kind":"header"}\n', ":1 begins with a byte order mark"),
        ('{"kind":"message"}\n', ":1 is not the header of a cassette"),
        (HEADER.replace("1", "99", 1), "1 says format 99, which is newer than 1"),
        (HEADER + "{\n", ":2 is not JSON"),
        (HEADER + '{"kind":"message"}\n', ":2 is a message frame without a session"),
        (HEADER + '{"kind":"message","session":true}\n', ":2 is a message frame without a session"),
        (HEADER + '{"kind":"message","session":1}\n', ":2 is a message frame that does not say from whom"),
        (HEADER + '{"kind":"message","session":1,"from":"client","message":{"id":1}}\n', "is not JSON-RPC"),
        (
            HEADER + '{"kind":"message","session":1,"from":"client","message":{"method":1}}\n',
            "is not JSON-RPC",
        ),
        (HEADER + '{"kind":"timing","session":1,"ms":-1}\n', ":2 is a timing frame without milliseconds"),
        (HEADER + '{"kind":"timing","session":1,"ms":NaN}\n', ":2 is not JSON"),
        (HEADER + '{"kind":"http","session":1,"status":9}\n', ":2 is a http frame without a status"),
        (HEADER + "[" * 100_000 + "\n", ":2 is not JSON"),
    ],
)
def test_a_damaged_cassette_says_where(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "tape.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CassetteError) as caught:
        read_cassette(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_cassette_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.jsonl", tmp_path):
        with pytest.raises(CassetteError, match="cannot be read"):
            read_cassette(path)


def test_unknown_kinds_of_frames_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    path.write_text(
        HEADER + '{"kind":"smell","session":1}\n{"kind":"session","session":1}\n', encoding="utf-8"
    )
    assert [len(session.messages) for session in read_cassette(path).sessions] == [0]


def test_sessions_are_numbered_on_and_a_torn_line_is_dropped(tmp_path: Path) -> None:
    path = written(tmp_path / "tape.jsonl", [("client", {"id": 1, "method": "ping"})])
    path.write_bytes(path.read_bytes() + b'{"from":"cli')
    written(path, [("client", {"id": 1, "method": "pong"})])
    first, second = read_cassette(path).sessions
    assert [each.messages[0].body["method"] for each in (first, second)] == ["ping", "pong"]


def test_two_recorders_of_one_file_give_each_session_its_own_number(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    with CassetteWriter(path) as one, CassetteWriter(path) as other:
        numbers = [writer.session(transport="stdio").number for writer in (one, other, other, one)]

    assert numbers == [1, 2, 3, 4]
    assert [session.number for session in read_cassette(path).sessions] == numbers


def test_a_line_that_another_recorder_was_killed_in_is_lost_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    with CassetteWriter(path) as writer:
        session = writer.session(transport="stdio")
        with path.open("ab") as killed:
            killed.write(b'{"kind":"session","session":7,"transp')
        session.message("client", {"jsonrpc": "2.0", "id": 1, "method": "ping"})
        with path.open("ab") as killed:
            killed.write(b'{"from":"cli')
        second = writer.session(transport="stdio")

    first, _ = read_cassette(path).sessions
    assert second.number == 2
    assert [message.body["method"] for message in first.messages] == ["ping"]


def test_a_cassette_is_for_its_owner(tmp_path: Path) -> None:
    path = written(tmp_path / "tape.jsonl", [])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_no_cassette_is_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    for notes, message in (("my notes\n", r"notes\.txt:1 is not JSON"), ("my notes", "is not a cassette")):
        path.write_text(notes, encoding="utf-8")
        with pytest.raises(CassetteError, match=message):
            CassetteWriter(path)
        assert path.read_text(encoding="utf-8") == notes
    with pytest.raises(CassetteError, match="cannot be written"):
        CassetteWriter(tmp_path / "no" / "folder.jsonl")


def test_recording_the_same_session_again_changes_no_line(tmp_path: Path) -> None:
    messages: list[Any] = [("client", {"id": 1, "method": "ping"}), ("server", {"id": 1, "result": {}})]
    first, second = (written(tmp_path / name, messages).read_bytes() for name in ("a.jsonl", "b.jsonl"))
    assert first == second


def many(path: str, word: str) -> None:
    with CassetteWriter(Path(path)) as writer:
        session = writer.session(transport="stdio")
        for number in range(50):
            session.message("client", {"id": number, "method": word * 2000})


def test_two_recorders_of_one_file_never_mix_lines(tmp_path: Path) -> None:
    path = str(tmp_path / "tape.jsonl")
    recorders = [get_context("spawn").Process(target=many, args=(path, word)) for word in ("a", "b")]
    for recorder in recorders:
        recorder.start()
    for recorder in recorders:
        recorder.join()
    sessions = read_cassette(Path(path)).sessions
    assert [len(session.messages) for session in sessions] == [50, 50]
    assert all(len({message.body["method"] for message in session.messages}) == 1 for session in sessions)


@pytest.mark.parametrize("depth", [190, 198, 199, 200, 201, 400, 5000])
def test_what_is_nested_deeply_is_written_so_that_it_can_be_read(tmp_path: Path, depth: int) -> None:
    nested = b'{"jsonrpc":"2.0","id":1,"result":{"a":' + b"[" * depth + b"]" * depth + b"}}"
    with CassetteWriter(tmp_path / "t.jsonl") as writer:
        writer.session(transport="stdio").line("server", nested)

    [session] = read_cassette(tmp_path / "t.jsonl").sessions

    assert {frame.kind for frame in session.frames} <= {"session", "message", "noise"}
    assert len(session.frames) == 2


def test_numbers_that_json_cannot_say_are_noise(tmp_path: Path) -> None:
    with CassetteWriter(tmp_path / "t.jsonl") as writer:
        session = writer.session(transport="stdio")
        for number in (b"NaN", b"1e999", b"-Infinity"):
            session.line("server", b'{"jsonrpc":"2.0","id":1,"result":{"a":' + number + b"}}")

    [session_read] = read_cassette(tmp_path / "t.jsonl").sessions

    assert [frame.kind for frame in session_read.frames] == ["session", "noise", "noise", "noise"]
