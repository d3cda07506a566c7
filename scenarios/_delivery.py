"""How a change gets from a desktop to GitHub and on to hosts, whatever answers are lost."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from pytest_mcpflow import CallResult, Hub, ToolError
from pytest_mcpflow.scenarios._careful import Careful, Desk

__all__ = ["Delivery", "StoppedError", "coverage"]

DECISION_SECONDS = 14_400.0
"""How long a person may take to decide, before the same question is put again."""

STRAY_SECONDS = 30.0
"""How long a request that seems lost may still be on its way."""


class StoppedError(RuntimeError):
    """A gate said no."""


def coverage(results: str) -> int | None:
    """Per cent, from what a test run printed."""
    said = re.search(r"Coverage: (\d+)%", results)
    return None if said is None else int(said.group(1))


class Delivery(Desk):
    """The steps between an idea and production. Each may be repeated by a second run, none happens twice.

    Args:
        hub: The servers.
        repository: `owner/name` on GitHub, the remote of the desktop's checkout.
    """

    def __init__(self, hub: Hub, repository: str) -> None:
        super().__init__(hub)
        owner, _, repo = repository.partition("/")
        self.repository = {"owner": owner, "repo": repo}

    async def once(
        self, tool: str, arguments: Mapping[str, Any], *, done: Callable[[], Awaitable[bool]]
    ) -> None:
        """Do something once. Before a second attempt, a request that is only late gets the time to arrive."""
        patient = Careful(self._hub, pauses=(STRAY_SECONDS,) * 3)
        await patient.once(tool, arguments, done=done)

    async def take_back(self, undo: Callable[[], Awaitable[object]], by_hand: str) -> None:
        """Undo something, however long the server is away; after ten minutes ask people to do it by hand."""
        for _ in range(10):
            try:
                await undo()
            except Exception:
                await asyncio.sleep(60)
            else:
                return
        await self.alert(by_hand)

    async def loudly(self, task: str, steps: Awaitable[object]) -> str | None:
        """Take steps; if they fail, or what was to be told reached nobody, alert and return why."""
        try:
            await steps
            if self.untold:
                raise StoppedError(f"people were not told: {'; '.join(self.untold)}")
        except Exception as error:
            await self.alert(f"{task}: {error}")
            return str(error)
        return None

    async def must_run(self, command: str) -> str:
        """Run what may be run again, and stop where it fails; what it printed."""
        ran = await self.run(command)
        if not ran["success"]:
            raise StoppedError(f"{command}: {ran['stderr'] or ran['stdout']}")
        return str(ran["stdout"])

    async def must_cover(self, command: str, percent: int = 100) -> str:
        """Run tests that say how much they cover, and stop where they fail or cover less; what they printed."""
        results = await self.must_run(command)
        if (covered := coverage(results)) is None or covered < percent:
            raise StoppedError(f"tests must cover {percent} %, they cover {covered} %")
        return results

    async def ask(self, question: str, approver: str) -> str:
        """Go on only if a person says so; the reason given. Who decided is not bothered again by a repetition."""
        patient = Careful(self._hub, timeout=DECISION_SECONDS)
        decided = await patient.repeat(
            "communication-hub.request_approval", {"question": question, "approver": approver}
        )
        if not decided["approved"]:
            raise StoppedError(f"{question} {approver} said no: {decided['reason']}")
        return str(decided["reason"])

    async def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that stands exactly once in a file."""

        async def is_edited() -> bool:
            return new in await self.read(path)

        edit = {"file_path": path, "old_string": old, "new_string": new}
        await self.once("desktop-commander.edit_block", edit, done=is_edited)

    async def push(self, branch: str) -> None:
        """Send the desktop's branch to GitHub; what is there already is not sent again."""
        await self.must_run(f"git push -u origin {branch}")

    async def commit_there(self, branch: str, files: Mapping[str, str], message: str) -> None:
        """Commit files to a branch on GitHub, once."""

        async def is_there() -> bool:
            try:
                found = [await self.github("get_file_contents", path=path, branch=branch) for path in files]
            except ToolError:
                return False
            return [each["result"] for each in found] == [*files.values()]

        changes = [{"path": path, "content": content} for path, content in files.items()]
        commit = {**self.repository, "branch": branch, "files": changes, "message": message}
        for _ in range(2):  # what came through in part is sent again
            if await is_there():
                return
            await self.once("github.push_files", commit, done=is_there)
        if not await is_there():
            raise StoppedError(f"{branch} on GitHub lacks a part of {', '.join(files)}")

    async def propose(
        self,
        branch: str,
        title: str,
        body: str,
        *,
        base: str = "main",
        labels: Sequence[str] = (),
        reviewers: Sequence[str] = (),
    ) -> int:
        """Open the one pull request of a branch; its number."""
        pull = {**self.repository, "title": title, "head": branch, "base": base, "body": body}
        people = {"labels": list(labels), "reviewers": list(reviewers)}

        async def is_open() -> bool:
            return bool(await self._pulls(branch))

        if not await is_open():
            await self.once("github.create_pull_request", {**pull, **people}, done=is_open)
        [opened] = await self._pulls(branch)
        asked = {*reviewers, *labels} - {*opened["requested_reviewers"], *opened["labels"]}
        if asked:
            raise StoppedError(f"pull request #{opened['number']} lacks {', '.join(sorted(asked))}")
        return int(opened["number"])

    async def branch_off(self, branch: str) -> None:
        """Create a branch on GitHub, once."""

        async def is_there() -> bool:
            try:
                await self.github("list_commits", sha=branch)
            except ToolError:
                return False
            return True

        await self.once("github.create_branch", {**self.repository, "branch": branch}, done=is_there)

    async def open_issue(self, title: str, body: str, *labels: str) -> int:
        """Open the one issue of a title; its number. What the network made of it a second time is closed."""

        async def found() -> list[int]:
            issues = (await self.github("list_issues"))["result"]
            return [issue["number"] for issue in issues if issue["title"] == title]

        async def is_open() -> bool:
            return bool(await found())

        if not await is_open():
            issue = {**self.repository, "title": title, "body": body, "labels": list(labels)}
            await self.once("github.create_issue", issue, done=is_open)
        first, *again = await found()
        for number in again:
            await self.github("update_issue", issue_number=number, state="closed")
        return first

    async def checks_pass(self, number: int) -> None:
        """Wait until all checks of a pull request passed."""

        async def passed() -> bool:
            status = await self.github("get_pull_request_status", pull_number=number)
            if status["state"] == "failure":
                raise StoppedError(f"checks of pull request #{number} fail: {status['checks']}")
            return bool(status["state"] == "success")

        await self.until(passed, f"the checks of pull request #{number} pass")

    async def merge(self, number: int) -> None:
        """Merge a pull request once."""

        async def is_merged() -> bool:
            return bool((await self.github("get_pull_request", pull_number=number))["merged"])

        pull = {**self.repository, "pull_number": number}
        await self.once("github.merge_pull_request", pull, done=is_merged)

    async def deploy(
        self,
        host: str,
        service: str,
        version: str,
        *,
        strategy: str = "rolling",
        skip_staging: bool = False,
        machine: str = "",
    ) -> CallResult:
        """Deploy a version: the key makes a repeated request the same deployment.

        Args:
            skip_staging: Ask a person, who has a quarter of an hour, to go to production at once.
            machine: What tells this host from an earlier one of the same name.
        """
        key = f"{host}{machine}/{service}@{version}"
        request = {"host": host, "service": service, "version": version, "strategy": strategy}
        patient = Careful(self._hub, timeout=900) if skip_staging else self
        return await patient.repeat(
            "droplet-executor.deploy", {**request, "skip_staging": skip_staging, "idempotency_key": key}
        )

    async def ship(self, host: str, service: str, version: str) -> None:
        """Deploy a version, and go back to the one before if it is not seen to answer within a minute."""
        await self.deploy(host, service, version)
        seen = await self.service(host, service)
        for _ in range(6):
            if (seen["healthy"], seen["version"]) == (True, version):
                return
            await asyncio.sleep(10)
            seen = await self.service(host, service)
        await self.go_back(host, service, version)
        raise StoppedError(f"{service} {version} does not answer on {host}: {seen['detail']}")

    async def go_back(self, host: str, service: str, version: str) -> None:
        """Roll a version back, once: a second rollback would go back further."""

        async def is_back() -> bool:
            return bool((await self.service(host, service))["version"] != version)

        await self.once("droplet-executor.rollback", {"host": host, "service": service}, done=is_back)

    async def service(self, host: str, service: str) -> dict[str, Any]:
        """The health of one service on a host."""
        health = await self.droplet("check_health", host=host)
        return dict(health["services"][service])

    async def until(
        self,
        holds: Callable[[], Awaitable[bool]],
        what: str,
        *,
        patience: float = 600.0,
        every: float = 10.0,
    ) -> None:
        """Look every so many seconds until something holds.

        Raises:
            StoppedError: It did not within `patience` seconds.
        """
        for _ in range(int(patience / every)):
            if await holds():
                return
            await asyncio.sleep(every)
        if not await holds():
            raise StoppedError(f"waited {patience:g} s in vain until {what}")

    async def github(self, tool: str, **arguments: str | int | bool | list[str] | None) -> CallResult:
        """Call what reads the repository, or has the same effect however often it is done."""
        return await self.repeat(f"github.{tool}", {**self.repository, **arguments})

    async def droplet(self, tool: str, **arguments: str | int | bool) -> CallResult:
        """Call what reads hosts, or has the same effect however often it is done."""
        return await self.repeat(f"droplet-executor.{tool}", arguments)

    async def _pulls(self, branch: str) -> list[dict[str, Any]]:
        return list((await self.github("list_pull_requests", head=branch))["result"])
