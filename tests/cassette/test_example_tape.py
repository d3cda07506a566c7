"""The tape that the documentation shows is one."""

from __future__ import annotations

from checkout import ROOT

from pytest_mcpflow.cassette.reading import read_cassette

REPLAY = ROOT / "examples" / "replay"


def test_the_beginning_that_the_reference_shows_is_the_beginning_of_the_tape() -> None:
    tape, beginning = (
        (REPLAY / name).read_text(encoding="utf-8") for name in ("tape.jsonl", "beginning.jsonl")
    )
    assert tape.startswith(beginning)


def test_the_example_tape_says_whose_it_is() -> None:
    cassette = read_cassette(REPLAY / "tape.jsonl")
    assert str(cassette) == "tape.jsonl: mcp-servers/everything, 1 sessions, 15 messages"
    assert (cassette.era, cassette.torn) == ("2025-11-25", False)
