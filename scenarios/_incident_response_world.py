"""The world of `incident-response`, and what follows in it from what a workflow does."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Interaction
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.droplet_executor import Database, DropletExecutor, Host, LogLine, Release, Service
from pytest_mcpflow.fakes.github import GitHub
from pytest_mcpflow.fakes.github import Repository as HostedRepository
from pytest_mcpflow.scenarios._incident_workflow import CODE, LEAK, RUNBOOK, SHALLOW_CHECK, TEST
from pytest_mcpflow.scenarios._rules import Emergency
from pytest_mcpflow.scenarios._worlds import checkout, guarded_hosting

__all__ = ["FIXED", "HOST", "STAGING", "LeakingProduction"]

REPOSITORY = "shop/api"
HOST, STAGING, DATABASE, LEAKING, FIXED = "prod-1", "staging-1", "shop", "2.4.0", "2.4.1"
CALM = 0.8
MAIN = {
    CODE: f"export async function healthCheck() {{\n  const client = await pool.connect();\n{LEAK}}}\n",
    RUNBOOK: "# Database\n",
}


def _production() -> DropletExecutor:
    # Normal work takes 2 * 20 + 29 + 20 = 89 connections; health checks took 70 + 36 and never gave them back.
    services = {
        "api": Service(LEAKING, database=DATABASE, connections=20, replicas=2, leaked=70, start_seconds=5),
        "admin": Service("1.0.0", database=DATABASE, connections=29, leaked=36, start_seconds=5),
        "reports": Service("3.1.0", database=DATABASE, connections=20, start_seconds=5),
    }
    services["api"].logs += [
        LogLine("2025-12-31T23:58:00Z", "INFO", "GET /orders 200"),
        LogLine("2025-12-31T23:59:30Z", "WARN", "healthCheck: connection checked out and never released"),
        LogLine("2025-12-31T23:59:50Z", "WARN", "pool: 195 of 200 connections in use"),
    ]
    return DropletExecutor(
        hosts={
            HOST: Host(services=services, databases={DATABASE: Database(max_connections=200, rows=850)}),
            STAGING: Host("staging", services={"api": Service(LEAKING)}),
        },
        releases={"api": {LEAKING: Release(leaks_per_second=0.002)}},
    )


def _desktop() -> DesktopCommander:
    passes = {CODE: "client.release()", TEST: "healthCheck()"}
    return checkout(MAIN, Script("npm test*", stdout="Tests: 112 passed", requires=passes))


@dataclass
class LeakingProduction(Emergency):
    """Production whose health checks take connections and never give them back, and the code that does it."""

    production: DropletExecutor = field(default_factory=_production)
    desktop: DesktopCommander = field(default_factory=_desktop)
    hosting: GitHub = field(default_factory=lambda: guarded_hosting(REPOSITORY, MAIN))
    leaking: set[str] = field(default_factory=lambda: {LEAKING}, init=False, repr=False)
    """The versions whose code leaks."""
    calm_when_closed: list[bool] = field(default_factory=list[bool], init=False, repr=False)

    def connect(self, hub: Hub) -> None:
        def publish(opened: Interaction) -> None:
            """What a version does in production depends on the code it was built from."""
            code = self.repository().branches[opened.arguments["head"]].files[CODE]
            self.leaking = {LEAKING} if "client.release()" in code else {LEAKING, FIXED}
            self._leak()

        hub.on_effect("github.create_pull_request", publish)
        hub.on_effect("droplet-executor.set_feature_flag", lambda _: self._leak())
        hub.on_effect(
            "communication-hub.resolve_alert", lambda _: self.calm_when_closed.append(self.is_calm())
        )

    def repository(self) -> HostedRepository:
        """`shop/api` on GitHub."""
        return self.hosting.repositories[REPOSITORY]

    def is_calm(self) -> bool:
        """Whether connections are far from running out."""
        pool = self.production.record_of(DATABASE).max_connections
        return self.production.connections(DATABASE) / pool < CALM

    def leaks(self) -> bool:
        """Whether what runs in production takes connections away for good."""
        running = self.production.hosts[HOST].services["api"].version
        return self.production.release("api", running).leaks_per_second > 0

    def makeshifts(self) -> list[str]:
        """The temporary fixes that are in force."""
        return [flag for flag, enabled in self.production.hosts[HOST].flags.items() if enabled]

    def _leak(self) -> None:
        """Only a health check that asks the database leaks its connections."""
        rate = 0.0 if SHALLOW_CHECK in self.makeshifts() else 0.002
        with self.production.changing():
            for version in (LEAKING, FIXED):
                leaks = rate if version in self.leaking else 0.0
                self.production.releases["api"][version] = Release(leaks_per_second=leaks)
