"""A production database runs out of connections: contained first, then understood, then fixed for good."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from pytest_mcpflow import Hub, Run, Scenario, invariant
from pytest_mcpflow.scenarios import _incident_workflow as work
from pytest_mcpflow.scenarios._incident_response_world import FIXED, HOST, STAGING, LeakingProduction
from pytest_mcpflow.scenarios._incident_workflow import CODE, IncidentReport, Response
from pytest_mcpflow.scenarios._rules import began_in_order, lacking, staged_before, tests_passed_before

__all__ = ["IncidentReport", "IncidentResponse"]

FIX = {CODE: ("client.release()",), work.TEST: ("healthCheck()",), work.MONITORING: ("> 0.8", "on-call")}
DOCUMENTS = {
    work.POST_MORTEM: ("P1", "195/200", "89/300", f"healthCheck in {CODE}:1", "Prevention"),
    work.RUNBOOK: ("# Database\n", "health check"),
}


@dataclass
class IncidentResponse(LeakingProduction, Scenario):
    """The production database is running out of connections. Contain it, find the cause, fix it.

    The services of `prod-1` use the database `shop`; its flag `shallow-health-check` keeps health checks from the
    database. `staging-1` is where versions go first. The code is in the desktop's checkout and in `shop/api` on
    GitHub, whose CI publishes a pull request's branch as version 2.4.1.
    """

    tags = ("incident", "emergency")

    async def workflow(self, hub: Hub) -> IncidentReport:
        return await Response(hub).run()

    def is_over(self, run: Run) -> bool:
        return isinstance(run.result, IncidentReport) and run.result.closed

    def admits(self, run: Run) -> bool:
        """A restart that may not be repeated is left to people, who are alerted."""
        return super().admits(run) or any("by hand" in alert.message for alert in self.people.alerts)

    def expect(self, run: Run) -> None:
        self._expect_production(run)
        [pull] = self.repository().pull_requests
        self._expect_code_and_documents()
        contained = ("check_health", "set_connection_pool", "restart_service", "set_feature_flag")
        fixed = ("get_logs", "search_code", "edit_block", "create_pull_request")
        over = ("deploy", "merge_pull_request", "resolve_alert")
        assert began_in_order(run, *contained, *fixed, *over)
        report = run.result
        assert (report.severity, report.on_arrival, report.after_mitigation) == ("P1", (195, 200), (89, 300))
        assert report.restarted == ("admin", "api")
        assert all(fact in report.root_cause for fact in ("healthCheck", f"{CODE}:1", "client.release()"))
        assert (pull.head, pull.base, pull.merged) == (work.BRANCH, "main", True)
        assert all(fact in pull.body for fact in (report.root_cause, "Tests: 112 passed"))
        assert (report.pull_request, report.closed, report.error) == (pull.number, True, None)
        [alert] = self.people.alerts
        assert (alert.severity, alert.message) == ("critical", "P1: database connections at 195/200")
        assert self.calm_when_closed
        assert alert.resolved_at is not None
        assert [sent.message for sent in self.people.notifications] == [
            "Mitigated: 89/300 connections after restarting admin, api",
            "Incident closed: 89/300 connections",
        ]

    def _expect_production(self, run: Run) -> None:
        production = self.production.host(HOST)
        shop = self.production.database("shop")
        assert (shop.max_connections, self.production.connections("shop")) == (300, 89)
        running = {name: (each.version, each.restarts) for name, each in production.services.items()}
        assert running == {"api": (FIXED, 1), "admin": ("1.0.0", 1), "reports": ("3.1.0", 0)}
        flagged = dict.fromkeys(each.arguments["enabled"] for each in run.effects("set_feature_flag"))
        assert ([*flagged], production.flags) == ([True, False], {work.SHALLOW_CHECK: False})
        deployments = [(each.host, each.version, each.kind) for each in self.production.deployments]
        assert deployments == [(STAGING, FIXED, "rolling"), (HOST, FIXED, "rolling")]
        # No downtime: unlike after its restart, the service answered from the instant of its deployment.
        deployed = datetime.fromisoformat(self.production.deployments[-1].at) - self.starts_at
        assert production.services["api"].ready_at <= deployed.total_seconds()
        assert run.seconds >= deployed.total_seconds() + 600

    def _expect_code_and_documents(self) -> None:
        tests = [ran.exit_code for ran in self.desktop.history if ran.command.startswith("npm test")]
        assert (tests[0], tests[-1]) == (1, 0)
        assert self.desktop.repository.branch == work.BRANCH
        newest, fix, first = self.desktop.repository.log()
        assert dict(fix.files.items() - first.files.items()).keys() == FIX.keys()
        assert dict(newest.files.items() - fix.files.items()).keys() == DOCUMENTS.keys()
        assert lacking(newest.files, DOCUMENTS) == []
        main = self.repository().branches["main"].files
        assert (main, lacking(main, FIX)) == ({path: fix.files[path] for path in main}, [])

    @invariant
    def severity_is_never_lowered_by_a_missing_answer(self, run: Run) -> None:
        """It is a P1, and nobody is told less because something could not be measured."""
        if isinstance(run.result, IncidentReport):
            assert run.result.severity == "P1"
        assert [text for text in self.people.texts() if re.search(r"\bP[23]\b", text)] == []

    @invariant
    def restarts_at_most_once(self, run: Run) -> None:
        """A lost answer must not restart a service twice, nor ask for it."""
        assert all(service.restarts <= 1 for service in self.production.hosts[HOST].services.values())
        assert all(count == 1 for count in run.calls("restart_service").by("service").values())

    @invariant
    def mitigation_comes_first(self, run: Run) -> None:
        """Nobody looks for the cause before raising the pool was tried."""
        for each in run.transcript:
            if each.name == "set_connection_pool":
                break
            assert each.server not in ("desktop-commander", "github"), each.call
            assert each.name not in ("get_logs", "get_metrics"), each.call

    @invariant
    def closed_only_while_healthy(self, run: Run) -> None:
        """The incident is never closed while connections run out, or can run out again."""
        assert all(self.calm_when_closed)
        if self.is_over(run):
            assert self.is_calm()
            assert not self.leaks()

    @invariant
    def no_makeshift_stays(self, run: Run) -> None:
        """The incident is only closed when it is the fix that keeps connections calm."""
        assert not self.is_over(run) or self.makeshifts() == []

    @invariant
    def staging_before_production(self, run: Run) -> None:
        """A version reaches production only after it was seen healthy on staging."""
        assert staged_before(run, STAGING, HOST, "api", FIXED)

    @invariant
    def a_failing_test_stops_the_rest(self, run: Run) -> None:
        """There is no pull request and no deployment unless the last test run that was seen passed."""
        assert tests_passed_before(run, "npm test", "create_pull_request", "deploy")

    @invariant
    def one_fix(self, run: Run) -> None:
        """However answers are lost, there is one pull request, and one deployment a host."""
        assert len(self.repository().pull_requests) <= 1
        forward = [each.host for each in self.production.deployments if each.kind != "rollback"]
        assert len(forward) == len(set(forward))
