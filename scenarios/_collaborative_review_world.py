"""The world of `collaborative-review`, before anything happens."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_mcpflow.fakes.desktop_commander import Commit as LocalCommit
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.github import Branch, Commit, GitHub, Protection, PullRequest
from pytest_mcpflow.scenarios._review_workflow import (
    AGENTS,
    BRANCH,
    CALL,
    HISTORY,
    LOOP,
    NUMBER,
    PAYMENTS,
    REPOSITORY,
)
from pytest_mcpflow.scenarios._worlds import checkout, hosting

__all__ = ["PROPOSED", "desktop", "hosting_before", "open_blockers"]

MAIN = {"src/app.ts": "export const app = express();\n"}
PROPOSED = {
    **MAIN,
    PAYMENTS: (
        "const provider = connect(process.env.PAYMENT_KEY);\nrouter.post('/payments', charge);\n"
        "async function charge({ body, user }) {\n  validate(body);\n"
        f"  const method = await methods.of(user);\n{CALL}  return {{ paid, method }};\n}}\n"
    ),
    HISTORY: (
        f"export async function history(user) {{\n  const orders = await find(user);\n{LOOP}"
        "  return orders;\n}\n"
    ),
}
PROPOSAL = "4" * 40


def hosting_before() -> GitHub:
    hosted = hosting(REPOSITORY, MAIN)
    repo = hosted.repositories[REPOSITORY]
    history = [*repo.branches["main"].commits, Commit(PROPOSAL, "Take payments", 0.0)]
    repo.branches[BRANCH] = Branch(history, {**PROPOSED})
    repo.pull_requests.append(PullRequest(NUMBER, "Take payments", "", BRANCH, "main"))
    repo.protection["main"] = Protection(required_approvals=len(AGENTS))
    # Things take their time, so that the agents really work beside each other.
    hosted.takes = {
        "get_pull_request_files": 2.0,
        "create_pull_request_review": 1.0,
        "get_pull_request_reviews": 0.5,
    }
    return hosted


def desktop() -> DesktopCommander:
    tests = Script("npm test", stdout="Tests: 77 passed", requires={PAYMENTS: "charge", HISTORY: "history"})
    covered = Script("npm test -- --coverage", stdout="Tests: 77 passed\n95% test coverage")
    desktop = checkout(MAIN, covered, tests)
    local = desktop.repository
    local.commits[PROPOSAL] = LocalCommit(PROPOSAL, "Take payments", {**PROPOSED}, local.branches["main"])
    local.branches[BRANCH] = local.pushed[BRANCH] = PROPOSAL
    return desktop


def open_blockers(files: Mapping[str, str]) -> list[str]:
    """What keeps these sources from production, whoever has or has not seen it."""
    wrong = {
        "no rate limit": "rateLimit(" not in files[PAYMENTS],
        "network failures are not handled": "catch (" not in files[PAYMENTS],
        "N+1 query": "findBy(order.id)" in files[HISTORY],
    }
    return [name for name, is_open in wrong.items() if is_open]
