"""A local git repository: what `git` does to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pytest_mcpflow.fakes._workspace import lies_at, workspace_path

__all__ = ["Commit", "GitError", "Repository"]


class GitError(Exception):
    """What git says on its standard error."""


@dataclass
class Commit:
    id: str
    message: str
    files: dict[str, str]
    """The whole tree."""
    parent: str | None = None
    at: float = 0.0
    """When it was made, seconds on the fake's clock."""


@dataclass
class Repository:
    """Branches point at commits; `pushed` is what the remote has of each branch.

    `staged` has the files that the next commit changes: their new text, or `None` where it deletes them.
    """

    branch: str = "main"
    commits: dict[str, Commit] = field(default_factory=dict[str, Commit])
    branches: dict[str, str | None] = field(default_factory=lambda: dict[str, str | None](main=None))
    staged: dict[str, str | None] = field(default_factory=dict[str, str | None])
    pushed: dict[str, str] = field(default_factory=dict[str, str])

    def tree(self) -> dict[str, str]:
        """The files of the current branch's newest commit."""
        head = self.branches[self.branch]
        return {} if head is None else self.commits[head].files

    def index(self) -> dict[str, str]:
        """The files as the next commit will have them."""
        return {path: text for path, text in {**self.tree(), **self.staged}.items() if text is not None}

    def stage(self, paths: Iterable[str], files: Mapping[str, str]) -> None:
        """Stage what is at some paths, or below them: as it is in `files`, or as deleted where it is not.

        Raises:
            GitError: Nothing is at one of them, nor was; then nothing is staged.
        """
        known = {**self.index(), **files}
        found: list[str] = []
        for path in paths:
            there = [name for name in known if lies_at(name, workspace_path(path))]
            if not there and workspace_path(path) != ".":
                raise GitError(f"fatal: pathspec '{path}' did not match any files")
            found += there
        self.staged.update({name: files.get(name) for name in found})

    def log(self) -> list[Commit]:
        """The commits of the current branch, newest first."""
        found: list[Commit] = []
        at = self.branches[self.branch]
        while at is not None:
            found.append(self.commits[at])
            at = self.commits[at].parent
        return found

    def commit(self, commit_id: str, message: str, *, at: float = 0.0) -> Commit:
        """Commit what is staged, at an instant of the fake's clock (seconds)."""
        if self.index() == self.tree():
            raise GitError("nothing to commit, working tree clean")
        made = Commit(commit_id, message, self.index(), self.branches[self.branch], at)
        self.commits[commit_id] = made
        self.branches[self.branch] = commit_id
        self.staged.clear()
        return made

    def switch(self, branch: str, *, create: bool) -> dict[str, str]:
        """Go to a branch and return its tree."""
        if create:
            if branch in self.branches:
                raise GitError(f"fatal: a branch named '{branch}' already exists")
            self.branches[branch] = self.branches[self.branch]
        elif branch not in self.branches:
            raise GitError(f"error: pathspec '{branch}' did not match any file(s) known to git")
        self.branch = branch
        return self.tree()

    def checkout(self, branch: str, files: dict[str, str]) -> dict[str, str]:
        """Go to a branch that there is, and say what the files are then; what was not committed goes along.

        Raises:
            GitError: There is no such branch, or a file that was changed and not committed is another one there.
        """
        before, target = self.tree(), self.branches.get(branch)
        after = {} if target is None else self.commits[target].files
        changed = {path for path in {*before, *files} if files.get(path) != before.get(path)}
        lost = sorted(path for path in changed if after.get(path) not in (before.get(path), files.get(path)))
        if branch in self.branches and lost:
            raise GitError(
                "error: Your local changes to the following files would be overwritten by checkout:\n"
                + "".join(f"\t{path}\n" for path in lost)
                + "Please commit your changes or stash them before you switch branches.\nAborting"
            )
        self.switch(branch, create=False)
        kept = {path: text for path, text in files.items() if path in changed}
        return {path: text for path, text in after.items() if path not in changed} | kept

    def push(self, branch: str) -> None:
        """Send a branch to the remote."""
        head = self.branches.get(branch)
        if head is None:
            raise GitError(f"error: src refspec {branch} does not match any")
        self.pushed[branch] = head
