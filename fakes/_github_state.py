"""What GitHub knows of a repository."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "Branch",
    "Check",
    "Commit",
    "Issue",
    "Protection",
    "PullRequest",
    "Repository",
    "Review",
    "ReviewComment",
    "Webhook",
    "WorkflowRun",
]

CheckState = Literal["pending", "success", "failure"]
Verdict = Literal["APPROVE", "REQUEST_CHANGES", "COMMENT"]


@dataclass
class Commit:
    """A commit; `at` is seconds on the fake's clock."""

    sha: str
    message: str
    at: float
    files: dict[str, str] | None = None
    """The whole tree, from which a merge tells what each side has changed; `None` where nobody has said."""


@dataclass
class Branch:
    """A branch with its history, newest commit last, and its own tree."""

    commits: list[Commit]
    files: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def sha(self) -> str:
        return self.commits[-1].sha


@dataclass
class Protection:
    """What a branch asks of a pull request before it may be merged."""

    required_checks: list[str] = field(default_factory=list[str])
    required_approvals: int = 0


@dataclass
class Check:
    name: str
    state: CheckState


@dataclass
class ReviewComment:
    """A remark on a line of a file, counted from 1."""

    path: str
    line: int
    body: str


@dataclass
class Review:
    author: str
    event: Verdict
    body: str
    comments: list[ReviewComment] = field(default_factory=list[ReviewComment])


@dataclass
class PullRequest:
    number: int
    title: str
    body: str
    head: str
    base: str
    state: Literal["open", "closed"] = "open"
    merged: bool = False
    merge_sha: str | None = None
    labels: list[str] = field(default_factory=list[str])
    reviewers: list[str] = field(default_factory=list[str])
    reviews: list[Review] = field(default_factory=list[Review])
    checks: list[Check] = field(default_factory=list[Check])
    comments: list[str] = field(default_factory=list[str])


@dataclass
class Issue:
    number: int
    title: str
    body: str
    state: Literal["open", "closed"] = "open"
    labels: list[str] = field(default_factory=list[str])
    comments: list[str] = field(default_factory=list[str])
    assignees: list[str] = field(default_factory=list[str])


@dataclass
class WorkflowRun:
    workflow: str
    branch: str
    conclusion: Literal["success", "failure"]


@dataclass
class Webhook:
    url: str
    events: list[str]


@dataclass
class Repository:
    """`secrets` holds digests: a value that was stored never comes back.

    Secrets and variables of an environment are stored as `environment/NAME`; `environments` has the reviewers
    of each.
    """

    default_branch: str = "main"
    branches: dict[str, Branch] = field(default_factory=dict[str, Branch])
    protection: dict[str, Protection] = field(default_factory=dict[str, Protection])
    pull_requests: list[PullRequest] = field(default_factory=list[PullRequest])
    issues: list[Issue] = field(default_factory=list[Issue])
    secrets: dict[str, str] = field(default_factory=dict[str, str])
    variables: dict[str, str] = field(default_factory=dict[str, str])
    environments: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    webhooks: list[Webhook] = field(default_factory=list[Webhook])
    workflow_runs: list[WorkflowRun] = field(default_factory=list[WorkflowRun])
    new_checks: dict[str, CheckState] = field(default_factory=dict[str, CheckState])
    """The checks that a pull request gets when it is opened, and how they end.

    A valid workflow file on its branch that runs on pull requests adds its jobs, which pass unless named here.
    """
