"""A fake GitHub: branches, pull requests with checks and reviews, issues, secrets.

Error texts follow GitHub's REST API (docs.github.com/rest).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar, Literal

from pytest_mcpflow.fake import FakeError, tool
from pytest_mcpflow.fakes._github_account import CommitAnswer
from pytest_mcpflow.fakes._github_actions import ActionsTools
from pytest_mcpflow.fakes._github_names import is_ref_name
from pytest_mcpflow.fakes._github_pulls import PullTools
from pytest_mcpflow.fakes._github_state import (
    Branch,
    Check,
    Commit,
    Issue,
    Protection,
    PullRequest,
    Repository,
    Review,
    ReviewComment,
    Webhook,
    WorkflowRun,
)
from pytest_mcpflow.fakes._github_workflows import WorkflowFile, WorkflowJob

__all__ = [
    "Branch",
    "Check",
    "Commit",
    "FileChange",
    "GitHub",
    "Issue",
    "Protection",
    "PullRequest",
    "Repository",
    "Review",
    "ReviewComment",
    "Webhook",
    "WorkflowFile",
    "WorkflowJob",
    "WorkflowRun",
    "repository",
]


@dataclass
class FileChange:
    path: str
    content: str


@dataclass
class BranchAnswer:
    ref: str
    sha: str


@dataclass
class GitHub(PullTools, ActionsTools):
    """One account's repositories: files, branches, issues, pull requests, and what guards them."""

    service: ClassVar[str] = "github"
    service_error = "500 Server Error"

    @tool(idempotent=False)
    def create_repository(self, owner: str, name: str, private: bool = True) -> str:
        """Create a repository with an empty main branch."""
        if not name.strip():
            raise FakeError("Repository creation failed: name can't be blank")
        if f"{owner}/{name}" in self.repositories:
            raise FakeError("Repository creation failed: name already exists on this account")
        self.repositories[f"{owner}/{name}"] = repository()
        return f"https://github.example/{owner}/{name}"

    @tool(reads=True)
    def list_repositories(self, owner: str) -> list[str]:
        """List the names of an owner's repositories."""
        parts = [name.partition("/") for name in self.repositories]
        return sorted(name for holder, _, name in parts if holder == owner)

    @tool(idempotent=False)
    def create_branch(
        self, owner: str, repo: str, branch: str, from_branch: str | None = None
    ) -> BranchAnswer:
        """Create a branch from another, by default from the default branch."""
        found = self.repository_of(owner, repo)
        if branch in found.branches:
            raise FakeError("Validation Failed: Reference already exists")
        if not is_ref_name(branch):
            raise FakeError(f"Validation Failed: refs/heads/{branch} is not a valid ref name.")
        source = self.branch_of(found, from_branch or found.default_branch)
        found.branches[branch] = Branch([*source.commits], {**source.files})
        return BranchAnswer(f"refs/heads/{branch}", source.sha)

    @tool(reads=True)
    def get_file_contents(self, owner: str, repo: str, path: str, branch: str | None = None) -> str:
        """Read a file of a branch."""
        found = self.repository_of(owner, repo)
        files = self.branch_of(found, branch or found.default_branch).files
        if path not in files:
            raise FakeError("Not Found")
        return files[path]

    @tool(idempotent=False)
    def push_files(
        self, owner: str, repo: str, branch: str, files: list[FileChange], message: str
    ) -> CommitAnswer:
        """Commit files to a branch."""
        target = self.branch_to_push(owner, repo, branch)
        changes = {change.path: change.content for change in files}
        if not changes:
            raise FakeError("Validation Failed: files must not be empty")
        for path in changes:
            if {"", ".", ".."} & {*path.split("/")}:
                raise FakeError(f"Validation Failed: tree.path contains a malformed path component: {path!r}")
        return self.commit_to(target, {**target.files, **changes}, message)

    @tool(reads=True)
    def list_commits(self, owner: str, repo: str, sha: str | None = None) -> list[CommitAnswer]:
        """List the commits of a branch, newest first."""
        found = self.repository_of(owner, repo)
        commits = self.branch_of(found, sha or found.default_branch).commits
        return [CommitAnswer(commit.sha, commit.message) for commit in reversed(commits)]

    @tool(idempotent=False)
    def create_issue(
        self, owner: str, repo: str, title: str, body: str = "", labels: list[str] | None = None
    ) -> Issue:
        """Open an issue."""
        found = self.repository_of(owner, repo)
        if not title.strip():
            raise FakeError("Validation Failed: title can't be blank")
        number = len(found.pull_requests) + len(found.issues) + 1
        found.issues.append(Issue(number, title, body, labels=labels or []))
        return found.issues[-1]

    @tool(reads=True)
    def list_issues(
        self, owner: str, repo: str, state: Literal["open", "closed", "all"] = "open"
    ) -> list[Issue]:
        """List issues, oldest first."""
        return [each for each in self.repository_of(owner, repo).issues if state in ("all", each.state)]

    @tool(idempotent=True)
    def update_issue(
        self, owner: str, repo: str, issue_number: int, state: Literal["open", "closed"]
    ) -> Issue:
        """Close an issue, or open it again."""
        issue = self._issue(owner, repo, issue_number)
        issue.state = state
        return issue

    @tool(idempotent=False)
    def add_issue_comment(self, owner: str, repo: str, issue_number: int, body: str) -> Issue:
        """Comment on an issue."""
        issue = self._issue(owner, repo, issue_number)
        if not body.strip():
            raise FakeError("Validation Failed: body can't be blank")
        issue.comments.append(body)
        return issue

    def _issue(self, owner: str, repo: str, number: int) -> Issue:
        for issue in self.repository_of(owner, repo).issues:
            if issue.number == number:
                return issue
        raise FakeError("Not Found")


def repository(files: dict[str, str] | None = None) -> Repository:
    """A repository whose main branch has these files, in one commit."""
    tree = files or {}
    digest = hashlib.sha256(repr(sorted(tree.items())).encode()).hexdigest()
    first = Commit(digest[:40], "Initial commit", 0.0, {**tree})
    return Repository(branches={"main": Branch([first], tree)})
