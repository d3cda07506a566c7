"""The world of `incident-response`, before anything happens."""

from __future__ import annotations

from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.droplet_executor import Database, DropletExecutor, Host, LogLine, Release, Service
from pytest_mcpflow.fakes.github import GitHub, Protection
from pytest_mcpflow.scenarios._incident_workflow import CODE, LEAK, RUNBOOK, TEST
from pytest_mcpflow.scenarios._worlds import checkout, hosting

__all__ = [
    "CALM",
    "DATABASE",
    "FIXED",
    "HOST",
    "LEAKS",
    "REPOSITORY",
    "STAGING",
    "desktop",
    "hosting_before",
    "production",
]

REPOSITORY = "shop/api"
HOST, STAGING, DATABASE, LEAKING, FIXED = "prod-1", "staging-1", "shop", "2.4.0", "2.4.1"
CALM = 0.8
LEAKS = Release(leaks_per_second=0.002)
MAIN = {
    CODE: f"export async function healthCheck() {{\n  const client = await pool.connect();\n{LEAK}}}\n",
    RUNBOOK: "# Database\n",
}


def production() -> DropletExecutor:
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
        releases={"api": {LEAKING: LEAKS}},
    )


def desktop() -> DesktopCommander:
    passes = {CODE: "client.release()", TEST: "healthCheck()"}
    return checkout(MAIN, Script("npm test*", stdout="Tests: 112 passed", requires=passes))


def hosting_before() -> GitHub:
    github = hosting(REPOSITORY, MAIN)
    github.repositories[REPOSITORY].protection["main"] = Protection(required_checks=["test"])
    github.repositories[REPOSITORY].new_checks = {"test": "success"}
    return github
