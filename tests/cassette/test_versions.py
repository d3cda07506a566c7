"""Cassettes are readable for ever: of each version of the format there is a tape, which nobody records again.

A new version adds a file to `versions/` and a case below. The tapes have every kind of frame that their version has.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_mcpflow.cassette.format import FORMAT
from pytest_mcpflow.cassette.kinds import CHECKS
from pytest_mcpflow.cassette.operations import (
    Disconnected,
    Http,
    Notice,
    Operation,
    Questions,
    Result,
    operations,
)
from pytest_mcpflow.cassette.player import CALL
from pytest_mcpflow.cassette.reading import read_cassette

VERSIONS = Path(__file__).with_name("versions")
each_version = pytest.mark.parametrize("version", range(1, FORMAT + 1))


def calls(version: int) -> dict[str, Operation]:
    """The recorded calls by city."""
    cassette = read_cassette(VERSIONS / f"format-{version}.jsonl")
    found = [each for session in cassette.sessions for each in operations(session) if each.method == CALL]
    return {str(each.arguments["city"]): each for each in found}


def test_there_is_a_tape_of_each_version() -> None:
    assert {path.name for path in VERSIONS.iterdir()} == {f"format-{n}.jsonl" for n in range(1, FORMAT + 1)}


def test_the_tape_of_the_present_version_has_every_kind_of_frame() -> None:
    cassette = read_cassette(VERSIONS / f"format-{FORMAT}.jsonl")

    assert {frame.kind for session in cassette.sessions for frame in session.frames} == CHECKS.keys()


@each_version
def test_the_heads_of_its_sessions_are_read(version: int) -> None:
    cassette = read_cassette(VERSIONS / f"format-{version}.jsonl")
    first, second = cassette.sessions

    assert (cassette.format, cassette.redaction, cassette.torn) == (version, None, False)
    assert (first.era, first.protocol, first.transport) == ("2025-11-25", "2025-11-25", "stdio")
    assert (first.server_name, first.server_version, first.capabilities) == ("forecast", "7", {"tools": {}})
    assert (second.era, second.transport, second.command) == (
        "2026-07-28",
        "http",
        ["https://mcp.example.com/mcp"],
    )


@each_version
def test_what_came_of_each_call_is_read(version: int) -> None:
    by_city = calls(version)

    assert {city: type(call.outcome) for city, call in by_city.items()} == {
        "Oslo": Result,
        "Rome": Disconnected,
        "Kyiv": Result,
        "Lima": Http,
    }
    assert isinstance(limit := by_city["Lima"].outcome, Http)
    assert (limit.status, limit.headers, limit.body) == (429, {"retry-after": "9"}, "slow down")


@each_version
def test_progress_and_questions_belong_to_their_calls_in_either_era(version: int) -> None:
    by_city = calls(version)
    notice, sampling = by_city["Oslo"].steps
    [elicitation] = by_city["Kyiv"].steps

    assert isinstance(notice, Notice)
    assert notice.message["params"]["progress"] == 1
    assert isinstance(sampling, Questions)
    assert sampling.answers["1"]["result"]["content"]["text"] == "grey"
    assert isinstance(elicitation, Questions)
    assert elicitation.answers["unit"]["result"]["content"] == {"unit": "C"}
