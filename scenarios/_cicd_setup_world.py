"""The world of `cicd-setup`, and what follows in it from what a workflow does."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Interaction
from pytest_mcpflow.fakes.desktop_commander import Commit as LocalCommit
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.droplet_executor import CommandResult, DropletExecutor, Host, Service
from pytest_mcpflow.fakes.github import Branch, Commit, GitHub, WorkflowRun
from pytest_mcpflow.fakes.github import Repository as HostedRepository
from pytest_mcpflow.scenarios._pipeline_files import HEALTH_PATH, PIPELINE_PATH, SCRIPT_PATH
from pytest_mcpflow.scenarios._pipeline_workflow import (
    ADD_USER,
    AUTHORIZED_KEYS,
    BRANCH,
    HOST_VARIABLE,
    KEY_SECRET,
    REPOSITORY,
    SLACK_FILE,
    SLACK_SECRET,
    TARGETS,
    WEBHOOK,
    key_file,
)
from pytest_mcpflow.scenarios._rules import Guarded
from pytest_mcpflow.scenarios._worlds import checkout, connect_remote, hosting

__all__ = ["DEPLOYED", "DEVELOP", "KEYS", "MAIN", "NEXT", "PUBLIC", "SECRETS", "SLACK", "ManualDeployments"]

MAIN = {"src/app.ts": "export const app = express();\n", "package.json": '{"name": "api"}\n'}
DEVELOP = {**MAIN, "src/next.ts": "export const next = true;\n"}
NEXT = "7" * 40
SLACK = "https://hooks.chat.example/placeholder-for-the-token"
KEYS = {environment: f"placeholder-for-the-private-key-of-{environment}\n" for environment in TARGETS}
PUBLIC = {environment: f"ssh-ed25519 public-key-of-{environment} deploy\n" for environment in TARGETS}
SECRETS = {
    **{f"{each}/{KEY_SECRET}": hashlib.sha256(key.encode()).hexdigest() for each, key in KEYS.items()},
    SLACK_SECRET: hashlib.sha256(SLACK.encode()).hexdigest(),
}
"""What GitHub is to keep of each secret: nobody can read it back."""
DEPLOYED = WorkflowRun("ci-cd", "develop", "success")
"""The pipeline has run on develop, and staging has what was merged."""


def _desktop() -> DesktopCommander:
    makes = [
        Script(
            f"ssh-keygen * -f {key_file(each)}",
            writes={key_file(each): KEYS[each], f"{key_file(each)}.pub": PUBLIC[each]},
        )
        for each in TARGETS
    ]
    desktop = checkout(MAIN, *makes)
    desktop.files[SLACK_FILE] = SLACK
    local = desktop.repository
    local.commits[NEXT] = LocalCommit(NEXT, "Begin the next version", {**DEVELOP}, local.branches["main"])
    local.branches["develop"] = NEXT
    return desktop


def _hosting() -> GitHub:
    hosted = hosting(REPOSITORY, MAIN)
    repo = hosted.repositories[REPOSITORY]
    history = [*repo.branches["main"].commits, Commit(NEXT, "Begin the next version", 0.0)]
    repo.branches["develop"] = Branch(history, {**DEVELOP})
    return hosted


def _droplets() -> DropletExecutor:
    added = {ADD_USER: CommandResult()}
    services = {each: {"api": Service("1.0.0")} for each in TARGETS}
    return DropletExecutor(
        hosts={
            TARGETS["staging"]: Host("staging", services=services["staging"], commands={**added}),
            TARGETS["production"]: Host(services=services["production"], commands={**added}),
        }
    )


@dataclass
class ManualDeployments(Guarded):
    """A repository with two branches and two hosts, and nothing between them yet."""

    desktop: DesktopCommander = field(default_factory=_desktop)
    hosting: GitHub = field(default_factory=_hosting)
    droplets: DropletExecutor = field(default_factory=_droplets)

    def connect(self, hub: Hub) -> None:
        def run_pipeline(merged: Interaction) -> None:
            """A merge runs the pipeline, which deploys if it finds all that it needs."""
            repo = self.repository()
            [pull] = [each for each in repo.pull_requests if each.number == merged.arguments["pull_number"]]
            done = self._can_deploy({"develop": "staging", "main": "production"}[pull.base])
            repo.workflow_runs.append(WorkflowRun("ci-cd", pull.base, "success" if done else "failure"))

        connect_remote(hub, self.desktop, self.repository())
        hub.on_effect("github.merge_pull_request", run_pipeline)

    def repository(self) -> HostedRepository:
        """`shop/api` on GitHub."""
        return self.hosting.repositories[REPOSITORY]

    def pieces(self) -> dict[str, bool]:
        """Every piece of the set-up by its name, and whether it is there."""
        repo = self.repository()
        pieces = {
            "workflow file": BRANCH in repo.branches and PIPELINE_PATH in repo.branches[BRANCH].files,
            f"secret {SLACK_SECRET}": SLACK_SECRET in repo.secrets,
            "webhook": any(hook.url == WEBHOOK for hook in repo.webhooks),
        }
        for each, host in TARGETS.items():
            pieces[f"environment {each}"] = each in repo.environments
            pieces[f"secret {each}/{KEY_SECRET}"] = f"{each}/{KEY_SECRET}" in repo.secrets
            pieces[f"variable {each}/{HOST_VARIABLE}"] = f"{each}/{HOST_VARIABLE}" in repo.variables
            files = self.droplets.hosts[host].files
            pieces[f"target {host}"] = {AUTHORIZED_KEYS, SCRIPT_PATH, HEALTH_PATH} == {*files}
        return pieces

    def _can_deploy(self, environment: str) -> bool:
        """Whether the pipeline can log in, has a script to call, and an endpoint to ask."""
        repo, machine = self.repository(), self.droplets.hosts[TARGETS[environment]]
        secret = f"{environment}/{KEY_SECRET}"
        return (
            repo.secrets.get(secret) == SECRETS[secret]
            and repo.variables.get(f"{environment}/{HOST_VARIABLE}") == TARGETS[environment]
            and machine.files.get(AUTHORIZED_KEYS) == PUBLIC[environment]
            and {SCRIPT_PATH, HEALTH_PATH} <= {*machine.files}
            and ADD_USER in [ran.command for ran in machine.command_log]
        )
