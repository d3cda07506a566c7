"""The world of `multi-agent-feature`, and what follows in it from what a workflow does."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Interaction
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.droplet_executor import CommandResult, DropletExecutor, Host, Release, Service
from pytest_mcpflow.fakes.github import GitHub
from pytest_mcpflow.scenarios._chat_workflow import (
    BACKEND,
    BRANCH,
    EDGE,
    EVENTS,
    INSTALL_REDIS,
    INTEGRATION_TESTS,
    PIPELINE,
    REPOSITORY,
    SERVICE,
    SESSIONS_PATH,
    SPEC,
    STAGING,
    VERSION,
    frontend_of,
)
from pytest_mcpflow.scenarios._rules import Guarded
from pytest_mcpflow.scenarios._worlds import checkout, connect_remote, hosting

__all__ = ["MAIN", "SHARES", "StagingBehindAnEdge"]

OLD = "0.0.1"
MAIN = {"src/app.ts": "export const http = createServer();\n"}
FRONTEND = frontend_of({"events": EVENTS})
SHARES = {"backend": {SPEC, *BACKEND}, "frontend": {*FRONTEND}, "devops": {*PIPELINE}}
"""The files that belong together, by agent."""


def _desktop() -> DesktopCommander:
    # Things take their time, so that the agents really get in each other's way.
    desktop = checkout(
        MAIN,
        Script("npm test -- src/chat", stdout="Tests: 14 passed", requires=dict.fromkeys(BACKEND, ";")),
        Script("npm test -- web/chat", stdout="Tests: 9 passed", requires=dict.fromkeys(FRONTEND, "(")),
    )
    desktop.takes = {"write_file": 2.0, "execute_command": 3.5}
    return desktop


def _droplets() -> DropletExecutor:
    redis = {INSTALL_REDIS: CommandResult("Setting up redis-server")}
    staging = {host: Host("staging", services={SERVICE: Service(OLD)}) for host in STAGING}
    return DropletExecutor(
        hosts={**staging, EDGE: Host("staging", commands=redis)},
        releases={SERVICE: {OLD: Release(), VERSION: Release()}},
        takes={"run_command": 9.0, "upload_file": 1.7, "deploy": 5.0},
    )


@dataclass
class StagingBehindAnEdge(Guarded):
    """A checkout for three agents, and two hosts behind a third, where the chat works if all pieces are there."""

    desktop: DesktopCommander = field(default_factory=_desktop)
    hosting: GitHub = field(default_factory=lambda: hosting(REPOSITORY, MAIN))
    droplets: DropletExecutor = field(default_factory=_droplets)
    out_of_order: list[str] = field(default_factory=list[str], init=False, repr=False)
    """What was built on something that was not there."""

    def connect(self, hub: Hub) -> None:
        def look_at_files(written: Interaction) -> None:
            path = str(written.arguments["path"])
            if path in SHARES["frontend"] and SPEC not in self.desktop.files:
                self.out_of_order.append(f"{path} before {SPEC}")

        def look_at_hosts(deployed: Interaction) -> None:
            missing = [agent for agent, share in SHARES.items() if not share <= {*self.pushed()}]
            if missing:
                self.out_of_order.append(f"a deployment before the share of {', '.join(missing)}")

        def try_out_staging(_: Interaction) -> None:
            failed = CommandResult("", "; ".join(self.what_does_not_work()), 1)
            passed = CommandResult("21 integration tests passed")
            for host in STAGING:
                self.droplets.hosts[host].commands[INTEGRATION_TESTS] = failed if failed.stderr else passed

        connect_remote(hub, self.desktop, self.hosting.repositories[REPOSITORY])
        hub.on_effect("desktop-commander.write_file", look_at_files)
        hub.on_effect("droplet-executor.deploy", look_at_hosts)
        hub.on_effect("*.*", try_out_staging)

    def pushed(self) -> dict[str, str]:
        """The files of the feature branch on GitHub; none, if it is not there."""
        branches = self.hosting.repositories[REPOSITORY].branches
        return branches[BRANCH].files if BRANCH in branches else {}

    def staged_on(self) -> list[str]:
        """The hosts that run the new version."""
        return [host for host in STAGING if self.droplets.hosts[host].services[SERVICE].version == VERSION]

    def what_does_not_work(self) -> list[str]:
        """What a user of staging would run into."""
        edge, pushed = self.droplets.hosts[EDGE], {*self.pushed()}
        installed = [ran.command for ran in edge.command_log]
        wrong = {
            "messages do not cross hosts: no Redis": INSTALL_REDIS not in installed,
            "sessions do not stick": "ip_hash" not in edge.files.get(SESSIONS_PATH, ""),
            "there is nothing to see": not SHARES["frontend"] <= pushed,
            "nobody answers": not SHARES["backend"] <= pushed,
            "not on all hosts": self.staged_on() != [*STAGING],
        }
        return [what for what, is_so in wrong.items() if is_so]
