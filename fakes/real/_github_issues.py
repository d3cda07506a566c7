"""The tools of `pytest_mcpflow.fakes.real.github_mcp_server` about issues."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pytest_mcpflow.fake import FakeError, Omittable, tool
from pytest_mcpflow.fakes.github import Issue, PullRequest
from pytest_mcpflow.fakes.real._github_api import Api, Json, only, page_of, written
from pytest_mcpflow.fakes.real._github_words import FieldFilter, FieldValue, IssueField
from pytest_mcpflow.plain_yaml import Yaml

Reaction = Literal["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"]
StateReason = Literal["completed", "not_planned", "duplicate"]


@dataclass
class IssueTools(Api):
    """Issues and what is said on them."""

    state_reasons: dict[str, StateReason] = field(default_factory=dict[str, StateReason])
    """Why issues were closed, by `owner/repo#number`."""

    @tool(reads=True, name="issue_read")
    def tool_issue_read(
        self,
        method: Literal["get", "get_comments", "get_sub_issues", "get_parent", "get_labels"],
        owner: str,
        repo: str,
        issue_number: float,
        page: Omittable[float] = None,
        perPage: Omittable[float] = None,
    ) -> str:
        """Read an issue, or what belongs to it. Issues have no parents and no children here."""
        number = int(issue_number)
        what = {"get": "issue", "get_comments": "issue comments", "get_labels": "issue labels"}.get(
            method, "issue"
        )
        with self.doing(f"get {what}", f"GET repos/{owner}/{repo}/issues/{number}"):
            issue = self.issue_of(owner, repo, number)
        if method == "get":
            # Unlike other lists, an empty one of assignees is shown: nobody is a definite answer.
            assigned: Json = {"assignees": [*_assignees(issue)]}
            return written({**only(self.issue_object(owner, repo, issue), None), **assigned})
        if method == "get_comments":
            url = f"{self.repository_url(owner, repo)}/issues/{number}#issuecomment-"
            comments: list[Yaml] = [
                self.comment(count, body, url) for count, body in enumerate(issue.comments, 1)
            ]
            return written(page_of(comments, page, perPage))
        if method == "get_labels":
            labels: list[Yaml] = [{"name": name} for name in issue.labels]
            return written({"labels": labels, "totalCount": len(labels)})
        return written([] if method == "get_sub_issues" else {"parent": None})

    @tool(name="issue_write")
    def tool_issue_write(
        self,
        method: Literal["create", "update"],
        owner: str,
        repo: str,
        issue_number: Omittable[float] = None,
        title: Omittable[str] = None,
        body: Omittable[str] = None,
        assignees: Omittable[list[str]] = None,
        labels: Omittable[list[str]] = None,
        milestone: Omittable[float] = None,
        type: str | None = None,  # noqa: A002 - the argument's name
        state: Omittable[Literal["open", "closed"]] = None,
        state_reason: Omittable[StateReason] = None,
        duplicate_of: Omittable[float] = None,
        issue_fields: Omittable[list[FieldValue]] = None,
    ) -> str:
        """Open an issue, or change one."""
        path = f"repos/{owner}/{repo}/issues"
        _refuse_what_is_not_kept(
            method, milestone=milestone, type=type, duplicate_of=duplicate_of, issue_fields=issue_fields
        )
        if method == "create":
            if not title:
                raise FakeError("missing required parameter: title")
            with self.doing("create issue", f"POST {path}"):
                found = self.repository_of(owner, repo)
            number = len(found.pull_requests) + len(found.issues) + 1
            issue = Issue(number, title, body or "", labels=labels or [], assignees=assignees or [])
            found.issues.append(issue)
        else:
            if issue_number is None:
                raise FakeError("missing required parameter: issue_number")
            with self.doing("update issue", f"PATCH {path}/{int(issue_number)}"):
                issue = self._issue(owner, repo, int(issue_number))
            issue.title, issue.body = title or issue.title, issue.body if body is None else body
            issue.labels = issue.labels if labels is None else labels
            issue.assignees = issue.assignees if assignees is None else assignees
            issue.state = state or issue.state
            self._note_reason(f"{owner}/{repo}#{issue.number}", issue, state_reason)
        url = f"{self.repository_url(owner, repo)}/issues/{issue.number}"
        return written({"id": str(issue.number), "url": url})

    @tool(reads=True, name="list_issues")
    def tool_list_issues(
        self,
        owner: str,
        repo: str,
        state: Omittable[Literal["OPEN", "CLOSED"]] = None,
        labels: Omittable[list[str]] = None,
        orderBy: Omittable[Literal["CREATED_AT", "UPDATED_AT", "COMMENTS"]] = None,
        direction: Omittable[Literal["ASC", "DESC"]] = None,
        since: Omittable[str] = None,
        field_filters: Omittable[list[FieldFilter]] = None,
        fields: Omittable[list[IssueField]] = None,
        perPage: Omittable[float] = None,
        after: Omittable[str] = None,
    ) -> str:
        """List issues, newest first; `after` is the cursor of the page before."""
        if since is not None or field_filters or orderBy == "UPDATED_AT":
            raise FakeError(
                "failed to list issues: this account does not keep when issues changed, nor issue fields"
            )
        with self.doing("list issues", f"GET repos/{owner}/{repo}/issues"):
            found = self.repository_of(owner, repo).issues
        chosen = [
            issue
            for issue in found
            if state in (None, issue.state.upper()) and {*(labels or [])} <= {*issue.labels}
        ]
        chosen.sort(
            key=lambda each: (len(each.comments) if orderBy == "COMMENTS" else 0, each.number),
            reverse=direction != "ASC",
        )
        start, size = _cursor(after), int(perPage or 30)
        shown = chosen[start : start + size]
        issues: list[Yaml] = [only(self.issue_object(owner, repo, each), fields) for each in shown]
        page: Json = {
            "hasNextPage": start + size < len(chosen),
            "hasPreviousPage": start > 0,
            "startCursor": f"cursor:{start}" if shown else "",
            "endCursor": f"cursor:{start + len(shown)}" if shown else "",
        }
        return written({"issues": issues, "totalCount": len(chosen), "pageInfo": page})

    @tool(name="add_issue_comment")
    def tool_add_issue_comment(
        self,
        owner: str,
        repo: str,
        issue_number: float,
        body: Omittable[str] = None,
        comment_id: Omittable[int] = None,
        reaction: Omittable[Reaction] = None,
    ) -> str:
        """Comment on an issue or a pull request."""
        number = int(issue_number)
        if comment_id is not None and body is not None:
            raise FakeError("comment_id cannot be combined with body")
        if comment_id is not None and reaction is None:
            raise FakeError("comment_id can only be provided when reaction is provided")
        if body is None and reaction is None:
            raise FakeError("at least one of body or reaction is required")
        if reaction is not None:
            raise FakeError("failed to add reaction to issue: this account keeps no reactions")
        if not body:
            raise FakeError("body cannot be empty when provided")
        with self.doing("create comment", f"POST repos/{owner}/{repo}/issues/{number}/comments"):
            issue = self.issue_of(owner, repo, number)
        issue.comments.append(body)
        kind = "issues" if isinstance(issue, Issue) else "pull"
        url = f"{self.repository_url(owner, repo)}/{kind}/{number}#issuecomment-{len(issue.comments)}"
        return written({"id": str(len(issue.comments)), "url": url})

    def issue_of(self, owner: str, repo: str, number: int) -> Issue | PullRequest:
        """The issue of that number; a pull request is one, too."""
        found = self.repository_of(owner, repo)
        numbered: list[Issue | PullRequest] = [*found.issues, *found.pull_requests]
        for each in numbered:
            if each.number == number:
                return each
        raise FakeError("Not Found")

    def issue_object(self, owner: str, repo: str, issue: Issue | PullRequest) -> Json:
        """An issue as the API shows it."""
        kind = "issues" if isinstance(issue, Issue) else "pull"
        return {
            "number": issue.number,
            "title": issue.title,
            "body": issue.body,
            "state": issue.state,
            "state_reason": self.state_reasons.get(f"{owner}/{repo}#{issue.number}"),
            "html_url": f"{self.repository_url(owner, repo)}/{kind}/{issue.number}",
            "user": self.user(),
            "labels": [*issue.labels],
            "assignees": [*_assignees(issue)],
            "comments": len(issue.comments) or None,
        }

    def _note_reason(self, key: str, issue: Issue, reason: StateReason | None) -> None:
        if issue.state == "open":
            self.state_reasons.pop(key, None)
        elif reason is not None or key not in self.state_reasons:
            self.state_reasons[key] = reason or "completed"


def _assignees(issue: Issue | PullRequest) -> list[str]:
    return issue.assignees if isinstance(issue, Issue) else []


def _cursor(after: str | None) -> int:
    if after is None:
        return 0
    number = after.removeprefix("cursor:")
    if not number.isdigit():
        raise FakeError(f"failed to list issues: `{after}` does not appear to be a valid cursor.")
    return int(number)


def _refuse_what_is_not_kept(method: str, **given: object) -> None:
    """Refuse what an issue of this account cannot have, rather than forget it."""
    for name, value in given.items():
        if value not in (None, []):
            invalid = f"Issue.{name} (invalid): not kept by this account"
            raise FakeError(f"failed to {method} issue: Validation Failed\n{invalid}")
