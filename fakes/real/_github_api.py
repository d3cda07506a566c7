"""How `pytest_mcpflow.fakes.real.github_mcp_server` answers and refuses: JSON as text, and GitHub's own errors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TypeVar

from pytest_mcpflow.fake import FakeError
from pytest_mcpflow.fakes.github import Branch, GitHub
from pytest_mcpflow.plain_yaml import Yaml

__all__ = ["Api", "blob_sha", "only", "page_of", "written"]

T = TypeVar("T")
Json = dict[str, Yaml]
STATUS = {"Not Found": 404, "Branch not protected": 404}
MERGE_REFUSED = 405
PER_PAGE = 30.0


@dataclass
class Api(GitHub):
    """An account, as GitHub's REST API shows it to one user."""

    login: str = "octocat"
    """Who is signed in: the author of what is written."""

    @contextmanager
    def doing(self, what: str, request: str) -> Generator[None]:
        """Refuse as the server does: what it failed to do, and what the API said of the request.

        Args:
            what: `create issue`, after "failed to".
            request: Method and path, `POST repos/octo/app/issues`.
        """
        try:
            yield
        except FakeError as error:
            raise FakeError(f"failed to {what}: {_said(request, str(error))}") from error

    def repository_url(self, owner: str, repo: str) -> str:
        return f"https://github.example/{owner}/{repo}"

    def stamp(self, at: float) -> str:
        """An instant of the fake's clock (seconds) as GitHub writes it."""
        return f"{self.clock.starts_at.astimezone(UTC) + timedelta(seconds=at):%Y-%m-%dT%H:%M:%SZ}"

    def user(self) -> Json:
        return {"login": self.login}

    def comment(self, number: int, body: str, url: str) -> Json:
        """A comment as the API shows it; `url` is the address up to its number."""
        return {"id": number, "body": body, "html_url": f"{url}{number}", "user": self.user()}

    def reference(self, owner: str, repo: str, branch: str, sha: str) -> Json:
        """A branch as the Git part of the API shows it."""
        api = f"https://api.github.com/repos/{owner}/{repo}/git"
        pointed_at: Json = {"type": "commit", "sha": sha, "url": f"{api}/commits/{sha}"}
        return {"ref": f"refs/heads/{branch}", "url": f"{api}/refs/heads/{branch}", "object": pointed_at}

    def branch_at(self, owner: str, repo: str, ref: str | None) -> tuple[str, Branch]:
        """The branch that a name, `refs/heads/name` or the hash of its newest commit means; the default one without."""
        found = self.repository_of(owner, repo)
        name = (ref or found.default_branch).removeprefix("refs/heads/")
        for known, branch in found.branches.items():
            if name in (known, branch.sha):
                return known, branch
        raise FakeError("Not Found")


def _said(request: str, words: str) -> str:
    """The words of go-github: those of a validation by themselves, others after the request and its status."""
    if words.startswith("Validation Failed: "):
        return words.replace("Validation Failed: ", "Validation Failed\n")
    status = STATUS.get(words, MERGE_REFUSED if request.endswith("/merge") else 422)
    method, _, path = request.partition(" ")
    return f"{method} https://api.github.com/{path}: {status} {words} []"


def written(value: Yaml) -> str:
    """JSON as Go writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def only(item: Json, fields: Sequence[str] | None) -> Json:
    """The fields of an item that were asked for, by default those that are not empty."""
    full: Json = {name: value for name, value in item.items() if value not in (None, "", [], {})}
    return full if not fields else {name: full[name] for name in fields if name in full}


def page_of(items: Sequence[T], page: float | None, per_page: float | None) -> list[T]:
    """A page of a list, counted from 1."""
    size = int(per_page or PER_PAGE)
    start = (int(page or 1) - 1) * size
    return [*items[start : start + size]] if start >= 0 else []


def blob_sha(content: str) -> str:
    """The hash that Git gives to the content of a file."""
    data = content.encode()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
