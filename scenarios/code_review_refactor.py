"""A review of all controllers, and one tested commit for each finding."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Answer, Hub, Interaction, Question, Run, Scenario, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.github import GitHub
from pytest_mcpflow.scenarios._code_review_refactor_world import (
    HEALTH,
    MAIN,
    ORDERS,
    PRODUCTS,
    USERS,
    desktop,
)
from pytest_mcpflow.scenarios._refactoring_workflow import (
    BRANCH,
    PLAN,
    QUESTION,
    TESTS,
    Finding,
    Refactoring,
    RefactoringReport,
)
from pytest_mcpflow.scenarios._rules import Guarded, ran_in_order, succeeded
from pytest_mcpflow.scenarios._worlds import connect_remote, hosting

__all__ = ["CodeReviewRefactor", "Finding", "RefactoringReport"]


@dataclass
class CodeReviewRefactor(Guarded, Scenario):
    """Review the API's controllers for improvements. Plan them, ask, and carry them out one by one.

    The controllers are in `src/controllers/`; the checkout's remote is `shop/api` on GitHub; `npm test` tests.
    """

    tags = ("development", "review")

    desktop: DesktopCommander = field(default_factory=desktop)
    hosting: GitHub = field(default_factory=lambda: hosting("shop/api", MAIN))
    passing: list[dict[str, str]] = field(default_factory=lambda: [MAIN], init=False, repr=False)

    def connect(self, hub: Hub) -> None:
        def remember(ran: Interaction) -> None:
            if ran.arguments["command"] == TESTS and self.desktop.history[-1].exit_code == 0:
                self.passing.append(self._sources(self.desktop.files))

        connect_remote(hub, self.desktop, self.hosting.repositories["shop/api"])
        hub.on_effect("desktop-commander.execute_command", remember)

    async def workflow(self, hub: Hub) -> RefactoringReport:
        return await Refactoring(hub).run()

    def answer(self, question: Question) -> Answer:
        return {"approve": True, "reason": "go ahead"}

    def expect(self, run: Run) -> None:
        report = run.result
        assert [(each.file, each.line, each.problem) for each in report.findings] == [
            (ORDERS, 4, "N+1 query"),
            (PRODUCTS, 3, "could use caching"),
            (USERS, 7, "duplicate validation logic"),
        ]
        assert (report.success, report.applied, report.reverted) == (True, report.findings, ())
        hosted = self.hosting.repositories["shop/api"]
        [plan] = [issue for issue in hosted.issues if issue.state == "open"]
        assert (plan.number, plan.title, plan.labels) == (report.plan, PLAN, ["refactoring"])
        assert all(str(finding) in plan.body for finding in report.findings)
        assert [(each.question, each.approved) for each in self.people.approvals] == [(QUESTION, True)]
        branch = hosted.branches[BRANCH]
        assert [commit.message for commit in branch.commits] == [
            "Initial commit",
            f"Fetch in one query what was fetched in a loop ({ORDERS})",
            f"Cache what every request lists ({PRODUCTS})",
            f"Validate in one place ({USERS})",
        ]
        assert branch.files[USERS].count("includes('@')") == 1
        assert branch.files[USERS].count("validate(body)") == 2
        assert "cached('products', 60" in branch.files[PRODUCTS]
        assert "for (" not in branch.files[ORDERS]
        assert "await this.items.attachTo(orders);" in branch.files[ORDERS]
        assert branch.files[HEALTH] == MAIN[HEALTH]
        assert hosted.branches["main"].files == MAIN
        assert ran_in_order(self.desktop, *[(TESTS, 0)] * 4)
        assert [sent.message for sent in self.people.notifications] == [f"{BRANCH}: 3 of 3 findings applied"]
        assert run.transcript.before("create_branch", "request_approval")
        assert run.transcript.before("create_issue", "request_approval")

    @invariant
    def every_commit_passed_its_tests(self, run: Run) -> None:
        """Each commit, here and on GitHub, holds sources with which all tests passed."""
        committed = [commit.files for commit in self.desktop.repository.commits.values()]
        pushed = [branch.files for branch in self.hosting.repositories["shop/api"].branches.values()]
        assert all(self._sources(files) in self.passing for files in (*committed, *pushed))

    @invariant
    def one_finding_a_commit(self, run: Run) -> None:
        """A commit changes one file, and no two commits say the same."""
        repository = self.desktop.repository
        for commit in repository.commits.values():
            before = {} if commit.parent is None else repository.commits[commit.parent].files
            changed = [path for path, text in commit.files.items() if before.get(path) != text]
            assert commit.parent is None or len(changed) == 1, changed
        messages = [commit.message for commit in repository.commits.values()]
        assert len(messages) == len(set(messages))

    @invariant
    def what_fails_is_reverted(self, run: Run) -> None:
        """No change stays on the desktop that did not pass the tests, unless an alert asks to put it back."""
        told = any("back by hand" in alert.message for alert in self.people.alerts)
        assert self._sources(self.desktop.files) in self.passing or told

    @invariant
    def nothing_is_changed_unasked(self, run: Run) -> None:
        """No source is changed unless the developer agreed to the plan."""
        untouched = self._sources(self.desktop.files) == MAIN and len(self.desktop.repository.commits) == 1
        assert untouched or any(each.approved for each in self.people.approvals)

    @invariant
    def success_is_every_finding_pushed(self, run: Run) -> None:
        """Success is only told when there is a plan, and a commit on GitHub for each finding that it names."""
        if succeeded(run.result):
            hosted = self.hosting.repositories["shop/api"]
            planned = sum(each.body.count("- [ ]") for each in hosted.issues if each.state == "open")
            assert planned
            assert len(hosted.branches[BRANCH].commits) == 1 + planned

    @staticmethod
    def _sources(files: dict[str, str]) -> dict[str, str]:
        return {path: text for path, text in files.items() if path.startswith("src/")}
