"""Answers held against output schemas as the SDK's client does it, without what it does anew on each connection.

On its first answer from a tool a session lists the tools and compiles the tool's schema, which takes longer than some
ten calls. A schema that is known already needs no listing, and is compiled once in a process. Holding an answer against
it is a tenth of a run, and in an exploration most answers are those of the run before: what a schema allowed once it
allows again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import anyio
from anyio.abc import TaskStatus
from mcp import ClientSession
from mcp.shared.dispatcher import CallOptions, OnNotify, OnNotifyIntercept, OnRequest
from mcp_types import CallToolResult
from pydantic_core import from_json, to_json

__all__ = ["AnswerCheck", "spare_listing"]

COMPILED = 512
"""So many schemas are kept compiled."""
ALLOWED, LONGEST = 256, 2_048
"""So many answers are known to be allowed by a schema, none of them longer than so many bytes."""


def spare_listing(session: ClientSession, schema_of: Callable[[str], Mapping[str, Any] | None]) -> None:
    """Let a session know the output schemas of the tools that it calls; see `AnswerCheck`."""
    # The SDK has no public way to give a session schemas; the method is public, and is what `call_tool` awaits.
    session.validate_tool_result = AnswerCheck(schema_of)  # type: ignore[method-assign]


class AnswerCheck:
    """Takes the place of a session's `validate_tool_result`.

    Args:
        schema_of: The output schema that a tool is listed with; `None` if it has none.
    """

    def __init__(self, schema_of: Callable[[str], Mapping[str, Any] | None]) -> None:
        self._schema_of = schema_of
        self._schemas: dict[str, _Schema | None] = {}

    async def __call__(self, name: str, result: CallToolResult) -> None:
        """Hold an answer against its schema.

        Raises:
            RuntimeError: It breaks the schema, or lacks the structured content that the schema describes.
        """
        if name not in self._schemas:
            schema = self._schema_of(name)
            self._schemas[name] = None if schema is None else _known(name, to_json(schema))
        known = self._schemas[name]
        if known is not None:
            await known.check(result)


class _Schema:
    """The output schema of a tool, in a session that is connected to nothing and compiles it once."""

    def __init__(self, name: str, schema: bytes) -> None:
        self._name, self._session = name, ClientSession(dispatcher=_OneTool(name, schema))
        self._allowed = set[bytes]()

    async def check(self, result: CallToolResult) -> None:
        """Hold an answer against it; one that breaks it is looked at each time."""
        answer = _as_json(result.structured_content)
        if answer in self._allowed:
            return
        await self._session.validate_tool_result(self._name, result)
        if answer is not None and len(answer) <= LONGEST:
            if len(self._allowed) >= ALLOWED:
                self._allowed.clear()
            self._allowed.add(answer)


_known = lru_cache(COMPILED)(_Schema)


def _as_json(content: Any) -> bytes | None:
    """What decides whether a schema allows it; `None` where there is no content, or none that JSON has."""
    if content is None:
        return None
    try:
        return to_json(content)
    except ValueError:
        return None


class _OneTool:
    """The far end of a session that asks for nothing but the list of tools."""

    def __init__(self, name: str, schema: bytes) -> None:
        self._name, self._schema = name, schema

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        tool = {
            "name": self._name,
            "inputSchema": {"type": "object"},
            "outputSchema": from_json(self._schema),
        }
        return {"tools": [tool]}

    async def notify(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> None:
        """Nobody listens."""

    async def run(
        self,
        on_request: OnRequest,
        on_notify: OnNotify,
        on_notify_intercept: OnNotifyIntercept | None = None,
        *,
        task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        """Nothing ever comes."""
        task_status.started()
