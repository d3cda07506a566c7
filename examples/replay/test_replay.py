from __future__ import annotations

from pathlib import Path

import pytest

from pytest_mcpflow import CassetteError, Hub

TAPE = Path(__file__).with_name("tape.jsonl")


async def test_the_recorded_server_answers(mcpflow: Hub) -> None:
    mcpflow.replay(TAPE, name="everything")

    result = await mcpflow.call_tool("everything.get-sum", {"a": 2, "b": 3})
    echo = await mcpflow.call_tool("everything.echo", {"message": "hello"})

    assert (result.text, echo.text) == ("The sum of 2 and 3 is 5.", "Echo: hello")


def test_what_was_not_recorded_is_an_error() -> None:
    async def ask() -> None:
        async with Hub() as hub:
            hub.replay(TAPE, name="everything")
            await hub.call_tool("everything.get-sum", {"a": 2, "b": 4})

    with pytest.raises(CassetteError, match="at /arguments/b was recorded 3, and asked 4"):
        Hub().run(ask())
