"""Money, secrets, messages: what is promised to others, and kept or not when something fails in between."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from chaos.case import Case, Watched, ask, names_in, works
from chaos.services import Ledger, Mail, North, Queue, South, Store, Vault
from pytest_mcpflow import Hub, Run, ToolError, invariant

CONSUMERS = ("api", "cron", "mail", "search", "web")
READERS = tuple(f"reader-{number}" for number in range(12))


@dataclass
class Transfer(Watched):
    """Move money from one bank to another. A refusal is certain, no answer is not."""

    mechanism = "saga"
    north: North = field(default_factory=North)
    south: South = field(default_factory=South)

    async def workflow(self, hub: Hub) -> Any:
        await ask(hub, "north.post", {"text": "-10", "key": "out"}, tries=3)
        certain = await self.credit(hub)
        if certain is None:
            return {"success": True}
        if not certain:
            await self.tell(hub, "nobody knows whether the money arrived")
        elif not await works(hub, "north.post", {"text": "+10", "key": "back"}, tries=3):
            await self.tell(hub, "the money is nowhere")
        return {"success": False}

    async def credit(self, hub: Hub) -> bool | None:
        """Whether it certainly did not arrive; `None` if it did."""
        certain = True
        for _ in range(2):
            try:
                await ask(hub, "south.post", {"text": "+10", "key": "in"})
            except ToolError:
                pass
            except Exception:
                certain = False
            else:
                return None
        return certain

    def expect(self, run: Run) -> None:
        assert self.south.posted == ["+10"]

    @invariant
    def money_is_neither_made_nor_lost(self, run: Run) -> None:
        """What left one bank is at the other, or back, or somebody knows; or the caller heard that it failed."""
        total = sum(map(int, self.north.posted + self.south.posted))
        assert total == 0 or self.told(run) or (run.error is not None and total == -10)


@dataclass
class TransferTakesSilenceForRefusal(Transfer):
    """No answer counts as a refusal."""

    plan = "south.post#*=lose_reply"
    breaks = "money_is_neither_made_nor_lost"

    async def credit(self, hub: Hub) -> bool | None:
        return None if await works(hub, "south.post", {"text": "+10", "key": "in"}, tries=2) else True


@dataclass
class TransferBelievesTheLastAnswer(Transfer):
    """Of two tries only the second decides whether it is certain."""

    plan = "south.post#1=lose_reply, south.post#2=error"
    breaks = "money_is_neither_made_nor_lost"

    async def credit(self, hub: Hub) -> bool | None:
        try:
            await ask(hub, "south.post", {"text": "+10", "key": "in"}, tries=2)
        except Exception as error:
            return isinstance(error, ToolError)
        return None


@dataclass
class Rotation(Watched):
    """Replace a secret that five programs use, and revoke the old one when all have the new one."""

    mechanism = "recovery"
    vault: Vault = field(default_factory=lambda: Vault(valid=["old"]))
    store: Store = field(default_factory=lambda: Store(values=dict.fromkeys(CONSUMERS, "old")))

    async def workflow(self, hub: Hub) -> Any:
        await ask(hub, "vault.create", {"secret": "new"}, tries=3)
        if not await self.hand_out(hub):
            await self.tell(hub, "not all programs have the new secret, so that both are valid")
            return {"success": False}
        if not await works(hub, "vault.revoke", {"secret": "old"}, tries=2):
            return await self.not_revoked(hub)
        return {"success": True}

    async def hand_out(self, hub: Hub) -> bool:
        missing = [each for each in CONSUMERS if not await self.hand_to(hub, each, "new")]
        return not missing

    async def hand_to(self, hub: Hub, consumer: str, secret: str) -> bool:
        return await works(hub, "store.put", {"key": consumer, "value": secret}, tries=2)

    async def not_revoked(self, hub: Hub) -> Any:
        await self.tell(hub, "the old secret may still be valid")
        return {"success": False}

    def expect(self, run: Run) -> None:
        assert self.vault.valid == ["new"]

    @invariant
    def every_program_has_a_valid_secret(self, run: Run) -> None:
        """No program is left with a secret that was revoked."""
        assert {*self.store.values.values()} <= {*self.vault.valid}


@dataclass
class RotationLooksAtTheLast(Rotation):
    """Whether all have the new secret is decided by the last of them."""

    plan = "store.put#3=error, store.put#4=error"
    breaks = "every_program_has_a_valid_secret"

    async def hand_out(self, hub: Hub) -> bool:
        handed = False
        for each in CONSUMERS:
            handed = await self.hand_to(hub, each, "new")
        return handed


@dataclass
class RotationGoesBack(Rotation):
    """If the old secret seems not to be revoked, all go back to it."""

    plan = "vault.revoke#*=lose_reply"
    breaks = "every_program_has_a_valid_secret"

    async def not_revoked(self, hub: Hub) -> Any:
        back = [await self.hand_to(hub, each, "old") for each in CONSUMERS]
        return {"success": False, "back": back}


@dataclass
class Newsletter(Case):
    """Write to twelve readers, and pause when three in a row cannot be reached."""

    mechanism = "breaker"
    mail: Mail = field(default_factory=Mail)

    async def workflow(self, hub: Hub) -> Any:
        missing: list[str] = []
        failures = 0
        for number, reader in enumerate(READERS):
            if failures == 3:
                await asyncio.sleep(60)
                if not await self.probe(hub, reader, missing):
                    missing += READERS[number + 1 :]
                    break
                failures = 0
            elif await works(hub, "mail.page", {"text": reader}):
                failures = self.after_success(failures)
            else:
                missing.append(reader)
                failures += 1
                if number == 2 and failures == 3:
                    raise ConnectionError("the post office is closed")
        return {"success": not missing, "missing": missing}

    def after_success(self, failures: int) -> int:
        return 0

    async def probe(self, hub: Hub, reader: str, missing: list[str]) -> bool:
        reached = await works(hub, "mail.page", {"text": reader}, tries=2)
        if not reached:
            missing.append(reader)
        return reached

    def expect(self, run: Run) -> None:
        assert {*self.mail.pages} >= {*READERS}

    @invariant
    def whoever_is_not_reached_is_named(self, run: Run) -> None:
        """Each reader is written to, or named as missing, unless the caller heard that it failed."""
        heard_of = {*self.mail.pages} | names_in(run, "missing")
        assert run.error is not None or heard_of >= {*READERS}


@dataclass
class NewsletterForgetsTheProbe(Newsletter):
    """The reader with whom it is tried again after a pause is not named if that fails."""

    plan = "mail.page#5=error, mail.page#6=error, mail.page#7=error, mail.page#8=error"
    breaks = "whoever_is_not_reached_is_named"

    async def probe(self, hub: Hub, reader: str, missing: list[str]) -> bool:
        return await works(hub, "mail.page", {"text": reader})


@dataclass
class NewsletterCountsForEver(Newsletter):
    """Failures that are not in a row count, too, and what follows the third one is passed over."""

    plan = "mail.page#4=error, mail.page#6=error, mail.page#9=error"
    breaks = "whoever_is_not_reached_is_named"

    def after_success(self, failures: int) -> int:
        return failures

    async def probe(self, hub: Hub, reader: str, missing: list[str]) -> bool:
        return True


@dataclass
class Orders(Case):
    """Work on two messages; after a failure begin again with what is still in the queue, three times at most."""

    mechanism = "crash and resume"
    queue: Queue = field(default_factory=lambda: Queue(messages=["A", "B"]))
    store: Store = field(default_factory=Store)
    ledger: Ledger = field(default_factory=Ledger)

    async def workflow(self, hub: Hub) -> Any:
        for life in range(3):
            try:
                await self.live(hub, life)
            except Exception:
                await asyncio.sleep(15)
            else:
                return {"success": True}
        return {"success": False}

    async def live(self, hub: Hub, life: int) -> None:
        for _ in range(4):
            message = str((await ask(hub, "queue.take"))["message"])
            if not message:
                return
            await self.work(hub, message, life)
        raise TimeoutError("the queue does not get empty")

    async def work(self, hub: Hub, message: str, life: int) -> None:
        await ask(hub, "store.put", {"key": message, "value": "in work"})
        await ask(hub, "ledger.post", {"text": message, "key": message})
        await ask(hub, "queue.acknowledge", {"message": message})

    def expect(self, run: Run) -> None:
        assert {*self.ledger.posted} == {"A", "B"}

    @invariant
    def each_order_is_posted_once(self, run: Run) -> None:
        """No message is posted twice."""
        assert len({*self.ledger.posted}) == len(self.ledger.posted)


@dataclass
class OrdersAreAcknowledgedFirst(Orders):
    """What was taken is acknowledged before it is worked on."""

    plan = "ledger.post#2=error"
    breaks = "expect"

    async def work(self, hub: Hub, message: str, life: int) -> None:
        await ask(hub, "store.put", {"key": message, "value": "in work"})
        await ask(hub, "queue.acknowledge", {"message": message})
        await ask(hub, "ledger.post", {"text": message, "key": message})


@dataclass
class OrdersForgetTheirKey(Orders):
    """The key is kept in a store; where that cannot be written, each life makes one of its own."""

    plan = "store.put#1=error, ledger.post#1=lose_reply"
    breaks = "each_order_is_posted_once"

    async def work(self, hub: Hub, message: str, life: int) -> None:
        key = f"{message}-{life}"
        known = str((await ask(hub, "store.get", {"key": message}, tries=2))["value"])
        if known or not await works(hub, "store.put", {"key": message, "value": key}):
            key = known or key
        await ask(hub, "ledger.post", {"text": message, "key": key})
        await ask(hub, "queue.acknowledge", {"message": message})
