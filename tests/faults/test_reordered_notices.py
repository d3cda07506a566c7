"""Notices of a server that arrive in another order than they were told in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from mcp import Client

from pytest_mcpflow import Call, Era, Fake, Hub, Way, tool
from pytest_mcpflow.fake import Change

CARRIED = [Way.MEMORY, Way.STDIO, Way.HTTP]


@dataclass
class Radio(Fake):
    """Tells of everything."""

    said: list[str] = field(default_factory=list[str])

    @tool()
    async def speak(self, words: list[str], call: Call) -> int:
        """Say words."""
        for word in words:
            await call.log(word)
        self.said += words
        return len(words)

    @tool()
    def change(self, kinds: list[str]) -> int:
        """Announce changes."""
        for kind in kinds:
            self.announce(Change("prompts" if kind == "prompts" else "tools"))
        return len(kinds)


def listening(client: Client) -> list[str]:
    """What a client hears; by its session's handlers, which a hub's client cannot be given otherwise."""
    heard: list[str] = []

    async def on_log(params: Any) -> None:
        heard.append(str(params.data))

    async def on_message(message: Any) -> None:
        if type(message).__name__.endswith("ListChangedNotification"):
            heard.append(type(message).__name__.removesuffix("ListChangedNotification").lower() + "s")

    session: Any = client.session
    session._logging_callback, session._message_handler = on_log, on_message
    return heard


@pytest.mark.parametrize(
    ("words", "heard"), [("a b c d e", "b a d c e"), ("a b", "b a"), ("a", "a")], ids=["five", "two", "one"]
)
@pytest.mark.parametrize("way", CARRIED)
def test_log_messages_of_a_call_swap_places_on_every_way(way: Way, words: str, heard: str) -> None:
    async def body() -> tuple[list[str], bool]:
        async with Hub(way=way, era=Era.HANDSHAKE, virtual_time=True) as hub:
            hub.serve(Radio())
            hub.fail("radio.speak#1=reorder")
            found = listening(await hub.client("radio"))
            await hub.call_tool("radio.speak", {"words": words.split()})
            await asyncio.sleep(1)
            await hub.call_tool("radio.speak", {"words": ["then", "on"]})
            await asyncio.sleep(1)
            return found, hub.transcript[0].fault is not None

    found, happened = Hub(virtual_time=True).run(body())

    assert found == [*heard.split(), "then", "on"]
    assert happened is (len(words) > 1)


@pytest.mark.parametrize("way", CARRIED)
def test_announcements_during_a_call_swap_places_for_listeners_of_2026(way: Way) -> None:
    async def body() -> list[str]:
        found: list[str] = []
        async with Hub(way=way, era=Era.STATELESS, virtual_time=True) as hub:
            hub.serve(Radio())
            hub.fail("radio.change#1=reorder")
            client = await hub.client("radio")
            async with client.listen(tools_list_changed=True, prompts_list_changed=True) as changes:
                await hub.call_tool("radio.change", {"kinds": ["tools", "prompts"]})
                async with asyncio.timeout(60):
                    async for change in changes:
                        found.append(type(change).__name__.removesuffix("ListChanged").lower())
                        if len(found) == 2:
                            break
        return found

    assert Hub(virtual_time=True).run(body()) == ["prompts", "tools"]


@pytest.mark.parametrize("way", CARRIED)
def test_announcements_during_a_call_swap_places_for_sessions(way: Way) -> None:
    async def body() -> list[str]:
        async with Hub(way=way, era=Era.HANDSHAKE, virtual_time=True) as hub:
            hub.serve(Radio())
            hub.fail("radio.change#1=reorder")
            found = listening(await hub.client("radio"))
            await hub.call_tool("radio.change", {"kinds": ["tools", "prompts"]})
            await asyncio.sleep(1)
            return found

    assert Hub(virtual_time=True).run(body()) == ["prompts", "tools"]
