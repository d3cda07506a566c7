"""What the rules of several scenarios share: looks at texts, hosts and the order of calls, and rules for every task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from pytest_mcpflow import Answered, Interaction, Run, invariant
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.github import GitHub
from pytest_mcpflow.scenarios._worlds import SECRET

__all__ = [
    "AtDesk",
    "Emergency",
    "Guarded",
    "Heard",
    "began_in_order",
    "lacking",
    "ran_in_order",
    "staged_before",
    "succeeded",
    "tests_passed_before",
    "told",
]


def lacking(texts: Mapping[str, str], facts: Mapping[str, Sequence[str]]) -> list[str]:
    """What texts should say and do not, as `name: fact`; a text that is not there says nothing."""
    return [
        f"{name}: {fact}"
        for name, expected in facts.items()
        for fact in expected
        if fact not in texts.get(name, "")
    ]


def began_in_order(run: Run, *tools: str) -> bool:
    """Whether all of these tools were called, and each for the first time after the one before it."""
    firsts = [*dict.fromkeys(each.name for each in run.transcript if each.name in tools)]
    return firsts == [*tools]


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
class AtDesk(Heard):
    """What holds, too, for every task with a checkout: part of a scenario."""

    desktop: DesktopCommander = field(default_factory=DesktopCommander)

    def published(self) -> list[str]:
        """The texts that others than the desktop's user can read, as far as servers keep them."""
        commits = [str(commit.files) for commit in self.desktop.repository.commits.values()]
        return [*commits, *self.people.texts()]

    @invariant
    def the_secret_stays_on_the_desktop(self, run: Run) -> None:
        """What `.env` holds is in no commit, call, message or report."""
        calls = [f"{each.arguments} {each.outcome!r}" for each in run.transcript]
        assert [text for text in (*calls, *self.published(), repr(run.result)) if SECRET in text] == []


@dataclass
class Guarded(AtDesk):
    """The same for a checkout whose remote is on GitHub: part of a scenario."""

    hosting: GitHub = field(default_factory=GitHub)

    def published(self) -> list[str]:
        repositories = self.hosting.repositories.values()
        files = [str(branch.files) for repo in repositories for branch in repo.branches.values()]
        return [
            *super().published(),
            *files,
            *(f"{repo.pull_requests} {repo.issues}" for repo in repositories),
        ]


@dataclass
class Emergency(Guarded):
    """What holds, too, while something is down: part of a scenario."""

    def is_over(self, run: Run) -> bool:
        """Whether the workflow says that all is well again."""
        return succeeded(run.result)

    @invariant
    def a_failure_is_heard(self, run: Run) -> None:
        """Until all is well an alert is open, unless the alerts themselves do not get through."""
        if not self.is_over(run):
            alerts = run.calls("send_alert")
            unreachable = bool(alerts) and not alerts[-1].ok
            assert unreachable or any(alert.resolved_at is None for alert in self.people.alerts)
