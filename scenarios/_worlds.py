"""What the worlds of several scenarios share: a checkout and its remote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from pytest_mcpflow import Hub
from pytest_mcpflow.fakes.desktop_commander import Commit, DesktopCommander, Repository, Script
from pytest_mcpflow.fakes.github import Branch, GitHub, Protection, repository
from pytest_mcpflow.fakes.github import Commit as HostedCommit
from pytest_mcpflow.fakes.github import Repository as HostedRepository

__all__ = ["SECRET", "checkout", "connect_remote", "guarded_hosting", "hosting", "receive"]

SECRET = "placeholder-for-a-secret-of-the-desktop"  # noqa: S105 - what must not leave the desktop, not a password


def checkout(files: Mapping[str, str], *scripts: Script) -> DesktopCommander:
    """A desktop with a clone of `hosting(files)` and a file that no commit may contain."""
    root = repository(dict(files)).branches["main"].sha
    cloned = Repository(commits={root: Commit(root, "Initial commit", dict(files))}, branches={"main": root})
    secrets = {".env": f"SECRET={SECRET}\n"}
    return DesktopCommander(files={**files, **secrets}, scripts=list(scripts), repository=cloned)


def hosting(name: str, files: Mapping[str, str]) -> GitHub:
    """A GitHub with one repository, `owner/name`, in one commit."""
    return GitHub(repositories={name: repository(dict(files))})


def guarded_hosting(name: str, files: Mapping[str, str]) -> GitHub:
    """The same, with a main branch that asks for the check `test`, which passes."""
    hosted = hosting(name, files)
    hosted.repositories[name].protection["main"] = Protection(required_checks=["test"])
    hosted.repositories[name].new_checks = {"test": "success"}
    return hosted


def connect_remote(hub: Hub, desktop: DesktopCommander, hosted: HostedRepository) -> None:
    """Let what is pushed from the desktop arrive on GitHub, with its history."""
    hub.on_effect("desktop-commander.execute_command", lambda _: receive(hub, desktop, hosted))


def receive(hub: Hub, desktop: DesktopCommander, hosted: HostedRepository) -> None:
    """Let GitHub have what the desktop has pushed so far."""
    local = desktop.repository
    for branch, head in local.pushed.items():
        there = {each.sha: each for known in hosted.branches.values() for each in known.commits}
        if head in there:
            continue  # it may have gone on since
        history, at = list[HostedCommit](), cast("str | None", head)
        while at is not None:
            commit = local.commits[at]
            history.insert(
                0, there.get(at) or HostedCommit(at, commit.message, hub.clock.now(), {**commit.files})
            )
            at = commit.parent
        hosted.branches[branch] = Branch(history, dict(local.commits[head].files))
