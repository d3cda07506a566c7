"""The tools of `pytest_mcpflow.fakes.github` that are about what runs on a repository, and what guards it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from pytest_mcpflow.fake import tool
from pytest_mcpflow.fakes._github_account import Account
from pytest_mcpflow.fakes._github_state import Protection


@dataclass
class ActionsTools(Account):
    """Secrets and branch protection."""

    @tool(idempotent=True)
    def set_secret(self, owner: str, repo: str, name: str, value: str) -> str:
        """Store an Actions secret."""
        self.repository_of(owner, repo).secrets[name] = hashlib.sha256(value.encode()).hexdigest()
        return name

    @tool(reads=True)
    def list_secrets(self, owner: str, repo: str) -> list[str]:
        """List the names of Actions secrets."""
        return sorted(self.repository_of(owner, repo).secrets)

    @tool(idempotent=True)
    def update_branch_protection(
        self, owner: str, repo: str, branch: str, required_checks: list[str], required_approvals: int = 1
    ) -> Protection:
        """Set what a branch asks of a pull request."""
        self.branch_of(self.repository_of(owner, repo), branch)
        protection = Protection(required_checks, required_approvals)
        self.repository_of(owner, repo).protection[branch] = protection
        return protection
