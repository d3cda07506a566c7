"""A small world for tests of faults: a shop with a tool of each sort, and a round of calls."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from pytest_mcpflow import Call, Era, Fake, FakeError, Hub, Transcript, Way, tool

__all__ = ["LIMIT", "WAYS", "Approval", "Ended", "Shop", "round_of", "under"]

LIMIT = 10.0
"""Seconds after which the round gives a call up."""

WAYS = [(way, era) for way in Way for era in Era if (way, era) != (Way.DIRECT, Era.HANDSHAKE)]


@dataclass
class Approval:
    approved: bool


class SoldOut(FakeError):
    """There is nothing left."""


@dataclass
class Shop(Fake):
    """Sells tea."""

    service_error = "till jammed"

    stock: dict[str, int] = field(default_factory=lambda: {"tea": 9, "salt": 9})
    sold: list[str] = field(default_factory=list[str])

    @tool(reads=True)
    def count(self, item: str) -> int:
        """Say how much of an item there is."""
        return self.stock[item]

    @tool(reads=True)
    def opened_at(self) -> float:
        """Say what time the shop's clock has."""
        return self.clock.now()

    @tool()
    def sell(self, item: str) -> dict[str, int]:
        """Sell one of an item."""
        if self.stock[item] == 0:
            raise SoldOut(f"no {item} left")
        self.stock[item] -= 1
        self.sold.append(item)
        return {"left": self.stock[item]}

    @tool()
    def sell_all(self, items: list[str]) -> list[int]:
        """Sell one of each."""
        return [self.sell(item)["left"] for item in items]

    @tool()
    async def sell_dearly(self, call: Call, item: str) -> str:
        """Sell one of an item if somebody approves."""
        answer = await call.elicit(f"Sell {item}?", Approval)
        if answer.approved:
            self.sell(item)
        return "sold" if answer.approved else "kept"

    @tool()
    async def brew(self, call: Call, item: str, seconds: float = 4) -> str:
        """Brew an item and sell it, which takes time and is reported."""
        for done in range(4):
            await call.progress(done, total=4)
            await asyncio.sleep(seconds / 4)
        self.sell(item)
        return "hot"


@dataclass
class Ended:
    """How a round ended: the calls, what the caller saw of each, the shop, the reports of progress."""

    transcript: Transcript
    seen: list[str]
    shop: Shop
    reports: list[float]

    @property
    def faults(self) -> list[str]:
        return [str(call.fault) for call in self.transcript if call.fault is not None]

    @property
    def errors(self) -> list[str]:
        return [each for each in self.seen if not each.startswith("{")]


async def round_of(hub: Hub) -> tuple[list[str], list[float]]:
    """Call each tool of the shop, some twice, giving each call up after `LIMIT` seconds."""
    seen, reports = list[str](), list[float]()

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        reports.append(progress)

    for name, arguments in (
        ("count", {"item": "tea"}),
        ("sell", {"item": "tea"}),
        ("sell", {"item": "tea"}),
        ("count", {"item": "tea"}),
        ("sell_all", {"items": ["tea", "salt", "salt"]}),
        ("sell_dearly", {"item": "tea"}),
        ("brew", {"item": "tea"}),
        ("opened_at", {}),
    ):
        try:
            answer = await hub.call_tool(f"shop.{name}", arguments, timeout=LIMIT, on_progress=on_progress)
            seen.append(str(dict(answer)))
        except Exception as error:
            seen.append(f"{type(error).__name__}: {error}")
    await hub.faults.settle()
    return seen, reports


def under(plan: str, *, way: Way = Way.DIRECT, era: Era = Era.STATELESS, seed: int = 0) -> Ended:
    """A round in which calls go wrong."""
    hub = Hub(way=way, era=era, virtual_time=True, seed=seed)
    shop = hub.serve(Shop())
    hub.answer_with(lambda _: {"approved": True})
    hub.faults.define_change("delivery", lambda: shop.stock.update(tea=100))
    hub.fail(plan)
    seen, reports = hub.run(round_of(hub))
    return Ended(hub.transcript, seen, shop, reports)
