from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from mcp import ClientSession, StdioServerParameters
from parcels import same_parcel
from shipping import ship

from pytest_mcpflow import Hub, OutOfOrderError, Playback, ReplayTransport

DEPOT = StdioServerParameters(command=sys.executable, args=[str(Path(__file__).with_name("depot.py"))])
TAPE = "cassettes/shipping.jsonl"


# region: use
async def test_one_server_is_strict(mcpflow: Hub) -> None:
    strict = Playback(ignore=["/arguments/run_id"], ordered=True)
    mcpflow.use(DEPOT, name="depot", cassette=TAPE, playback=strict)

    assert await ship(mcpflow, "P-1") == "P-1 to Oslo"


# endregion


# region: replay
def test_a_label_before_the_booking_is_an_error() -> None:
    async def hurry() -> None:
        async with Hub(cassettes=Path(__file__).parent) as hub:
            hub.replay(TAPE, playback=Playback(ignore=["/arguments/run_id"], ordered=True))
            await hub.call_tool("depot.label", {"parcel": "P-1", "run_id": "x"})

    with pytest.raises(OutOfOrderError, match="recorded as call 2, and now comes call 1: book"):
        Hub().run(hurry())


# endregion


# region: same
async def test_small_letters_will_do(mcpflow: Hub) -> None:
    mcpflow.replay(TAPE, playback=Playback(same=same_parcel))

    assert await ship(mcpflow, "p-1") == "P-1 to Oslo"


# endregion


# region: transport
def test_a_session_of_ones_own() -> None:
    playback = Playback(ignore=["/arguments/run_id"], allow_unused=True)
    transport = ReplayTransport.from_tape(
        Path(__file__).with_name("cassettes") / "shipping.jsonl", playback=playback
    )

    async def ask() -> str:
        async with transport as streams, ClientSession(*streams) as session:
            await session.initialize()
            return str(await session.call_tool("book", {"parcel": "P-1", "run_id": "another"}))

    assert "P-1 is booked" in asyncio.run(ask())
    transport.verify()


# endregion
