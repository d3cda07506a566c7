"""The JSON Schema that docs/reference shows is the format that is written and read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from checkout import ROOT
from jsonschema import Draft202012Validator
from tapes import called, opened, write

from pytest_mcpflow import CassetteError
from pytest_mcpflow.cassette.reading import read_cassette

SCHEMA = json.loads((ROOT / "docs" / "reference" / "cassette.schema.json").read_text(encoding="utf-8"))
FOLDERS = ("fixtures/tapes", "examples", "tests/cassette/versions")
TAPES = [tape for folder in FOLDERS for tape in (ROOT / folder).rglob("*.jsonl")]
WHOLE = [tape for tape in TAPES if tape.parent.name != "versions" and tape.name != "beginning.jsonl"]
"""Those that are recorded as we record today."""


def invalid(frame: Any) -> list[str]:
    validator: Any = Draft202012Validator(SCHEMA)
    return [error.message for error in validator.iter_errors(frame)]


@pytest.mark.parametrize("tape", sorted(TAPES), ids=lambda tape: f"{tape.parent.name}-{tape.stem}")
def test_each_line_of_each_tape_that_ships_is_valid(tape: Path) -> None:
    for line in tape.read_text(encoding="utf-8").splitlines():
        assert invalid(json.loads(line)) == []


@pytest.mark.parametrize(
    "frame",
    [
        {"kind": "message", "session": 1, "from": "nobody", "message": {"method": "ping"}},
        {"kind": "message", "session": 1, "from": "client", "message": {"id": 1}},
        {"kind": "message", "session": 1, "from": "client", "message": {"method": 1}},
        {"kind": "message", "session": 0, "from": "client", "message": {"method": "ping"}},
        {"kind": "http", "session": 1, "status": 9},
        {"kind": "timing", "session": 1, "ms": -1},
    ],
)
def test_what_the_schema_refuses_is_not_read(tmp_path: Path, frame: dict[str, Any]) -> None:
    path = write(tmp_path / "t.jsonl", [*opened(), *called(1, "a", {}, "x")])
    with path.open("a", encoding="utf-8") as tape:
        tape.write(json.dumps(frame) + "\n")

    assert invalid(frame)
    with pytest.raises(CassetteError, match=r"t\.jsonl:\d+ is a"):
        read_cassette(path)


@pytest.mark.parametrize("key", ["capabilities", "era", "protocol", "server"])
def test_a_header_tells_of_a_session_wholly_or_not_at_all(tmp_path: Path, key: str) -> None:
    path = write(tmp_path / "t.jsonl", [*opened()])
    header = json.loads(path.read_bytes().partition(b"\n")[0])
    without = {name: value for name, value in header.items() if name != key}

    assert (invalid(header), len(invalid(without))) == ([], 3)


@pytest.mark.parametrize("tape", sorted(WHOLE), ids=lambda tape: tape.stem)
def test_the_header_of_each_tape_that_ships_says_what_its_first_opened_line_does(tape: Path) -> None:
    header, *frames = [json.loads(line) for line in tape.read_text(encoding="utf-8").splitlines()]
    opened_frames = [frame for frame in frames if frame["kind"] == "opened"]

    for key in ("capabilities", "era", "protocol", "server"):
        assert header[key] == opened_frames[0][key]
