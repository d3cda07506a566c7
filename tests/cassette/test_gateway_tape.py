"""Which session of the tape a request without a session id belongs to: never one in which its id has another answer."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from http_servers import frames
from hypothesis import given
from hypothesis import strategies as st

from pytest_mcpflow.cassette.gateway_tape import Conversation, HttpTape, messages_in
from pytest_mcpflow.cassette.operations import Result, operations
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.writer import CassetteWriter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tape.jsonl"


@pytest.fixture
def tape(path: Path) -> Iterator[HttpTape]:
    with CassetteWriter(path) as writer:
        yield HttpTape(writer, "http://server/mcp")


def ask(tape: HttpTape, number: int, *, on: str, method: str = "tools/call") -> Conversation:
    body = json.dumps({"jsonrpc": "2.0", "id": number, "method": method}).encode()
    messages = messages_in(body)
    assert messages is not None
    found = tape.find(session_id=None, target="/mcp", connection=on, messages=messages)
    found.write("client", body, messages)
    return found


def answer(conversation: Conversation, number: int, **content: object) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": number, **(content or {"result": {}})}).encode()
    conversation.write("server", body, messages_in(body))


def test_an_id_that_waits_or_was_answered_is_another_clients(tape: HttpTape) -> None:
    first = ask(tape, 1, on="a")
    assert ask(tape, 1, on="b") is not first
    answer(first, 1)
    assert ask(tape, 1, on="a") is not first
    assert ask(tape, 2, on="a") is not first  # whose connection speaks for the last of them


def test_a_client_is_known_by_its_connection(tape: HttpTape) -> None:
    first = ask(tape, 1, on="a")
    second = ask(tape, 1, on="b")
    assert ask(tape, 2, on="a") is first
    assert ask(tape, 3, on="a") is first
    assert ask(tape, 2, on="b") is second


def test_a_new_connection_is_taken_for_whoever_spoke_last(tape: HttpTape) -> None:
    first, second = ask(tape, 1, on="a"), ask(tape, 1, on="b")
    assert ask(tape, 7, on="c") is second
    ask(tape, 2, on="a")
    assert ask(tape, 8, on="d") is first


@pytest.mark.parametrize(
    ("content", "is_same"), [({"result": {}}, False), ({"error": {"code": 1, "message": "no"}}, True)]
)
def test_a_handshake_begins_a_session_unless_a_probe_failed_just_before(
    tape: HttpTape, content: dict[str, object], is_same: bool
) -> None:
    probed = ask(tape, 1, on="a", method="server/discover")
    answer(probed, 1, **content)
    assert (ask(tape, 2, on="a", method="initialize") is probed) is is_same


def test_a_session_that_got_a_name_takes_no_nameless_requests(tape: HttpTape) -> None:
    named = ask(tape, 1, on="a", method="initialize")
    tape.name(named, "s")
    assert ask(tape, 2, on="a") is not named
    assert tape.find(session_id="s", target="/mcp", connection="z", messages=()) is named


def test_a_name_that_was_never_given_is_a_session_too(tape: HttpTape, path: Path) -> None:
    unknown = tape.find(session_id="old", target="/mcp", connection="a", messages=())
    assert tape.find(session_id="old", target="/mcp", connection="b", messages=()) is unknown
    tape.end(unknown, by="client")
    tape.end(unknown, by="client")
    assert tape.find(session_id="old", target="/mcp", connection="b", messages=()) is not unknown
    assert len(frames(path, "end")) == 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4), st.booleans()), max_size=30))
def test_each_answer_on_the_tape_belongs_to_its_request(asked: list[tuple[str, int, bool]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tape.jsonl"
        with CassetteWriter(path) as writer:
            tape = HttpTape(writer, "http://server/mcp")
            waiting = list[tuple[Conversation, int, int]]()
            for turn, (connection, number, is_answered) in enumerate(asked):
                body = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"turn": turn}}
                messages = [body]
                found = tape.find(session_id=None, target="/mcp", connection=connection, messages=messages)
                found.write("client", b"", messages)
                waiting.append((found, number, turn))
                if is_answered:
                    found, number, turn = waiting.pop(0)
                    answer(found, number, result={"turn": turn})
            for found, number, turn in waiting:
                answer(found, number, result={"turn": turn})
            tape.close()
        calls = [each for session in read_cassette(path).sessions for each in operations(session)]

    assert len(calls) == len(asked)
    for call in calls:
        assert isinstance(call.outcome, Result)
        assert call.outcome.body["turn"] == call.params["turn"]
