"""Orders, purchases, rates: money that is held, paid, and paid back."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from chaos.case import Case, Watched, ask, works
from chaos.frozen.equipment import Alpha, Beta, Cards, Gamma, Goods, Letters, Parcels
from chaos.services import Approvals, Ledger, Settings
from pytest_mcpflow import Hub, Run, invariant

ORDER = {"order": "O-1"}
BOARDS = ("alpha", "beta", "gamma")


@dataclass
class Checkout(Watched):
    """Hold the money, set the goods aside, order a parcel, take the money; or leave nothing behind."""

    mechanism = "saga"
    cards: Cards = field(default_factory=Cards)
    goods: Goods = field(default_factory=Goods)
    parcels: Parcels = field(default_factory=Parcels)
    letters: Letters = field(default_factory=Letters)

    async def workflow(self, hub: Hub) -> Any:
        key = await self.hold(hub)
        ready = bool(key)
        for service in ("goods", "parcels"):
            ready = ready and await works(hub, f"{service}.book", ORDER, tries=2)
        if not ready:
            await self.undo(hub)
        elif not await works(hub, "cards.capture", {"key": key}, tries=3):
            await self.tell(hub, "nobody knows whether O-1 was paid for")
            ready = False
        return {"success": ready}

    async def hold(self, hub: Hub) -> str:
        return "O-1" if await works(hub, "cards.authorize", {"key": "O-1"}, tries=2) else ""

    async def undo(self, hub: Hub) -> None:
        voids = [("cards.void", {"key": key}) for key in ("O-1", "O-1-again")]
        steps = [("parcels.cancel", ORDER), ("goods.cancel", ORDER), *voids]
        left = [tool for tool, arguments in steps if not await works(hub, tool, arguments, tries=2)]
        if left:
            await self.leave_to_the_night_shift(hub, " ".join(left))

    async def leave_to_the_night_shift(self, hub: Hub, left: str) -> None:
        if not await works(hub, "letters.put", {"key": "O-1", "value": left}, tries=2):
            await self.tell(hub, f"O-1 is to be cleared up: {left}")

    def expect(self, run: Run) -> None:
        assert self.cards.captured == ["O-1"]

    @invariant
    def nothing_is_left_behind(self, run: Run) -> None:
        """Paid for, set aside and on its way, or none of it; or somebody is to clear up."""
        steps = [bool(self.cards.captured), bool(self.goods.booked), bool(self.parcels.booked)]
        whole = not self.cards.held and len({*steps}) == 1
        assert whole or self.letters.values or self.told(run)


@dataclass
class CheckoutHoldsTwice(Checkout):
    """After two tries under the order's key comes a third one under a new key."""

    plan = "cards.authorize#1=lose_reply, cards.authorize#2=error"
    breaks = "nothing_is_left_behind"

    async def hold(self, hub: Hub) -> str:
        return await super().hold(hub) or (
            "O-1-again" if await works(hub, "cards.authorize", {"key": "O-1-again"}) else ""
        )


@dataclass
class CheckoutTrustsTheNightShift(Checkout):
    """What could not be undone is noted once, and nobody looks whether that worked."""

    plan = "parcels.book#*=error, cards.void#*=error, letters.put#1=error"
    breaks = "nothing_is_left_behind"

    async def leave_to_the_night_shift(self, hub: Hub, left: str) -> None:
        await works(hub, "letters.put", {"key": "O-1", "value": left})


@dataclass
class Purchase(Case):
    """Buy for 250, if that is within the limit, or else if the manager and then finance agree; finance does not."""

    mechanism = "approval"
    settings: Settings = field(default_factory=lambda: Settings(values={"limit": "100"}))
    approvals: Approvals = field(default_factory=lambda: Approvals(refused=["finance/1"]))
    ledger: Ledger = field(default_factory=Ledger)

    async def workflow(self, hub: Hub) -> Any:
        if await self.limit(hub) < 250:
            for person in ("manager", "finance"):
                await ask(hub, "approvals.request", {"change": person, "revision": "1"}, tries=2)
                if not await self.agrees(hub, person):
                    return {"success": True, "bought": False}
        await ask(hub, "ledger.post", {"text": "-250", "key": "250"}, tries=2)
        return {"success": True, "bought": True}

    async def limit(self, hub: Hub) -> float:
        return float((await ask(hub, "settings.get", {"key": "limit"}, tries=2))["value"])

    async def agrees(self, hub: Hub, person: str) -> bool:
        unheard = 0
        for _ in range(9):
            await asyncio.sleep(5)
            try:
                state = await self.state(hub, person)
            except Exception:
                unheard += 1
                if unheard == 3:
                    return await self.deputy_agrees(hub, person)
                continue
            if state in ("approved", "refused"):
                return state == "approved"
        raise TimeoutError(f"{person} has not decided")

    async def deputy_agrees(self, hub: Hub, person: str) -> bool:
        raise ConnectionError(f"{person} cannot be asked")

    async def state(self, hub: Hub, person: str) -> str:
        return str((await ask(hub, "approvals.decision", {"change": person}))["state"])

    def expect(self, run: Run) -> None:
        assert run.result == {"success": True, "bought": False}

    @invariant
    def a_refusal_stands(self, run: Run) -> None:
        """What finance refuses is not bought."""
        assert not self.ledger.posted


@dataclass
class PurchaseWithoutLimit(Purchase):
    """Where no limit can be read, there is none."""

    plan = "settings.get#*=error"
    breaks = "a_refusal_stands"

    async def limit(self, hub: Hub) -> float:
        try:
            return await super().limit(hub)
        except Exception:
            return float("inf")


@dataclass
class PurchaseByDeputy(Purchase):
    """Who could not be asked three times counts as absent, and the manager decides for finance, too."""

    plan = "approvals.decision#7=error, approvals.decision#8=error, approvals.decision#9=error"
    breaks = "a_refusal_stands"

    async def deputy_agrees(self, hub: Hub, person: str) -> bool:
        return await self.state(hub, "manager") == "approved"


@dataclass
class Conversion(Case):
    """Write a bill at the rate of today on which two of three boards agree; on a holiday at the standing one."""

    mechanism = "fallback"
    alpha: Alpha = field(default_factory=Alpha)
    beta: Beta = field(default_factory=Beta)
    gamma: Gamma = field(default_factory=Gamma)
    settings: Settings = field(default_factory=lambda: Settings(values={"standing rate": "1.00"}))
    ledger: Ledger = field(default_factory=Ledger)

    async def workflow(self, hub: Hub) -> Any:
        for board in BOARDS:
            await works(hub, f"{board}.refresh", {"day": "2"}, tries=2)
        rate, votes = Counter([await self.rate(hub, board) for board in BOARDS]).most_common(1)[0]
        if votes < 2 or rate is None:
            return {"success": False, "error": "there is no rate on which two boards agree"}
        if rate == "":
            rate = str((await ask(hub, "settings.get", {"key": "standing rate"}, tries=2))["value"])
        await ask(hub, "ledger.post", {"text": f"100 at {rate}", "key": "bill"}, tries=2)
        return {"success": True}

    async def rate(self, hub: Hub, board: str) -> str | None:
        try:
            shown = await ask(hub, f"{board}.rate")
        except Exception:
            return self.unheard()
        return self.usable(str(shown["rate"]), str(shown["day"]))

    def unheard(self) -> str | None:
        return None

    def usable(self, rate: str, day: str) -> str | None:
        return rate if day == "2" else None

    def expect(self, run: Run) -> None:
        assert self.ledger.posted

    @invariant
    def no_bill_has_another_rate(self, run: Run) -> None:
        """A bill is written at the rate of today, or not at all."""
        assert {*self.ledger.posted} <= {"100 at 1.25"}


@dataclass
class ConversionOnADayOff(Conversion):
    """A board that cannot be asked shows nothing, as on a holiday."""

    plan = "alpha.rate#1=error, gamma.rate#1=error"
    breaks = "no_bill_has_another_rate"

    def unheard(self) -> str | None:
        return ""


@dataclass
class ConversionAtYesterdaysRate(Conversion):
    """Two boards that agree are believed, of whatever day their rates are."""

    mechanism = "stale read"
    plan = "alpha.rate#1=stale, beta.rate#1=stale"
    breaks = "no_bill_has_another_rate"

    def usable(self, rate: str, day: str) -> str | None:
        return rate
