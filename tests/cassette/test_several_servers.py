"""A tape of several servers answers for none of them, and the error says how to get a tape of one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tapes import Said, ask, called, say, write

from pytest_mcpflow import CassetteError, Fake, Hub, ReplayTransport
from pytest_mcpflow.cassette.merge import merged
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cli import main


def session(name: str, version: str = "1", answer: str | None = None) -> list[Said]:
    about: dict[str, Any] = {"serverInfo": {"name": name, "version": version}, "capabilities": {}}
    return [
        ask(0, "initialize"),
        say(0, result={**about, "protocolVersion": "2025-11-25"}),
        *called(1, "whoami", {}, answer or name),
    ]


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """Two sessions of one server, and one of another."""
    prod, staging = (write(tmp_path / f"{name}.jsonl", session(name)) for name in ("prod", "staging"))
    path = tmp_path / "both.jsonl"
    path.write_bytes(b"".join(merged([prod, staging, prod])))
    return path


def replay(path: Path) -> None:
    Hub().replay(path, name="staging")


def use(path: Path) -> None:
    Hub().use("https://staging.example/mcp", name="staging", cassette=path)


@pytest.mark.parametrize("play", [replay, use, ReplayTransport.from_tape, Fake.from_tape])
def test_a_tape_of_several_servers_is_not_played(both: Path, play: Callable[[Path], object]) -> None:
    line = next(each.line for each in read_cassette(both).sessions if each.server_name == "staging")
    told = rf"both.jsonl:{line} begins .* a recording of 2 servers, 'prod', 'staging', each of which"
    with pytest.raises(CassetteError, match=told):
        play(both)


def test_a_tape_of_several_servers_is_not_served(both: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", str(both)]) == 2
    assert "a recording of 2 servers, 'prod', 'staging'" in capsys.readouterr().err


async def test_what_the_error_says_makes_a_tape_of_one(
    both: Path, mcpflow: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CassetteError) as caught:
        mcpflow.replay(both)
    cure = re.search(r"mcpflow (trim .*) keeps 'prod'", str(caught.value))
    assert cure is not None
    monkeypatch.chdir(both.parent)

    assert main(shlex.split(cure[1])) == 0

    mcpflow.replay(both.with_name("ONE.jsonl"))
    assert [(await mcpflow.call_tool("prod.whoami")).text for _ in range(2)] == ["prod", "prod"]


async def test_versions_of_one_server_and_sessions_without_a_name_are_one_server(
    mcpflow: Hub, tmp_path: Path
) -> None:
    nameless = called(1, "whoami", {}, "somebody")
    mcpflow.replay(write(tmp_path / "t.jsonl", session("prod"), session("prod", "2", "later"), nameless))

    said = [(await mcpflow.call_tool("prod.whoami")).text for _ in range(3)]

    assert said == ["prod", "later", "somebody"]
