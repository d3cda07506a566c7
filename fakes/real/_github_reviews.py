"""The tools of `pytest_mcpflow.fakes.real.github_mcp_server` that write pull requests and reviews."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pytest_mcpflow.fake import FakeError, Omittable, tool
from pytest_mcpflow.fakes.github import PullRequest, Review, ReviewComment
from pytest_mcpflow.fakes.real._github_api import Api, written

Event = Literal["APPROVE", "REQUEST_CHANGES", "COMMENT"]
Side = Literal["LEFT", "RIGHT"]
NO_PENDING = "No pending review found for the viewer"
FAILED_COMMENT = (
    "Failed to add comment to pending review. Possible reasons:\n"
    "\t- the line number doesn't exist in the pull request diff\n"
    "\t- the file path is incorrect\n"
    "\t- the side (LEFT/RIGHT) is invalid for the specified line\n"
)


@dataclass
class PendingReview:
    """A review that is not submitted yet."""

    body: str = ""
    comments: list[ReviewComment] = field(default_factory=list[ReviewComment])


@dataclass
class ReviewTools(Api):
    """Opening, changing, reviewing and merging pull requests."""

    pending_reviews: dict[str, PendingReview] = field(default_factory=dict[str, PendingReview])
    """The reviews that the signed-in user began, by `owner/repo#number`."""

    @tool(name="create_pull_request")
    def tool_create_pull_request(
        self,
        owner: str,
        repo: str,
        title: str,
        head: str,
        base: str,
        body: Omittable[str] = None,
        draft: Omittable[bool] = None,
        maintainer_can_modify: Omittable[bool] = None,
        reviewers: Omittable[list[str]] = None,
    ) -> str:
        """Open a pull request."""
        with self.doing("create pull request", f"POST repos/{owner}/{repo}/pulls"):
            if draft:
                raise FakeError(
                    "Validation Failed: Draft pull requests are not supported in this repository."
                )
            if not self.repository_of(owner, repo).branches.keys() >= {base}:
                raise FakeError("Validation Failed: PullRequest.base (invalid)")
            if head not in self.repository_of(owner, repo).branches:
                raise FakeError("Validation Failed: PullRequest.head (invalid)")
            opened = self.create_pull_request(owner, repo, title, head, base, body or "", reviewers=reviewers)
        return written({"id": str(opened.number), "url": self.pull_url(owner, repo, opened.number)})

    @tool(idempotent=True, name="update_pull_request")
    def tool_update_pull_request(
        self,
        owner: str,
        repo: str,
        pullNumber: float,
        title: Omittable[str] = None,
        body: Omittable[str] = None,
        state: Omittable[Literal["open", "closed"]] = None,
        base: Omittable[str] = None,
        draft: Omittable[bool] = None,
        maintainer_can_modify: Omittable[bool] = None,
        reviewers: Omittable[list[str]] = None,
    ) -> str:
        """Change a pull request."""
        number = int(pullNumber)
        if (title, body, state, base, draft, maintainer_can_modify, reviewers) == (None,) * 7:
            raise FakeError("No update parameters provided.")
        with self.doing("update pull request", f"PATCH repos/{owner}/{repo}/pulls/{number}"):
            pull = self.pull_of(owner, repo, number)
            if draft:
                raise FakeError(
                    "Validation Failed: Draft pull requests are not supported in this repository."
                )
            if base is not None and base not in self.repository_of(owner, repo).branches:
                raise FakeError("Validation Failed: PullRequest.base (invalid)")
            if state == "open" and pull.merged:
                raise FakeError("Validation Failed: state cannot be changed. The pull request is merged.")
        pull.title, pull.body = title or pull.title, pull.body if body is None else body
        pull.base, pull.state = base or pull.base, state or pull.state
        pull.reviewers = [*dict.fromkeys([*pull.reviewers, *(reviewers or [])])]
        return written({"id": str(number), "url": self.pull_url(owner, repo, number)})

    @tool(destroys=True, name="merge_pull_request")
    def tool_merge_pull_request(
        self,
        owner: str,
        repo: str,
        pullNumber: float,
        commit_title: Omittable[str] = None,
        commit_message: Omittable[str] = None,
        merge_method: Omittable[Literal["merge", "squash", "rebase"]] = None,
    ) -> str:
        """Merge a pull request whose base branch's rules are met."""
        number = int(pullNumber)
        with self.doing("merge pull request", f"PUT repos/{owner}/{repo}/pulls/{number}/merge"):
            pull = self.pull_of(owner, repo, number)
            message = "\n\n".join(part for part in (commit_title, commit_message) if part)
            merged = self.merge(owner, repo, pull, method=merge_method or "merge", message=message)
        return written({"sha": merged.sha, "merged": merged.merged, "message": merged.message})

    @tool(name="pull_request_review_write")
    def tool_pull_request_review_write(
        self,
        method: Literal["create", "submit_pending", "delete_pending", "resolve_thread", "unresolve_thread"],
        owner: str,
        repo: str,
        pullNumber: float,
        body: Omittable[str] = None,
        event: Omittable[Event] = None,
        commitID: Omittable[str] = None,
        threadId: Omittable[str] = None,
    ) -> str:
        """Review a pull request: at once with `create` and an event, or begin, submit or delete a pending review."""
        key = f"{owner}/{repo}#{int(pullNumber)}"
        with self.doing("get pull request", f"GET repos/{owner}/{repo}/pulls/{int(pullNumber)}"):
            pull = self.pull_of(owner, repo, int(pullNumber))
        if method == "create":
            if key in self.pending_reviews:
                raise FakeError("User can only have one pending review per pull request")
            if event is None:
                self.pending_reviews[key] = PendingReview(body or "")
                return "pending pull request created"
            self._submit(pull, event, body or "", [])
            return "pull request review submitted successfully"
        if method in ("resolve_thread", "unresolve_thread"):
            raise FakeError(f"Could not resolve to a node with the global id of '{threadId or ''}'")
        if key not in self.pending_reviews:
            raise FakeError(NO_PENDING)
        pending = self.pending_reviews[key]
        if method == "submit_pending":
            if event is None:
                raise FakeError("missing required parameter: event")
            self._submit(pull, event, body or pending.body, pending.comments)
        del self.pending_reviews[key]
        done = "submitted" if method == "submit_pending" else "deleted"
        return f"pending pull request review successfully {done}"

    @tool(name="add_comment_to_pending_review")
    def tool_add_comment_to_pending_review(
        self,
        owner: str,
        repo: str,
        pullNumber: float,
        path: str,
        body: str,
        subjectType: Literal["FILE", "LINE"],
        line: Omittable[float] = None,
        side: Omittable[Side] = None,
        startLine: Omittable[float] = None,
        startSide: Omittable[Side] = None,
    ) -> str:
        """Add a remark on a line to the pending review."""
        key = f"{owner}/{repo}#{int(pullNumber)}"
        with self.doing("get pull request", f"GET repos/{owner}/{repo}/pulls/{int(pullNumber)}"):
            pull = self.pull_of(owner, repo, int(pullNumber))
        if key not in self.pending_reviews:
            raise FakeError(NO_PENDING)
        lines = self.repository_of(owner, repo).branches[pull.head].files.get(path, "").splitlines()
        if side == "LEFT" or subjectType == "FILE" or line is None or not 1 <= int(line) <= len(lines):
            raise FakeError(FAILED_COMMENT)
        self.pending_reviews[key].comments.append(ReviewComment(path, int(line), body))
        return "pull request review comment successfully added to pending review"

    def pull_url(self, owner: str, repo: str, number: int) -> str:
        return f"{self.repository_url(owner, repo)}/pull/{number}"

    def _submit(self, pull: PullRequest, event: Event, body: str, comments: list[ReviewComment]) -> None:
        if event == "REQUEST_CHANGES" and not body.strip():
            raise FakeError("failed to submit pull request review: Review body can't be blank")
        pull.reviews.append(Review(self.login, event, body, comments))
