"""Servers that nobody here wrote, through the hub, and a workflow over them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import real_servers

from pytest_mcpflow import Hub

pytestmark = pytest.mark.mcpflow(virtual_time=False)


async def test_everything_answers_with_progress_and_prompts(mcpflow: Hub) -> None:
    mcpflow.use(real_servers.everything(), name="everything")
    reports: list[tuple[float, float | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        reports.append((progress, total))

    echo = await mcpflow.call_tool("everything.echo", {"message": "hello"})
    arguments = {"duration": 0.2, "steps": 2}
    await mcpflow.call_tool("everything.trigger-long-running-operation", arguments, on_progress=note)

    assert echo.text == "Echo: hello"
    assert reports == [(1, 2), (2, 2)]
    assert mcpflow.transcript.counts() == {
        "everything.echo": 1,
        "everything.trigger-long-running-operation": 1,
    }


async def test_a_workflow_runs_over_files_a_graph_a_repository_and_the_time(
    mcpflow: Hub, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "-q", "-b", "main")
    git(work, "config", "user.name", "Test")
    git(work, "config", "user.email", "test@example.com")
    mcpflow.use(real_servers.filesystem(work), name="files")
    mcpflow.use(real_servers.memory(tmp_path / "graph.jsonl"), name="graph")
    mcpflow.use(real_servers.git(work), name="git")
    mcpflow.use(real_servers.time(), name="time")

    now = await mcpflow.call_tool("time.get_current_time", {"timezone": "UTC"})
    await mcpflow.call_tool("files.write_file", {"path": str(work / "note.txt"), "content": now["datetime"]})
    await mcpflow.call_tool("git.git_add", {"repo_path": str(work), "files": ["note.txt"]})
    await mcpflow.call_tool("git.git_commit", {"repo_path": str(work), "message": "Note the time"})
    entity = {"name": "note.txt", "entityType": "file", "observations": [f"written at {now['datetime']}"]}
    await mcpflow.call_tool("graph.create_entities", {"entities": [entity]})
    graph = await mcpflow.call_tool("graph.read_graph", {})

    assert (work / "note.txt").read_text(encoding="utf-8") == now["datetime"]
    assert git(work, "log", "--format=%s") == "Note the time\n"
    assert graph["entities"][0]["name"] == "note.txt"
    assert len(mcpflow.transcript) == 6
    assert mcpflow.transcript.before("git.git_add", "git.git_commit")
    assert len(await mcpflow.list_tools()) > 20


def git(repository: Path, *arguments: str) -> str:
    """Run git, and return what it printed."""
    done = subprocess.run(["git", "-C", repository, *arguments], capture_output=True, text=True, check=True)
    return done.stdout
