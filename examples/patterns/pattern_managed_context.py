"""A context for each run, closed however the run ends; nobody sees another's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from pytest_mcpflow import Context, Hub, ToolError
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander


# region: pattern
@asynccontextmanager
async def release(hub: Hub, name: str) -> AsyncGenerator[Context]:
    """A context and a workspace for one release; both are gone afterwards."""
    context = hub.create_context(name)
    workspace = {"path": f"work/{name}/notes.txt", "content": name}
    try:
        await hub.call_tool("desktop-commander.write_file", workspace, context.id, timeout=30)
        yield context
    finally:
        try:
            clean_up = {"command": f"rm -r work/{name}"}
            await hub.call_tool("desktop-commander.execute_command", clean_up, context.id, timeout=30)
        finally:
            del hub.contexts[context.id]
    # endregion


async def build(hub: Hub, name: str) -> list[str]:
    async with release(hub, name) as context:
        await asyncio.sleep(10)
        notes = {"path": f"work/{name}/notes.txt"}
        await hub.call_tool("desktop-commander.read_file", notes, context.id, timeout=30)
        return [call.call for call in context.tool_calls]


# region: test
async def test_a_run_that_fails_leaves_nothing_and_disturbs_nobody(mcpflow: Hub) -> None:
    machine = mcpflow.serve(DesktopCommander())
    mcpflow.fail("desktop-commander.read_file#1=refuse")

    first, second = await asyncio.gather(build(mcpflow, "app"), build(mcpflow, "api"), return_exceptions=True)

    assert isinstance(first, ToolError)
    assert isinstance(second, list)
    assert all("api" in call for call in second)
    assert mcpflow.contexts == {}
    assert machine.files == {}


async def test_a_run_that_is_given_up_leaves_nothing(mcpflow: Hub) -> None:
    machine = mcpflow.serve(DesktopCommander())

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(build(mcpflow, "app"), timeout=5)

    assert mcpflow.contexts == {}
    assert machine.files == {}
    # endregion
