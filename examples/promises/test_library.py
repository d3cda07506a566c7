from __future__ import annotations

from contextlib import suppress

import pytest
from hasty import Library
from hypothesis import given, settings
from mcp import MCPError

from pytest_mcpflow import (
    FaultPlan,
    Hub,
    Law,
    LawBrokenError,
    ToolError,
    load_state,
    mcpflow_fuzz,
    run,
    save_state,
)
from pytest_mcpflow.strategies import arguments, plans, worlds


# region: replay
def test_lending_what_is_not_there_changes_the_shelf() -> None:
    with pytest.raises(LawBrokenError, match="errors change nothing"):
        mcpflow_fuzz(Library(), replay='[{"call": "lend", "with": {"title": ""}}]')


# endregion


# region: laws
def test_the_library_keeps_its_other_promises() -> None:
    mcpflow_fuzz(
        worlds(Library, vary=["copies"]),
        examples=30,
        laws=[law for law in Law if law is not Law.ERRORS],
    )


# endregion


# region: world
def test_a_world_is_saved_and_loaded() -> None:
    library = Library({"Emma": 2})

    assert load_state(Library, save_state(library)) == library


# endregion


# region: strategies
LEND = {"type": "object", "properties": {"title": {"type": "string", "minLength": 1}}, "required": ["title"]}


@settings(max_examples=25, deadline=None)
@given(arguments(LEND), plans(Library(), max_faults=2))
def test_whatever_goes_wrong_no_more_is_lent_than_there_is(book: dict[str, str], plan: FaultPlan) -> None:
    async def borrow() -> int:
        async with Hub() as hub:
            library = hub.serve(Library({book["title"]: 2}))
            hub.fail(plan)
            with suppress(MCPError, RuntimeError, ToolError):  # the reader comes another day
                await hub.call_tool("library.lend", book, timeout=30)
            return library.copies[book["title"]]

    assert run(borrow()) >= 0


# endregion
