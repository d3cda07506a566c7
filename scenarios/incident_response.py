"""A production database runs out of connections: contained first, then understood, then fixed for good."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from pytest_mcpflow import Hub, Interaction, Run, Scenario, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.droplet_executor import DropletExecutor, Release
from pytest_mcpflow.fakes.github import GitHub
from pytest_mcpflow.scenarios._incident_response_world import (
    CALM,
    DATABASE,
    FIXED,
    HOST,
    LEAKS,
    REPOSITORY,
    STAGING,
    desktop,
    hosting_before,
    production,
)
from pytest_mcpflow.scenarios._incident_workflow import (
    BRANCH,
    CODE,
    MONITORING,
    POST_MORTEM,
    RUNBOOK,
    TEST,
    IncidentReport,
    Response,
)
from pytest_mcpflow.scenarios._rules import Guarded, staged_before, tests_passed_before

__all__ = ["IncidentReport", "IncidentResponse"]


@dataclass
class IncidentResponse(Guarded, Scenario):
    """The production database is running out of connections. Contain it, find the cause, fix it.

    The services of `prod-1` use the database `shop`; `staging-1` is where versions go first. The code is in the
    desktop's checkout and in `shop/api` on GitHub, whose CI publishes a pull request's branch as version 2.4.1.
    """

    tags = ("incident", "emergency")

    production: DropletExecutor = field(default_factory=production)
    desktop: DesktopCommander = field(default_factory=desktop)
    hosting: GitHub = field(default_factory=hosting_before)
    calm_when_closed: list[bool] = field(default_factory=list[bool], init=False, repr=False)

    def connect(self, hub: Hub) -> None:
        def publish(opened: Interaction) -> None:
            """What a version does in production depends on the code it was built from."""
            code = self.hosting.repositories[REPOSITORY].branches[opened.arguments["head"]].files[CODE]
            self.production.releases["api"][FIXED] = Release() if "client.release()" in code else LEAKS

        hub.on_effect("github.create_pull_request", publish)
        hub.on_effect(
            "communication-hub.resolve_alert", lambda _: self.calm_when_closed.append(self._is_calm())
        )

    async def workflow(self, hub: Hub) -> IncidentReport:
        return await Response(hub).run()

    def admits(self, run: Run) -> bool:
        """A restart that may not be repeated is left to people, who are alerted."""
        return super().admits(run) or any("by hand" in alert.message for alert in self.people.alerts)

    def expect(self, run: Run) -> None:
        self._expect_production(run)
        self._expect_code_and_documents(run.result.root_cause)
        self._expect_messages()
        steps = [
            *("check_health", "set_connection_pool", "restart_service", "get_logs", "search_code"),
            *("edit_block", "create_pull_request", "deploy", "merge_pull_request", "resolve_alert"),
        ]
        sites = [each.name for each in run.transcript]
        assert sorted(steps, key=sites.index) == steps
        report = run.result
        assert (report.severity, report.on_arrival, report.after_mitigation) == ("P1", (195, 200), (89, 300))
        assert report.on_arrival[0] / report.on_arrival[1] == 0.975
        assert report.restarted == ("admin", "api")
        assert all(fact in report.root_cause for fact in ("healthCheck", f"{CODE}:1", "client.release()"))
        assert report.pull_request == self.hosting.repositories[REPOSITORY].pull_requests[0].number
        assert (report.closed, report.error) == (True, None)
        assert self.calm_when_closed

    def _expect_production(self, run: Run) -> None:
        services = self.production.host(HOST).services
        assert self.production.database(DATABASE).max_connections == 300
        assert self.production.connections(DATABASE) == 89
        assert {name: each.restarts for name, each in services.items()} == {
            "api": 1,
            "admin": 1,
            "reports": 0,
        }
        assert {name: each.version for name, each in services.items()} == {
            "api": FIXED,
            "admin": "1.0.0",
            "reports": "3.1.0",
        }
        deployments = [(each.host, each.version, each.kind) for each in self.production.deployments]
        assert deployments == [(STAGING, FIXED, "rolling"), (HOST, FIXED, "rolling")]
        # No downtime: unlike after its restart, the service answered from the instant of its deployment.
        deployed = datetime.fromisoformat(self.production.deployments[-1].at) - self.starts_at
        assert services["api"].ready_at <= deployed.total_seconds()
        assert run.seconds >= deployed.total_seconds() + 600

    def _expect_code_and_documents(self, root_cause: str) -> None:
        tests = [ran.exit_code for ran in self.desktop.history if ran.command.startswith("npm test")]
        assert (tests[0], tests[-1]) == (1, 0)
        assert self.desktop.repository.branch == BRANCH
        newest, fix, first = self.desktop.repository.log()
        assert {path for path in fix.files if fix.files[path] != first.files.get(path)} == {
            CODE,
            TEST,
            MONITORING,
        }
        assert {path for path in newest.files if newest.files[path] != fix.files.get(path)} == {
            POST_MORTEM,
            RUNBOOK,
        }
        hosted = self.hosting.repositories[REPOSITORY]
        [pull] = hosted.pull_requests
        assert (pull.head, pull.base, pull.merged) == (BRANCH, "main", True)
        assert all(fact in pull.body for fact in (root_cause, "Tests: 112 passed"))
        for path, fact in ((CODE, "client.release()"), (TEST, "healthCheck()"), (MONITORING, "> 0.8")):
            assert fact in hosted.branches["main"].files[path]
            assert hosted.branches["main"].files[path] == fix.files[path]
        post_mortem = newest.files[POST_MORTEM]
        assert all(
            fact in post_mortem for fact in ("P1", "195/200", "89/300", "300", root_cause, "Prevention")
        )
        runbook = newest.files[RUNBOOK]
        assert runbook.startswith("# Database\n")
        assert "health check" in runbook

    def _expect_messages(self) -> None:
        [alert] = self.people.alerts
        assert (alert.severity, alert.message) == ("critical", "P1: database connections at 195/200")
        assert alert.resolved_at is not None
        assert [sent.message for sent in self.people.notifications] == [
            "Mitigated: 89/300 connections after restarting admin, api",
            "Incident closed: 89/300 connections",
        ]

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
        if isinstance(run.result, IncidentReport) and run.result.closed:
            assert self._is_calm()
            running = self.production.release("api", self.production.hosts[HOST].services["api"].version)
            assert running.leaks_per_second == 0

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
        assert len(self.hosting.repositories[REPOSITORY].pull_requests) <= 1
        forward = [each.host for each in self.production.deployments if each.kind != "rollback"]
        assert len(forward) == len(set(forward))

    @invariant
    def a_failure_is_heard(self, run: Run) -> None:
        """While an incident is not closed, an alert is open, unless the alerts themselves do not get through."""
        if run.error is None and not (isinstance(run.result, IncidentReport) and run.result.closed):
            alerts = run.calls("send_alert")
            unreachable = bool(alerts) and not alerts[-1].ok
            assert unreachable or any(alert.resolved_at is None for alert in self.people.alerts)

    def _is_calm(self) -> bool:
        pool = self.production.record_of(DATABASE).max_connections
        return self.production.connections(DATABASE) / pool < CALM
