"""An API endpoint with all its layers, from a migration to documentation that tells the truth."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pytest_mcpflow import Hub, Run, Scenario, invariant
from pytest_mcpflow.scenarios import _endpoint_workflow as work
from pytest_mcpflow.scenarios._api_endpoint_creation_world import GUARDS, LISTED, MAIN, ApiWithStaging
from pytest_mcpflow.scenarios._endpoint_workflow import ENDPOINT, LAYERS, Endpoint, EndpointReport
from pytest_mcpflow.scenarios._rules import lacking, ran_in_order, succeeded, tests_passed_before

__all__ = ["ApiEndpointCreation", "EndpointReport"]

FACTS = {
    work.MIGRATION: ("CREATE TABLE user_exports",),
    work.CONTROLLER: ("router.get('/api/users/export'", *GUARDS, "validate(query)"),
    work.EXPORT: ("pipeline(users.cursor(", "csv(", "text/csv"),
    work.VALIDATION: ("z.object",),
    work.TEST: ("expect(401)", "expect(429)", "expect(chunked)", "expect(400)"),
    work.DOCS: (ENDPOINT, "Authentication", "streamed", "10 requests an hour"),
}
"""What each layer must say: a way in, guarded, and users as CSV, however many there are."""
REQUEST = {"method": "GET", "url": "{{host}}/api/users/export", "auth": {"type": "bearer"}}


@dataclass
class ApiEndpointCreation(ApiWithStaging, Scenario):
    """Add an endpoint that exports user data as CSV: authenticated, streamed, 10 requests an hour, and documented.

    The checkout's remote is `shop/api`; version 1.5.0 is built from its branch. `npm run db:migrate` and
    `npm run db:rollback` change the desktop's database. `main` is where documentation is published from.
    """

    tags = ("full-stack",)

    async def workflow(self, hub: Hub) -> EndpointReport:
        return await Endpoint(hub).run()

    def expect(self, run: Run) -> None:
        assert self.schema == "migrated"
        main = self.files("main")
        assert {*main} == {*MAIN, *FACTS}
        assert lacking(main, FACTS) == []
        listed, added = json.loads(main[work.COLLECTION])["item"]
        assert (listed, added["request"]) == (LISTED, REQUEST)
        assert ran_in_order(self.desktop, (work.MIGRATE, 0), (work.TESTS, 0))
        deployed = [(each.host, each.version) for each in self.droplets.deployments]
        assert deployed == [(work.STAGING, work.VERSION)]
        assert {ran.command for ran in self.droplets.hosts[work.STAGING].command_log} == {work.SMOKE_TESTS}
        [pull] = self.hosting.repositories[work.REPOSITORY].pull_requests
        assert (pull.head, pull.merged, "Coverage: 100%" in pull.body) == (work.BRANCH, True, True)
        assert [sent.message for sent in self.people.notifications] == [
            f"{ENDPOINT} is on staging and documented, ready for testing"
        ]
        assert run.result == EndpointReport(True, ENDPOINT, work.VERSION, pull.number)

    @invariant
    def a_failed_migration_is_rolled_back(self, run: Run) -> None:
        """No database stays half migrated, unless an alert asks for a rollback by hand."""
        told = any("roll the migration back by hand" in alert.message for alert in self.people.alerts)
        assert self.schema != "half migrated" or told

    @invariant
    def docs_describe_only_what_is_deployed(self, run: Run) -> None:
        """Neither documentation nor collection is published while the endpoint does not answer."""
        assert self.published_too_early == []
        documented = work.DOCS in self.files("main") or work.TITLE in self.files("main")[work.COLLECTION]
        assert self.answers() or not documented

    @invariant
    def each_layer_stands_on_the_one_below(self, run: Run) -> None:
        """Migration, controller, service, validation, tests, documentation, deployment: none before the one below."""
        below = dict.fromkeys((work.MIGRATION, work.MIGRATE, *LAYERS, work.TESTS, work.DOCS, "deploy"), False)
        for each in run.transcript:
            doing = each.arguments.get("path", each.arguments.get("command"))
            step = each.name if each.name == "deploy" else str(doing)
            if step in below and each.name not in ("read_file", "get_file_contents"):
                names = [*below]
                assert all(below[name] for name in names[: names.index(step)]), each.call
                below[step] = below[step] or each.ok

    @invariant
    def nothing_is_proposed_or_deployed_untested(self, run: Run) -> None:
        """There is no pull request and no deployment unless the last test run that was seen passed."""
        assert tests_passed_before(run, "npm test", "create_pull_request", "deploy")

    @invariant
    def user_data_is_guarded(self, run: Run) -> None:
        """What is deployed asks for a token and lets nobody ask more than 10 times an hour."""
        assert not self.is_staged() or self.unguarded() == []

    @invariant
    def production_is_left_alone(self, run: Run) -> None:
        """It was asked to be deployed to staging, for testing."""
        assert [each for each in self.droplets.deployments if each.environment == "production"] == []

    @invariant
    def success_is_an_endpoint_that_answers(self, run: Run) -> None:
        """Success is only told when the endpoint answers and is documented."""
        if succeeded(run.result):
            assert self.answers()
            assert work.DOCS in self.files("main")
