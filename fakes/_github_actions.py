"""The tools of `pytest_mcpflow.fakes.github` that are about what runs on a repository, and what guards it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from pytest_mcpflow.fake import FakeError, tool
from pytest_mcpflow.fakes._github_account import Account
from pytest_mcpflow.fakes._github_names import check_key
from pytest_mcpflow.fakes._github_state import Protection, Repository, Webhook, WorkflowRun
from pytest_mcpflow.fakes._github_workflows import FOLDER, WorkflowFile, read_workflow


@dataclass
class ActionsTools(Account):
    """Workflows and their runs, environments, secrets, variables, webhooks, branch protection."""

    @tool(reads=True)
    def list_workflows(self, owner: str, repo: str, branch: str | None = None) -> list[WorkflowFile]:
        """List the workflow files of a branch; an invalid one says what is wrong with it."""
        found = self.repository_of(owner, repo)
        files = self.branch_of(found, branch or found.default_branch).files
        return [read_workflow(path, text) for path, text in sorted(files.items()) if path.startswith(FOLDER)]

    @tool(reads=True)
    def list_workflow_runs(self, owner: str, repo: str, branch: str | None = None) -> list[WorkflowRun]:
        """List the runs of workflows, oldest first."""
        runs = self.repository_of(owner, repo).workflow_runs
        return [run for run in runs if branch in (None, run.branch)]

    @tool(idempotent=True)
    def update_environment(
        self, owner: str, repo: str, environment: str, reviewers: list[str] | None = None
    ) -> str:
        """Create an environment, or set who must review deployments to it."""
        self.repository_of(owner, repo).environments[environment] = reviewers or []
        return environment

    @tool(reads=True)
    def list_environments(self, owner: str, repo: str) -> list[str]:
        """List the names of environments."""
        return sorted(self.repository_of(owner, repo).environments)

    @tool(idempotent=True)
    def set_secret(self, owner: str, repo: str, name: str, value: str, environment: str | None = None) -> str:
        """Store an Actions secret, of the repository or of one of its environments."""
        found = self._in_environment(owner, repo, environment)
        check_key("Secret", name)
        found.secrets[_key(name, environment)] = hashlib.sha256(value.encode()).hexdigest()
        return name

    @tool(reads=True)
    def list_secrets(self, owner: str, repo: str, environment: str | None = None) -> list[str]:
        """List the names of Actions secrets, of the repository or of one of its environments."""
        return _names(self._in_environment(owner, repo, environment).secrets, environment)

    @tool(idempotent=True)
    def set_variable(
        self, owner: str, repo: str, name: str, value: str, environment: str | None = None
    ) -> str:
        """Store an Actions variable, of the repository or of one of its environments."""
        found = self._in_environment(owner, repo, environment)
        check_key("Variable", name)
        found.variables[_key(name, environment)] = value
        return name

    @tool(reads=True)
    def list_variables(self, owner: str, repo: str, environment: str | None = None) -> list[str]:
        """List the names of Actions variables, of the repository or of one of its environments."""
        return _names(self._in_environment(owner, repo, environment).variables, environment)

    @tool(idempotent=False)
    def create_webhook(self, owner: str, repo: str, url: str, events: list[str]) -> Webhook:
        """Let GitHub tell a URL of events."""
        found = self.repository_of(owner, repo)
        if not url.startswith("https://"):
            raise FakeError("Validation Failed: Sorry, the URL host is not supported")
        if any(hook.url == url for hook in found.webhooks):
            raise FakeError("Validation Failed: Hook already exists on this repository")
        found.webhooks.append(Webhook(url, events))
        return found.webhooks[-1]

    @tool(reads=True)
    def list_webhooks(self, owner: str, repo: str) -> list[Webhook]:
        """List the webhooks of a repository."""
        return self.repository_of(owner, repo).webhooks

    @tool(idempotent=True)
    def update_branch_protection(
        self, owner: str, repo: str, branch: str, required_checks: list[str], required_approvals: int = 1
    ) -> Protection:
        """Set what a branch asks of a pull request."""
        found = self.repository_of(owner, repo)
        self.branch_of(found, branch)
        found.protection[branch] = Protection(required_checks, required_approvals)
        return found.protection[branch]

    @tool(reads=True)
    def get_branch_protection(self, owner: str, repo: str, branch: str) -> Protection:
        """Show what a branch asks of a pull request."""
        found = self.repository_of(owner, repo)
        self.branch_of(found, branch)
        if branch not in found.protection:
            raise FakeError("Branch not protected")
        return found.protection[branch]

    def _in_environment(self, owner: str, repo: str, environment: str | None) -> Repository:
        found = self.repository_of(owner, repo)
        if environment is not None and environment not in found.environments:
            raise FakeError("Not Found")
        return found


def _key(name: str, environment: str | None) -> str:
    return name if environment is None else f"{environment}/{name}"


def _names(stored: dict[str, str], environment: str | None) -> list[str]:
    """The names that belong to an environment, or to the repository itself."""
    parts = [name.rpartition("/") for name in stored]
    return sorted(name for where, _, name in parts if where == (environment or ""))
