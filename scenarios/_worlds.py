"""What the worlds of several scenarios share: a checkout with its remote, and rules that hold for every task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pytest_mcpflow import Answered, Hub, Interaction, Run, invariant
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.desktop_commander import Commit, DesktopCommander, Repository, Script
from pytest_mcpflow.fakes.github import Branch, GitHub, repository
from pytest_mcpflow.fakes.github import Commit as HostedCommit
from pytest_mcpflow.fakes.github import Repository as HostedRepository

__all__ = [
    "SECRET",
    "Guarded",
    "Heard",
    "checkout",
    "connect_remote",
    "hosting",
    "ran_in_order",
    "receive",
    "staged_before",
    "succeeded",
    "tests_passed_before",
    "told",
]

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
            history.insert(0, there.get(at) or HostedCommit(at, commit.message, hub.clock.now()))
            at = commit.parent
        hosted.branches[branch] = Branch(history, dict(local.commits[head].files))


def ran_in_order(desktop: DesktopCommander, *expected: tuple[str, int]) -> bool:
    """Whether these commands were run in this order and ended so; others may have been run in between."""
    history = iter([(ran.command, ran.exit_code) for ran in desktop.history])
    return all(each in history for each in expected)


def told(call: Interaction, *path: str) -> Any:
    """What an answer says at a path, or `None` where there is no such answer."""
    value: Any = call.outcome.value if isinstance(call.outcome, Answered) else None
    for key in path:
        value = cast("Mapping[str, Any]", value).get(key) if isinstance(value, Mapping) else None
    return value


def staged_before(run: Run, staging: str, production: str, service: str, version: str) -> bool:
    """Whether a version was seen healthy on staging before each of its deployments to production."""
    seen = False
    for each in run.transcript:
        if each.name == "check_health" and each.arguments["host"] == staging:
            now = (told(each, "services", service, "healthy"), told(each, "services", service, "version"))
            seen = seen or now == (True, version)
        if each.name == "deploy" and each.arguments["host"] == production and not seen:
            return False
    return True


def tests_passed_before(run: Run, tests: str, *then: str) -> bool:
    """Whether the last test run that was seen before each of these calls passed; `tests` begins their commands."""
    passed = False
    for each in run.transcript:
        if each.name == "execute_command" and str(each.arguments["command"]).startswith(tests):
            passed = told(each, "exit_code") == 0
        if each.name in then and not passed:
            return False
    return True


def succeeded(result: Any) -> bool:
    """Whether what a workflow returned says that all went well."""
    if isinstance(result, Mapping):
        return cast("Mapping[str, Any]", result).get("success") is True
    return getattr(result, "success", None) is True


@dataclass
class Heard:
    """What holds for every task, whatever it is: part of a scenario."""

    people: CommunicationHub = field(default_factory=CommunicationHub)

    @invariant
    def a_failure_is_heard(self, run: Run) -> None:
        """A workflow that does not say it succeeded has raised or alerted, unless alerts do not get through."""
        if run.error is None and not succeeded(run.result):
            alerts = run.calls("send_alert")
            unreachable = bool(alerts) and not alerts[-1].ok
            assert unreachable or self.people.alerts


@dataclass
class Guarded(Heard):
    """What holds, too, for every task with a checkout: part of a scenario."""

    desktop: DesktopCommander = field(default_factory=DesktopCommander)
    hosting: GitHub = field(default_factory=GitHub)

    @invariant
    def the_secret_stays_on_the_desktop(self, run: Run) -> None:
        """What `.env` holds is in no commit, call, message or report."""
        calls = [f"{each.arguments} {each.outcome!r}" for each in run.transcript]
        commits = [str(commit.files) for commit in self.desktop.repository.commits.values()]
        branches = [
            f"{branch.files} {repo.pull_requests} {repo.issues}"
            for repo in self.hosting.repositories.values()
            for branch in repo.branches.values()
        ]
        told = [*self.people.texts(), repr(run.result)]
        assert [text for text in (*calls, *commits, *branches, *told) if SECRET in text] == []
