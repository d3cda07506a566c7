"""Verifying against real servers what was recorded of them."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import real_servers
from checkout import ROOT
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from weather_station import record

from pytest_mcpflow import Era
from pytest_mcpflow.cassette.verify import verify


def test_a_client_that_tried_the_newer_era_first_is_played_in_the_one_it_found() -> None:
    drift = asyncio.run(verify(ROOT / "examples" / "replay" / "tape.jsonl", real_servers.everything()))

    assert (bool(drift), drift.skipped) == (False, ()), str(drift)
    assert drift.server.startswith("mcp-servers/everything")


@pytest.mark.parametrize(
    ("server", "era"), [("everything", Era.HANDSHAKE), ("time", Era.HANDSHAKE), ("time", Era.STATELESS)]
)
def test_real_servers_verify_against_what_was_recorded_of_them(tmp_path: Path, server: str, era: Era) -> None:
    parameters = getattr(real_servers, server)()
    tape = tmp_path / "tape.jsonl"

    async def talk(client: Client) -> None:
        await client.list_tools()
        if server == "time":
            await client.call_tool("get_current_time", {"timezone": "UTC"})
            await client.call_tool(
                "convert_time", {"source_timezone": "UTC", "time": "12:00", "target_timezone": "UTC"}
            )
        else:
            await client.call_tool("echo", {"message": "hello"})
            await client.call_tool("get-structured-content", {"location": "New York"})
            await client.call_tool("trigger-long-running-operation", {"duration": 0.2, "steps": 2})
            await client.call_tool("trigger-sampling-request", {"prompt": "hello"})
            await client.call_tool("trigger-elicitation-request", {})
            await client.list_resources()
            await client.list_prompts()

    record(tape, era, stdio_client(parameters), talk)
    drift = asyncio.run(verify(tape, parameters))

    assert (bool(drift), drift.skipped) == (False, ()), str(drift)
    assert drift.compared >= 2


TODAY = ("/content/*/text/*/day_of_week", "/structuredContent/*/day_of_week")
"""What a server of the time says differently tomorrow, besides dates, which count nowhere."""

TAPES = ROOT / "fixtures" / "tapes"

SHIPPED: dict[str, Callable[[Path], StdioServerParameters]] = {
    "everything": lambda _: real_servers.everything(),
    "filesystem": lambda _: real_servers.filesystem(Path()),
    "git-2025-11-25": lambda _: real_servers.git(Path()),
    "git-2026-07-28": lambda _: real_servers.git(Path()),
    "memory": lambda folder: real_servers.memory(folder / "graph.jsonl"),
    "time-2025-11-25": lambda _: real_servers.time(),
    "time-2026-07-28": lambda _: real_servers.time(),
}


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_tapes_verify_against_the_servers_they_are_of(tmp_path: Path, name: str) -> None:
    if name.startswith("git"):
        for words in ("init -q -b main", "config user.name T", "config user.email t@t.t"):
            subprocess.run(["git", *words.split()], cwd=tmp_path, check=True)
        (tmp_path / "note.txt").write_text("remember the milk\n", encoding="utf-8")
    server = SHIPPED[name](tmp_path).model_copy(update={"cwd": str(tmp_path)})

    drift = asyncio.run(verify(TAPES / f"{name}.jsonl", server, allow=["*"], ignore=TODAY))

    assert (bool(drift), drift.skipped) == (False, ()), str(drift)
    assert drift.compared >= 3


def test_a_real_server_that_writes_is_not_told_to_without_leave(tmp_path: Path) -> None:
    server = real_servers.filesystem(Path()).model_copy(update={"cwd": str(tmp_path)})

    drift = asyncio.run(verify(TAPES / "filesystem.jsonl", server))

    assert [each.subject.partition("(")[0] for each in drift.skipped] == ["write_file"]
    assert [*tmp_path.iterdir()] == []
