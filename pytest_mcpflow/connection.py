"""A client that lives in a task of its own.

`async with Client(...)` must be left by the task that entered it, which a fixture or a workflow cannot
promise. One owner task enters the client, waits, and leaves it; everybody else just uses it.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import cast

from mcp import Client

from pytest_mcpflow.clock import background, ours

__all__ = ["Connection", "unwrapped"]


class Connection:
    """At most one connected client, opened on first use.

    Args:
        name: The server's name, for the owner task.
        connect: Makes the context in which the client is connected; entered and left by the owner task.
    """

    def __init__(self, name: str, connect: Callable[[], AbstractAsyncContextManager[Client]]) -> None:
        self._name, self._connect = name, connect
        self._owner: asyncio.Task[None] | None = None
        self._client: asyncio.Future[Client] | None = None
        self._leave = asyncio.Event()

    async def client(self) -> Client:
        """The connected client.

        Raises:
            BaseException: What went wrong while connecting, as itself and not in a group.
        """
        if self._client is None:
            self._leave = asyncio.Event()
            self._client = asyncio.get_running_loop().create_future()
            with background(), ours():
                context = contextvars.copy_context()
            self._owner = asyncio.create_task(
                self._own(self._client), name=f"connection to {self._name}", context=context
            )
        if self._client.done():
            return self._client.result()
        return await asyncio.shield(self._client)

    async def close(self) -> None:
        """Leave the client, which may take a subprocess's time to end. A task that is being cancelled, as by Ctrl-C,
        breaks it off: it is told by a cancellation, and what goes wrong then is nobody's concern.

        Raises:
            BaseException: What went wrong while leaving, as itself and not in a group.
        """
        owner, self._owner, self._client = self._owner, None, None
        if owner is None:
            return
        closer = asyncio.current_task()
        if closer is not None and closer.cancelling():
            owner.cancel()
            await asyncio.wait([owner])
            return
        self._leave.set()
        try:
            await asyncio.shield(owner)
        except asyncio.CancelledError:
            owner.cancel()  # whoever closes was cancelled: do not leave the client behind
            await asyncio.wait([owner])
            raise

    async def _own(self, client: asyncio.Future[Client]) -> None:
        try:
            async with self._connect() as connected:
                client.set_result(connected)
                await self._leave.wait()
        except BaseException as error:
            cause = unwrapped(error)
            if client.done() and not self._leave.is_set():
                return  # broke while in use: each call has got its own error already
            if client.done():
                raise cause from None
            client.set_exception(
                cause if isinstance(cause, Exception) else ConnectionAbortedError(repr(cause))
            )
            client.exception()  # seen, even if whoever asked is gone


def unwrapped(error: BaseException) -> BaseException:
    """The one error inside nested exception groups; a group of several stays one."""
    inside: Sequence[BaseException] = (error,)
    while len(inside) == 1:
        error = inside[0]
        inside = cast("Sequence[BaseException]", getattr(error, "exceptions", ()))
    return error
