"""What note book does with what it is told."""

from __future__ import annotations

import pytest
from pytest_mcpflow import Hub, ToolError

from note_book import NoteBook


async def test_what_is_kept_can_be_read(mcpflow: Hub) -> None:
    fake = mcpflow.serve(NoteBook())

    await mcpflow.call_tool("note-book.keep", {"name": "note", "text": "milk"})
    answer = await mcpflow.call_tool("note-book.read", {"name": "note"})

    assert answer.text == "milk"
    assert fake.texts == {"note": "milk"}


async def test_what_is_lost_is_refused(mcpflow: Hub) -> None:
    fake = mcpflow.serve(NoteBook(texts={"note": "milk"}))
    fake.lose_everything()

    with pytest.raises(ToolError, match="nothing is kept under 'note'"):
        await mcpflow.call_tool("note-book.read", {"name": "note"})
