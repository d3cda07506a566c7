"""The recorded answers of a tool, as far as a method can give them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pytest_mcpflow.cassette.operations import Result
from pytest_mcpflow.cassette.recording import RecordedTool, Recording
from pytest_mcpflow.cassette.values import as_object
from pytest_mcpflow.new.names import NewFileError

__all__ = ["Answer", "answers_of", "tools_on"]


@dataclass(frozen=True)
class Answer:
    """A recorded answer: `text` where all of its content was text, and what was structured."""

    line: int
    arguments: Mapping[str, Any]
    is_error: bool
    text: str | None
    structured: Mapping[str, Any] | None


def tools_on(path: Path) -> list[RecordedTool]:
    """The tools that a tape lists.

    Raises:
        CassetteError: It is no cassette.
        NewFileError: No list of tools was recorded.
    """
    tools = list(Recording.read(path).tools.values())
    if not tools:
        raise NewFileError(f"{path} has no list of tools; record a session in which the client lists them")
    return tools


def answers_of(tool: RecordedTool) -> Iterator[Answer]:
    """What a tool answered to each arguments first, refusals included."""
    answered: list[Mapping[str, Any]] = []
    for call in tool.calls:
        if call.arguments in answered or not isinstance(call.outcome, Result):
            continue
        answered.append(call.arguments)
        body = call.outcome.body
        blocks = [as_object(block) for block in cast("list[object]", body.get("content") or [])]
        is_text = all(block.get("type") == "text" for block in blocks)
        yield Answer(
            call.line,
            call.arguments,
            body.get("isError") is True,
            "\n".join(str(block.get("text", "")) for block in blocks) if is_text else None,
            cast("Mapping[str, Any] | None", body.get("structuredContent")),
        )
