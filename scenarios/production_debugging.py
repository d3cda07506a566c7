"""Slow responses in production: a missing index found, reproduced, fixed, and watched until users are served fast."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_mcpflow import Hub, Run, Scenario, invariant
from pytest_mcpflow.scenarios import _debugging_workflow as work
from pytest_mcpflow.scenarios._debugging_workflow import (
    DATABASE,
    EXPLAIN,
    FAST_SECONDS,
    FIXED,
    PRODUCTION,
    SERVICE,
    STAGING,
    Debugging,
    DebuggingReport,
)
from pytest_mcpflow.scenarios._production_debugging_world import SlowShop
from pytest_mcpflow.scenarios._rules import (
    lacking,
    ran_in_order,
    staged_before,
    succeeded,
    tests_passed_before,
)

__all__ = ["DebuggingReport", "ProductionDebugging"]

FIX = {work.MIGRATION: ("CONCURRENTLY", "orders (user_id)"), work.TEST: ("toBeLessThan(50)",)}


@dataclass
class ProductionDebugging(SlowShop, Scenario):
    """Users report slow responses of the API. Find out why, reproduce it, and fix it without downtime.

    The service `api` on `prod-1` uses the database `shop`; `staging-1` has a copy. The checkout's remote is
    `shop/api`; a deployment of version 1.8.1 runs the migrations that were pushed. `docker compose` and
    `npm run db:seed` make a database like production's on the desktop.
    """

    tags = ("debugging",)

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
            (work.SET_UP, 0),
            (EXPLAIN, 0),
            ("npm test -- orders.performance", 1),
            (work.MIGRATE, 0),
            (EXPLAIN, 0),
            ("npm test", 0),
        )
        [pull] = self.repository().pull_requests
        assert (pull.head, pull.base, pull.merged) == (work.BRANCH, "main", True)
        cause = "a missing index on orders.user_id causes full table scans"
        assert all(fact in pull.body for fact in (cause, "2.3 s", "Tests: 88 passed"))
        main = self.repository().branches["main"].files
        assert (
            lacking(
                main, {work.MIGRATION: ("CONCURRENTLY", "orders (user_id)"), work.TEST: ("toBeLessThan(50)",)}
            )
            == []
        )
        report = run.result
        assert (report.success, report.cause, report.query_seconds) == (True, cause, 2.3)
        assert report.pull_request == pull.number
        assert report.before_seconds == 2.32
        assert report.after_seconds < FAST_SECONDS
        assert self.seconds() < FAST_SECONDS == 0.05
        assert run.calls("get_metrics")[-1].at > run.calls("droplet-executor.deploy")[-1].at
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
            assert self.seconds() < FAST_SECONDS
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
        assert len(self.repository().pull_requests) <= 1
        forward = [each.host for each in self.droplets.deployments if each.kind != "rollback"]
        assert len(forward) == len(set(forward))

    @invariant
    def there_is_no_downtime(self, run: Run) -> None:
        """Production answers after every step, and writes go on while the index is built."""
        assert self.outages == []
