"""Sessions that are kept for an hour, and no more than there is room for. With cachetools."""

from __future__ import annotations

import asyncio

from cachetools import TTLCache

from pytest_mcpflow import Context, Hub
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander


# region: pattern
class Sessions(TTLCache[str, Context]):
    """The contexts of users; one that is given up is closed, whatever the reason."""

    def __init__(self, hub: Hub, size: int = 200, seconds: float = 3600) -> None:
        super().__init__(maxsize=size, ttl=seconds, timer=hub.clock.now)
        self._hub = hub

    def of(self, user: str) -> Context:
        if user not in self:
            self.expire()
            self[user] = self._hub.create_context(f"{user}-{self._hub.clock.now():g}")
        return self[user]

    def popitem(self) -> tuple[str, Context]:
        user, context = super().popitem()  # the one used longest ago
        del self._hub.contexts[context.id]
        return user, context

    def expire(self, time: float | None = None) -> list[tuple[str, Context]]:
        expired = super().expire(time)
        for _, context in expired:
            del self._hub.contexts[context.id]
        return expired

    # endregion


async def visit(hub: Hub, sessions: Sessions, user: str) -> str:
    context = sessions.of(user)
    await hub.call_tool("desktop-commander.list_directory", {}, context.id, timeout=10)
    return context.id


# region: test
async def test_no_more_contexts_are_open_than_there_is_room_for(mcpflow: Hub) -> None:
    mcpflow.serve(DesktopCommander())
    sessions = Sessions(mcpflow, size=2)

    for user in ("ada", "grace", "ada", "edsger"):
        await visit(mcpflow, sessions, user)

    assert [*mcpflow.contexts] == ["ada-0", "edsger-0"]


async def test_an_expired_context_is_never_used_again(mcpflow: Hub) -> None:
    mcpflow.serve(DesktopCommander())
    mcpflow.fail("desktop-commander.list_directory#1=delay(5)")
    sessions = Sessions(mcpflow)
    first = await visit(mcpflow, sessions, "ada")

    await asyncio.sleep(3600)
    second = await visit(mcpflow, sessions, "ada")

    assert (first, second) == ("ada-0", "ada-3605")
    assert [*mcpflow.contexts] == ["ada-3605"]
    # endregion
