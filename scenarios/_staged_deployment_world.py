"""The world of `staged-deployment`, before anything happens."""

from __future__ import annotations

from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.droplet_executor import CommandResult, DropletExecutor, Host, Release, Service
from pytest_mcpflow.scenarios._staged_workflow import NEW, PRODUCTION, SERVICE, STAGING
from pytest_mcpflow.scenarios._worlds import checkout

__all__ = ["BROKEN", "OLD", "desktop", "droplets"]

OLD, BROKEN = "2.0.0", "2.1.0-rc1"


def desktop() -> DesktopCommander:
    return checkout(
        {"src/app.ts": "export const app = express();\n"},
        Script(
            "npm run build", stdout="built dist/app.js", writes={"dist/app.js": "const app = express();\n"}
        ),
        Script("npm test", stdout="Tests: 214 passed"),
    )


def droplets() -> DropletExecutor:
    pull = {"git pull --ff-only": CommandResult("Updating 4d1c9a2..8f0e6b7\nFast-forward")}
    staging = Host("staging", services={SERVICE: Service(OLD)}, commands=pull)
    production = {host: Host(services={SERVICE: Service(OLD)}) for host in PRODUCTION}
    releases = {OLD: Release(), NEW: Release(), BROKEN: Release(answers_health_checks=False)}
    hosts = {STAGING: staging, **production}
    return DropletExecutor(hosts=hosts, releases={SERVICE: releases}, takes={"deploy": 5.0})
