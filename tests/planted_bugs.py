"""Small workflows in which a bug was planted, and correct ones beside them; each says under which plan it shows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pytest_mcpflow import Fake, FakeError, Hub, Run, Scenario, invariant, tool

__all__ = [
    "CarefulOrder",
    "ForgetsAFollower",
    "HidesTwoFailures",
    "LeavesATask",
    "Ledger",
    "LostUpdate",
    "OrderedTwice",
    "PassesOverAShelf",
    "Planted",
    "QuietChain",
    "RemembersTheWrongThing",
    "Shop",
    "SwapsTheOrder",
    "TwoClients",
    "WaitsForEver",
]


@dataclass
class Shop(Fake):
    """Sells things, one order at a time."""

    orders: list[str] = field(default_factory=list[str])

    @tool(reads=True)
    def placed(self) -> list[str]:
        """List what was ordered."""
        return [*self.orders]

    @tool()
    def order(self, item: str) -> int:
        """Order something."""
        self.orders.append(item)
        return len(self.orders)

    @tool()
    def cancel(self, item: str) -> int:
        """Cancel an order."""
        if item not in self.orders:
            raise FakeError(f"nothing ordered: {item}")
        self.orders.remove(item)
        return len(self.orders)


@dataclass
class Backup(Shop):
    """Sells the same, for more."""


@dataclass
class Pager(Fake):
    """Pages people."""

    pages: list[str] = field(default_factory=list[str])

    @tool()
    def page(self, text: str) -> None:
        """Page somebody."""
        self.pages.append(text)


@dataclass
class Ledger(Fake):
    """Holds one number."""

    balance: int = 0
    entries: list[str] = field(default_factory=list[str])

    @tool(reads=True)
    def read(self) -> int:
        """Say the balance."""
        return self.balance

    @tool()
    def write(self, balance: int) -> None:
        """Set the balance."""
        self.balance = balance

    @tool()
    def note(self, entry: str) -> None:
        """Add a line to the book."""
        self.entries.append(entry)


async def works(hub: Hub, tool_name: str, arguments: dict[str, Any] | None = None, *, tries: int = 1) -> bool:
    """Call a tool up to so many times; whether there was an answer in the end."""
    for _ in range(tries):
        try:
            await hub.call_tool(tool_name, arguments, timeout=10)
        except Exception:
            await asyncio.sleep(1)
        else:
            return True
    return False


@dataclass
class Planted(Scenario):
    """A workflow with a bug; `shows` is a smallest plan, or empty where there is no bug."""

    shows: ClassVar[str] = ""


@dataclass
class Ordering(Planted):
    """Order tea, once."""

    shop: Shop = field(default_factory=Shop)

    def expect(self, run: Run) -> None:
        assert self.shop.orders == ["tea"]

    @invariant
    def orders_at_most_once(self, run: Run) -> None:
        """Nobody gets tea twice."""
        assert len(self.shop.orders) <= 1


@dataclass
class OrderedTwice(Ordering):
    """It orders again after whatever went wrong."""

    shows = "shop.order#1=lose_reply"

    async def workflow(self, hub: Hub) -> Any:
        return {"success": await works(hub, "shop.order", {"item": "tea"}, tries=2)}


@dataclass
class CarefulOrder(Ordering):
    """It looks before it orders again."""

    async def workflow(self, hub: Hub) -> Any:
        for _ in range(3):
            if await works(hub, "shop.order", {"item": "tea"}):
                return {"success": True}
            await asyncio.sleep(60)
            try:
                if (await hub.call_tool("shop.placed", timeout=10))["result"]:
                    return {"success": True}
            except Exception:
                return {"success": False, "error": "nobody knows whether tea was ordered"}
        return {"success": False, "error": "no tea"}


@dataclass
class HidesTwoFailures(Ordering):
    """It tries twice, and then says that all is well."""

    shows = "shop.order#*=refuse"

    async def workflow(self, hub: Hub) -> Any:
        for _ in range(2):
            if "tea" in (await hub.call_tool("shop.placed", timeout=10))["result"]:
                break
            if await works(hub, "shop.order", {"item": "tea"}):
                break
            await asyncio.sleep(60)
        return {"success": True}


@dataclass
class QuietChain(Planted):
    """Order tea here, or there, or page somebody. The last of the three failing is swallowed."""

    shop: Shop = field(default_factory=Shop)
    backup: Backup = field(default_factory=Backup)
    pager: Pager = field(default_factory=Pager)
    shows = "shop.order#1=refuse, backup.order#1=refuse, pager.page#1=refuse"

    async def workflow(self, hub: Hub) -> Any:
        for server in ("shop", "backup"):
            if await works(hub, f"{server}.order", {"item": "tea"}):
                return {"success": True}
        await works(hub, "pager.page", {"text": "no tea"})
        return {"success": False}

    def expect(self, run: Run) -> None:
        assert self.shop.orders or self.backup.orders

    @invariant
    def somebody_knows(self, run: Run) -> None:
        """Either there is tea, or somebody was paged."""
        assert self.shop.orders or self.backup.orders or self.pager.pages


@dataclass
class Shelves(Fake):
    """Things in twelve places."""

    @tool(reads=True)
    def look(self, place: int) -> str:
        """Say what stands there."""
        return f"tea {place}"


@dataclass
class PassesOverAShelf(Planted):
    """Look at all the shelves, each twice if need be. Nobody minds if the eighth cannot be seen."""

    shelves: Shelves = field(default_factory=Shelves)
    shows = "shelves.look#8=refuse, shelves.look#9=refuse"

    async def workflow(self, hub: Hub) -> Any:
        unseen = [
            place
            for place in range(1, 13)
            if not await works(hub, "shelves.look", {"place": place}, tries=2) and place != 8
        ]
        return {"success": not unseen}

    def expect(self, run: Run) -> None:
        assert sum(each.ok for each in run.transcript.calls("shelves.look")) == 12


@dataclass
class RemembersTheWrongThing(Planted):
    """One failed note makes it careless with the order much later."""

    shop: Shop = field(default_factory=Shop)
    ledger: Ledger = field(default_factory=Ledger)
    shows = "ledger.note#1=refuse, shop.order#1=lose_reply"

    async def workflow(self, hub: Hub) -> Any:
        is_careful = True
        for number in range(6):
            noted = await works(hub, "ledger.note", {"entry": str(number)})
            is_careful = is_careful and noted
        ordered = await works(hub, "shop.order", {"item": "tea"})
        if not ordered and is_careful:
            return {"success": False}
        if not ordered:
            await works(hub, "shop.order", {"item": "tea"})
        return {"success": is_careful}

    def expect(self, run: Run) -> None:
        assert len(self.ledger.entries) == 6
        assert self.shop.orders == ["tea"]

    @invariant
    def orders_at_most_once(self, run: Run) -> None:
        """Nobody gets tea twice."""
        assert len(self.shop.orders) <= 1


@dataclass
class LostUpdate(Planted):
    """Two tasks add to one number, and each one writes what it read plus one."""

    ledger: Ledger = field(default_factory=Ledger)
    shows = "ledger.write#1=delay"

    async def workflow(self, hub: Hub) -> Any:
        async def add(after: float) -> None:
            await asyncio.sleep(after)
            balance = (await hub.call_tool("ledger.read"))["result"]
            await hub.call_tool("ledger.write", {"balance": balance + 1})

        await asyncio.gather(add(0), add(1))
        return {"success": True}

    def expect(self, run: Run) -> None:
        assert self.ledger.balance == 2


@dataclass
class SwapsTheOrder(Planted):
    """One task creates what another one announces, and neither waits for the other."""

    ledger: Ledger = field(default_factory=Ledger)
    shows = "ledger.write#1=delay"

    async def workflow(self, hub: Hub) -> Any:
        await asyncio.gather(
            hub.call_tool("ledger.write", {"balance": 1}), hub.call_tool("ledger.note", {"entry": "written"})
        )
        return {"success": True}

    def expect(self, run: Run) -> None:
        assert self.ledger.balance == 1

    @invariant
    def announces_what_is_there(self, run: Run) -> None:
        """What is announced has happened."""
        assert run.transcript.before("ledger.write", "ledger.note") or not run.effects("ledger.note")


@dataclass
class TwoClients(Planted):
    """The one who finds the list empty orders; both may find it empty."""

    shop: Shop = field(default_factory=Shop)
    shows = "shop.order#1=delay"

    async def workflow(self, hub: Hub) -> Any:
        async def customer(after: float) -> None:
            await asyncio.sleep(after)
            if not (await hub.call_tool("shop.placed"))["result"]:
                await hub.call_tool("shop.order", {"item": "tea"})

        await asyncio.gather(customer(0), customer(1))
        return {"success": True}

    def expect(self, run: Run) -> None:
        assert self.shop.orders == ["tea"]


@dataclass
class WaitsForEver(Ordering):
    """It has no time limit."""

    shows = "shop.order#1=lose_request"

    async def workflow(self, hub: Hub) -> Any:
        await hub.call_tool("shop.order", {"item": "tea"})
        return {"success": True}


@dataclass
class LeavesATask(Ordering):
    """What it began to watch the order with goes on when the order fails."""

    shows = "shop.order#1=refuse"

    async def workflow(self, hub: Hub) -> Any:
        watch = asyncio.create_task(self.watch())
        await hub.call_tool("shop.order", {"item": "tea"}, timeout=10)
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        return {"success": True}

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(5)


@dataclass
class ForgetsAFollower(Planted):
    """Order at two shops or at none; the first order is not taken back when the second one fails twice."""

    shop: Shop = field(default_factory=Shop)
    backup: Backup = field(default_factory=Backup)
    shows = "backup.order#*=refuse"

    async def workflow(self, hub: Hub) -> Any:
        await hub.call_tool("shop.order", {"item": "tea"}, timeout=10)
        if await works(hub, "backup.order", {"item": "tea"}, tries=2):
            return {"success": True}
        return {"success": False, "error": "no second order"}

    def expect(self, run: Run) -> None:
        assert len(self.shop.orders + self.backup.orders) == 2

    @invariant
    def both_or_none(self, run: Run) -> None:
        """There are orders at both shops, or at none; or it raised."""
        assert bool(self.shop.orders) == bool(self.backup.orders) or run.error is not None
