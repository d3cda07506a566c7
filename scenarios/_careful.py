"""Calls that a lost answer does not mislead, for reference workflows that change production."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pytest_mcpflow import CallResult, Hub

__all__ = ["Careful"]


class Careful:
    """Tool calls with a time limit and a rule for the second attempt.

    Args:
        hub: The servers.
        timeout: Seconds until a call without an answer counts as lost.
        pauses: Seconds to wait before the second attempt, the third, ...
    """

    def __init__(self, hub: Hub, *, timeout: float = 30.0, pauses: tuple[float, ...] = (1.0, 2.0)) -> None:
        self._hub, self._timeout, self._pauses = hub, timeout, pauses

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> CallResult:
        """Call once, for what must not be repeated."""
        return await self._hub.call_tool(tool, arguments, timeout=self._timeout)

    async def repeat(self, tool: str, arguments: Mapping[str, Any]) -> CallResult:
        """Call until there is an answer, for what reads, or has the same effect however often it is done."""
        for pause in self._pauses:
            try:
                return await self.call(tool, arguments)
            except Exception:
                await asyncio.sleep(pause)
        return await self.call(tool, arguments)

    async def once(
        self, tool: str, arguments: Mapping[str, Any], *, done: Callable[[], Awaitable[bool]]
    ) -> None:
        """Do something once: after a failure, look first whether it was done, and only otherwise try again."""
        for pause in self._pauses:
            try:
                await self.call(tool, arguments)
                return
            except Exception:
                await asyncio.sleep(pause)
                if await done():
                    return
        await self.call(tool, arguments)

    async def shell(self, command: str, *, done: Callable[[], Awaitable[bool]] | None = None) -> str:
        """Run a command line that must succeed, and return what it printed; with `done`, only once.

        Raises:
            RuntimeError: The command failed.
        """
        arguments, output = {"command": command}, list[str]()

        async def run() -> bool:
            ran = await self.call("desktop-commander.execute_command", arguments)
            if not ran["success"]:
                raise RuntimeError(f"{command} failed: {ran['stderr'] or ran['stdout']}")
            output.append(ran["stdout"])
            return True

        raise NotImplementedError
