"""The reference server for git over the repository of a fake machine."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from pytest_mcpflow import Hub, ToolError, Way, run
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.real.mcp_server_git import MCPServerGit


def repository() -> MCPServerGit:
    """One commit of app.py, which was changed since; new.py is not tracked."""
    server = MCPServerGit(files={"app.py": "one\ntwo\n"})
    ask(server, "git_add", files=["app.py"])
    ask(server, "git_commit", message="First")
    server.files |= {"app.py": "one\nTWO\n", "new.py": "x\n"}
    return server


def ask(server: DesktopCommander, tool: str, **arguments: Any) -> str:
    async def asked() -> str:
        async with Hub(way=Way.DIRECT) as hub:
            hub.serve(server, name="git")
            return (await hub.call_tool(f"git.{tool}", {"repo_path": "/workspace", **arguments})).text

    return run(asked())


def test_the_status_has_what_is_staged_changed_and_untracked() -> None:
    server = repository()
    before = ask(server, "git_status")
    ask(server, "git_add", files=["."])

    assert before == (
        "Repository status:\nOn branch main\nChanges not staged for commit:\n\tmodified:   app.py\n\n"
        "Untracked files:\n\tnew.py\n"
    )
    assert ask(server, "git_status") == (
        "Repository status:\nOn branch main\nChanges to be committed:\n\tmodified:   app.py\n\tnew file:   new.py\n"
    )
    ask(server, "git_commit", message="Second")
    assert ask(server, "git_status").endswith("nothing to commit, working tree clean")
    assert server.repository.staged == {}


def test_a_file_that_is_no_more_is_staged_and_committed_as_deleted() -> None:
    server = repository()
    del server.files["app.py"], server.files["new.py"]
    unstaged = ask(server, "git_status")
    ask(server, "git_add", files=["app.py"])

    assert unstaged.endswith("Changes not staged for commit:\n\tdeleted:    app.py\n")
    assert ask(server, "git_status").endswith("Changes to be committed:\n\tdeleted:    app.py\n")
    assert ask(server, "git_diff_staged").endswith(
        "--- a/app.py\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-one\n-two\n"
    )
    with pytest.raises(ToolError, match="pathspec 'app\\.py' did not match any files"):
        ask(server, "git_add", files=["app.py"])
    ask(server, "git_commit", message="Drop it")
    assert server.repository.tree() == {}


def test_differences_are_of_what_is_unstaged_staged_or_committed() -> None:
    server = repository()
    change = "--- a/app.py\n+++ b/app.py\n@@ -1,2 +1,2 @@\n one\n-two\n+TWO\n"
    unstaged = ask(server, "git_diff_unstaged"), ask(server, "git_diff_staged")
    ask(server, "git_add", files=["app.py"])

    assert unstaged == (f"Unstaged changes:\ndiff --git a/app.py b/app.py\n{change}", "Staged changes:\n")
    assert ask(server, "git_diff_staged").endswith(change)
    assert ask(server, "git_diff_unstaged") == "Unstaged changes:\n"
    assert ask(server, "git_diff", target="main", context_lines=0).endswith("@@ -2 +2 @@\n-two\n+TWO\n")


def test_what_was_staged_can_be_taken_back() -> None:
    server = repository()
    ask(server, "git_add", files=["."])

    assert ask(server, "git_reset") == "All staged changes reset"
    assert server.repository.staged == {}


def test_a_commit_is_in_the_log_and_shown() -> None:
    server = repository()
    ask(server, "git_add", files=["app.py"])
    made = ask(server, "git_commit", message="Second").removeprefix(
        "Changes committed successfully with hash "
    )
    log = ask(server, "git_log", max_count=1)

    assert log.startswith(f"Commit history:\nCommit: '{made}'\n")
    assert "Date: 2026-01-01 00:00:00+00:00\nMessage: 'Second'\n" in log
    assert ask(server, "git_show", revision=made[:8]).endswith("-two\n+TWO\n")
    assert ask(server, "git_log", start_timestamp="2027-01-01") == "Commit history:\n"


def test_a_branch_has_its_own_files() -> None:
    server = repository()
    created = ask(server, "git_create_branch", branch_name="fix")
    ask(server, "git_checkout", branch_name="fix")
    ask(server, "git_add", files=["new.py"])
    head = ask(server, "git_commit", message="New").rpartition(" ")[2]
    ask(server, "git_checkout", branch_name="main")

    assert created == "Created branch 'fix' from 'main'"
    assert "new.py" not in server.files
    assert ask(server, "git_branch", branch_type="local") == "* main\n  fix"
    assert ask(server, "git_branch", branch_type="local", contains=head) == "  fix"
    assert ask(server, "git_branch", branch_type="local", not_contains=head) == "* main"


def test_what_was_pushed_is_a_remote_branch() -> None:
    server = repository()
    server.repository.push("main")

    assert ask(server, "git_branch", branch_type="remote") == "  origin/main"
    assert ask(server, "git_branch", branch_type="all") == "* main\n  remotes/origin/main"


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("git_status", {"repo_path": "/elsewhere"}, "/elsewhere"),
        ("git_add", {"files": ["app.py", "nope"]}, "Cmd('git') failed due to: exit code(128)"),
        ("git_add", {"files": ["../secret"]}, "Path '../secret' is outside the repository '/workspace'"),
        ("git_checkout", {"branch_name": "nope"}, "Ref 'nope' did not resolve to an object"),
        ("git_checkout", {"branch_name": "-f"}, "Invalid branch name: '-f' - cannot start with '-'"),
        ("git_create_branch", {"branch_name": "main"}, "Reference at 'refs/heads/main' does already exist"),
        ("git_create_branch", {"branch_name": "x", "base_branch": "nope"}, "No item found with id 'nope'"),
        ("git_show", {"revision": "zzz"}, "Ref 'zzz' did not resolve to an object"),
        ("git_diff", {"target": "--output=x"}, "Invalid target: '--output=x' - cannot start with '-'"),
        ("git_log", {"start_timestamp": "yesterday"}, "Invalid start_timestamp: 'yesterday'"),
    ],
)
def test_what_is_refused_changes_nothing(tool: str, arguments: dict[str, Any], words: str) -> None:
    server = repository()
    before = deepcopy(server)
    with pytest.raises(ToolError) as error:
        ask(server, tool, **arguments)

    assert error.value.message.startswith(words)
    assert server == before


def test_a_repository_without_commits_has_no_log() -> None:
    with pytest.raises(ToolError, match="Reference at 'refs/heads/main' does not exist"):
        ask(MCPServerGit(), "git_log")


def test_the_shell_of_the_documents_sees_the_commit() -> None:
    documents = DesktopCommander(files={"a.txt": "a\n"})
    git = MCPServerGit.over(documents)
    ask(git, "git_add", files=["."])
    ask(git, "git_commit", message="By the server")

    assert "By the server" in documents.run("git log").stdout
