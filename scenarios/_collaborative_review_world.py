"""The world of `collaborative-review`, and what follows in it from what a workflow does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Interaction
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
from pytest_mcpflow.scenarios._rules import Guarded
from pytest_mcpflow.scenarios._worlds import checkout, connect_remote, hosting

__all__ = ["ProposedPayments", "open_blockers", "sources"]

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


def _hosting() -> GitHub:
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


def _desktop() -> DesktopCommander:
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


def sources(files: Mapping[str, str]) -> dict[str, str]:
    """The files that tests are about."""
    return {path: text for path, text in files.items() if path.startswith("src/")}


@dataclass
class ProposedPayments(Guarded):
    """A pull request with things to find, and a clone of its branch."""

    desktop: DesktopCommander = field(default_factory=_desktop)
    hosting: GitHub = field(default_factory=_hosting)
    approved_while_open: list[str] = field(default_factory=list[str], init=False, repr=False)
    tested: list[Mapping[str, str]] = field(default_factory=lambda: [PROPOSED], init=False, repr=False)
    """The files with which all tests passed."""

    def connect(self, hub: Hub) -> None:
        def look(posted: Interaction) -> None:
            if posted.arguments["event"] == "APPROVE":
                self.approved_while_open += open_blockers(self.proposed())

        def remember(ran: Interaction) -> None:
            if ran.arguments["command"] == "npm test" and self.desktop.history[-1].exit_code == 0:
                self.tested.append({**self.desktop.files})

        connect_remote(hub, self.desktop, self.hosting.repositories[REPOSITORY])
        hub.on_effect("github.create_pull_request_review", look)
        hub.on_effect("desktop-commander.execute_command", remember)

    def proposed(self) -> dict[str, str]:
        """The files of the pull request's branch."""
        return self.hosting.repositories[REPOSITORY].branches[BRANCH].files
