"""Events, balances, addresses: what is told, read and copied over lines that break."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from chaos.case import Case, Watched, ask, names_in, works
from chaos.frozen.equipment import Hooks, Sessions
from chaos.services import Cache, Store
from pytest_mcpflow import Hub, Run, invariant

EVENTS = ("ann/1", "bob/1", "cid/1", "dan/1", "ann/2", "eve/1", "bob/2", "fay/1", "gus/1", "ann/3")
TENANTS = ("ale", "bay", "cod", "dot", "elm", "fig", "gum")


@dataclass
class Webhooks(Case):
    """Tell subscribers of ten events; after three failures in a row park the rest, and tell of it a minute later."""

    mechanism = "breaker"
    hooks: Hooks = field(default_factory=Hooks)
    store: Store = field(default_factory=Store)

    async def workflow(self, hub: Hub) -> Any:
        parked: list[str] = []
        missing: list[str] = []
        failures = 0
        for event in EVENTS:
            if failures < 3:
                told = await self.tell_of(hub, event)
                failures = 0 if told else failures + 1
                if told:
                    continue
            place = self.place(event)
            if await works(hub, "store.put", {"key": place, "value": event}, tries=3):
                parked.append(place)
            else:
                missing.append(event)
        if len(parked) + len(missing) == len(EVENTS):
            raise ConnectionError("nobody can be told of anything")
        if parked:
            await self.unpark(hub, parked, missing, failures)
        return {"success": not missing, "missing": missing}

    def place(self, event: str) -> str:
        return event

    async def unpark(self, hub: Hub, parked: list[str], missing: list[str], failures: int) -> None:
        await asyncio.sleep(60)
        for place in parked:
            try:
                event = str((await ask(hub, "store.get", {"key": place}, tries=2))["value"])
            except Exception:
                missing.append(place)
                continue
            if not event or not await self.tell_of(hub, event):
                missing.append(event or place)

    async def tell_of(self, hub: Hub, event: str) -> bool:
        return await works(hub, "hooks.post", {"text": event, "key": event})

    def expect(self, run: Run) -> None:
        assert {*self.hooks.posted} == {*EVENTS}

    @invariant
    def no_event_is_forgotten(self, run: Run) -> None:
        """Of each event somebody is told, or it is named, unless the caller heard that it failed."""
        assert run.error is not None or {*self.hooks.posted} | names_in(run, "missing") >= {*EVENTS}


@dataclass
class WebhooksParkBySubscriber(Webhooks):
    """There is one place for what is to be told to a subscriber, whatever it is."""

    plan = "hooks.post#2=error, hooks.post#7=error"
    breaks = "no_event_is_forgotten"

    def place(self, event: str) -> str:
        return event.split("/")[0]


@dataclass
class WebhooksLeaveTheParked(Webhooks):
    """What is parked is dealt with as long as the line is up, and after the last event nobody looks any more."""

    plan = "hooks.post#5=error, hooks.post#6=error, hooks.post#7=error"
    breaks = "no_event_is_forgotten"

    async def unpark(self, hub: Hub, parked: list[str], missing: list[str], failures: int) -> None:
        if failures < 3:
            await super().unpark(hub, parked, missing, failures)


@dataclass
class Balances(Case):
    """Read the balances of seven tenants over two connections; one that failed is closed, and another one made."""

    mechanism = "pool"
    sessions: Sessions = field(default_factory=Sessions)
    balances: dict[str, str] = field(default_factory=dict[str, str])
    made: int = 0

    async def workflow(self, hub: Hub) -> Any:
        free = asyncio.Queue[str]()
        for _ in range(2):
            free.put_nowait(await self.connection(hub))
        if not await self.read(hub, "c1", "none"):
            raise ConnectionError("nothing can be read")
        read = [self.balance(hub, free, tenant) for tenant in TENANTS]
        done = await asyncio.gather(*read, return_exceptions=True)
        missing = [tenant for tenant, each in zip(TENANTS, done, strict=True) if each is not True]
        return {"success": not missing, "missing": missing}

    async def connection(self, hub: Hub) -> str:
        self.made += 1
        owner = f"c{self.made}"
        await ask(hub, "sessions.connect", {"owner": owner})
        return owner

    async def balance(self, hub: Hub, free: asyncio.Queue[str], tenant: str) -> bool:
        owner = await free.get()
        done = bool(owner) and await self.read(hub, owner, tenant)
        free.put_nowait(owner if done else await self.another(hub, owner, free))
        return done

    async def another(self, hub: Hub, owner: str, free: asyncio.Queue[str]) -> str:
        """Close a connection and make another one; none if that cannot be done now."""
        await works(hub, "sessions.close", {"owner": owner})
        try:
            return await self.connection(hub)
        except Exception:
            return ""

    async def read(self, hub: Hub, owner: str, tenant: str) -> bool:
        try:
            await ask(hub, "sessions.use", {"owner": owner, "tenant": tenant})
            await asyncio.sleep(1)
            self.balances[tenant] = str((await ask(hub, "sessions.read", {"owner": owner}))["balance"])
        except Exception:
            return False
        return True

    def expect(self, run: Run) -> None:
        assert {*self.balances} >= {*TENANTS}

    @invariant
    def nobody_sees_the_balance_of_another(self, run: Run) -> None:
        """What is read for a tenant is the tenant's."""
        assert all(text == f"{tenant} has 10" for tenant, text in self.balances.items())


@dataclass
class BalancesLoseAPlace(Balances):
    """Where no other connection can be made, nobody gets the place of the broken one."""

    plan = "sessions.use#3=error, sessions.connect#3=error, sessions.use#4=error, sessions.connect#4=error"
    breaks = "workflow"

    async def another(self, hub: Hub, owner: str, free: asyncio.Queue[str]) -> str:
        await works(hub, "sessions.close", {"owner": owner})
        return await self.connection(hub)


@dataclass
class BalancesGiveBackTwice(Balances):
    """A connection that failed and cannot be closed is given back by two."""

    plan = "sessions.read#3=error, sessions.close#1=error"
    breaks = "nobody_sees_the_balance_of_another"

    async def another(self, hub: Hub, owner: str, free: asyncio.Queue[str]) -> str:
        if await works(hub, "sessions.close", {"owner": owner}):
            return await super().another(hub, owner, free)
        free.put_nowait(owner)
        return owner


@dataclass
class Move(Watched):
    """Note down where somebody lives now, and drop the copy, while somebody else looks it up and fills the copy."""

    mechanism = "cache"
    store: Store = field(default_factory=lambda: Store(values={"ann": "Elm St"}, writes={"ann": 1}))
    cache: Cache = field(default_factory=lambda: Cache(values={"ann": "after 1"}))

    async def workflow(self, hub: Hub) -> Any:
        before = await ask(hub, "store.get", {"key": "ann"}, tries=2)
        moved, _ = await asyncio.gather(self.move(hub, before["version"]), self.look_up(hub))
        if not moved:
            await self.tell(hub, "the address of ann or its copy may be old")
        return {"success": moved}

    async def move(self, hub: Hub, version: str) -> bool:
        try:
            noted = await ask(hub, "store.put", {"key": "ann", "value": "Oak St"}, tries=2)
            await self.drop(hub, noted["version"])
        except Exception:
            return False
        return True

    async def drop(self, hub: Hub, version: str) -> None:
        """Drop the copy; whoever makes another one is to read this version at least."""
        await ask(hub, "cache.put", {"key": "ann", "value": f"after {version}"}, tries=3)

    async def look_up(self, hub: Hub) -> None:
        await asyncio.sleep(2)
        try:
            copy = await ask(hub, "cache.get", {"key": "ann"})
            address = await self.address(hub, int(str(copy["value"]).removeprefix("after ")))
            await ask(hub, "cache.put_if", {"key": "ann", "value": address, "version": copy["version"]})
        except Exception:
            return

    async def address(self, hub: Hub, least: int) -> str:
        found = await ask(hub, "store.get", {"key": "ann"}, tries=2)
        if int(found["version"]) < least:
            raise ValueError(f"version {found['version']} is older than {least}")
        return str(found["value"])

    def expect(self, run: Run) -> None:
        assert self.store.values["ann"] == "Oak St"

    @invariant
    def the_copy_is_no_older_than_the_address(self, run: Run) -> None:
        """The copy is right, or dropped, or somebody knows, or the caller heard that it failed."""
        copy = self.cache.values["ann"]
        assert copy == "Oak St" or copy.startswith("after") or self.told(run) or run.error is not None


@dataclass
class MoveDropsTheCopyFirst(Move):
    """The copy is dropped before the new address is noted down, and is filled with the old one in between."""

    mechanism = "race"
    plan = "store.put#1=delay(4)"
    breaks = "the_copy_is_no_older_than_the_address"

    async def move(self, hub: Hub, version: str) -> bool:
        try:
            await self.drop(hub, version)
            await ask(hub, "store.put", {"key": "ann", "value": "Oak St"}, tries=2)
        except Exception:
            return False
        return True


@dataclass
class MoveRemembersThatNobodyAnswered(Move):
    """An address that cannot be had is kept in the copy like one that does not exist."""

    plan = "store.get#2=error, store.get#3=error"
    breaks = "the_copy_is_no_older_than_the_address"

    async def address(self, hub: Hub, least: int) -> str:
        try:
            return await super().address(hub, least)
        except ValueError:
            raise
        except Exception:
            return "unknown"
