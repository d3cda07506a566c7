"""The world of `multi-agent-feature`, before anything happens."""

from __future__ import annotations

from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.droplet_executor import CommandResult, DropletExecutor, Host, Release, Service
from pytest_mcpflow.scenarios._chat_workflow import (
    BACKEND,
    EDGE,
    EVENTS,
    INSTALL_REDIS,
    PIPELINE,
    SERVICE,
    SPEC,
    STAGING,
    VERSION,
    frontend_of,
)
from pytest_mcpflow.scenarios._worlds import checkout

__all__ = ["MAIN", "SHARES", "desktop", "droplets"]

OLD = "0.0.1"
MAIN = {"src/app.ts": "export const http = createServer();\n"}
FRONTEND = frontend_of({"events": EVENTS})
SHARES = {"backend": {SPEC, *BACKEND}, "frontend": {*FRONTEND}, "devops": {*PIPELINE}}
"""The files that belong together, by agent."""


def desktop() -> DesktopCommander:
    # Things take their time, so that the agents really get in each other's way.
    desktop = checkout(
        MAIN,
        Script("npm test -- src/chat", stdout="Tests: 14 passed", requires=dict.fromkeys(BACKEND, ";")),
        Script("npm test -- web/chat", stdout="Tests: 9 passed", requires=dict.fromkeys(FRONTEND, "(")),
    )
    desktop.takes = {"write_file": 2.0, "execute_command": 3.5}
    return desktop


def droplets() -> DropletExecutor:
    redis = {INSTALL_REDIS: CommandResult("Setting up redis-server")}
    staging = {host: Host("staging", services={SERVICE: Service(OLD)}) for host in STAGING}
    return DropletExecutor(
        hosts={**staging, EDGE: Host("staging", commands=redis)},
        releases={SERVICE: {OLD: Release(), VERSION: Release()}},
        takes={"run_command": 9.0, "upload_file": 1.7, "deploy": 5.0},
    )
