"""The client's ends of a child's streams: they kill the child in the middle of a call whose request says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCRequest, JSONRPCResponse

from pytest_mcpflow.clock import Flow, transit
from pytest_mcpflow.orders import Order, Orders
from pytest_mcpflow.serve.lines import LineReader, LineWriter
from pytest_mcpflow.serve.tamper import KILL_AFTER, KILL_BEFORE, order_of, without_order

__all__ = ["killing_lines"]


def killing_lines(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    kill: Callable[[], None],
    *,
    there: Flow,
    back: Flow,
    orders: Orders,
) -> tuple[LineReader, LineWriter]:
    """Both streams of a child's client.

    Args:
        reader: What the child writes.
        writer: What it reads.
        kill: Kills it, and returns before its streams have ended.
        there: Counts the messages to it.
        back: Counts those from it.
        orders: What its requests may say.
    """
    death = _Death(kill)
    return _Reader(reader, back, death), _Writer(writer, there, death, orders)


class _Death:
    """What a child may die of; virtual time stands still from then on until its output has ended."""

    def __init__(self, kill: Callable[[], None]) -> None:
        self.after: dict[Any, Order] = {}
        """The requests whose answers are the last thing it does."""
        self.flow = transit().flow("the end of a killed process")
        self._kill = kill

    def happen(self) -> None:
        self.flow.sent()
        self._kill()


class _Writer(LineWriter):
    def __init__(self, stream: asyncio.StreamWriter, flow: Flow, death: _Death, orders: Orders) -> None:
        super().__init__(stream, flow)
        self._death, self._orders = death, orders

    async def send(self, item: SessionMessage, /) -> None:
        message = item.message
        order = order_of(message.params, self._orders) if isinstance(message, JSONRPCRequest) else None
        if order is not None and order == KILL_BEFORE:
            order.obey()
            self._death.happen()
            return
        if isinstance(message, JSONRPCRequest) and order is not None and order == KILL_AFTER:
            self._death.after[message.id] = order
            order.when_given_up(self._death.happen)
            item = SessionMessage(message.model_copy(update={"params": without_order(message.params or {})}))
        await super().send(item)


class _Reader(LineReader):
    def __init__(self, stream: asyncio.StreamReader, flow: Flow, death: _Death) -> None:
        super().__init__(stream, flow)
        self._death = death

    async def receive(self) -> SessionMessage | Exception:
        item = await super().receive()
        while not isinstance(item, Exception) and self._is_last(item):
            self._death.happen()
            item = await super().receive()
        return item

    def _is_last(self, item: SessionMessage) -> bool:
        if not isinstance(item.message, JSONRPCResponse | JSONRPCError):
            return False
        order = self._death.after.pop(item.message.id, None)
        return order is not None and order.obey()

    async def aclose(self) -> None:
        self._death.flow.close()
        await super().aclose()
