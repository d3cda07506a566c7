"""Calls that a lost answer does not mislead, for reference workflows that change production.

What may be repeated is repeated, what may not is looked at, and telling people never stops the work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypeVar

from pytest_mcpflow import CallResult, Hub, ToolError
from pytest_mcpflow.scenarios._plain_answers import UnclearAnswerError, plain_answer

__all__ = ["Careful", "Desk", "together"]

T = TypeVar("T")


async def together(*steps: Awaitable[T]) -> list[T]:
    """Take independent steps at the same time and wait for all, also where one fails.

    Raises:
        RuntimeError: Some failed; it names all their errors.
    """
    done = await asyncio.gather(*steps, return_exceptions=True)
    failures = [f"{type(each).__name__}: {each}" for each in done if isinstance(each, BaseException)]
    if failures:
        raise RuntimeError("; ".join(failures))
    return [each for each in done if not isinstance(each, BaseException)]


class Careful:
    """Tool calls with a time limit and a rule for the next attempt.

    Args:
        hub: The servers.
        timeout: Seconds until a call without an answer counts as lost.
        pauses: Seconds to wait after the first failed attempt, the second, ...; one attempt for each.
        context_id: The context of all calls.
    """

    def __init__(
        self,
        hub: Hub,
        *,
        timeout: float = 30.0,
        pauses: tuple[float, ...] = (1.0, 2.0, 4.0),
        context_id: str | None = None,
    ) -> None:
        self._hub, self._timeout, self._pauses, self._context_id = hub, timeout, pauses, context_id

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> CallResult:
        """Call once, for what must not be repeated; a refusal is a `ToolError` however the server puts it."""
        return await plain_answer(self._hub, tool, arguments, self._context_id, timeout=self._timeout)

    async def repeat(self, tool: str, arguments: Mapping[str, Any]) -> CallResult:
        """Call until there is an answer: for what reads, or has the same effect however often it is done."""
        for pause in self._pauses[:-1]:
            try:
                return await self.call(tool, arguments)
            except Exception:
                await asyncio.sleep(pause)
        return await self.call(tool, arguments)

    async def insist(self, tool: str, arguments: Mapping[str, Any]) -> CallResult:
        """Call until it is not refused: for what must not be done twice, and leaves no trace to look for.

        A refusal has done nothing. A call without a clear answer may have, so it is not repeated and raises its error.
        """
        for pause in self._pauses[:-1]:
            try:
                return await self.call(tool, arguments)
            except UnclearAnswerError:
                raise
            except ToolError:
                await asyncio.sleep(pause)
        return await self.call(tool, arguments)

    async def once(
        self, tool: str, arguments: Mapping[str, Any], *, done: Callable[[], Awaitable[bool]]
    ) -> None:
        """Do something once: after a failure, look first whether it was done, and only otherwise try again.

        Raises:
            RuntimeError: The last answer said that it did not succeed. A call that fails raises its own error.
        """
        failure: Exception | None = None
        for pause in self._pauses:
            try:
                answer = await self.call(tool, arguments)
            except Exception as error:
                failure = error
            else:
                if answer.get("success", True):
                    return
                failure = RuntimeError(f"{tool} did not succeed: {dict(answer)}")
            await asyncio.sleep(pause)
            if await done():
                return
        assert failure is not None
        raise failure


class Desk(Careful):
    """What every response does from a desk: files, commits, alerts, notices.

    `untold` has the messages of which nobody knows whether they reached anybody.
    """

    def __init__(self, hub: Hub, *, timeout: float = 30.0, context_id: str | None = None) -> None:
        super().__init__(hub, timeout=timeout, context_id=context_id)
        self.untold: list[str] = []

    async def read(self, path: str) -> str:
        return str((await self.repeat("desktop-commander.read_file", {"path": path}))["result"])

    async def write(self, path: str, content: str) -> None:
        await self.repeat("desktop-commander.write_file", {"path": path, "content": content})

    async def run(self, command: str) -> CallResult:
        """Run what may be run again, such as tests; `success` is an exit code of 0."""
        return await self.repeat("desktop-commander.execute_command", {"command": command})

    async def switch_to_new_branch(self, branch: str) -> None:
        await self._git(f"git checkout -b {branch}", "git branch", branch)

    async def commit(self, message: str, *paths: str) -> None:
        """Commit these files by name: `git add .` would take whatever lies about, secrets included."""
        await self._git(f'git add {" ".join(paths)} && git commit -m "{message}"', "git log", message)

    async def alert(
        self,
        message: str,
        metadata: Mapping[str, Any] | None = None,
        *,
        severity: Literal["low", "medium", "high", "critical"] = "critical",
        escalation_policy: str | None = None,
    ) -> str | None:
        """Alert whoever is on call; the alert's id, or `None` where nobody was reached."""
        policy = {} if escalation_policy is None else {"escalation_policy": escalation_policy}
        arguments = {"message": message, "severity": severity, "metadata": dict(metadata or {}), **policy}
        try:
            # The key folds a repetition into the first, should only its answer have been lost.
            receipt = await self.repeat(
                "communication-hub.send_alert", {**arguments, "deduplication_key": message}
            )
        except Exception:
            receipt = None
        if receipt is None or not receipt["success"]:
            self.untold.append(message)
            return None
        return str(receipt["alert_id"])

    async def notify(
        self,
        message: str,
        *channels: str,
        priority: Literal["low", "normal", "high", "critical"] = "normal",
        template: str | None = None,
    ) -> None:
        """Send a notice once; the text is what tells it from others."""

        async def is_sent() -> bool:
            sent = await self.repeat("communication-hub.list_messages", {"kind": "notification"})
            return any(each["message"] == message and each["delivered_to"] for each in sent["result"])

        form = {} if template is None else {"template": template}
        notice = {"message": message, "channels": list(channels), "priority": priority, **form}
        notice["deduplication_key"] = message  # should the network deliver it twice
        try:
            await self.once("communication-hub.send_notification", notice, done=is_sent)
        except Exception:
            self.untold.append(message)

    async def broadcast(
        self,
        environment: str,
        service: str,
        status: Literal["started", "completed", "failed", "rolled_back"],
        *,
        version: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Tell everybody of a deployment, once per environment, service and status."""
        told = {"environment": environment, "service": service, "status": status}

        async def is_sent() -> bool:
            sent = await self.repeat("communication-hub.list_messages", {"kind": "deployment"})
            return any(told.items() <= each.items() and each["delivered_to"] for each in sent["result"])

        release = {} if version is None else {"version": version}
        key = "/".join((*told.values(), version or ""))  # should the network deliver it twice
        broadcast = {**told, **release, "details": dict(details or {}), "deduplication_key": key}
        try:
            await self.once("communication-hub.broadcast_deployment", broadcast, done=is_sent)
        except Exception:
            self.untold.append(f"{service} in {environment}: {status}")

    async def _git(self, command: str, look: str, expected: str) -> None:
        async def is_done() -> bool:
            return expected in (await self.run(look))["stdout"]

        await self.once("desktop-commander.execute_command", {"command": command}, done=is_done)
