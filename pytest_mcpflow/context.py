"""What a hub hands out besides results: contexts, and descriptions of tools."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from pytest_mcpflow.transcript import Transcript

__all__ = ["Context", "HubTool", "new_context_id"]


@dataclass(frozen=True)
class Context:
    """What belongs together under one `context_id`."""

    id: str
    transcript_so_far: Callable[[], Transcript] = field(repr=False, compare=False)

    @property
    def tool_calls(self) -> Transcript:
        """The calls made in this context."""
        return self.transcript_so_far().in_context(self.id)


@dataclass(frozen=True, slots=True)
class HubTool:
    """A tool as a server describes it; `qualified_name` is what `call_tool` takes."""

    server: str
    name: str
    description: str
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any] | None

    @property
    def qualified_name(self) -> str:
        return f"{self.server}.{self.name}"


def new_context_id(taken: Container[str]) -> str:
    """The first of `context-1`, `context-2`, ... that is not taken."""
    return next(each for each in map("context-{}".format, count(1)) if each not in taken)
