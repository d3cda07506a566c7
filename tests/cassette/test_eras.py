"""A tape of either era is played to clients of either era, over every transport, and never answers wrongly."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from conversation import Heard, player_of, record, talk
from mcp import StdioServerParameters
from mcp.client.stdio import stdio_client

from pytest_mcpflow import Era
from pytest_mcpflow.cassette.replay import ReplayTransport
from pytest_mcpflow.cassette.serve_http import ReplayApp
from pytest_mcpflow.serve.http import listening

PAIRS = [(tape, client) for tape in Era for client in Era]
IDS = [f"tape-{tape}-client-{client}" for tape, client in PAIRS]


def recording(path: Path, era: Era) -> Heard:
    live = asyncio.run(record(path, era))
    assert live.progress == [1, 2, 3, 4]
    assert live.asked == ["Who are you?", "Greet Ada"]
    return live


@pytest.mark.parametrize(("tape", "client"), PAIRS, ids=IDS)
def test_in_process(tmp_path: Path, tape: Era, client: Era) -> None:
    live = recording(tmp_path / "t.jsonl", tape)
    player = player_of(tmp_path / "t.jsonl")

    assert asyncio.run(talk(ReplayTransport(player), client)) == live
    assert player.unused() == []


@pytest.mark.parametrize(("tape", "client"), PAIRS, ids=IDS)
def test_over_stdio(tmp_path: Path, tape: Era, client: Era) -> None:
    live = recording(tmp_path / "t.jsonl", tape)
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "pytest_mcpflow", "serve", str(tmp_path / "t.jsonl")]
    )

    assert asyncio.run(talk(stdio_client(command), client)) == live


@pytest.mark.parametrize(("tape", "client"), PAIRS, ids=IDS)
def test_over_http(tmp_path: Path, tape: Era, client: Era) -> None:
    live = recording(tmp_path / "t.jsonl", tape)

    async def replayed() -> Heard:
        async with listening(ReplayApp(player_of(tmp_path / "t.jsonl"))) as url:
            return await talk(f"{url}/mcp", client)

    assert asyncio.run(replayed()) == live
