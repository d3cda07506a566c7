"""The tools of `pytest_mcpflow.fakes.github` that are about pull requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_mcpflow.fake import FakeError, tool
from pytest_mcpflow.fakes._github_account import Account
from pytest_mcpflow.fakes._github_state import Check, CheckState, PullRequest, Review, ReviewComment, Verdict
from pytest_mcpflow.fakes._github_workflows import FOLDER, read_workflow
from pytest_mcpflow.fakes._merging import merge_trees

MergeMethod = Literal["merge", "squash", "rebase"]


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
class ChangedFile:
    filename: str
    status: Literal["added", "modified"]


@dataclass
class PullTools(Account):
    """Pull requests: open, check, review, merge."""

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
        found = self.repository_of(owner, repo)
        ahead, behind = self.branch_of(found, head), self.branch_of(found, base)
        if not title.strip():
            raise FakeError("Validation Failed: title can't be blank")
        if any(
            pull.state == "open" and (pull.head, pull.base) == (head, base) for pull in found.pull_requests
        ):
            raise FakeError(f"Validation Failed: A pull request already exists for {owner}:{head}.")
        if {commit.sha for commit in ahead.commits} <= {commit.sha for commit in behind.commits}:
            raise FakeError(f"Validation Failed: No commits between {base} and {head}")
        number = len(found.pull_requests) + len(found.issues) + 1
        expected: dict[str, CheckState] = dict.fromkeys(_jobs_on_pull_requests(ahead.files), "success")
        expected |= found.new_checks
        checks = [Check(name, state) for name, state in expected.items()]
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
            for pull in self.repository_of(owner, repo).pull_requests
            if state in ("all", pull.state) and head in (None, pull.head)
        ]

    @tool(reads=True)
    def get_pull_request(self, owner: str, repo: str, pull_number: int) -> Pull:
        """Show a pull request."""
        return self._shown(owner, repo, self.pull_of(owner, repo, pull_number))

    @tool(reads=True)
    def get_pull_request_status(self, owner: str, repo: str, pull_number: int) -> Status:
        """Show the checks of a pull request."""
        pull = self.pull_of(owner, repo, pull_number)
        missing = [
            name
            for name in self.protection_of(owner, repo, pull.base).required_checks
            if name not in {check.name for check in pull.checks}
        ]
        states = {check.state for check in pull.checks}
        state: CheckState = (
            "failure" if "failure" in states else "pending" if "pending" in states or missing else "success"
        )
        return Status(state, pull.checks, missing)

    @tool(reads=True)
    def get_pull_request_files(self, owner: str, repo: str, pull_number: int) -> list[ChangedFile]:
        """List the files that a pull request changes."""
        pull, found = self.pull_of(owner, repo, pull_number), self.repository_of(owner, repo)
        before, after = self.tree_before(found, pull), found.branches[pull.head].files
        return [
            ChangedFile(path, "modified" if path in before else "added")
            for path in sorted(after)
            if before.get(path) != after[path]
        ]

    @tool(reads=True)
    def get_pull_request_reviews(self, owner: str, repo: str, pull_number: int) -> list[Review]:
        """List the reviews of a pull request, oldest first."""
        return self.pull_of(owner, repo, pull_number).reviews

    @tool(idempotent=False)
    def create_pull_request_review(
        self,
        owner: str,
        repo: str,
        pull_number: int,
        event: Verdict,
        body: str = "",
        author: str = "reviewer",
        comments: list[ReviewComment] | None = None,
    ) -> Review:
        """Review a pull request, with comments on its files."""
        pull = self.pull_of(owner, repo, pull_number)
        if event != "APPROVE" and not body.strip():
            raise FakeError("Validation Failed: body can't be blank")
        files = self.repository_of(owner, repo).branches[pull.head].files
        for each in comments or []:
            if each.path not in files:
                raise FakeError(f"Validation Failed: Path could not be resolved: {each.path}")
            if not 1 <= each.line <= len(files[each.path].splitlines()):
                raise FakeError(f"Validation Failed: Line could not be resolved: {each.path}:{each.line}")
        pull.reviews.append(Review(author, event, body, comments or []))
        return pull.reviews[-1]

    @tool(destroys=True, idempotent=False)
    def merge_pull_request(self, owner: str, repo: str, pull_number: int) -> Merge:
        """Merge a pull request whose base branch's rules are met."""
        return self.merge(owner, repo, self.pull_of(owner, repo, pull_number))

    def merge(
        self, owner: str, repo: str, pull: PullRequest, *, method: MergeMethod = "merge", message: str = ""
    ) -> Merge:
        """Merge a pull request: with its commits and one of the merge, with one for all, or with its commits only."""
        files, conflicts = self.merged_files(owner, repo, pull)
        if pull.state == "closed" or conflicts:
            raise FakeError("Pull Request is not mergeable")
        if reason := self.blocked(owner, repo, pull):
            raise FakeError(reason)
        found = self.repository_of(owner, repo)
        head, base = found.branches[pull.head], found.branches[pull.base]
        there = {commit.sha for commit in base.commits}
        if method != "squash":
            base.commits += [commit for commit in head.commits if commit.sha not in there]
        if method == "rebase":
            base.files = files
        else:
            self.commit_to(base, files, message or f"Merge #{pull.number}: {pull.title}")
        pull.state, pull.merged, pull.merge_sha = "closed", True, base.sha
        return Merge(True, base.sha, "Pull Request successfully merged")

    def merged_files(self, owner: str, repo: str, pull: PullRequest) -> tuple[dict[str, str], list[str]]:
        """What the base branch has when a pull request is merged, and the paths that are in conflict."""
        found = self.repository_of(owner, repo)
        base, head = found.branches[pull.base].files, found.branches[pull.head].files
        return merge_trees(self.tree_before(found, pull), base, head)

    def set_check(self, owner: str, repo: str, pull_number: int, name: str, state: CheckState) -> None:
        """Let a check of a pull request come to a result."""
        pull = self.pull_of(owner, repo, pull_number)
        pull.checks = [check for check in pull.checks if check.name != name] + [Check(name, state)]

    def blocked(self, owner: str, repo: str, pull: PullRequest) -> str:
        """Why a pull request may not be merged; empty if it may."""
        protection = self.protection_of(owner, repo, pull.base)
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

    def _shown(self, owner: str, repo: str, pull: PullRequest) -> Pull:
        url = f"https://github.example/{owner}/{repo}/pull/{pull.number}"
        conflicts = self.merged_files(owner, repo, pull)[1]
        mergeable = pull.state == "open" and not conflicts and not self.blocked(owner, repo, pull)
        return Pull(
            *(pull.number, url, pull.state, pull.title, pull.body, pull.head, pull.base),
            *(pull.labels, pull.reviewers, pull.merged, mergeable),
        )


def _jobs_on_pull_requests(files: dict[str, str]) -> list[str]:
    """The jobs that the workflow files among these run for every pull request."""
    workflows = [read_workflow(path, text) for path, text in files.items() if path.startswith(FOLDER)]
    return [
        job.name
        for workflow in workflows
        if "pull_request" in workflow.triggers
        for job in workflow.jobs
        if job.condition is None
    ]
