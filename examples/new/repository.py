"""A fake of repository, begun from git-2026-07-28.jsonl: its tools, and the answers that were recorded."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Fake, FakeError, tool


@dataclass
class Repository(Fake):
    """What git-2026-07-28.jsonl has of repository; anything else is refused."""

    done: list[str] = field(default_factory=list[str])
    """What clients had it do, in order. Put what the service really remembers in its place."""

    @tool(reads=True, idempotent=True)
    def git_status(self, repo_path: str) -> str:
        """Shows the working tree status"""
        if repo_path == ".":
            return (
                "Repository status:\n"
                "On branch main\n"
                "\n"
                "No commits yet\n"
                "\n"
                "Untracked files:\n"
                '  (use "git add <file>..." to include in what will be committed)\n'
                "\tnote.txt\n"
                "\n"
                'nothing added to commit but untracked files present (use "git '
                'add" to track)'
            )
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True, idempotent=True)
    def git_diff_unstaged(self, repo_path: str, context_lines: int = 3) -> str:
        """Shows changes in the working directory that are not yet staged"""
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True, idempotent=True)
    def git_diff_staged(self, repo_path: str, context_lines: int = 3) -> str:
        """Shows changes that are staged for commit"""
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True, idempotent=True)
    def git_diff(self, repo_path: str, target: str, context_lines: int = 3) -> str:
        """Shows differences between branches or commits"""
        raise FakeError("nothing is recorded for these arguments")

    @tool()
    def git_commit(self, message: str, repo_path: str) -> str:
        """Records changes to the repository"""
        if (message, repo_path) == ("Note the milk", "."):
            self.done.append(
                f"git_commit(message={message!r}, repo_path={repo_path!r})",
            )
            return (
                "Changes committed successfully with hash "
                "3bc7837c36dff53f34f093842dbb186a1b16e5fa"
            )
        raise FakeError("nothing is recorded for these arguments")

    @tool(idempotent=True)
    def git_add(self, files: list[str], repo_path: str) -> str:
        """Adds file contents to the staging area"""
        if (files, repo_path) == (["note.txt"], "."):
            call = f"git_add(files={files!r}, repo_path={repo_path!r})"
            if call not in self.done:
                self.done.append(call)
            return "Files staged successfully"
        raise FakeError("nothing is recorded for these arguments")

    @tool(destroys=True, idempotent=True)
    def git_reset(self, repo_path: str) -> str:
        """Unstages all staged changes"""
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True, idempotent=True)
    def git_log(
        self,
        repo_path: str,
        end_timestamp: str | None = None,
        max_count: int = 10,
        start_timestamp: str | None = None,
    ) -> str:
        """Shows the commit logs

        Args:
            end_timestamp: End timestamp for filtering commits. Accepts: ISO 8601
                format (e.g., '2024-01-15T14:30:25'), relative dates (e.g., '2 weeks
                ago', 'yesterday'), or absolute dates (e.g., '2024-01-15', 'Jan 15
                2024')
            start_timestamp: Start timestamp for filtering commits. Accepts: ISO
                8601 format (e.g., '2024-01-15T14:30:25'), relative dates (e.g., '2
                weeks ago', 'yesterday'), or absolute dates (e.g., '2024-01-15',
                'Jan 15 2024')
        """
        if (repo_path, end_timestamp, max_count, start_timestamp) == (
            ".",
            None,
            1,
            None,
        ):
            return (
                "Commit history:\n"
                "Commit: 3bc7837c36dff53f34f093842dbb186a1b16e5fa\n"
                "Author: T\n"
                "Date: 2026-01-01 00:00:00+00:00\n"
                "Message: Note the milk\n"
            )
        raise FakeError("nothing is recorded for these arguments")

    @tool()
    def git_create_branch(
        self,
        branch_name: str,
        repo_path: str,
        base_branch: str | None = None,
    ) -> str:
        """Creates a new branch from an optional base branch"""
        raise FakeError("nothing is recorded for these arguments")

    @tool()
    def git_checkout(self, branch_name: str, repo_path: str) -> str:
        """Switches branches"""
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True, idempotent=True)
    def git_show(self, repo_path: str, revision: str) -> str:
        """Shows the contents of a commit, or of a file or directory given as
        <revision>:<path>
        """
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True, idempotent=True)
    def git_branch(
        self,
        branch_type: str,
        repo_path: str,
        contains: str | None = None,
        not_contains: str | None = None,
    ) -> str:
        """List Git branches

        Args:
            branch_type: Whether to list local branches ('local'), remote branches
                ('remote') or all branches('all').
            repo_path: The path to the Git repository.
            contains: The commit sha that branch should contain. Do not pass
                anything to this param if no commit sha is specified
            not_contains: The commit sha that branch should NOT contain. Do not pass
                anything to this param if no commit sha is specified
        """
        raise FakeError("nothing is recorded for these arguments")
