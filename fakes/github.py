"""A fake GitHub: branches, pull requests with checks and reviews, issues, secrets.

Error texts follow GitHub's REST API (docs.github.com/rest).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pytest_mcpflow.fake import Fake, FakeError, tool
from pytest_mcpflow.fakes._github_state import (
    Branch,
    Check,
    CheckState,
    Commit,
    Issue,
    Protection,
    PullRequest,
    Repository,
    Review,
    Verdict,
    WorkflowRun,
)

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
class CommitAnswer:
    sha: str
    message: str


@dataclass
class Pull:
    """A pull request as the API shows it."""

    number: int
    html_url: str
    state: Literal["open", "closed"]
    title: str
    body: str
    head: str
    base: str
    labels: list[str]
    requested_reviewers: list[str]
    merged: bool
    mergeable: bool


@dataclass
class Status:
    """The state of all checks together: success only if there are none that fail or are missing."""

    state: CheckState
    checks: list[Check]
    missing: list[str]


@dataclass
class Merge:
    merged: bool
    sha: str
    message: str


@dataclass
class GitHub(Fake):
    """One account's repositories."""

    service: ClassVar[str] = "github"

    repositories: dict[str, Repository] = field(default_factory=dict[str, Repository])
    """By `owner/name`."""

    @tool(idempotent=False)
    def create_repository(self, owner: str, name: str, private: bool = True) -> str:
        """Create a repository with an empty main branch."""
        if f"{owner}/{name}" in self.repositories:
            raise FakeError("Repository creation failed: name already exists on this account")
        self.repositories[f"{owner}/{name}"] = repository()
        return f"https://github.example/{owner}/{name}"

    @tool(idempotent=False)
    def create_branch(
        self, owner: str, repo: str, branch: str, from_branch: str | None = None
    ) -> BranchAnswer:
        """Create a branch from another, by default from the default branch."""
        found = self._repository(owner, repo)
        if branch in found.branches:
            raise FakeError("Validation Failed: Reference already exists")
        source = self._branch(found, from_branch or found.default_branch)
        found.branches[branch] = Branch([*source.commits], {**source.files})
        return BranchAnswer(f"refs/heads/{branch}", source.sha)

    @tool(reads=True)
    def get_file_contents(self, owner: str, repo: str, path: str, branch: str | None = None) -> str:
        """Read a file of a branch."""
        found = self._repository(owner, repo)
        files = self._branch(found, branch or found.default_branch).files
        if path not in files:
            raise FakeError("Not Found")
        return files[path]

    @tool(idempotent=False)
    def push_files(
        self, owner: str, repo: str, branch: str, files: list[FileChange], message: str
    ) -> CommitAnswer:
        """Commit files to a branch."""
        target = self._branch(self._repository(owner, repo), branch)
        changes = {change.path: change.content for change in files}
        if not changes:
            raise FakeError("Validation Failed: files must not be empty")
        return self._commit(target, {**target.files, **changes}, message)

    @tool(reads=True)
    def list_commits(self, owner: str, repo: str, sha: str | None = None) -> list[CommitAnswer]:
        """List the commits of a branch, newest first."""
        found = self._repository(owner, repo)
        commits = self._branch(found, sha or found.default_branch).commits
        return [CommitAnswer(commit.sha, commit.message) for commit in reversed(commits)]

    @tool(idempotent=False)
    def create_pull_request(
        self,
        owner: str,
        repo: str,
        title: str,
        head: str,
        base: str,
        body: str = "",
        labels: list[str] | None = None,
        reviewers: list[str] | None = None,
    ) -> Pull:
        """Open a pull request."""
        found = self._repository(owner, repo)
        ahead, behind = self._branch(found, head), self._branch(found, base)
        if any(
            pull.state == "open" and (pull.head, pull.base) == (head, base) for pull in found.pull_requests
        ):
            raise FakeError(f"Validation Failed: A pull request already exists for {owner}:{head}.")
        if {commit.sha for commit in ahead.commits} <= {commit.sha for commit in behind.commits}:
            raise FakeError(f"Validation Failed: No commits between {base} and {head}")
        number = len(found.pull_requests) + len(found.issues) + 1
        checks = [Check(name, state) for name, state in found.new_checks.items()]
        opened = PullRequest(
            number, title, body, head, base, labels=labels or [], reviewers=reviewers or [], checks=checks
        )
        found.pull_requests.append(opened)
        return self._shown(owner, repo, opened)

    @tool(reads=True)
    def list_pull_requests(
        self, owner: str, repo: str, state: Literal["open", "closed", "all"] = "open", head: str | None = None
    ) -> list[Pull]:
        """List pull requests, by state and head branch."""
        return [
            self._shown(owner, repo, pull)
            for pull in self._repository(owner, repo).pull_requests
            if state in ("all", pull.state) and head in (None, pull.head)
        ]

    @tool(reads=True)
    def get_pull_request(self, owner: str, repo: str, pull_number: int) -> Pull:
        """Show a pull request."""
        return self._shown(owner, repo, self._pull(owner, repo, pull_number))

    @tool(reads=True)
    def get_pull_request_status(self, owner: str, repo: str, pull_number: int) -> Status:
        """Show the checks of a pull request."""
        pull = self._pull(owner, repo, pull_number)
        missing = [
            name
            for name in self._protection(owner, repo, pull.base).required_checks
            if name not in {check.name for check in pull.checks}
        ]
        states = {check.state for check in pull.checks}
        state: CheckState = (
            "failure" if "failure" in states else "pending" if "pending" in states or missing else "success"
        )
        return Status(state, pull.checks, missing)

    @tool(idempotent=False)
    def create_pull_request_review(
        self,
        owner: str,
        repo: str,
        pull_number: int,
        event: Verdict,
        body: str = "",
        author: str = "reviewer",
    ) -> Review:
        """Review a pull request."""
        pull = self._pull(owner, repo, pull_number)
        pull.reviews.append(Review(author, event, body))
        return pull.reviews[-1]

    @tool(destroys=True, idempotent=False)
    def merge_pull_request(self, owner: str, repo: str, pull_number: int) -> Merge:
        """Merge a pull request whose base branch's rules are met."""
        pull = self._pull(owner, repo, pull_number)
        if pull.state == "closed":
            raise FakeError("Pull Request is not mergeable")
        if reason := self._blocked(owner, repo, pull):
            raise FakeError(reason)
        found = self._repository(owner, repo)
        merged = self._commit(
            found.branches[pull.base],
            {**found.branches[pull.head].files},
            f"Merge #{pull.number}: {pull.title}",
        )
        pull.state, pull.merged, pull.merge_sha = "closed", True, merged.sha
        return Merge(True, merged.sha, "Pull Request successfully merged")

    @tool(idempotent=False)
    def create_issue(
        self, owner: str, repo: str, title: str, body: str = "", labels: list[str] | None = None
    ) -> Issue:
        """Open an issue."""
        found = self._repository(owner, repo)
        number = len(found.pull_requests) + len(found.issues) + 1
        found.issues.append(Issue(number, title, body, labels=labels or []))
        return found.issues[-1]

    @tool(reads=True)
    def list_issues(
        self, owner: str, repo: str, state: Literal["open", "closed", "all"] = "open"
    ) -> list[Issue]:
        """List issues, oldest first."""
        return [each for each in self._repository(owner, repo).issues if state in ("all", each.state)]

    @tool(idempotent=False)
    def add_issue_comment(self, owner: str, repo: str, issue_number: int, body: str) -> Issue:
        """Comment on an issue."""
        for issue in self._repository(owner, repo).issues:
            if issue.number == issue_number:
                issue.comments.append(body)
                return issue
        raise FakeError("Not Found")

    @tool(idempotent=True)
    def set_secret(self, owner: str, repo: str, name: str, value: str) -> str:
        """Store an Actions secret."""
        self._repository(owner, repo).secrets[name] = hashlib.sha256(value.encode()).hexdigest()
        return name

    @tool(reads=True)
    def list_secrets(self, owner: str, repo: str) -> list[str]:
        """List the names of Actions secrets."""
        return sorted(self._repository(owner, repo).secrets)

    @tool(idempotent=True)
    def update_branch_protection(
        self, owner: str, repo: str, branch: str, required_checks: list[str], required_approvals: int = 1
    ) -> Protection:
        """Set what a branch asks of a pull request."""
        self._branch(self._repository(owner, repo), branch)
        protection = Protection(required_checks, required_approvals)
        self._repository(owner, repo).protection[branch] = protection
        return protection

    def set_check(self, owner: str, repo: str, pull_number: int, name: str, state: CheckState) -> None:
        """Let a check of a pull request come to a result."""
        pull = self._pull(owner, repo, pull_number)
        pull.checks = [check for check in pull.checks if check.name != name] + [Check(name, state)]

    def _blocked(self, owner: str, repo: str, pull: PullRequest) -> str:
        """Why a pull request may not be merged; empty if it may."""
        protection = self._protection(owner, repo, pull.base)
        states = {check.name: check.state for check in pull.checks}
        for name in protection.required_checks:
            if states.get(name) != "success":
                return f'Required status check "{name}" is {states.get(name, "expected")}.'
        verdicts = {review.author: review.event for review in pull.reviews if review.event != "COMMENT"}
        if "REQUEST_CHANGES" in verdicts.values():
            return "Changes have been requested by a reviewer."
        if sum(event == "APPROVE" for event in verdicts.values()) < protection.required_approvals:
            return f"At least {protection.required_approvals} approving review is required."
        return ""

    def _commit(self, branch: Branch, files: dict[str, str], message: str) -> CommitAnswer:
        made = Commit(self.new_hex(40, kind="commit"), message, self.clock.now())
        branch.commits.append(made)
        branch.files = files
        return CommitAnswer(made.sha, message)

    def _shown(self, owner: str, repo: str, pull: PullRequest) -> Pull:
        url = f"https://github.example/{owner}/{repo}/pull/{pull.number}"
        mergeable = pull.state == "open" and not self._blocked(owner, repo, pull)
        return Pull(
            *(pull.number, url, pull.state, pull.title, pull.body, pull.head, pull.base),
            *(pull.labels, pull.reviewers, pull.merged, mergeable),
        )

    def _protection(self, owner: str, repo: str, branch: str) -> Protection:
        return self._repository(owner, repo).protection.get(branch, Protection())

    def _pull(self, owner: str, repo: str, number: int) -> PullRequest:
        for pull in self._repository(owner, repo).pull_requests:
            if pull.number == number:
                return pull
        raise FakeError("Not Found")

    def _repository(self, owner: str, repo: str) -> Repository:
        if f"{owner}/{repo}" not in self.repositories:
            raise FakeError("Not Found")
        return self.repositories[f"{owner}/{repo}"]

    def _branch(self, repo: Repository, name: str) -> Branch:
        if name not in repo.branches:
            raise FakeError(f"Validation Failed: branch {name} does not exist")
        return repo.branches[name]


def repository(files: dict[str, str] | None = None) -> Repository:
    """A repository whose main branch has these files, in one commit."""
    digest = hashlib.sha256(repr(sorted((files or {}).items())).encode()).hexdigest()
    return Repository(branches={"main": Branch([Commit(digest[:40], "Initial commit", 0.0)], files or {})})
