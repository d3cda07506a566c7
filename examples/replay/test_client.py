from __future__ import annotations

import asyncio
from pathlib import Path

from mcp import ClientSession

from pytest_mcpflow import Playback, ReplayTransport

TAPE = Path(__file__).with_name("tape.jsonl")


async def total(session: ClientSession, a: int, b: int) -> str:
    """Your code, which is given a session."""
    result = await session.call_tool("get-sum", {"a": a, "b": b})
    return str(result.content)


def test_a_session_of_ones_own_is_answered_from_the_tape() -> None:
    transport = ReplayTransport.from_tape(TAPE, playback=Playback(allow_unused=True))

    async def ask() -> str:
        async with transport as streams, ClientSession(*streams) as session:
            await session.initialize()
            return await total(session, 2, 3)

    assert "The sum of 2 and 3 is 5." in asyncio.run(ask())
    transport.verify()
