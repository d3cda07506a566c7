"""Client and server in one process, with real JSON-RPC messages in between."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from mcp.client import Transport
from mcp.server import Server
from mcp.shared.message import SessionMessage

from pytest_mcpflow.clock import foreground

__all__ = ["memory_transport"]


def memory_transport(server: Server[Any]) -> Transport:
    """A client transport that starts `server` in a task of its own and ends it when the client leaves."""
    return _connected(server)


@asynccontextmanager
async def _connected(server: Server[Any]) -> AsyncGenerator[Any]:
    # Unbounded, so that a message never waits for its reader and one loop iteration delivers it.
    to_server, at_server = anyio.create_memory_object_stream[SessionMessage | Exception](math.inf)
    to_client, at_client = anyio.create_memory_object_stream[SessionMessage | Exception](math.inf)
    async with to_server, at_server, to_client, at_client, anyio.create_task_group() as tasks:
        with foreground():  # what a tool waits for is something to wait for; there is no infrastructure here
            tasks.start_soon(server.run, at_server, to_client, server.create_initialization_options())
        try:
            yield at_client, to_server
        finally:
            tasks.cancel_scope.cancel()
