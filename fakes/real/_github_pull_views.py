"""The tools of `pytest_mcpflow.fakes.real.github_mcp_server` that read pull requests."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

from pytest_mcpflow.fake import FakeError, Omittable, tool
from pytest_mcpflow.fakes.github import PullRequest, Review
from pytest_mcpflow.fakes.real._github_api import Api, Json, only, page_of, written
from pytest_mcpflow.fakes.real._github_words import PullField, ReadMethod
from pytest_mcpflow.plain_yaml import Yaml

VERDICTS = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
WHAT = {
    "get": "pull request",
    "get_diff": "pull request diff",
    "get_status": "combined status",
    "get_files": "pull request files",
    "get_commits": "pull request commits",
    "get_review_comments": "pull request review threads",
    "get_reviews": "pull request reviews",
    "get_comments": "issue comments",
    "get_check_runs": "check runs",
}


@dataclass
class PullViews(Api):
    """Pull requests with their changes, checks and reviews."""

    @tool(reads=True, name="list_pull_requests")
    def tool_list_pull_requests(
        self,
        owner: str,
        repo: str,
        state: Omittable[Literal["open", "closed", "all"]] = None,
        head: Omittable[str] = None,
        base: Omittable[str] = None,
        sort: Omittable[Literal["created", "updated", "popularity", "long-running"]] = None,
        direction: Omittable[Literal["asc", "desc"]] = None,
        fields: Omittable[list[PullField]] = None,
        page: Omittable[float] = None,
        perPage: Omittable[float] = None,
    ) -> str:
        """List pull requests, by default those that are open, newest first."""
        if sort not in (None, "created"):
            raise FakeError(f"failed to list pull requests: this account keeps no order by {sort}")
        with self.doing("list pull requests", f"GET repos/{owner}/{repo}/pulls"):
            found = self.repository_of(owner, repo).pull_requests
        wanted_head = (head or "").removeprefix(f"{owner}:")
        chosen = [
            pull
            for pull in found
            if state == "all" or pull.state == (state or "open")
            if wanted_head in ("", pull.head) and base in (None, pull.base)
        ]
        chosen.sort(key=lambda pull: pull.number, reverse=direction != "asc")
        items: list[Yaml] = [
            only(self._pull_object(owner, repo, pull), fields) for pull in page_of(chosen, page, perPage)
        ]
        return written(items)

    @tool(reads=True, name="pull_request_read")
    def tool_pull_request_read(
        self,
        method: ReadMethod,
        owner: str,
        repo: str,
        pullNumber: float,
        page: Omittable[float] = None,
        perPage: Omittable[float] = None,
        after: Omittable[str] = None,
    ) -> str:
        """Read a pull request, or what belongs to it."""
        number = int(pullNumber)
        with self.doing(f"get {WHAT[method]}", f"GET repos/{owner}/{repo}/pulls/{number}"):
            pull = self.pull_of(owner, repo, number)
        match method:
            case "get":
                return written(only(self._pull_object(owner, repo, pull), None))
            case "get_diff":
                return "".join(
                    self._diff(owner, repo, pull, path) for path in self._changed(owner, repo, pull)
                )
            case "get_status":
                # Checks are no statuses: GitHub says "pending" of a commit that has none.
                head = self.repository_of(owner, repo).branches[pull.head].sha
                return written({"state": "pending", "sha": head, "total_count": 0, "statuses": []})
            case "get_check_runs":
                return written(self._check_runs(pull))
            case "get_review_comments":
                return written(self._threads(pull))
            case "get_files":
                items = [self._file(owner, repo, pull, path) for path in self._changed(owner, repo, pull)]
            case "get_commits":
                items = self._commits(owner, repo, pull)
            case "get_reviews":
                url = f"{self.repository_url(owner, repo)}/pull/{number}#pullrequestreview-"
                items = [_review(count, each, url) for count, each in enumerate(pull.reviews, 1)]
            case "get_comments":
                url = f"{self.repository_url(owner, repo)}/pull/{number}#issuecomment-"
                items = [self.comment(count, body, url) for count, body in enumerate(pull.comments, 1)]
        shown: list[Yaml] = [*page_of(items, page, perPage)]
        return written(shown)

    def _pull_object(self, owner: str, repo: str, pull: PullRequest) -> Json:
        found = self.repository_of(owner, repo)
        repository: Json = {"full_name": f"{owner}/{repo}"}
        state = "dirty" if self.merged_files(owner, repo, pull)[1] else "clean"
        if state == "clean" and self.blocked(owner, repo, pull):
            state = "blocked"
        return {
            "number": pull.number,
            "title": pull.title,
            "body": pull.body,
            "state": pull.state,
            "draft": False,
            "merged": pull.merged,
            "mergeable_state": "unknown" if pull.state == "closed" else state,
            "html_url": f"{self.repository_url(owner, repo)}/pull/{pull.number}",
            "user": self.user(),
            "labels": [*pull.labels],
            "requested_reviewers": [*pull.reviewers],
            "head": {"ref": pull.head, "sha": found.branches[pull.head].sha, "repo": repository},
            "base": {"ref": pull.base, "sha": found.branches[pull.base].sha, "repo": repository},
            "changed_files": len(self._changed(owner, repo, pull)) or None,
            "commits": len(self._commits(owner, repo, pull)) or None,
            "comments": len(pull.comments) or None,
        }

    def _changed(self, owner: str, repo: str, pull: PullRequest) -> list[str]:
        found = self.repository_of(owner, repo)
        before, after = self.tree_before(found, pull), found.branches[pull.head].files
        return sorted(path for path in {*before, *after} if before.get(path) != after.get(path))

    def _commits(self, owner: str, repo: str, pull: PullRequest) -> list[Json]:
        found = self.repository_of(owner, repo)
        there = {commit.sha for commit in found.branches[pull.base].commits}
        return [
            {
                "sha": commit.sha,
                "html_url": f"{self.repository_url(owner, repo)}/commit/{commit.sha}",
                "message": commit.message,
                "author": {"name": self.login, "date": self.stamp(commit.at)},
            }
            for commit in found.branches[pull.head].commits
            if commit.sha not in there
        ]

    def _hunks(self, owner: str, repo: str, pull: PullRequest, path: str) -> list[str]:
        found = self.repository_of(owner, repo)
        trees = (self.tree_before(found, pull), found.branches[pull.head].files)
        before, after = (files.get(path, "") for files in trees)
        return [*difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="")][2:]

    def _diff(self, owner: str, repo: str, pull: PullRequest, path: str) -> str:
        lines = [f"diff --git a/{path} b/{path}", f"--- a/{path}", f"+++ b/{path}"]
        return "".join(f"{line}\n" for line in [*lines, *self._hunks(owner, repo, pull, path)])

    def _file(self, owner: str, repo: str, pull: PullRequest, path: str) -> Json:
        found, hunks = self.repository_of(owner, repo), self._hunks(owner, repo, pull, path)
        trees = (self.tree_before(found, pull), found.branches[pull.head].files)
        is_there = [path in files for files in trees]
        added, gone = (sum(line.startswith(sign) for line in hunks) for sign in "+-")
        status = "modified" if all(is_there) else "added" if is_there[1] else "removed"
        counts: Json = {
            "additions": added or None,
            "deletions": gone or None,
            "changes": added + gone or None,
        }
        return only({"filename": path, "status": status, **counts, "patch": "\n".join(hunks)}, None)

    def _check_runs(self, pull: PullRequest) -> Json:
        runs: list[Yaml] = [
            only(
                {
                    "id": count,
                    "name": check.name,
                    "status": "in_progress" if check.state == "pending" else "completed",
                    "conclusion": None if check.state == "pending" else check.state,
                },
                None,
            )
            for count, check in enumerate(pull.checks, 1)
        ]
        return {"total_count": len(runs), "check_runs": runs}

    def _threads(self, pull: PullRequest) -> Json:
        threads: list[Yaml] = []
        for review in pull.reviews:
            for each in review.comments:
                said: Json = {
                    "body": each.body,
                    "path": each.path,
                    "line": each.line,
                    "author": review.author,
                }
                thread: Json = {"is_resolved": False, "is_outdated": False, "is_collapsed": False}
                threads.append({**thread, "comments": [said], "total_count": 1})
        return {"review_threads": threads, "totalCount": len(threads), "pageInfo": {"hasNextPage": False}}


def _review(count: int, review: Review, url: str) -> Json:
    author: Json = {"login": review.author}
    state = VERDICTS[review.event]
    return only(
        {"id": count, "state": state, "body": review.body, "html_url": f"{url}{count}", "user": author}, None
    )
