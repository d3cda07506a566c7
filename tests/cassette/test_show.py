"""Looking at cassettes: one of them, and what two of them say otherwise."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from weather_station import record, station

from pytest_mcpflow import Era
from pytest_mcpflow.cassette.columns import COLUMNS, columns
from pytest_mcpflow.cassette.compare import MISSING
from pytest_mcpflow.cassette.diff import Only, differing
from pytest_mcpflow.cassette.drift import Change
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.show import lines_of
from pytest_mcpflow.cassette.writer import CassetteWriter

each_era = pytest.mark.parametrize("era", list(Era))


def mcpflow(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "pytest_mcpflow", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60)


def written(path: Path, *messages: tuple[str, Mapping[str, Any]]) -> Path:
    with CassetteWriter(path) as writer:
        session = writer.session(transport="stdio", command=["serve", "--evil\x1b[2J"])
        for sender, body in messages:
            session.message(cast("Any", sender), {"jsonrpc": "2.0", **body})
    return path


BRIEF = """\
tape.jsonl: format 1, 1 session, not redacted

session 1: weather-station 1, 2025-11-25 over memory
  offers prompts, resources, tools
   3  initialize -> weather-station 1
   7  tools/list -> 8 tools
   9  temperature(city='Oslo') -> {"celsius": 12.5, "city": "Oslo", "measured_a…
  11  report(city='Oslo') -> {"city": "Oslo", "wind": "calm", "now": XXXXXXXXXX…
  13  motto() -> Rain or shine we measure.
  15  measure() -> measured (3 notices)
  20  christen() -> Ada: Rain. (2 questions)
  26  moon() -> full
  28  temperature(town='Oslo') -> refused: Error executing tool temperature: 1 …
  30  resources/list -> 1 resource
  32  resources/read weather://history -> it rained
  34  prompts/list -> 1 prompt
  36  prompts/get small_talk -> Lovely day in Oslo, is it?
  38  resources/read weather://nowhere -> error -32602: Unknown resource: weath…
"""


def test_a_cassette_is_shown_one_line_for_each_operation(tmp_path: Path) -> None:
    record(tmp_path / "tape.jsonl", Era.HANDSHAKE, station())

    done = mcpflow("show", tmp_path / "tape.jsonl")

    said = [
        line if "report" not in line else line[:-11] + "X" * 10 + "…" for line in done.stdout.splitlines()
    ]
    assert (done.returncode, done.stderr, "\n".join(said) + "\n") == (0, "", BRIEF)


@each_era
def test_a_call_with_questions_is_one_line_in_either_era(tmp_path: Path, era: Era) -> None:
    cassette = read_cassette(record(tmp_path / "tape.jsonl", era, station()))

    [line] = [line for line in lines_of(cassette) if "christen" in line]

    assert line.endswith("christen() -> Ada: Rain. (2 questions)")


@each_era
def test_in_full_every_message_is_shown(tmp_path: Path, era: Era) -> None:
    tape = record(tmp_path / "tape.jsonl", era, station())

    said = mcpflow("show", "--full", tape).stdout

    for part in (
        '"message": "Which name?"',
        '"name": "Ada"',
        '"progressToken": ',
        '"code": -32602',
        '"city": "Oslo"',
    ):
        assert part in said


def test_a_session_can_be_chosen_and_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    record(tape, Era.HANDSHAKE, station())
    record(tape, Era.STATELESS, station())

    lines = [*lines_of(read_cassette(tape), session=2)]
    missing = mcpflow("show", tape, "--session", "3")

    assert [line for line in lines if line.startswith("session")] == [
        "session 2: weather-station 1, 2026-07-28 over memory"
    ]
    assert (missing.returncode, missing.stdout) == (2, "")
    assert f"{tape} has no session 3; it has 1, 2" in missing.stderr


def test_whatever_a_tape_says_lines_keep_to_their_columns_and_obey_nobody(tmp_path: Path) -> None:
    evil = "\x1b]0;evil\x07" + "漢" * 200
    tape = written(
        tmp_path / "tape.jsonl",
        ("client", {"id": 1, "method": "tools/call", "params": {"name": evil, "arguments": {evil: evil}}}),
        ("server", {"method": "notifications/message", "params": {"data": evil}}),
        ("server", {"id": 1, "result": {"content": [{"type": "text", "text": evil}, {"type": evil}]}}),
        ("client", {"id": 2, "method": evil, "params": {"name": ["no", "name"]}}),
        ("server", {"id": 2, "error": {"code": 1, "message": evil}}),
        ("client", {"id": 3, "method": "tools/list"}),
        ("server", {"id": 3, "result": {"tools": {"no": "list"}}}),
        ("client", {"id": 4, "method": "tools/call", "params": {"arguments": [1]}}),
        ("server", {"id": 4, "result": {"resultType": "input_required", "requestState": [1]}}),
    )

    cassette = read_cassette(tape)

    assert all(columns(line) <= COLUMNS and line.isprintable() for line in lines_of(cassette))
    assert all(line.isprintable() for line in lines_of(cassette, full=True))


ANSWERS: list[tuple[list[Any], str]] = [
    ([], "not recorded to its end"),
    (
        [("client", {"method": "notifications/cancelled", "params": {"requestId": 1}})],
        "the client gave up",
    ),
    ([("server", {"id": 1, "result": {}})], "ok"),
    ([("server", {"id": 1, "result": {"content": []}})], "nothing"),
    ([("server", {"id": 1, "result": {"content": [{"type": "image"}]}})], "image"),
    ([("server", {"id": 1, "result": {"isError": True, "content": [{"text": "no"}]}})], "refused: no"),
    ([("server", {"id": 1, "error": {"code": -1, "message": "broken"}})], "error -1: broken"),
]


@pytest.mark.parametrize(("answer", "shown"), ANSWERS)
def test_what_became_of_a_call_is_shown(tmp_path: Path, answer: list[Any], shown: str) -> None:
    call = ("client", {"id": 1, "method": "tools/call", "params": {"name": "f"}})
    cassette = read_cassette(written(tmp_path / "tape.jsonl", call, *answer))

    assert [*lines_of(cassette)][-1].endswith(f"f() -> {shown}")


def test_an_http_status_a_loss_and_noise_are_shown(tmp_path: Path) -> None:
    with CassetteWriter(tmp_path / "tape.jsonl") as writer:
        session = writer.session(transport="http", command=["http://127.0.0.1/mcp"])
        for number in (1, 2):
            session.message("client", {"jsonrpc": "2.0", "id": number, "method": "ping"})
        session.http(request=1, status=503, headers={}, body="later")
        session.line("server", b"hello\n")
        session.end(by="server")

    lines = [*lines_of(read_cassette(tmp_path / "tape.jsonl"))]

    assert [line.split("->")[-1].strip() for line in lines[4:]] == [
        "HTTP 503",
        "the server went away",
        "1 line of what is not MCP",
    ]


@pytest.mark.parametrize("command", ["show", "diff", "merge", "trim"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("", "is empty"),
        ("hello\n", ":1 is not JSON"),
        ("[" * 99999 + "\n", ":1 is not JSON"),
    ],
)
def test_a_broken_cassette_is_said_with_file_and_line(
    tmp_path: Path, command: str, content: str | None, message: str
) -> None:
    tape, out = tmp_path / "tape.jsonl", tmp_path / "out.jsonl"
    if content is not None:
        tape.write_text(content, encoding="utf-8")
    arguments: dict[str, list[str | Path]] = {
        "show": [tape],
        "diff": [tape, tape],
        "merge": [out, tape],
        "trim": [tape, "-o", out],
    }

    done = mcpflow(command, *arguments[command])

    assert (done.returncode, done.stdout, out.exists()) == (2, "", False)
    assert done.stderr.startswith(f"mcpflow {command}: ")
    assert str(tape) in done.stderr
    assert message in done.stderr


def test_a_reader_who_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    calls = [
        ("client", {"id": number, "method": "tools/call", "params": {"name": "f" * 50}})
        for number in range(5000)
    ]
    tape = written(tmp_path / "tape.jsonl", *calls)
    words = [sys.executable, "-m", "pytest_mcpflow", "show", str(tape)]

    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as showing:
        assert showing.stdout is not None
        assert showing.stderr is not None
        showing.stdout.readline()
        showing.stdout.close()
        assert showing.stderr.read() == ""
    assert showing.returncode == 0


# Two cassettes.


def difference(old: Path, new: Path, **options: Any) -> list[Only | Change]:
    return differing(read_cassette(old), read_cassette(new), **options)


@each_era
def test_two_recordings_of_the_same_differ_in_nothing_but_what_is_volatile(tmp_path: Path, era: Era) -> None:
    old, new = (record(tmp_path / name, era, station()) for name in ("a.jsonl", "b.jsonl"))

    assert difference(old, new) == []
    assert {each.pointer for each in difference(old, new, exact=True) if isinstance(each, Change)} == {
        "/content/0/text/measured_at",
        "/structuredContent/measured_at",
        "/content/0/text/now",
        "/content/0/text/id",
    }


@each_era
def test_what_differs_is_told_by_operation_and_pointer(tmp_path: Path, era: Era) -> None:
    old = record(tmp_path / "a.jsonl", era, station())
    new = record(
        tmp_path / "b.jsonl", era, station("description", "removed", "json", "question", "silent", "prompt")
    )

    found = [(each.subject, each.pointer) for each in difference(old, new) if isinstance(each, Change)]

    assert found == [
        ("tool moon", ""),
        ("tool temperature", "/description"),
        ("report(city='Oslo')", "/content/0/text/wind"),
        ("measure()", "/progress"),
        ("christen()", "/questions/0/params/message"),
        ("moon()", "/content/0/text"),
        ("moon()", "/isError"),
        ("prompts/get small_talk", "/messages/0/content/text"),
    ]
    ignored = difference(old, new, ignore=["/content", "/description"])
    assert [(each.subject, each.pointer) for each in ignored if isinstance(each, Change)] == [
        each for each in found if not each[1].startswith(("/content", "/description"))
    ]


def test_calls_and_sessions_that_only_one_has_are_told(tmp_path: Path) -> None:
    def call(number: int, name: str) -> list[tuple[str, Mapping[str, Any]]]:
        return [
            ("client", {"id": number, "method": "tools/call", "params": {"name": name}}),
            ("server", {"id": number, "result": {"content": []}}),
        ]

    old = written(tmp_path / "a.jsonl", *call(1, "f"), *call(2, "g"), *call(3, "h"))
    new = written(tmp_path / "b.jsonl", *call(1, "g"), *call(2, "h"), *call(3, "i"))
    written(new, *call(1, "f"))

    assert difference(old, new) == [
        Only("f()", True, 3),
        Only("i()", False, 7),
        Only("session 2", False),
    ]
    assert [str(each) for each in difference(old, new)] == ["- f() (line 3)", "+ i() (line 7)", "+ session 2"]


def test_an_answer_in_place_of_an_error_differs_as_a_whole(tmp_path: Path) -> None:
    call = ("client", {"id": 1, "method": "tools/call", "params": {"name": "f"}})
    old = written(tmp_path / "a.jsonl", call, ("server", {"id": 1, "error": {"code": 1, "message": "no"}}))
    new = written(tmp_path / "b.jsonl", call, ("server", {"id": 1, "result": {"content": []}}))
    lost = written(tmp_path / "c.jsonl", call)

    assert difference(old, new) == [
        Change("f()", "/error", {"code": 1, "message": "no"}, MISSING, 3),
        Change("f()", "/result", MISSING, {"content": []}, 3),
    ]
    assert [each.pointer for each in difference(old, lost) if isinstance(each, Change)] == ["/error", "/lost"]


def test_tapes_of_two_eras_are_compared_by_what_both_can_say(tmp_path: Path) -> None:
    old, new = (
        record(tmp_path / f"{era}.jsonl", era, station("text")) for era in (Era.HANDSHAKE, Era.STATELESS)
    )

    found = difference(old, new)

    assert found[:2] == [
        Only("session 1 speaks 2025-11-25", True),
        Only("session 1 speaks 2026-07-28", False),
    ]
    # The SDK asks with a title in the older era and without one in the newer: nothing else differs.
    assert [each.pointer for each in found[2:] if isinstance(each, Change)] == [
        "/questions/0/params/requestedSchema/title"
    ]


def test_the_diff_command_tells_by_its_exit_code(tmp_path: Path) -> None:
    old, new = (
        record(tmp_path / f"{change}.jsonl", Era.HANDSHAKE, station(change)) for change in ("text", "json")
    )

    same, other, wrong = (
        mcpflow("diff", old, old),
        mcpflow("diff", old, new),
        mcpflow("diff", old, new, "--ignore", "x"),
    )

    assert [done.returncode for done in (same, other, wrong)] == [0, 1, 2]
    assert same.stdout == "no difference\n"
    assert other.stdout.splitlines()[-4:] == [
        "  motto() (line 13): /content/0/text",
        "    - we measure. Always.",
        "    + we measure.",
        "2 differences",
    ]
    assert all(columns(line) <= COLUMNS for line in other.stdout.splitlines())
    assert "'x' is no JSON pointer" in wrong.stderr
