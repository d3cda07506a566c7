"""Slow responses in production: a missing index found, reproduced, fixed, and watched until users are served fast."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Interaction, Run, Scenario, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.droplet_executor import DropletExecutor
from pytest_mcpflow.fakes.github import GitHub
from pytest_mcpflow.scenarios._debugging_workflow import (
    BRANCH,
    DATABASE,
    EXPLAIN,
    FAST_SECONDS,
    FIXED,
    INDEX,
    MIGRATE,
    MIGRATION,
    PRODUCTION,
    REPOSITORY,
    SERVICE,
    SET_UP,
    STAGING,
    TEST,
    Debugging,
    DebuggingReport,
)
from pytest_mcpflow.scenarios._production_debugging_world import (
    COPY,
    INDEXED,
    SCAN,
    desktop,
    droplets,
    hosting_before,
)
from pytest_mcpflow.scenarios._rules import (
    Guarded,
    ran_in_order,
    staged_before,
    succeeded,
    tests_passed_before,
)
from pytest_mcpflow.scenarios._worlds import connect_remote

__all__ = ["DebuggingReport", "ProductionDebugging"]


@dataclass
class ProductionDebugging(Guarded, Scenario):
    """Users report slow responses of the API. Find out why, reproduce it, and fix it without downtime.

    The service `api` on `prod-1` uses the database `shop`; `staging-1` has a copy. The checkout's remote is
    `shop/api`; a deployment of version 1.8.1 runs the migrations that were pushed. `docker compose` and
    `npm run db:seed` make a database like production's on the desktop.
    """

    tags = ("debugging",)

    desktop: DesktopCommander = field(default_factory=desktop)
    hosting: GitHub = field(default_factory=hosting_before)
    droplets: DropletExecutor = field(default_factory=droplets)
    seconds_when_resolved: list[float] = field(default_factory=list[float], init=False, repr=False)
    outages: list[str] = field(default_factory=list[str], init=False, repr=False)

    def connect(self, hub: Hub) -> None:
        def migrate_here(ran: Interaction) -> None:
            if MIGRATE in ran.arguments["command"] and self.desktop.history[-1].exit_code == 0:
                self.desktop.scripts = [INDEXED if each == SCAN else each for each in self.desktop.scripts]

        def migrate_there(deployed: Interaction) -> None:
            database = {PRODUCTION: DATABASE, STAGING: COPY}[str(deployed.arguments["host"])]
            pushed = [branch.files for branch in self.hosting.repositories[REPOSITORY].branches.values()]
            migrated = self.droplets.record_of(database).indexes
            if any(files.get(MIGRATION) == INDEX for files in pushed) and not migrated:
                self.droplets.create_index(database, "orders", "user_id")

        def look(_: Interaction) -> None:
            problem = self.droplets.problem(SERVICE, self.droplets.service_on(PRODUCTION, SERVICE))
            self.outages += [problem] if problem else []

        connect_remote(hub, self.desktop, self.hosting.repositories[REPOSITORY])
        hub.on_effect("desktop-commander.execute_command", migrate_here)
        hub.on_effect("droplet-executor.deploy", migrate_there)
        hub.on_effect("droplet-executor.*", look)
        hub.on_effect(
            "communication-hub.resolve_alert", lambda _: self.seconds_when_resolved.append(self._seconds())
        )

    async def workflow(self, hub: Hub) -> DebuggingReport:
        return await Debugging(hub).run()

    def expect(self, run: Run) -> None:
        assert self.droplets.record_of(DATABASE).indexes == ["orders.user_id"]
        assert self.droplets.list_slow_queries(DATABASE) == []
        assert [(each.host, each.version) for each in self.droplets.deployments] == [
            (STAGING, FIXED),
            (PRODUCTION, FIXED),
        ]
        assert ran_in_order(
            self.desktop,
            (SET_UP, 0),
            (EXPLAIN, 0),
            ("npm test -- orders.performance", 1),
            (MIGRATE, 0),
            (EXPLAIN, 0),
            ("npm test", 0),
        )
        hosted = self.hosting.repositories[REPOSITORY]
        [pull] = hosted.pull_requests
        assert (pull.head, pull.base, pull.merged) == (BRANCH, "main", True)
        cause = "a missing index on orders.user_id causes full table scans"
        assert all(fact in pull.body for fact in (cause, "2.3 s", "Tests: 88 passed"))
        assert "CONCURRENTLY" in hosted.branches["main"].files[MIGRATION]
        assert TEST in hosted.branches["main"].files
        report = run.result
        assert (report.success, report.cause, report.query_seconds) == (True, cause, 2.3)
        assert report.pull_request == pull.number
        assert report.before_seconds == 2.32
        assert report.after_seconds < FAST_SECONDS
        assert self._seconds() < FAST_SECONDS
        [alert] = self.people.alerts
        assert (alert.severity, alert.message) == ("high", f"Users report slow responses of {SERVICE}")
        assert alert.resolved_at is not None
        assert len(self.people.notifications) == 1
        assert cause in self.people.notifications[0].message
        sites = [each.name for each in run.transcript]
        gathered = {"get_logs", "get_metrics", "list_slow_queries"}
        assert gathered <= {*sites[: sites.index("execute_command")]}

    @invariant
    def done_only_when_recovered(self, run: Run) -> None:
        """Neither the report, nor a notice, nor a resolved alert says that it is over while responses are slow."""
        if succeeded(run.result) or any("again" in sent.message for sent in self.people.notifications):
            assert self._seconds() < FAST_SECONDS
        assert all(seconds < FAST_SECONDS for seconds in self.seconds_when_resolved)

    @invariant
    def nothing_is_shipped_unreproduced(self, run: Run) -> None:
        """A version is deployed only after a test failed without the fix and all tests passed with it."""
        failed = any(ran.exit_code == 1 and "npm test" in ran.command for ran in self.desktop.history)
        assert failed or not self.droplets.deployments
        assert tests_passed_before(run, "npm test", "create_pull_request", "deploy")

    @invariant
    def staging_before_production(self, run: Run) -> None:
        """A version reaches production only after it ran on staging and was seen healthy there."""
        assert staged_before(run, STAGING, PRODUCTION, SERVICE, FIXED)

    @invariant
    def one_fix(self, run: Run) -> None:
        """However answers are lost, there is one pull request, and one deployment a host."""
        assert len(self.hosting.repositories[REPOSITORY].pull_requests) <= 1
        forward = [each.host for each in self.droplets.deployments if each.kind != "rollback"]
        assert len(forward) == len(set(forward))

    @invariant
    def there_is_no_downtime(self, run: Run) -> None:
        """Production answers after every step."""
        assert self.outages == []

    def _seconds(self) -> float:
        service = self.droplets.service_on(PRODUCTION, SERVICE)
        return self.droplets.metric(SERVICE, service, "response_seconds")
