"""A fake behind a real subprocess and real pipes.

The client starts `relay.py`, which connects back to a socket of this process. Messages are counted at both
ends, so that virtual time stands still while one is on its way through the child.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

from mcp.client import Transport
from mcp.server import Server

from pytest_mcpflow.clock import Flow, foreground, transit
from pytest_mcpflow.orders import Orders
from pytest_mcpflow.serve import relay
from pytest_mcpflow.serve.channel import Channel
from pytest_mcpflow.serve.child import child_process
from pytest_mcpflow.serve.killing import killing_lines
from pytest_mcpflow.serve.lines import LINE_LIMIT, LineReader, LineWriter
from pytest_mcpflow.serve.tamper import spoilt_lines
from pytest_mcpflow.serve.wired import serve_over

__all__ = ["stdio_transport"]


def stdio_transport(
    server: Server[Any], orders: Orders, channel: Callable[[], Channel] | None = None
) -> Transport:
    """A client transport that talks to `server` through a child process. Needs a POSIX system.

    Args:
        server: What is served.
        orders: How answers are to be spoilt.
        channel: Makes a channel to it, if its client speaks protocol 2026-07-28: calls take less time by it.
    """
    return cast("Transport", _connected(server, orders, channel))


@asynccontextmanager
async def _connected(
    server: Server[Any], orders: Orders, channel: Callable[[], Channel] | None
) -> AsyncGenerator[tuple[LineReader, LineWriter]]:
    there, back = transit().flow(f"stdio to {server.name}"), transit().flow(f"stdio from {server.name}")
    async with AsyncExitStack() as stack:
        path = await stack.enter_async_context(_listening(server, orders, channel, there, back))
        errors = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        command = [sys.executable, "-I", "-S", relay.__file__, path]
        child = await stack.enter_async_context(
            child_process(command, name=f"the stdio relay of {server.name}", errors=errors)
        )
        yield killing_lines(child.output, child.input, child.kill, there=there, back=back, orders=orders)


@asynccontextmanager
async def _listening(
    server: Server[Any], orders: Orders, channel: Callable[[], Channel] | None, there: Flow, back: Flow
) -> AsyncGenerator[str]:
    """A socket in a private folder, behind which each connection is a session of `server`."""
    sessions: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sessions.add(cast("asyncio.Task[None]", asyncio.current_task()))
        requests, answers = spoilt_lines(reader, writer, there, back, orders)
        try:
            if channel is not None:
                await serve_over(channel(), requests, answers)
                return
            options = server.create_initialization_options()
            with foreground():  # what a tool waits for is something to wait for
                await server.run(requests, answers, options)
        finally:
            there.close()
            if not answers.has_hung_up:  # else the end of the stream is on its way to the client
                back.close()
            writer.close()

    folder = Path(tempfile.mkdtemp(prefix="mcpflow-"))
    try:
        listening = await asyncio.start_unix_server(serve, folder / "s", limit=LINE_LIMIT)
        try:
            yield str(folder / "s")
        finally:
            listening.close()
            for session in sessions:
                session.cancel()
            await asyncio.gather(*sessions, return_exceptions=True)
    finally:
        shutil.rmtree(folder)
