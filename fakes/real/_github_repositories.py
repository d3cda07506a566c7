"""The tools of `pytest_mcpflow.fakes.real.github_mcp_server` about repositories and branches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_mcpflow.fake import FakeError, Omittable, tool
from pytest_mcpflow.fakes.github import Branch, repository
from pytest_mcpflow.fakes.real._github_api import Api, page_of, written
from pytest_mcpflow.plain_yaml import Yaml

RepositorySort = Literal["stars", "forks", "help-wanted-issues", "updated"]


@dataclass
class RepositoryTools(Api):
    """Repositories and their branches."""

    @tool(reads=True, name="get_me")
    def tool_get_me(self) -> str:
        """Say who is signed in."""
        return written({**self.user(), "id": 1, "profile_url": f"https://github.example/{self.login}"})

    @tool(name="create_repository")
    def tool_create_repository(
        self,
        name: str,
        description: Omittable[str] = None,
        organization: Omittable[str] = None,
        private: bool = True,
        autoInit: Omittable[bool] = None,
    ) -> str:
        """Create a repository, with a first commit if it is to be initialised."""
        owner = organization or self.login
        with self.doing(
            "create repository", f"POST {'user' if organization is None else f'orgs/{owner}'}/repos"
        ):
            if f"{owner}/{name}" in self.repositories:
                raise FakeError(
                    "Validation Failed: Repository.name (custom): name already exists on this account"
                )
        made = repository({"README.md": f"# {name}\n"} if autoInit else {})
        if not autoInit:
            made.branches.clear()
        self.repositories[f"{owner}/{name}"] = made
        return written({"id": str(len(self.repositories)), "url": self.repository_url(owner, name)})

    @tool(reads=True, name="search_repositories")
    def tool_search_repositories(
        self,
        query: str,
        sort: Omittable[RepositorySort] = None,
        order: Omittable[Literal["asc", "desc"]] = None,
        page: Omittable[float] = None,
        perPage: Omittable[float] = None,
        minimal_output: bool = True,
    ) -> str:
        """Find repositories by words in their full names; `user:` and `org:` name the owner."""
        if sort is not None or not minimal_output:
            raise FakeError(f"failed to search repositories with query '{query}': not sorted or in full here")
        words = query.casefold().split()
        found = [
            name
            for name in sorted(self.repositories)
            if all(_matches(word, name.casefold()) for word in words)
        ]
        items: list[Yaml] = [
            {
                "name": name.partition("/")[2],
                "full_name": name,
                "html_url": f"https://github.example/{name}",
            }
            for name in page_of(found, page, perPage)
        ]
        return written({"total_count": len(found), "incomplete_results": False, "items": items})

    @tool(reads=True, name="list_branches")
    def tool_list_branches(
        self, owner: str, repo: str, page: Omittable[float] = None, perPage: Omittable[float] = None
    ) -> str:
        """List the branches of a repository."""
        with self.doing("list branches", f"GET repos/{owner}/{repo}/branches"):
            found = self.repository_of(owner, repo)
        items: list[Yaml] = [
            {"name": name, "sha": branch.sha, "protected": name in found.protection}
            for name, branch in page_of(sorted(found.branches.items()), page, perPage)
        ]
        return written(items)

    @tool(name="create_branch")
    def tool_create_branch(
        self, owner: str, repo: str, branch: str, from_branch: Omittable[str] = None
    ) -> str:
        """Create a branch from another, by default from the default branch."""
        path = f"repos/{owner}/{repo}/git"
        with self.doing("get reference", f"GET {path}/ref/heads/{from_branch or 'main'}"):
            _, source = self.branch_at(owner, repo, from_branch)
        found = self.repository_of(owner, repo)
        with self.doing("create branch", f"POST {path}/refs"):
            if branch in found.branches:
                raise FakeError("Reference already exists")
        found.branches[branch] = Branch([*source.commits], {**source.files})
        return written(self.reference(owner, repo, branch, source.sha))


def _matches(word: str, name: str) -> bool:
    kind, _, owner = word.partition(":")
    return name.startswith(f"{owner}/") if kind in ("user", "org") and owner else word in name
