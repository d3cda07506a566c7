"""The fake of repository answers as git-2026-07-28.jsonl does."""

from __future__ import annotations

from pytest_mcpflow import Hub

from repository import Repository


async def test_it_offers_the_recorded_tools(mcpflow: Hub) -> None:
    mcpflow.serve(Repository())

    offered = await mcpflow.list_tools()

    assert [tool.name for tool in offered] == [
        "git_status",
        "git_diff_unstaged",
        "git_diff_staged",
        "git_diff",
        "git_commit",
        "git_add",
        "git_reset",
        "git_log",
        "git_create_branch",
        "git_checkout",
        "git_show",
        "git_branch",
    ]


async def test_git_status_answers_as_recorded(mcpflow: Hub) -> None:
    mcpflow.serve(Repository())

    result = await mcpflow.call_tool("repository.git_status", {"repo_path": "."})

    expected = (
        "Repository status:\n"
        "On branch main\n"
        "\n"
        "No commits yet\n"
        "\n"
        "Untracked files:\n"
        '  (use "git add <file>..." to include in what will be committed)\n'
        "\tnote.txt\n"
        "\n"
        'nothing added to commit but untracked files present (use "git add" to track)'
    )
    assert result.text == expected


async def test_git_commit_answers_as_recorded(mcpflow: Hub) -> None:
    mcpflow.serve(Repository())

    result = await mcpflow.call_tool(
        "repository.git_commit",
        {"message": "Note the milk", "repo_path": "."},
    )

    expected = (
        "Changes committed successfully with hash "
        "3bc7837c36dff53f34f093842dbb186a1b16e5fa"
    )
    assert result.text == expected


async def test_git_add_answers_as_recorded(mcpflow: Hub) -> None:
    mcpflow.serve(Repository())

    result = await mcpflow.call_tool(
        "repository.git_add",
        {"files": ["note.txt"], "repo_path": "."},
    )

    assert result.text == "Files staged successfully"


async def test_git_log_answers_as_recorded(mcpflow: Hub) -> None:
    mcpflow.serve(Repository())

    result = await mcpflow.call_tool(
        "repository.git_log",
        {"max_count": 1, "repo_path": "."},
    )

    expected = (
        "Commit history:\n"
        "Commit: 3bc7837c36dff53f34f093842dbb186a1b16e5fa\n"
        "Author: T\n"
        "Date: 2026-01-01 00:00:00+00:00\n"
        "Message: Note the milk\n"
    )
    assert result.text == expected
