"""The world of `monitoring-implementation`, before anything happens."""

from __future__ import annotations

import re

from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.droplet_executor import CommandResult, DropletExecutor, Host, Release, Service
from pytest_mcpflow.fakes.github import GitHub, Protection
from pytest_mcpflow.scenarios._monitoring_files import TEST
from pytest_mcpflow.scenarios._monitoring_workflow import (
    INSTALL,
    MONITOR,
    PRODUCTION,
    REPOSITORY,
    SERVICE,
    STAGING,
    VERSION,
)
from pytest_mcpflow.scenarios._worlds import checkout, hosting

__all__ = ["EXPRESSION", "MAIN", "desktop", "droplets", "hosting_before"]

OLD = "1.0.0"
MAIN = {"src/app.ts": "export const app = express();\n"}
EXPRESSION = re.compile(r'(\w+)\{service="(\w+)"\} ([<>]) ([\d.]+)')


def desktop() -> DesktopCommander:
    needs = {"src/middleware/metrics.ts": "response_seconds", "src/logging.ts": "pino", TEST: "test("}
    return checkout(MAIN, Script("npm test", stdout="Tests: 44 passed", requires=needs))


def hosting_before() -> GitHub:
    hosted = hosting(REPOSITORY, MAIN)
    hosted.repositories[REPOSITORY].protection["main"] = Protection(required_checks=["test"])
    hosted.repositories[REPOSITORY].new_checks = {"test": "success"}
    return hosted


def droplets() -> DropletExecutor:
    return DropletExecutor(
        hosts={
            STAGING: Host("staging", services={SERVICE: Service(OLD)}),
            PRODUCTION: Host(services={SERVICE: Service(OLD)}),
            MONITOR: Host(commands={INSTALL: CommandResult("Setting up prometheus, grafana, alertmanager")}),
        },
        releases={SERVICE: {OLD: Release(), VERSION: Release()}},
        takes={"run_command": 20.0, "deploy": 10.0},
    )
