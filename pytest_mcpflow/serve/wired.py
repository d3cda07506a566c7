"""A channel's server behind two streams of messages, which lead to a client in another process."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import anyio
from mcp.shared.message import SessionMessage

from pytest_mcpflow.serve.channel import Channel
from pytest_mcpflow.serve.lines import LineReader, LineWriter

__all__ = ["serve_over"]


async def serve_over(channel: Channel, requests: LineReader, answers: LineWriter) -> None:
    """Serve what comes until there is no more; whatever is still going on then is given up."""
    async with channel as (said, _), asyncio.TaskGroup() as tasks:

        async def say() -> None:
            with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):  # nobody listens any more
                async for message in said:
                    await answers.send(message)

        saying = tasks.create_task(say(), name="the answers of a fake on their way")
        async for item in requests:
            if isinstance(item, SessionMessage):
                channel.take(item.message)
        saying.cancel()
