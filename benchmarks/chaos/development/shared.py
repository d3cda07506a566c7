"""Locks, approvals, connections, races, and waiting."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from typing import Any

from chaos.case import Case, Watched, ask, works
from chaos.services import Approvals, Cluster, Jobs, Locks, Mail, Pool, Replica, Store
from pytest_mcpflow import Hub, Interaction, Run, invariant

QUERIES = ("a", "b", "c", "d")


@dataclass
class Edit(Watched):
    """Write a configuration under a lock, and give the lock back."""

    mechanism = "lock"
    locks: Locks = field(default_factory=Locks)
    store: Store = field(default_factory=Store)
    holder: str = "me-1"

    async def workflow(self, hub: Hub) -> Any:
        try:
            await self.acquire(hub)
            await ask(hub, "store.get", {"key": "config"}, tries=2)
            await ask(hub, "store.put", {"key": "config", "value": "new"}, tries=2)
        except Exception:
            await self.release_after_failure(hub)
            return {"success": False}
        await self.release(hub)
        return {"success": True}

    async def acquire(self, hub: Hub) -> None:
        await ask(hub, "locks.acquire", {"name": "config", "holder": self.holder}, tries=2)

    async def release(self, hub: Hub) -> None:
        if not await works(hub, "locks.release", {"holder": self.holder}, tries=3):
            await self.tell(hub, f"the lock is held by {self.holder}")

    async def release_after_failure(self, hub: Hub) -> None:
        await self.release(hub)

    def expect(self, run: Run) -> None:
        assert self.store.values["config"] == "new"

    @invariant
    def no_lock_stays_behind(self, run: Run) -> None:
        """The lock is free in the end, or somebody knows."""
        assert not self.locks.holders or self.told(run)


@dataclass
class EditAsksUnderOtherNames(Edit):
    """Each try to get the lock is made by another holder, and only the last one gives it back."""

    plan = "locks.acquire#1=lose_reply"
    breaks = "no_lock_stays_behind"

    async def acquire(self, hub: Hub) -> None:
        self.holder = "me-1"
        if not await works(hub, "locks.acquire", {"name": "config", "holder": "me-1"}):
            self.holder = "me-2"
            await ask(hub, "locks.acquire", {"name": "config", "holder": "me-2"})


@dataclass
class EditIsHastyAfterAFailure(Edit):
    """When the work failed, the lock is given back by one call, whatever comes of it."""

    plan = "store.put#*=error, locks.release#1=error"
    breaks = "no_lock_stays_behind"

    async def release_after_failure(self, hub: Hub) -> None:
        await works(hub, "locks.release", {"holder": self.holder})


@dataclass
class Change(Case):
    """Deploy two applications, each once people have approved it; they refuse the second one."""

    mechanism = "approval"
    approvals: Approvals = field(default_factory=lambda: Approvals(refused=["db/2"]))
    cluster: Cluster = field(default_factory=lambda: Cluster(versions={"db": "1", "web": "1"}))

    async def workflow(self, hub: Hub) -> Any:
        done = [app for app in ("web", "db") if await self.deploy(hub, app)]
        return {"done_with": done, "success": done == ["web"]}

    async def deploy(self, hub: Hub, app: str) -> bool:
        try:
            await self.request(hub, app)
            if await self.decision(hub, app) != "approved":
                return False
            await ask(hub, "cluster.deploy", {"app": app, "version": "2", "generation": 1}, tries=2)
        except Exception:
            return False
        return True

    async def request(self, hub: Hub, app: str) -> None:
        await ask(hub, "approvals.request", {"change": app, "revision": "2"}, tries=2)

    async def decision(self, hub: Hub, app: str) -> str:
        for _ in range(6):
            await asyncio.sleep(5)
            decided = await ask(hub, "approvals.decision", {"change": app}, tries=2)
            if decided["state"] != "pending" and decided["revision"] == "2":
                return str(decided["state"])
        return "undecided"

    def expect(self, run: Run) -> None:
        assert self.cluster.versions == {"db": "1", "web": "2"}

    @invariant
    def nothing_is_deployed_unapproved(self, run: Run) -> None:
        """What people refuse is not deployed, nor anything before they have decided."""
        early = [at for at in self.cluster.deployed_at if at < self.approvals.asked.get("web", math.inf) + 25]
        assert self.cluster.versions["db"] == "1"
        assert not early


@dataclass
class ChangeTakesSilenceForConsent(Change):
    """When the decision cannot be had, nobody has objected."""

    plan = "approvals.decision#*=error"
    breaks = "nothing_is_deployed_unapproved"

    async def decision(self, hub: Hub, app: str) -> str:
        try:
            return await super().decision(hub, app)
        except Exception:
            return "approved"


@dataclass
class ChangeIsApprovedOnceForAll(Change):
    """The approval of a first revision is taken for that of the second."""

    plan = "approvals.decision#7=stale"
    breaks = "nothing_is_deployed_unapproved"

    async def workflow(self, hub: Hub) -> Any:
        first = {"change": "db", "revision": "1"}
        try:
            await ask(hub, "approvals.request", first, tries=2)
            await asyncio.sleep(30)
            await ask(hub, "approvals.decision", {"change": "db"}, tries=2)
        except Exception:
            return {"success": False}
        return await super().workflow(hub)

    async def decision(self, hub: Hub, app: str) -> str:
        for _ in range(6):
            await asyncio.sleep(5)
            decided = await ask(hub, "approvals.decision", {"change": app}, tries=2)
            if decided["state"] != "pending" and (decided["revision"] == "2" or app == "db"):
                return str(decided["state"])
        return "undecided"


@dataclass
class Report(Watched):
    """Ask four questions, each over a connection of its own, of the copy where the original does not answer."""

    mechanism = "pool"
    pool: Pool = field(default_factory=Pool)
    replica: Replica = field(default_factory=Replica)

    async def workflow(self, hub: Hub) -> Any:
        missing = [
            each
            for each in QUERIES
            if not await self.over(hub, "pool", each) and not await self.over_replica(hub, each)
        ]
        return {"success": not missing, "missing": missing}

    async def over_replica(self, hub: Hub, query: str) -> bool:
        return await self.over(hub, "replica", query)

    async def over(self, hub: Hub, pool: str, query: str) -> bool:
        owner = {"owner": query}
        answered = await works(hub, f"{pool}.connect", owner, tries=2) and await works(
            hub, f"{pool}.query", owner, tries=2
        )
        await self.close(hub, pool, query, answered)
        return answered

    async def close(self, hub: Hub, pool: str, query: str, answered: bool) -> None:
        if not await works(hub, f"{pool}.close", {"owner": query}, tries=3):
            await self.tell(hub, f"{pool} has a connection of {query} open")

    def expect(self, run: Run) -> None:
        assert not run.result["missing"]

    @invariant
    def no_connection_stays_open(self, run: Run) -> None:
        """All connections are closed in the end, or somebody knows."""
        assert not self.pool.opened + self.replica.opened or self.told(run)


@dataclass
class ReportKeepsWhatFailed(Report):
    """A connection over which nothing came is not closed."""

    plan = "pool.query#*=error"
    breaks = "no_connection_stays_open"

    async def close(self, hub: Hub, pool: str, query: str, answered: bool) -> None:
        if answered:
            await super().close(hub, pool, query, answered)


@dataclass
class ReportKeepsTheCopyOpen(Report):
    """The same, but only with the connection to the copy, which is rarely used."""

    plan = "pool.query#*=error, replica.query#*=error"
    breaks = "no_connection_stays_open"

    async def close(self, hub: Hub, pool: str, query: str, answered: bool) -> None:
        if answered or pool == "pool":
            await super().close(hub, pool, query, answered)


@dataclass
class Counters(Case):
    """Two agents add one each to a counter; then people are told."""

    mechanism = "race"
    store: Store = field(default_factory=Store)
    mail: Mail = field(default_factory=Mail)
    counted_when_told: list[str] = field(default_factory=list[str])

    def connect(self, hub: Hub) -> None:
        def look(_: Interaction) -> None:
            self.counted_when_told.append(self.store.values.get("n", ""))

        hub.on_effect("mail.page", look)

    async def workflow(self, hub: Hub) -> Any:
        done = await asyncio.gather(self.first(hub), self.second(hub))
        return {"success": all(done) and await self.tell(hub)}

    async def tell(self, hub: Hub) -> bool:
        return await works(hub, "mail.page", {"text": "counted"}, tries=2)

    async def first(self, hub: Hub) -> bool:
        return await self.add(hub)

    async def second(self, hub: Hub) -> bool:
        await asyncio.sleep(1)
        return await self.add(hub)

    async def add(self, hub: Hub) -> bool:
        for _ in range(3):
            try:
                now = await ask(hub, "store.get", {"key": "n"})
                more = {"key": "n", "value": f"{int(now['value'] or 0) + 1}", "version": now["version"]}
                await ask(hub, "store.put_if", more)
            except Exception as error:
                if "has version" not in str(error):
                    return False
            else:
                return True
        return False

    def expect(self, run: Run) -> None:
        assert self.store.values["n"] == "2"

    @invariant
    def what_is_told_has_happened(self, run: Run) -> None:
        """Nobody hears of a count that was not made."""
        assert all(self.counted_when_told)


@dataclass
class CountersOverwrite(Counters):
    """What was read is written back plus one, whatever happened meanwhile."""

    plan = "store.put#1=delay(4)"
    breaks = "expect"

    async def add(self, hub: Hub) -> bool:
        try:
            now = await ask(hub, "store.get", {"key": "n"})
            more = {"key": "n", "value": f"{int(now['value'] or 0) + 1}"}
            await ask(hub, "store.put", more)
        except Exception:
            return False
        return True


@dataclass
class CountersAreToldOfTooEarly(Counters):
    """The second agent tells people a second after the first has begun, which is long enough, usually."""

    plan = "store.put_if#1=delay(4)"
    breaks = "what_is_told_has_happened"

    async def second(self, hub: Hub) -> bool:
        await asyncio.sleep(1)
        told = await works(hub, "mail.page", {"text": "counted"}, tries=2)
        return await self.add(hub) and told

    async def tell(self, hub: Hub) -> bool:
        return True


@dataclass
class Batch(Case):
    """Start a job, and wait for its end, but not for ever."""

    mechanism = "hang"
    jobs: Jobs = field(default_factory=Jobs)

    async def workflow(self, hub: Hub) -> Any:
        await ask(hub, "jobs.start", {"key": "J-1"}, tries=2)
        return {"success": await self.is_done(hub)}

    async def is_done(self, hub: Hub) -> bool:
        for _ in range(8):
            if await self.state(hub) == "done":
                return True
            await asyncio.sleep(5)
        return False

    async def state(self, hub: Hub) -> str:
        try:
            return str((await ask(hub, "jobs.state", {"key": "J-1"}))["state"])
        except Exception:
            return "unknown"

    def expect(self, run: Run) -> None:
        assert run.result["success"]


@dataclass
class BatchWaitsForAnAnswer(Batch):
    """A question has no time limit."""

    plan = "jobs.state#2=lose_request"
    breaks = "workflow"

    async def state(self, hub: Hub) -> str:
        try:
            return str((await hub.call_tool("jobs.state", {"key": "J-1"}))["state"])
        except Exception:
            return "unknown"


@dataclass
class BatchWaitsForTheEnd(Batch):
    """Whoever waits is patient, and ever more so."""

    plan = "jobs.state#*=error"
    breaks = "workflow"

    async def is_done(self, hub: Hub) -> bool:
        pause = 5.0
        while await self.state(hub) != "done":
            await asyncio.sleep(pause)
            pause *= 2
        return True
