"""The tools of `github-mcp-server` (GitHub's own, github/github-mcp-server) over a fake account.

Names, arguments, answers and refusals are those of commit 64a49f34 of August 2026: JSON as text, refusals with
`isError` after "failed to ...". What an account of `pytest_mcpflow.fakes.github` does not keep (milestones, reactions,
drafts, the paths of a commit) is refused, and said so, rather than forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_mcpflow.fakes.github import GitHub
from pytest_mcpflow.fakes.real._github_contents import ContentTools
from pytest_mcpflow.fakes.real._github_issues import IssueTools
from pytest_mcpflow.fakes.real._github_pull_views import PullViews
from pytest_mcpflow.fakes.real._github_repositories import RepositoryTools
from pytest_mcpflow.fakes.real._github_reviews import PendingReview, ReviewTools
from pytest_mcpflow.fakes.real._github_runs import RunTools

__all__ = ["GitHubMCPServer", "PendingReview"]


@dataclass
class GitHubMCPServer(
    RepositoryTools, ContentTools, IssueTools, PullViews, ReviewTools, RunTools, in_place_of=GitHub
):
    """An account as GitHub's own MCP server shows it."""

    service = "github-mcp-server"
    service_error = "failed to get a response: 500 Server Error []"
    structured = False
