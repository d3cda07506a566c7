"""The part of `pytest_mcpflow.fakes.github` that all its tools stand on: finding things and committing."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow.fake import Fake, FakeError
from pytest_mcpflow.fakes._github_state import Branch, Commit, Protection, PullRequest, Repository


@dataclass
class CommitAnswer:
    sha: str
    message: str


@dataclass
class Account(Fake):
    """One account's repositories, by `owner/name`."""

    repositories: dict[str, Repository] = field(default_factory=dict[str, Repository])

    def commit_to(self, branch: Branch, files: dict[str, str], message: str) -> CommitAnswer:
        made = Commit(self.new_hex(40, kind="commit"), message, self.clock.now(), {**files})
        branch.commits.append(made)
        branch.files = files
        return CommitAnswer(made.sha, message)

    def protection_of(self, owner: str, repo: str, branch: str) -> Protection:
        return self.repository_of(owner, repo).protection.get(branch, Protection())

    def pull_of(self, owner: str, repo: str, number: int) -> PullRequest:
        for pull in self.repository_of(owner, repo).pull_requests:
            if pull.number == number:
                return pull
        raise FakeError("Not Found")

    def repository_of(self, owner: str, repo: str) -> Repository:
        if f"{owner}/{repo}" not in self.repositories:
            raise FakeError("Not Found")
        return self.repositories[f"{owner}/{repo}"]

    def tree_before(self, repo: Repository, pull: PullRequest) -> dict[str, str]:
        """The files of the newest commit that both branches of a pull request have: what its changes start from."""
        head, base = self.branch_of(repo, pull.head), self.branch_of(repo, pull.base)
        there = {commit.sha for commit in head.commits}
        common = next((commit for commit in reversed(base.commits) if commit.sha in there), None)
        return base.files if common is None or common.files is None else common.files

    def branch_to_push(self, owner: str, repo: str, name: str) -> Branch:
        """A branch that commits may be pushed to without a pull request."""
        branch = self.branch_of(self.repository_of(owner, repo), name)
        rules, beginning = (
            self.protection_of(owner, repo, name),
            f"Protected branch update failed for refs/heads/{name}.",
        )
        if rules.required_approvals:
            raise FakeError(f"{beginning} Changes must be made through a pull request.")
        if rules.required_checks:
            raise FakeError(f'{beginning} Required status check "{rules.required_checks[0]}" is expected.')
        return branch

    def branch_of(self, repo: Repository, name: str) -> Branch:
        if name not in repo.branches:
            raise FakeError(f"Validation Failed: branch {name} does not exist")
        return repo.branches[name]
