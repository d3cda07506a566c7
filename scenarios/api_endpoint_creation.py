"""An API endpoint with all its layers, from a migration to documentation that tells the truth."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from pytest_mcpflow import Answered, Hub, Interaction, Run, Scenario, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.droplet_executor import CommandResult, DropletExecutor
from pytest_mcpflow.fakes.github import GitHub
from pytest_mcpflow.scenarios._api_endpoint_creation_world import (
    LISTED,
    MAIN,
    desktop,
    droplets,
    hosting_before,
)
from pytest_mcpflow.scenarios._endpoint_workflow import (
    BRANCH,
    COLLECTION,
    CONTROLLER,
    DOCS,
    ENDPOINT,
    EXPORT,
    LAYERS,
    MIGRATE,
    MIGRATION,
    REPOSITORY,
    SCHEMA,
    SERVICE,
    SMOKE_TESTS,
    STAGING,
    TEST,
    TESTS,
    TITLE,
    UNDO,
    VALIDATION,
    VERSION,
    Endpoint,
    EndpointReport,
)
from pytest_mcpflow.scenarios._rules import Guarded, ran_in_order, succeeded, tests_passed_before
from pytest_mcpflow.scenarios._worlds import connect_remote

__all__ = ["ApiEndpointCreation", "EndpointReport"]


@dataclass
class ApiEndpointCreation(Guarded, Scenario):
    """Add an endpoint that exports user data as CSV: authenticated, streamed, 10 requests an hour, and documented.

    The checkout's remote is `shop/api`; version 1.5.0 is built from its branch. `npm run db:migrate` and
    `npm run db:rollback` change the desktop's database. `main` is where documentation is published from.
    """

    tags = ("full-stack",)

    desktop: DesktopCommander = field(default_factory=desktop)
    hosting: GitHub = field(default_factory=hosting_before)
    droplets: DropletExecutor = field(default_factory=droplets)
    schema: str = field(default="as before", init=False, repr=False)
    """The desktop's database: `as before`, `migrated`, or `half migrated`."""
    published_too_early: list[str] = field(default_factory=list[str], init=False, repr=False)

    def connect(self, hub: Hub) -> None:
        def change_schema(ran: Interaction) -> None:
            done = self.desktop.history[-1].exit_code == 0
            if ran.arguments["command"] == MIGRATE:
                self.schema = "migrated" if done else "half migrated"
            elif ran.arguments["command"] == UNDO and done:
                self.schema = "as before"

        def serve(_: Interaction) -> None:
            """The smoke tests ask what was deployed, which is what was pushed."""
            staging = self.droplets.hosts[STAGING]
            new = staging.services[SERVICE].version == VERSION
            controller = self._files(BRANCH).get(CONTROLLER, "") if new else ""
            missing = [need for need in ("authenticate", "max: 10, perHours: 1") if need not in controller]
            answers = "401 without a token, 200 text/csv chunked, 429 at request 11 of an hour"
            failed = CommandResult("", f"missing: {', '.join(missing)}", 1)
            staging.commands[SMOKE_TESTS] = failed if missing else CommandResult(answers)

        def publish(_: Interaction) -> None:
            if DOCS in self._files("main") and not self._answers():
                self.published_too_early.append(DOCS)

        connect_remote(hub, self.desktop, self.hosting.repositories[REPOSITORY])
        hub.on_effect("desktop-commander.execute_command", change_schema)
        hub.on_effect("droplet-executor.*", serve)
        hub.on_effect("github.*", publish)

    async def workflow(self, hub: Hub) -> EndpointReport:
        return await Endpoint(hub).run()

    def expect(self, run: Run) -> None:
        assert self.schema == "migrated"
        main = self._files("main")
        assert {MIGRATION, *LAYERS, DOCS, COLLECTION} - {*MAIN} == {*main} - {*MAIN}
        assert main[MIGRATION] == SCHEMA
        assert all(
            need in main[CONTROLLER] for need in ("authenticate", "rateLimit({ max: 10, perHours: 1 })")
        )
        assert "pipeline(users.cursor(" in main[EXPORT]
        assert "z.object" in main[VALIDATION]
        assert all(f"expect({status})" in main[TEST] for status in (401, 429, "chunked", 400))
        assert all(
            fact in main[DOCS] for fact in (ENDPOINT, "Authentication", "streamed", "10 requests an hour")
        )
        items = json.loads(main[COLLECTION])["item"]
        assert items[0] == LISTED
        assert [(item["name"], item["request"]["url"]) for item in items[1:]] == [
            (TITLE, "{{host}}/api/users/export")
        ]
        assert ran_in_order(self.desktop, (MIGRATE, 0), (TESTS, 0))
        assert [(each.host, each.version) for each in self.droplets.deployments] == [(STAGING, VERSION)]
        assert {ran.command for ran in self.droplets.hosts[STAGING].command_log} == {SMOKE_TESTS}
        [pull] = self.hosting.repositories[REPOSITORY].pull_requests
        assert (pull.head, pull.merged) == (BRANCH, True)
        assert "Coverage: 100%" in pull.body
        assert [sent.message for sent in self.people.notifications] == [
            f"{ENDPOINT} is on staging and documented, ready for testing"
        ]
        assert run.result == EndpointReport(True, ENDPOINT, VERSION, pull.number)

    @invariant
    def a_failed_migration_is_rolled_back(self, run: Run) -> None:
        """No database stays half migrated, unless an alert asks for a rollback by hand."""
        told = any("roll the migration back by hand" in alert.message for alert in self.people.alerts)
        assert self.schema != "half migrated" or told

    @invariant
    def docs_describe_only_what_is_deployed(self, run: Run) -> None:
        """Neither documentation nor collection is published while the endpoint does not answer."""
        assert self.published_too_early == []
        documented = DOCS in self._files("main") or TITLE in self._files("main")[COLLECTION]
        assert self._answers() or not documented

    @invariant
    def each_layer_stands_on_the_one_below(self, run: Run) -> None:
        """Migration, controller, service, validation, tests, documentation, deployment: none before the one below."""
        below = dict.fromkeys((MIGRATION, MIGRATE, *LAYERS, TESTS, DOCS, "deploy"), False)
        for each in run.transcript:
            step = (
                each.name
                if each.name == "deploy"
                else each.arguments.get("path", each.arguments.get("command"))
            )
            if step in below and each.name not in ("read_file", "get_file_contents"):
                names = [*below]
                assert all(below[name] for name in names[: names.index(str(step))]), each.call
                below[str(step)] = below[str(step)] or isinstance(each.outcome, Answered)

    @invariant
    def nothing_is_proposed_or_deployed_untested(self, run: Run) -> None:
        """There is no pull request and no deployment unless the last test run that was seen passed."""
        assert tests_passed_before(run, "npm test", "create_pull_request", "deploy")

    @invariant
    def user_data_is_guarded(self, run: Run) -> None:
        """What is deployed asks for a token and lets nobody ask more than 10 times an hour."""
        if self.droplets.hosts[STAGING].services[SERVICE].version == VERSION:
            controller = self._files(BRANCH)[CONTROLLER]
            assert "authenticate" in controller
            assert "max: 10, perHours: 1" in controller

    @invariant
    def production_is_left_alone(self, run: Run) -> None:
        """It was asked to be deployed to staging, for testing."""
        assert [each for each in self.droplets.deployments if each.environment == "production"] == []

    @invariant
    def success_is_an_endpoint_that_answers(self, run: Run) -> None:
        """Success is only told when the endpoint answers and is documented."""
        if succeeded(run.result):
            assert self._answers()
            assert DOCS in self._files("main")

    def _files(self, branch: str) -> dict[str, str]:
        branches = self.hosting.repositories[REPOSITORY].branches
        return branches[branch].files if branch in branches else {}

    def _answers(self) -> bool:
        service = self.droplets.hosts[STAGING].services[SERVICE]
        return service.version == VERSION and self.droplets.problem(SERVICE, service) is None
