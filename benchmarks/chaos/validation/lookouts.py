"""Looking before acting: at machines, approvals, prices, numbers, which may be old, missing, or somebody else's."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from chaos.case import Case, Watched, ask, works
from chaos.services import Approvals, Cache, Cluster, Pager, Secondary, Settings, Store
from pytest_mcpflow import Hub, Run, invariant

HOSTS = tuple(f"host-{number}" for number in range(36))
NODES = ("n1", "n2", "n3")


@dataclass
class Inspection(Case):
    """Look at thirty-six hosts, and page for those that cannot be seen."""

    mechanism = "needle"
    store: Store = field(default_factory=lambda: Store(values=dict.fromkeys(HOSTS, "fine")))
    pager: Pager = field(default_factory=Pager)

    async def workflow(self, hub: Hub) -> Any:
        unseen = [host for host in HOSTS if not await works(hub, "store.get", {"key": host}, tries=2)]
        unseen = self.worth_a_page(unseen)
        if len(unseen) > 18:
            raise ConnectionError("nothing can be seen")
        if unseen:
            await ask(hub, "pager.page", {"text": f"unseen: {' '.join(unseen)}"}, tries=3)
        return {"success": not unseen, "unseen": unseen}

    def worth_a_page(self, unseen: list[str]) -> list[str]:
        return unseen

    def expect(self, run: Run) -> None:
        assert len([each for each in run.transcript.calls("store.get") if each.ok]) == len(HOSTS)


@dataclass
class InspectionKnowsOfMaintenance(Inspection):
    """Two neighbours that cannot be seen are in maintenance, and nothing else is."""

    plan = "store.get#10=error, store.get#11=error, store.get#12=error, store.get#13=error"
    breaks = "expect"

    def worth_a_page(self, unseen: list[str]) -> list[str]:
        numbers = [HOSTS.index(host) for host in unseen]
        return [] if len(numbers) == 2 and numbers[1] == numbers[0] + 1 else unseen


@dataclass
class InspectionKnowsARetiredHost(Inspection):
    """One of the hosts is said to be retired, and nobody minds if it cannot be seen."""

    plan = "store.get#29=error, store.get#30=error"
    breaks = "expect"

    def worth_a_page(self, unseen: list[str]) -> list[str]:
        return [host for host in unseen if host != "host-28"]


@dataclass
class Window(Case):
    """Deploy once both of two people have approved, within a minute of the second approval."""

    mechanism = "approval"
    approvals: Approvals = field(
        default_factory=lambda: Approvals(refused=["bob/1"], decides_after=22, asked={}, revisions={})
    )
    cluster: Cluster = field(default_factory=lambda: Cluster(versions={"web": "1"}))
    asks: tuple[str, ...] = ("ann", "bob")

    async def workflow(self, hub: Hub) -> Any:
        try:
            for person in self.asks:
                await ask(hub, "approvals.request", {"change": person, "revision": "1"}, tries=2)
            if not await self.all_approve(hub):
                return {"success": True, "deployed": False}
            await ask(hub, "cluster.deploy", {"app": "web", "version": "2", "generation": 1})
        except Exception as error:
            return {"success": False, "error": str(error)}
        return {"success": True, "deployed": True}

    async def all_approve(self, hub: Hub) -> bool:
        yes = list[str]()
        for _ in range(6):
            await asyncio.sleep(6)
            for person in self.asks:
                state = await self.state(hub, person)
                if state == "refused":
                    return False
                if state == "approved" and person not in yes:
                    yes.append(person)
            if len(yes) == len(self.asks):
                return True
        raise TimeoutError("not everybody has decided")

    async def state(self, hub: Hub, person: str) -> str:
        return str((await ask(hub, "approvals.decision", {"change": person}))["state"])

    def expect(self, run: Run) -> None:
        assert run.result == {"success": True, "deployed": False}

    @invariant
    def a_refusal_stands(self, run: Run) -> None:
        """What one of two people refuses is not deployed."""
        assert self.cluster.versions == {"web": "1"}


@dataclass
class WindowCountsVoices(Window):
    """Two approvals are enough, also by one person, who is asked again when another cannot be asked."""

    plan = "approvals.decision#8=error"
    breaks = "a_refusal_stands"

    async def all_approve(self, hub: Hub) -> bool:
        yes = 0
        for _ in range(6):
            await asyncio.sleep(6)
            for person in self.asks:
                try:
                    state = await self.state(hub, person)
                except Exception:
                    state = await self.state(hub, "ann")
                if state == "refused":
                    return False
                yes += state == "approved"
            if yes >= 2:
                return True
        raise TimeoutError("not everybody has decided")


@dataclass
class WindowIsQuietAboutDoubt(Window):
    """Who cannot be asked twice in a row is on holiday, and a holiday is no refusal."""

    plan = "approvals.decision#8=error, approvals.decision#9=error"
    breaks = "a_refusal_stands"

    async def state(self, hub: Hub, person: str) -> str:
        try:
            return await super().state(hub, person)
        except Exception:
            again = await works(hub, "approvals.decision", {"change": person})
        return "pending" if again or person == "ann" else "approved"


@dataclass
class Growth(Watched):
    """Add three nodes to a fleet, and look whether they are there."""

    mechanism = "stale read"
    store: Store = field(default_factory=Store)

    async def workflow(self, hub: Hub) -> Any:
        for node in NODES:
            await self.add(hub, node, node)
        seen = await self.seen(hub)
        if seen < len(NODES):
            await self.more(hub, seen)
        return {"success": True}

    async def add(self, hub: Hub, node: str, name: str) -> None:
        await ask(hub, "store.put", {"key": name, "value": node}, tries=2)

    async def seen(self, hub: Hub) -> int:
        found = [(await ask(hub, "store.get", {"key": node}, tries=2))["value"] for node in NODES]
        return len([each for each in found if each])

    async def more(self, hub: Hub, seen: int) -> None:
        for node in NODES:
            await self.add(hub, node, node)

    def expect(self, run: Run) -> None:
        assert self.store.values.keys() >= {*NODES}

    @invariant
    def no_node_too_many(self, run: Run) -> None:
        """There are never more nodes than were asked for."""
        assert len(self.store.values) <= len(NODES)


@dataclass
class GrowthAddsWhatItMisses(Growth):
    """For each node that is not seen another one is added."""

    plan = "store.get#3=stale"
    breaks = "no_node_too_many"

    async def more(self, hub: Hub, seen: int) -> None:
        for number in range(seen, len(NODES)):
            await self.add(hub, "more", f"more-{number}")


@dataclass
class GrowthReplacesWhatItCannotAdd(Growth):
    """A node that could not be added gets another name, unless it is seen; and what is seen may be old."""

    plan = "store.put#3=lose_reply, store.get#1=stale"
    breaks = "no_node_too_many"

    async def workflow(self, hub: Hub) -> Any:
        for node in NODES:
            if not await works(hub, "store.put", {"key": node, "value": node}):
                await self.replace(hub, node)
        return {"success": True}

    async def replace(self, hub: Hub, node: str) -> None:
        await asyncio.sleep(2)
        if not (await ask(hub, "store.get", {"key": node}, tries=2))["value"]:
            await ask(hub, "store.put", {"key": f"{node}-again", "value": node})

    def expect(self, run: Run) -> None:
        assert len(self.store.values) == len(NODES)


@dataclass
class Offer(Case):
    """Make an offer at the new price, which is read where it can be read."""

    mechanism = "fallback"
    settings: Settings = field(default_factory=lambda: Settings(values={"price": "9"}, writes={"price": 1}))
    secondary: Secondary = field(default_factory=lambda: Secondary(values={"price": "9"}))
    cache: Cache = field(default_factory=lambda: Cache(values={"price": "5"}))
    store: Store = field(default_factory=Store)

    async def workflow(self, hub: Hub) -> Any:
        await ask(hub, "cache.put", {"key": "price", "value": "9"}, tries=2)
        price = await self.price(hub)
        await ask(hub, "store.put", {"key": "offer", "value": price}, tries=2)
        return {"success": True}

    async def price(self, hub: Hub) -> str:
        for source in ("settings", "secondary"):
            try:
                return str((await ask(hub, f"{source}.get", {"key": "price"}))["value"])
            except Exception:
                await asyncio.sleep(1)
        return await self.last_resort(hub)

    async def last_resort(self, hub: Hub) -> str:
        copy = await ask(hub, "cache.get", {"key": "price"})
        if copy["version"] != "1":
            raise ValueError(f"the copy has version {copy['version']}")
        return str(copy["value"])

    def expect(self, run: Run) -> None:
        assert self.store.values["offer"] == "9"

    @invariant
    def nothing_is_offered_at_the_old_price(self, run: Run) -> None:
        """An offer is made at the new price, or not at all."""
        assert self.store.values.get("offer", "9") == "9"


@dataclass
class OfferBelievesTheCopy(Offer):
    """When two sources cannot be read, the copy is taken without a look at its version."""

    plan = "settings.get#1=error, secondary.get#1=error, cache.get#1=stale"
    breaks = "nothing_is_offered_at_the_old_price"

    async def last_resort(self, hub: Hub) -> str:
        return str((await ask(hub, "cache.get", {"key": "price"}))["value"])


@dataclass
class OfferHasAListPrice(Offer):
    """When nothing can be read, there is a price in the program."""

    plan = "settings.get#1=error, secondary.get#1=error, cache.get#1=error"
    breaks = "nothing_is_offered_at_the_old_price"

    async def last_resort(self, hub: Hub) -> str:
        try:
            return await super().last_resort(hub)
        except ValueError:
            raise
        except Exception:
            return "7"
