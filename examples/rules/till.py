"""A till, a pager, and two ways to take the money for an order."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_mcpflow import Fake, FakeError, Hub, tool


@dataclass
class Till(Fake):
    """Takes money for orders, and gives it back."""

    charged: list[str] = field(default_factory=list[str])

    @tool()
    def charge(self, order: str, amount: int) -> str:
        """Take the money for an order."""
        self.charged.append(order)
        return order

    @tool()
    def refund(self, order: str) -> str:
        """Give it back."""
        if order not in self.charged:
            raise FakeError(f"nothing was charged for {order}")
        self.charged.remove(order)
        return order

    @tool(reads=True)
    def is_charged(self, order: str) -> bool:
        """Whether the money for an order was taken."""
        return order in self.charged


@dataclass
class Pager(Fake):
    """Wakes somebody."""

    pages: list[str] = field(default_factory=list[str])

    @tool()
    def page(self, text: str) -> int:
        """Send a page."""
        self.pages.append(text)
        return len(self.pages)


ORDER = {"order": "A-7", "amount": 12}


# region: world
def world() -> list[Fake]:
    return [Till(), Pager()]


async def settle_hastily(hub: Hub) -> Mapping[str, object]:
    """Charge, again if there is no answer, and page somebody when that does not help."""
    for _ in range(2):
        try:
            await hub.call_tool("till.charge", ORDER, timeout=10)
        except Exception:
            await asyncio.sleep(5)
        else:
            return {"success": True}
    await hub.call_tool("pager.page", {"text": "order A-7 is not paid"}, timeout=10)
    return {"success": False}


async def settle(hub: Hub) -> Mapping[str, object]:
    """Charge once, look what came of it if there is no answer, and page somebody when that is nothing."""
    try:
        await hub.call_tool("till.charge", ORDER, timeout=10)
    except Exception:
        await asyncio.sleep(600)  # what comes late has come by then
        try:
            is_paid = (await hub.call_tool("till.is_charged", {"order": "A-7"}, timeout=10))["result"]
        except Exception:
            is_paid = False
        if not is_paid:
            await hub.call_tool("pager.page", {"text": "see whether order A-7 is paid"}, timeout=10)
            return {"success": False}
    return {"success": True}
    # endregion
