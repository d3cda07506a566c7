"""Entries, copies, prices: what is written twice, never, or from an old value."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from chaos.case import Case, Watched, ask, names_in, works
from chaos.services import Cache, Ledger, Prices, Settings, Store
from pytest_mcpflow import Hub, Run, invariant

ROWS, STEPS = 30, 12
ITEMS = ("ale", "bread", "cake", "dates", "eggs", "figs")


@dataclass
class Import(Case):
    """Post thirty rows and a closing entry, each once."""

    mechanism = "needle"
    ledger: Ledger = field(default_factory=Ledger)

    async def workflow(self, hub: Hub) -> Any:
        for number in range(ROWS):
            await self.post(hub, f"row {number}", f"row-{number}")
        await self.close(hub)
        return {"success": True}

    async def post(self, hub: Hub, text: str, key: str) -> None:
        await ask(hub, "ledger.post", {"text": text, "key": key}, tries=2)

    async def close(self, hub: Hub) -> None:
        await self.post(hub, "closing", "closing")

    def expect(self, run: Run) -> None:
        assert len(self.ledger.posted) == ROWS + 1

    @invariant
    def nothing_is_posted_twice(self, run: Run) -> None:
        """Each row is posted at most once."""
        assert len({*self.ledger.posted}) == len(self.ledger.posted)


@dataclass
class ImportClosesWithoutKey(Import):
    """The last of thirty-one entries has no key."""

    plan = "ledger.post#31=lose_reply"
    breaks = "nothing_is_posted_twice"

    async def close(self, hub: Hub) -> None:
        await ask(hub, "ledger.post", {"text": "closing"}, tries=2)


@dataclass
class ImportResumesUnderOtherKeys(Import):
    """An import that breaks off is taken up at the last full ten, under keys of its own."""

    plan = "ledger.post#15=error, ledger.post#16=error"
    breaks = "nothing_is_posted_twice"

    async def workflow(self, hub: Hub) -> Any:
        begin, attempt, number = 0, 1, 0
        while number < ROWS:
            try:
                await self.post(hub, f"row {number}", f"{attempt}-{number}")
            except Exception:
                if attempt == 2 or number == 0:
                    raise
                number, attempt = begin, 2
                continue
            number += 1
            begin = number - number % 10
        await self.close(hub)
        return {"success": True}


@dataclass
class Shopping(Case):
    """Order six things at today's prices, and stop asking for a while when the prices cannot be had."""

    mechanism = "breaker"
    prices: Prices = field(default_factory=Prices)
    ledger: Ledger = field(default_factory=Ledger)

    async def workflow(self, hub: Hub) -> Any:
        missing: list[str] = []
        failures, open_until = 0, 0.0
        for item in ITEMS:
            if failures >= 3 and hub.clock.now() < open_until:
                self.passed_over(item, missing)
                continue
            try:
                price = str((await ask(hub, "prices.quote", {"item": item}, tries=2))["price"])
                failures = 0
            except Exception:
                failures, open_until = failures + 1, hub.clock.now() + 60
                missing.append(item)
                continue
            await self.order(hub, item, price, missing)
        return {"success": not missing, "missing": missing}

    def passed_over(self, item: str, missing: list[str]) -> None:
        missing.append(item)

    async def order(self, hub: Hub, item: str, price: str, missing: list[str]) -> None:
        if not await works(hub, "ledger.post", {"text": f"{item} for {price}", "key": item}, tries=2):
            missing.append(item)

    def expect(self, run: Run) -> None:
        assert len(self.ledger.posted) == len(ITEMS)

    @invariant
    def what_is_not_ordered_is_named(self, run: Run) -> None:
        """Each item is ordered, or named as missing."""
        ordered = {each.split(" ")[0] for each in self.ledger.posted}
        assert ordered | names_in(run, "missing") >= {*ITEMS}

    @invariant
    def prices_are_those_of_the_item(self, run: Run) -> None:
        """Nothing is ordered at the price of something else."""
        assert all(each.split("-")[-1] == each.split(" ")[0] for each in self.ledger.posted)


@dataclass
class ShoppingPassesOverInSilence(Shopping):
    """What is not asked for while the breaker is open is not missed."""

    plan = "prices.quote#*=error"
    breaks = "what_is_not_ordered_is_named"

    def passed_over(self, item: str, missing: list[str]) -> None:
        pass


@dataclass
class ShoppingTakesTheLastPrice(Shopping):
    """Where there is no price, the last one that was heard is taken."""

    plan = "prices.quote#3=error, prices.quote#4=error"
    breaks = "prices_are_those_of_the_item"

    async def workflow(self, hub: Hub) -> Any:
        missing: list[str] = []
        price = ""
        for item in ITEMS:
            try:
                price = str((await ask(hub, "prices.quote", {"item": item}, tries=2))["price"])
            except Exception:
                if not price:
                    missing.append(item)
                    continue
            await self.order(hub, item, price, missing)
        return {"success": not missing, "missing": missing}


@dataclass
class Migration(Case):
    """Look at twelve settings, then write twelve values."""

    mechanism = "hidden flag"
    settings: Settings = field(default_factory=Settings)
    store: Store = field(default_factory=Store)

    async def workflow(self, hub: Hub) -> Any:
        offline = False
        for number in range(STEPS):
            if not await works(hub, "settings.get", {"key": f"k{number}"}):
                offline = True
        for number in range(STEPS):
            await self.write(hub, f"k{number}", offline)
        return {"success": True}

    async def write(self, hub: Hub, key: str, offline: bool) -> None:
        await ask(hub, "store.put", {"key": key, "value": "new"}, tries=2)

    def expect(self, run: Run) -> None:
        assert len(self.store.values) == STEPS


@dataclass
class MigrationLeavesItForLater(Migration):
    """Once a setting was not to be had, a value that cannot be written is left for a later that never comes."""

    plan = "settings.get#3=error, store.put#5=error"
    breaks = "expect"

    async def write(self, hub: Hub, key: str, offline: bool) -> None:
        if offline:
            await works(hub, "store.put", {"key": key, "value": "new"})
        else:
            await super().write(hub, key, offline)


@dataclass
class MigrationIsCarelessOnce(Migration):
    """One of twelve values is written by other code, which does not look whether that worked."""

    plan = "store.put#9=error"
    breaks = "expect"

    async def write(self, hub: Hub, key: str, offline: bool) -> None:
        if key == "k8":
            await works(hub, "store.put", {"key": key, "value": "new"})
        else:
            await super().write(hub, key, offline)


@dataclass
class Publication(Watched):
    """Publish a new price list: write it, drop the copy, and let a reader fill the copy again."""

    mechanism = "cache"
    store: Store = field(default_factory=lambda: Store(values={"list": "old"}, writes={"list": 1}))
    cache: Cache = field(default_factory=lambda: Cache(values={"list": "old"}, writes={"list": 1}))

    async def workflow(self, hub: Hub) -> Any:
        await ask(hub, "cache.get", {"key": "list"}, tries=2)
        await ask(hub, "store.put", {"key": "list", "value": "new"}, tries=2)
        if not await works(hub, "cache.put", {"key": "list", "value": ""}, tries=3):
            await self.tell(hub, "the copy of the list is old")
            return {"success": False}
        await asyncio.sleep(30)
        return {"success": await self.fill(hub)}

    async def fill(self, hub: Hub) -> bool:
        try:
            version = (await ask(hub, "cache.get", {"key": "list"}))["version"]
            fresh = await ask(hub, "store.get", {"key": "list"})
            if fresh["version"] != "1":
                new = {"key": "list", "value": fresh["value"], "version": version}
                await ask(hub, "cache.put_if", new)
        except Exception:
            return False
        return True

    def expect(self, run: Run) -> None:
        assert self.store.values["list"] == "new"

    @invariant
    def the_copy_is_no_older_than_the_list(self, run: Run) -> None:
        """A copy is empty or new once the list is, or somebody knows."""
        published = run.error is None and self.store.values["list"] == "new"
        assert not published or self.cache.values["list"] in ("", "new") or self.told(run)


@dataclass
class PublicationCopiesWhatItReads(Publication):
    """The copy is filled with whatever was read, old or not."""

    plan = "store.get#1=stale"
    breaks = "the_copy_is_no_older_than_the_list"

    async def fill(self, hub: Hub) -> bool:
        try:
            fresh = await ask(hub, "store.get", {"key": "list"})
            await ask(hub, "cache.put", {"key": "list", "value": fresh["value"]})
        except Exception:
            return False
        return True


@dataclass
class PublicationDropsOnce(Publication):
    """The copy is dropped once, and nobody looks whether that worked, nor whether the reader could fill it."""

    plan = "cache.put#1=error, store.get#1=error"
    breaks = "the_copy_is_no_older_than_the_list"

    async def workflow(self, hub: Hub) -> Any:
        await ask(hub, "cache.get", {"key": "list"}, tries=2)
        await ask(hub, "store.put", {"key": "list", "value": "new"}, tries=2)
        await works(hub, "cache.put", {"key": "list", "value": ""})
        await self.fill(hub)
        return {"success": True}
