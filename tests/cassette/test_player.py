"""What a tape answers, and what it says when it has no answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tapes import ask, called, give_up, opened, player, say, tell, write

from pytest_mcpflow import CassetteError
from pytest_mcpflow.cassette.matching import first_difference, request_key
from pytest_mcpflow.cassette.playback import Playback
from pytest_mcpflow.cassette.player import Player, Tape
from pytest_mcpflow.cassette.redaction import Redactor
from pytest_mcpflow.cassette.speaker import Speaker
from pytest_mcpflow.cassette.writer import CassetteWriter
from pytest_mcpflow.errors import (
    DifferentArgumentsError,
    ExhaustedError,
    NeverRecordedError,
    OutOfOrderError,
)


def answers(speaker: Speaker, number: int, method: str, **params: Any) -> list[Any]:
    """All messages that come back for a request."""
    return [out.message for out in speaker.receive(ask(number, method, **params)[1])]


def text(speaker: Speaker, number: int, name: str, **arguments: Any) -> str:
    """The text of a tool's answer, or the error's message."""
    [message] = answers(speaker, number, "tools/call", name=name, arguments=arguments)
    return str(
        message["result"]["content"][0]["text"] if "result" in message else message["error"]["message"]
    )


def test_each_recorded_call_answers_once_and_in_order(tmp_path: Path) -> None:
    tape, speaker = player(
        tmp_path / "t.jsonl", [*opened(), *called(1, "next", {}, "one"), *called(2, "next", {}, "two")]
    )

    assert [text(speaker, 7, "next"), text(speaker, 8, "next")] == ["one", "two"]
    assert "next() was asked more often than it was recorded" in text(speaker, 9, "next")
    assert [type(miss) for miss in tape.misses] == [ExhaustedError]
    assert tape.unused() == []


def test_a_client_that_writes_null_for_no_params_is_recorded_and_answered(tmp_path: Path) -> None:
    asked = b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":null}'
    with CassetteWriter(tmp_path / "t.jsonl", redactor=Redactor()) as writer:
        session = writer.session(transport="stdio")
        session.line("client", asked)
        session.line("server", b'{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}')
    speaker = Speaker(Player(Tape.load(tmp_path / "t.jsonl"), "null", Redactor()))

    answered = [speaker.receive(each)[0].message for each in (json.loads(asked), ask(2, "tools/list")[1])]

    assert answered == [{"jsonrpc": "2.0", "id": number, "result": {"tools": []}} for number in (1, 2)]


def test_sessions_that_share_ids_never_share_answers(tmp_path: Path) -> None:
    _, speaker = player(
        tmp_path / "t.jsonl",
        [*opened(), *called(1, "sum", {"a": 1, "b": 2}, "3")],
        [*opened(), *called(1, "sum", {"a": 1, "b": 9}, "10")],
    )

    assert text(speaker, 1, "sum", a=1, b=2) == "3"
    assert text(speaker, 2, "sum", b=9, a=1) == "10"


def test_listing_may_be_repeated_and_the_last_answer_stays(tmp_path: Path) -> None:
    _, speaker = player(
        tmp_path / "t.jsonl",
        [
            *opened(),
            ask(1, "tools/list"),
            say(1, result={"tools": []}),
            ask(2, "tools/list"),
            say(2, result={"tools": [{"name": "a", "inputSchema": {"type": "object"}}]}),
        ],
    )

    found = [answers(speaker, number, "tools/list")[0]["result"]["tools"] for number in range(4)]

    assert [len(tools) for tools in found] == [0, 1, 1, 1]


def test_pages_are_turned_with_the_tapes_own_cursors_and_no_other(tmp_path: Path) -> None:
    tape, speaker = player(
        tmp_path / "t.jsonl",
        [
            *opened(),
            ask(1, "tools/list"),
            say(1, result={"tools": [], "nextCursor": "c-1"}),
            ask(2, "tools/list", cursor="c-1"),
            say(2, result={"tools": [{"name": "a", "inputSchema": {"type": "object"}}]}),
        ],
    )

    for _ in range(2):
        first = answers(speaker, 7, "tools/list")[0]["result"]
        second = answers(speaker, 8, "tools/list", cursor=first["nextCursor"])[0]["result"]
        assert [tool["name"] for tool in second["tools"]] == ["a"]
    assert not tape.misses
    assert "error" in answers(speaker, 9, "tools/list", cursor="c-2")[0]


def test_a_task_is_asked_about_as_often_as_its_client_likes_and_ends_as_recorded(tmp_path: Path) -> None:
    begun: dict[str, Any] = {"task": {"taskId": "t-1", "status": "working"}}
    done = {"content": [{"type": "text", "text": "baked"}]}
    _, speaker = player(
        tmp_path / "t.jsonl",
        [
            *opened(),
            ask(1, "tools/call", name="bake", arguments={}, task={"ttl": 60000}),
            say(1, result=begun),
            ask(2, "tasks/get", taskId="t-1"),
            say(2, result={"taskId": "t-1", "status": "working"}),
            ask(3, "tasks/get", taskId="t-1"),
            say(3, result={"taskId": "t-1", "status": "completed"}),
            ask(4, "tasks/result", taskId="t-1"),
            say(4, result=done),
        ],
    )

    task = answers(speaker, 1, "tools/call", name="bake", arguments={}, task={"ttl": 60000})[0]["result"][
        "task"
    ]
    states = [
        answers(speaker, number, "tasks/get", taskId=task["taskId"])[0]["result"]["status"]
        for number in (2, 3, 4)
    ]

    assert states == ["working", "completed", "completed"]
    assert (
        answers(speaker, 5, "tasks/result", taskId=task["taskId"])[0]["result"]["content"] == done["content"]
    )


def test_the_way_back_names_the_nearest_and_where_arguments_differ(tmp_path: Path) -> None:
    tape, speaker = player(
        tmp_path / "t.jsonl",
        [*opened(), *called(1, "get", {"path": {"a/b": [1, 2]}}, "x"), *called(2, "put", {}, "y")],
    )

    assert "at /arguments/path/a~1b/1 was recorded 2, and asked 3" in text(
        speaker, 1, "get", path={"a/b": [1, 3]}
    )
    assert "recorded were: put()" in text(speaker, 2, "putt")
    assert "nothing of the kind was recorded" in answers(speaker, 3, "prompts/list")[0]["error"]["message"]
    kinds = [type(miss) for miss in tape.misses]
    assert kinds == [DifferentArgumentsError, NeverRecordedError, NeverRecordedError]


def test_who_asks_and_under_which_token_does_not_count(tmp_path: Path) -> None:
    progress = tell("notifications/progress", progressToken="old", progress=1)
    request, answer = called(1, "slow", {}, "done", progressToken="old", traceparent="00-1-2-01")
    _, speaker = player(tmp_path / "t.jsonl", [*opened(), request, progress, answer])

    first, last = answers(
        speaker,
        5,
        "tools/call",
        name="slow",
        arguments={},
        _meta={"progressToken": "new", "traceparent": "00-9"},
    )

    assert first["params"] == {"progressToken": "new", "progress": 1}
    assert last["id"] == 5


def test_progress_of_concurrent_calls_goes_to_its_own(tmp_path: Path) -> None:
    (ask_a, answer_a), (ask_b, answer_b) = (
        called(1, "a", {}, "a", progressToken=1),
        called(2, "b", {}, "b", progressToken=2),
    )
    steps = [tell("notifications/progress", progressToken=token, progress=token) for token in (2, 1, 2)]
    _, speaker = player(tmp_path / "t.jsonl", [*opened(), ask_a, ask_b, *steps, answer_b, answer_a])

    a = answers(speaker, 8, "tools/call", name="a", arguments={}, _meta={"progressToken": "x"})
    b = answers(speaker, 9, "tools/call", name="b", arguments={}, _meta={"progressToken": "y"})

    assert [message["params"]["progressToken"] for message in a[:-1]] == ["x"]
    assert [message["params"]["progressToken"] for message in b[:-1]] == ["y", "y"]


def test_a_call_that_was_cancelled_is_never_answered(tmp_path: Path) -> None:
    request, _ = called(1, "slow", {}, "")
    tape, speaker = player(tmp_path / "t.jsonl", [*opened(), request, give_up(1)])

    assert speaker.receive(request[1]) == []
    assert tape.misses == []


def test_a_call_that_the_recorder_did_not_see_to_its_end_was_not_recorded(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.jsonl", [*opened(), *called(1, "done", {}, "yes"), ask(2, "tools/call", name="cut")]
    )
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))  # the line that says how the session ended
    tape = Player(Tape.load(path), "hand-made")

    with pytest.raises(NeverRecordedError):
        tape.find("tools/call", {"name": "cut"})
    assert tape.find("tools/call", {"name": "done", "arguments": {}}).is_complete


NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20),
    st.integers(-(10**20), 10**20).map(float),
    st.floats(allow_nan=False, allow_infinity=False),
    st.just(-0.0),
)
VALUES = st.recursive(
    NUMBERS | st.booleans() | st.none() | st.sampled_from(["1", "1.0", "1e+16"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)


def as_another_language_writes_it(value: Any) -> Any:
    """The same JSON value with its whole numbers written like 1.0, where a float has them."""
    return json.loads(json.dumps(value), parse_int=lambda n: float(n) if float(n) == int(n) else int(n))


@given(VALUES)
def test_a_number_is_the_same_however_it_is_written(value: Any) -> None:
    key, other = request_key, {"name": "a", "arguments": {"n": as_another_language_writes_it(value)}}

    assert key("tools/call", {"name": "a", "arguments": {"n": value}}) == key("tools/call", other)
    assert first_difference(value, as_another_language_writes_it(value)) is None


@given(NUMBERS | st.booleans(), NUMBERS | st.booleans())
def test_other_numbers_are_never_the_same(one: float, other: float) -> None:
    alike = one == other and isinstance(one, bool) == isinstance(other, bool)

    first, second = (request_key("tools/call", {"name": "a", "arguments": {"n": n}}) for n in (one, other))
    assert (first == second) == alike == (first_difference(one, other) is None)


def test_a_tape_of_a_client_that_writes_whole_numbers_with_a_point_answers_others(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.jsonl", [*called(1, "a", {"n": 1.0, "big": 1e16}, "a"), *called(2, "b", {"n": 2}, "b")]
    )
    tape = Player(Tape.load(path), "hand-made")

    assert tape.find("tools/call", {"name": "a", "arguments": {"n": 1, "big": 10**16}}).name == "a"
    assert tape.find("tools/call", {"name": "b", "arguments": {"n": 2.0}}).name == "b"
    with pytest.raises(DifferentArgumentsError):
        tape.find("tools/call", {"name": "a", "arguments": {"n": True, "big": 10**16}})


def test_places_can_be_left_out_of_the_comparison(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", called(1, "log", {"at": 1, "rows": [{"id": 4, "text": "x"}]}, "ok"))
    asked = {"name": "log", "arguments": {"at": 2, "rows": [{"id": 5, "text": "x"}]}}

    for ignore, fits in ((("/arguments/at",), False), (("/arguments/at", "/arguments/rows/0/id"), True)):
        tape = Player(Tape.load(path, Playback(ignore=ignore)), "hand-made")
        if fits:
            assert tape.find("tools/call", asked).name == "log"
        else:
            with pytest.raises(DifferentArgumentsError):
                tape.find("tools/call", asked)
    with pytest.raises(CassetteError, match="'arguments' is no JSON pointer"):
        Playback(ignore=("arguments",))


def test_calls_may_have_to_come_in_the_recorded_order(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", [*called(1, "a", {}, "1"), *called(2, "b", {}, "2")])
    loose, strict = (Player(Tape.load(path, Playback(ordered=ordered)), "s") for ordered in (False, True))

    assert loose.find("tools/call", {"name": "b"}).name == "b"
    told = r"b\(\) was asked out of order: it was recorded as call 2, and now comes call 1: a\(\)"
    with pytest.raises(OutOfOrderError, match=told) as early:
        strict.find("tools/call", {"name": "b"})
    assert not isinstance(early.value, NeverRecordedError | ExhaustedError)
    assert [strict.find("tools/call", {"name": name}).name for name in "ab"] == ["a", "b"]


def test_the_user_may_say_what_asks_the_same(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.jsonl", [*called(1, "search", {"q": "Tea"}, "1"), *called(2, "search", {"q": "x"}, "2")]
    )

    def same(recorded: Any, live: Any) -> bool:
        return bool(recorded["arguments"]["q"].lower() == live["arguments"]["q"].lower())

    tape = Player(Tape.load(path, Playback(same=same)), "s")

    assert tape.find("tools/call", {"name": "search", "arguments": {"q": "TEA"}}).arguments == {"q": "Tea"}
    with pytest.raises(NeverRecordedError):
        tape.find("tools/call", {"name": "search", "arguments": {"q": "coffee"}})


def test_a_server_that_went_away_goes_away_again(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", [*opened(), ask(1, "tools/call", name="crash")])
    path.write_text(
        path.read_text(encoding="utf-8").replace('"by":"client"', '"by":"server"'), encoding="utf-8"
    )
    speaker = Speaker(Player(Tape.load(path), "s"))

    [out] = speaker.receive(ask(4, "tools/call", name="crash")[1])

    assert out.hangs_up
    assert out.message is None


@pytest.mark.parametrize(
    ("recorded", "live", "expected"),
    [
        ({"a": 1}, {"a": 1}, None),
        ({"a": 1}, {"a": True}, "/a"),
        ({"a": [1]}, {"a": [1, 2]}, "/a/1"),
        ({"a": {"~/": 1}}, {"a": {}}, "/a/~0~1"),
        ([], {}, ""),
    ],
)
def test_a_difference_has_a_pointer(recorded: object, live: object, expected: str | None) -> None:
    found = first_difference(recorded, live)

    assert (None if found is None else found[0]) == expected
