"""The words that arguments of `pytest_mcpflow.fakes.real.github_mcp_server` can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

__all__ = ["FieldFilter", "FieldValue", "IssueField", "JobsFilter", "PullField", "ReadMethod", "RunsFilter"]

IssueField = Literal[
    "assignees",
    "body",
    "comments",
    "created_at",
    "field_values",
    "labels",
    "number",
    "state",
    "title",
    "updated_at",
    "user",
]
PullField = Literal[
    "additions",
    "assignees",
    "base",
    "body",
    "changed_files",
    "closed_at",
    "comments",
    "commits",
    "created_at",
    "deletions",
    "draft",
    "head",
    "html_url",
    "labels",
    "mergeable_state",
    "merged",
    "merged_at",
    "merged_by",
    "milestone",
    "number",
    "requested_reviewers",
    "state",
    "title",
    "updated_at",
    "user",
]
ReadMethod = Literal[
    "get",
    "get_diff",
    "get_status",
    "get_files",
    "get_commits",
    "get_review_comments",
    "get_reviews",
    "get_comments",
    "get_check_runs",
]
RunEvent = Literal[
    "branch_protection_rule",
    "check_run",
    "check_suite",
    "create",
    "delete",
    "deployment",
    "deployment_status",
    "discussion",
    "discussion_comment",
    "fork",
    "gollum",
    "issue_comment",
    "issues",
    "label",
    "merge_group",
    "milestone",
    "page_build",
    "public",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "pull_request_target",
    "push",
    "registry_package",
    "release",
    "repository_dispatch",
    "schedule",
    "status",
    "watch",
    "workflow_call",
    "workflow_dispatch",
    "workflow_run",
]
RunStatus = Literal["queued", "in_progress", "completed", "requested", "waiting"]


ANY_EVENT, ANY_STATUS = cast("RunEvent", ""), cast("RunStatus", "")
"""Stand for what was left out; no client can send them."""


@dataclass
class RunsFilter:
    """Which workflow runs are wanted."""

    actor: str = ""
    branch: str = ""
    event: RunEvent = ANY_EVENT
    status: RunStatus = ANY_STATUS


@dataclass
class JobsFilter:
    """Which jobs of a run are wanted."""

    filter: Literal["latest", "all"] = "latest"


@dataclass
class FieldValue:
    """A value of an issue field."""

    field_name: str
    field_option_name: str = ""
    value: str | float | bool = ""
    delete: bool = False


@dataclass
class FieldFilter:
    """A filter on an issue field."""

    field_name: str
    value: str
