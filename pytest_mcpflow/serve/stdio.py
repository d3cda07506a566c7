"""A fake behind a real subprocess and real pipes.

The client starts `relay.py`, which connects back to a socket of this process. Messages are counted at both
ends, so that virtual time stands still while one is on its way through the child.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import threading
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

from mcp.client import Transport
from mcp.server import Server

from pytest_mcpflow.clock import Flow, foreground, transit
from pytest_mcpflow.serve import relay
from pytest_mcpflow.serve.lines import LINE_LIMIT, LineReader, LineWriter

__all__ = ["stdio_transport"]

EXIT_LIMIT = 5.0
"""Real seconds that the relay may take to leave after its standard input was closed; then it is killed."""


def stdio_transport(server: Server[Any]) -> Transport:
    """A client transport that talks to `server` through a child process. Needs a POSIX system."""
    return cast("Transport", _connected(server))


@asynccontextmanager
async def _connected(server: Server[Any]) -> AsyncGenerator[tuple[LineReader, LineWriter]]:
    there, back = transit().flow(f"stdio to {server.name}"), transit().flow(f"stdio from {server.name}")
    async with AsyncExitStack() as stack:
        path = await stack.enter_async_context(_listening(server, there, back))
        errors = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        with transit().hold(f"starting the stdio relay of {server.name}"):
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", relay.__file__, path),
                stdin=PIPE,
                stdout=PIPE,
                stderr=errors,
                limit=LINE_LIMIT,
                start_new_session=True,  # Ctrl-C is for the test, which then stops the child itself
            )
        stack.push_async_callback(_stop, child, server.name)
        assert child.stdin is not None
        assert child.stdout is not None
        yield LineReader(child.stdout, back), LineWriter(child.stdin, there)


@asynccontextmanager
async def _listening(server: Server[Any], there: Flow, back: Flow) -> AsyncGenerator[str]:
    """A socket in a private folder, behind which each connection is a session of `server`."""
    sessions: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sessions.add(cast("asyncio.Task[None]", asyncio.current_task()))
        try:
            options = server.create_initialization_options()
            with foreground():  # what a tool waits for is something to wait for
                await server.run(LineReader(reader, there), LineWriter(writer, back), options)
        finally:
            there.close()
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


async def _stop(child: Process, name: str) -> None:
    assert child.stdin is not None
    child.stdin.close()
    # A thread's timer, since neither the virtual clock nor a cancelled task may keep the child alive.
    guard = threading.Timer(EXIT_LIMIT, child.kill)
    guard.daemon = True
    guard.start()
    try:
        with transit().hold(f"stopping the stdio relay of {name}"):
            await child.wait()
    finally:
        guard.cancel()
        if child.returncode is None:
            child.kill()
