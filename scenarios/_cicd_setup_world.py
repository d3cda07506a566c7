"""The world of `cicd-setup`, before anything happens."""

from __future__ import annotations

from pytest_mcpflow.fakes.desktop_commander import Commit as LocalCommit
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.droplet_executor import CommandResult, DropletExecutor, Host, Service
from pytest_mcpflow.fakes.github import Branch, Commit, GitHub
from pytest_mcpflow.scenarios._pipeline_workflow import ADD_USER, REPOSITORY, SLACK_FILE, TARGETS, key_file
from pytest_mcpflow.scenarios._worlds import checkout, hosting

__all__ = ["DEVELOP", "KEYS", "MAIN", "PUBLIC", "SLACK", "desktop", "droplets", "hosting_before"]

MAIN = {"src/app.ts": "export const app = express();\n", "package.json": '{"name": "api"}\n'}
DEVELOP = {**MAIN, "src/next.ts": "export const next = true;\n"}
NEXT = "7" * 40
SLACK = "https://hooks.chat.example/placeholder-for-the-token"
KEYS = {environment: f"placeholder-for-the-private-key-of-{environment}\n" for environment in TARGETS}
PUBLIC = {environment: f"ssh-ed25519 public-key-of-{environment} deploy\n" for environment in TARGETS}


def desktop() -> DesktopCommander:
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


def hosting_before() -> GitHub:
    hosted = hosting(REPOSITORY, MAIN)
    repo = hosted.repositories[REPOSITORY]
    history = [*repo.branches["main"].commits, Commit(NEXT, "Begin the next version", 0.0)]
    repo.branches["develop"] = Branch(history, {**DEVELOP})
    return hosted


def droplets() -> DropletExecutor:
    added = {ADD_USER: CommandResult()}
    services = {each: {"api": Service("1.0.0")} for each in TARGETS}
    return DropletExecutor(
        hosts={
            TARGETS["staging"]: Host("staging", services=services["staging"], commands={**added}),
            TARGETS["production"]: Host(services=services["production"], commands={**added}),
        }
    )
