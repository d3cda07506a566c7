"""A feature from an empty folder to a pull request with its test results."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Answer, Hub, Interaction, Question, Run, Scenario, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.github import GitHub
from pytest_mcpflow.scenarios._feature_development_world import MAIN, RESULTS, desktop, hosting_before
from pytest_mcpflow.scenarios._feature_workflow import (
    BRANCH,
    CONTROLLER,
    FOLDER,
    JWT,
    JWT_TEST,
    QUESTION,
    REVIEWERS,
    SERVICE,
    SERVICE_TEST,
    Feature,
    FeatureReport,
)
from pytest_mcpflow.scenarios._rules import Guarded, ran_in_order, succeeded, tests_passed_before
from pytest_mcpflow.scenarios._worlds import connect_remote

__all__ = ["FeatureDevelopment", "FeatureReport"]


@dataclass
class FeatureDevelopment(Guarded, Scenario):
    """Users must be able to log in with a JSON web token. Write it on a branch, test it, and propose it.

    The checkout's remote is `shop/api` on GitHub. Tests run by `npm test FILE` and `npm test -- --coverage`.
    """

    tags = ("development",)

    desktop: DesktopCommander = field(default_factory=desktop)
    hosting: GitHub = field(default_factory=hosting_before)
    tested: dict[str, str] = field(default_factory=dict[str, str], init=False, repr=False)

    def connect(self, hub: Hub) -> None:
        def remember(ran: Interaction) -> None:
            if str(ran.arguments["command"]).startswith("npm test"):
                passed = self.desktop.history[-1].exit_code == 0
                self.tested = self._sources(self.desktop.files) if passed else {}

        connect_remote(hub, self.desktop, self.hosting.repositories["shop/api"])
        hub.on_effect("desktop-commander.execute_command", remember)

    async def workflow(self, hub: Hub) -> FeatureReport:
        return await Feature(hub).run()

    def answer(self, question: Question) -> Answer:
        return {"approve": True, "reason": "well tested"}

    def expect(self, run: Run) -> None:
        hosted = self.hosting.repositories["shop/api"]
        assert FOLDER in self.desktop.folders
        assert self.desktop.repository.branch == BRANCH
        files = hosted.branches[BRANCH].files
        assert {SERVICE, CONTROLLER, JWT, SERVICE_TEST, JWT_TEST} == {*files} - {*MAIN}
        skeleton = self.desktop.repository.log()[1].files
        assert {SERVICE, CONTROLLER} == {*skeleton} - {*MAIN}
        assert [commit.message for commit in hosted.branches[BRANCH].commits] == [
            "Initial commit",
            "Set up the folder for authentication",
            "Let users log in with a token",
        ]
        assert "sign(" in files[JWT]
        assert "validate(" in files[JWT]
        assert ran_in_order(
            self.desktop,
            ("npm test auth.service.spec.ts", 1),
            ("npm test auth.service.spec.ts", 0),
            ("npm test -- --coverage", 0),
        )
        [pull] = hosted.pull_requests
        assert (pull.head, pull.base, pull.state, pull.reviewers) == (BRANCH, "main", "open", [*REVIEWERS])
        assert "JSON web token" in pull.body
        assert RESULTS in pull.body
        assert [(each.question, each.approved) for each in self.people.approvals] == [(QUESTION, True)]
        assert [sent.message for sent in self.people.notifications] == ["Please review pull request #1"]
        assert run.transcript.before("create_directory", "write_file")
        assert run.transcript.before("request_approval", "create_pull_request")
        assert run.result == FeatureReport(True, (SERVICE,), 100, pull.number)

    @invariant
    def one_pull_request_for_a_branch(self, run: Run) -> None:
        """However answers are lost, a branch has one pull request at most."""
        heads = [pull.head for pull in self.hosting.repositories["shop/api"].pull_requests]
        assert len(heads) == len(set(heads))

    @invariant
    def no_pull_request_while_tests_fail(self, run: Run) -> None:
        """A pull request is opened only if the last test run that was seen passed."""
        assert tests_passed_before(run, "npm test", "create_pull_request")

    @invariant
    def what_is_proposed_was_tested(self, run: Run) -> None:
        """The proposed sources are those with which the tests passed."""
        hosted = self.hosting.repositories["shop/api"]
        for pull in hosted.pull_requests:
            assert self._sources(hosted.branches[pull.head].files) == self.tested

    @invariant
    def no_file_is_half_written(self, run: Run) -> None:
        """Every source that is committed or pushed is a whole, with each class defined once."""
        commits = [commit.files for commit in self.desktop.repository.commits.values()]
        branches = [branch.files for branch in self.hosting.repositories["shop/api"].branches.values()]
        for path, text in (file for files in (*commits, *branches) for file in self._sources(files).items()):
            assert text.count("{") == text.count("}"), path
            assert text.endswith("\n"), path
            assert text.count("export class") <= 1, path

    @invariant
    def nothing_is_proposed_unasked(self, run: Run) -> None:
        """There is a pull request only after the developer said yes."""
        if self.hosting.repositories["shop/api"].pull_requests:
            assert any(each.approved for each in self.people.approvals)

    @invariant
    def success_is_a_pull_request_with_reviewers(self, run: Run) -> None:
        """Success is only told when there is a pull request and somebody was asked to review it."""
        if succeeded(run.result):
            assert [pull for pull in self.hosting.repositories["shop/api"].pull_requests if pull.reviewers]

    @staticmethod
    def _sources(files: dict[str, str]) -> dict[str, str]:
        return {path: text for path, text in files.items() if path.startswith("src/")}
