"""The tapes of real servers in fixtures/tapes.

`pytest tests/cassette/test_tapes.py --mcp-record=rewrite` records them again, with Node and npm at hand.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import real_servers
from checkout import ROOT
from mcp import StdioServerParameters

from pytest_mcpflow import Elicitation, Era, Hub, ToolError
from pytest_mcpflow.cassette.modes import RecordMode
from pytest_mcpflow.cassette.reading import read_cassette

TAPES = ROOT / "fixtures" / "tapes"
DATES = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "1767225600 +0000")
both_eras = pytest.mark.parametrize("era", list(Era))


def use(
    hub: Hub, name: str, server: Callable[[], StdioServerParameters], folder: Path, *, era: Era | None = None
) -> None:
    """Add a server that is started in a folder, where it is recorded; otherwise its tape."""
    if era is not None:
        hub.era = era
    tape = TAPES / (f"{name}.jsonl" if era is None else f"{name}-{era}.jsonl")
    target = StdioServerParameters(command=name)
    if hub.record is not RecordMode.NONE:
        target = server().model_copy(update={"cwd": str(folder)})
    hub.use(target, name=name, cassette=tape)


async def test_everything(mcpflow: Hub, tmp_path: Path) -> None:
    use(mcpflow, "everything", real_servers.everything, tmp_path)
    mcpflow.answer_with(lambda asked: {"name": "Ada"} if isinstance(asked, Elicitation) else "a poem")
    client = await mcpflow.client("everything")
    reports: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        reports.append(progress)

    tools = {tool.name for tool in await mcpflow.list_tools()}
    echo = await mcpflow.call_tool("everything.echo", {"message": "hello"})
    total = await mcpflow.call_tool("everything.get-sum", {"a": 2, "b": 40})
    with pytest.raises(ToolError, match="Invalid"):
        await mcpflow.call_tool("everything.get-sum", {"a": "two"})
    arguments = {"duration": 0.4, "steps": 4}
    await mcpflow.call_tool("everything.trigger-long-running-operation", arguments, on_progress=note)
    sample = await mcpflow.call_tool("everything.trigger-sampling-request", {"prompt": "tea"})
    elicited = await mcpflow.call_tool("everything.trigger-elicitation-request", {})
    prompt = await client.get_prompt("simple-prompt")
    resources = (await client.list_resources()).resources
    again = await mcpflow.call_tool("everything.echo", {"message": "hello"})

    assert {"echo", "get-sum", "trigger-sampling-request"} <= tools
    assert (echo.text, again.text) == ("Echo: hello", "Echo: hello")
    assert total.text == "The sum of 2 and 40 is 42."
    assert reports == [1, 2, 3, 4]
    assert "a poem" in sample.text
    assert "Ada" in elicited.text
    assert prompt.messages
    assert resources


async def test_filesystem(mcpflow: Hub, tmp_path: Path) -> None:
    use(mcpflow, "filesystem", lambda: real_servers.filesystem(Path()), tmp_path)

    await mcpflow.call_tool("filesystem.write_file", {"path": "note.txt", "content": "remember the milk\n"})
    read = await mcpflow.call_tool("filesystem.read_text_file", {"path": "note.txt"})
    listed = await mcpflow.call_tool("filesystem.list_directory", {"path": "."})
    with pytest.raises(ToolError, match="Cannot specify both head and tail"):
        await mcpflow.call_tool("filesystem.read_text_file", {"path": "note.txt", "head": 1, "tail": 1})

    assert read.text == "remember the milk\n"
    assert listed.text == "[FILE] note.txt"


async def test_memory(mcpflow: Hub, tmp_path: Path) -> None:
    use(mcpflow, "memory", lambda: real_servers.memory(tmp_path / "graph.jsonl"), tmp_path)
    entity = {"name": "db-1", "entityType": "host", "observations": ["195 of 200 connections"]}

    await mcpflow.call_tool("memory.create_entities", {"entities": [entity]})
    found = await mcpflow.call_tool("memory.search_nodes", {"query": "connections"})
    graph = await mcpflow.call_tool("memory.read_graph", {})

    assert found["entities"] == graph["entities"] == [entity]


@both_eras
async def test_git(mcpflow: Hub, tmp_path: Path, era: Era) -> None:
    use(mcpflow, "git", lambda: _git(real_servers.git(Path())), tmp_path, era=era)
    if mcpflow.record is not RecordMode.NONE:
        _make_repository(tmp_path)

    before = await mcpflow.call_tool("git.git_status", {"repo_path": "."})
    await mcpflow.call_tool("git.git_add", {"repo_path": ".", "files": ["note.txt"]})
    await mcpflow.call_tool("git.git_commit", {"repo_path": ".", "message": "Note the milk"})
    log = await mcpflow.call_tool("git.git_log", {"repo_path": ".", "max_count": 1})
    after = await mcpflow.call_tool("git.git_status", {"repo_path": "."})

    assert "note.txt" in before.text
    assert "Note the milk" in log.text
    assert "nothing to commit" in after.text


@both_eras
async def test_time(mcpflow: Hub, tmp_path: Path, era: Era) -> None:
    use(mcpflow, "time", real_servers.time, tmp_path, era=era)

    arguments = {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Kolkata"}
    converted = await mcpflow.call_tool("time.convert_time", arguments)
    with pytest.raises(ToolError, match="Invalid timezone"):
        await mcpflow.call_tool("time.get_current_time", {"timezone": "Moon/Base"})

    assert converted["time_difference"] == "+5.5h"


def _make_repository(folder: Path) -> None:
    for words in ("init -q -b main", "config user.name T", "config user.email t@t.t"):
        subprocess.run(["git", *words.split()], cwd=folder, check=True)
    (folder / "note.txt").write_text("remember the milk\n", encoding="utf-8")


def _git(server: StdioServerParameters) -> StdioServerParameters:
    """With dates that do not change from one recording to the next, and so with the same hashes."""
    return server.model_copy(update={"env": DATES})


@pytest.mark.parametrize("tape", sorted(TAPES.glob("*.jsonl")), ids=lambda tape: tape.stem)
def test_a_tape_says_whose_it_is_and_names_no_machine(tape: Path) -> None:
    cassette = read_cassette(tape)
    text = tape.read_text(encoding="utf-8")

    assert cassette.server_name
    assert cassette.redaction is not None
    assert [session.era for session in cassette.sessions] == [
        "2026-07-28" if "2026" in tape.stem else "2025-11-25"
    ]
    assert not [place for place in (str(Path.home()), str(ROOT), "/tmp/") if place in text]
