"""The tools of the git server (PyPI `mcp-server-git`) over the repository of a fake machine.

Names, arguments and answers are those of version 2026.10.19; refusals are git's own words.
The repository is `/workspace`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pytest_mcpflow.fake import FakeError, tool
from pytest_mcpflow.fakes.desktop_commander import (
    Commit,
    DesktopCommander,
    GitError,
    Repository,
    workspace_path,
)
from pytest_mcpflow.fakes.real._git_texts import check_name, difference, history_of, staged_line

__all__ = ["MCPServerGit"]

WORKSPACE = ("/workspace", ".")
AUTHOR = '<git.Actor "dev <dev@example.com>">'


@dataclass
class MCPServerGit(DesktopCommander, in_place_of=DesktopCommander):
    """The repository as the reference server for git shows it."""

    service = "mcp-server-git"
    service_error = "fatal: unable to read tree"
    structured = False

    @tool(reads=True)
    def git_status(self, repo_path: str) -> str:
        """Show what is staged, changed and untracked."""
        repository = self._at(repo_path)
        tree, index = repository.tree(), repository.index()
        parts = [f"On branch {repository.branch}"]
        ready = [
            staged_line(path, tree, index)
            for path in sorted({*tree, *index})
            if tree.get(path) != index.get(path)
        ]
        changed = [
            f"\t{'modified:' if path in self.files else 'deleted: '}   {path}"
            for path in sorted(index)
            if self.files.get(path) != index[path]
        ]
        untracked = [f"\t{path}" for path in sorted(self.files) if path not in index]
        if ready:
            parts += ["Changes to be committed:", *ready, ""]
        if changed:
            parts += ["Changes not staged for commit:", *changed, ""]
        if untracked:
            parts += ["Untracked files:", *untracked, ""]
        if not (ready or changed or untracked):
            parts.append("nothing to commit, working tree clean")
        return "Repository status:\n" + "\n".join(parts)

    @tool(reads=True)
    def git_diff_unstaged(self, repo_path: str, context_lines: int = 3) -> str:
        """Show how tracked files differ from what is staged."""
        repository = self._at(repo_path)
        index = repository.index()
        now = {path: self.files[path] for path in index if path in self.files}
        return f"Unstaged changes:\n{difference(index, now, context_lines)}"

    @tool(reads=True)
    def git_diff_staged(self, repo_path: str, context_lines: int = 3) -> str:
        """Show how what is staged differs from the newest commit."""
        repository = self._at(repo_path)
        return f"Staged changes:\n{difference(repository.tree(), repository.index(), context_lines)}"

    @tool(reads=True)
    def git_diff(self, repo_path: str, target: str, context_lines: int = 3) -> str:
        """Show how tracked files differ from a branch or a commit."""
        repository = self._at(repo_path)
        then = self._commit(repository, target, what="target").files
        tracked = {*then, *repository.index()}
        now = {path: text for path, text in self.files.items() if path in tracked}
        return f"Diff with {target}:\n{difference(then, now, context_lines)}"

    @tool()
    def git_commit(self, repo_path: str, message: str) -> str:
        """Commit what is staged; nothing staged makes an empty commit, as the server does."""
        repository = self._at(repo_path)
        made = Commit(
            *(self.new_hex(40, kind="commit"), message, repository.index()),
            parent=repository.branches[repository.branch],
            at=self.clock.now(),
        )
        repository.commits[made.id] = made
        repository.branches[repository.branch] = made.id
        repository.staged.clear()
        return f"Changes committed successfully with hash {made.id}"

    @tool(idempotent=True)
    def git_add(self, repo_path: str, files: list[str]) -> str:
        """Stage files; `.` stages all."""
        repository = self._at(repo_path)
        for name in files:
            if workspace_path(name).startswith(("/", "../")):
                raise FakeError(f"Path '{name}' is outside the repository '/workspace'")
        try:
            repository.stage(files, self.files)
        except GitError as error:
            raise FakeError(
                f"Cmd('git') failed due to: exit code(128)\n  cmdline: git add -- {' '.join(files)}\n"
                f"  stderr: '{error}'"
            ) from None
        return "Files staged successfully"

    @tool(destroys=True, idempotent=True)
    def git_reset(self, repo_path: str) -> str:
        """Unstage everything."""
        self._at(repo_path).staged.clear()
        return "All staged changes reset"

    @tool(reads=True)
    def git_log(
        self,
        repo_path: str,
        max_count: int = 10,
        start_timestamp: str | None = None,
        end_timestamp: str | None = None,
    ) -> str:
        """Show the commits of the current branch, newest first; the times are ISO 8601."""
        repository = self._at(repo_path)
        if not repository.log():
            raise FakeError(f"Reference at 'refs/heads/{repository.branch}' does not exist")
        begin, end = (
            self._moment(start_timestamp, "start_timestamp"),
            self._moment(end_timestamp, "end_timestamp"),
        )
        chosen = [
            commit
            for commit in repository.log()
            if (begin is None or commit.at >= begin) and (end is None or commit.at <= end)
        ]
        return "Commit history:\n" + "\n".join(self._shown(commit) for commit in chosen[: max(max_count, 0)])

    @tool()
    def git_create_branch(self, repo_path: str, branch_name: str, base_branch: str | None = None) -> str:
        """Create a branch from another, by default from the current one."""
        repository = self._at(repo_path)
        check_name(branch_name, "branch name")
        base = base_branch or repository.branch
        if base not in repository.branches:
            raise FakeError(f"No item found with id '{base}'")
        if branch_name in repository.branches:
            raise FakeError(f"Reference at 'refs/heads/{branch_name}' does already exist")
        repository.branches[branch_name] = repository.branches[base]
        return f"Created branch '{branch_name}' from '{base}'"

    @tool()
    def git_checkout(self, repo_path: str, branch_name: str) -> str:
        """Go to a branch, with its files."""
        repository = self._at(repo_path)
        check_name(branch_name, "branch name")
        if branch_name not in repository.branches:
            raise FakeError(f"Ref '{branch_name}' did not resolve to an object")
        tracked = {*repository.tree()}
        tree = repository.switch(branch_name, create=False)
        self.files = {path: text for path, text in self.files.items() if path not in tracked} | tree
        return f"Switched to branch '{branch_name}'"

    @tool(reads=True)
    def git_show(self, repo_path: str, revision: str) -> str:
        """Show a commit and what it changed."""
        repository = self._at(repo_path)
        commit = self._commit(repository, revision, what="revision")
        before = {} if commit.parent is None else repository.commits[commit.parent].files
        return self._shown(commit) + difference(before, commit.files, 3)

    @tool(reads=True)
    def git_branch(
        self, repo_path: str, branch_type: str, contains: str | None = None, not_contains: str | None = None
    ) -> str:
        """List branches: `local`, `remote` or `all`, with or without a commit."""
        repository = self._at(repo_path)
        if branch_type not in ("local", "remote", "all"):
            return f"Invalid branch type: {branch_type}"
        local = {
            f"{'*' if name == repository.branch else ' '} {name}": head
            for name, head in repository.branches.items()
        }
        where = "remotes/origin" if branch_type == "all" else "origin"
        remote = {f"  {where}/{name}": head for name, head in repository.pushed.items()}
        listed = {**(local if branch_type != "remote" else {}), **(remote if branch_type != "local" else {})}
        return "\n".join(
            line
            for line, head in listed.items()
            if (contains is None or contains in history_of(repository, head))
            if (not_contains is None or not_contains not in history_of(repository, head))
        )

    def _at(self, repo_path: str) -> Repository:
        if repo_path.rstrip("/") not in WORKSPACE:
            raise FakeError(repo_path)
        return self.repository

    def _commit(self, repository: Repository, name: str, *, what: str) -> Commit:
        """The commit that a branch, a hash or the beginning of one means."""
        check_name(name, what)
        head = repository.branches.get(repository.branch if name == "HEAD" else name)
        found = [each for each in repository.commits.values() if each.id == head or each.id.startswith(name)]
        if len(found) != 1 and head is None:
            raise FakeError(f"Ref '{name}' did not resolve to an object")
        return repository.commits[head] if head is not None else found[0]

    def _moment(self, text: str | None, name: str) -> float | None:
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise FakeError(f"Invalid {name}: '{text}' - not understood here; use ISO 8601") from None
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=self.clock.starts_at.tzinfo)
        return (zoned - self.clock.starts_at).total_seconds()

    def _shown(self, commit: Commit) -> str:
        made = self.clock.starts_at + timedelta(seconds=commit.at)
        return f"Commit: {commit.id!r}\nAuthor: {AUTHOR}\nDate: {made}\nMessage: {commit.message!r}\n"
