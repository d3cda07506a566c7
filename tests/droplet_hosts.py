"""Hosts for the tests of the droplet executor, and what these do with them."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar, cast

import pytest

from pytest_mcpflow.clock import EPOCH, ManualClock
from pytest_mcpflow.fake import Call, Declined, FakeError, LogLevel
from pytest_mcpflow.fakes.droplet_executor import (
    Approval,
    Database,
    Deployment,
    DropletExecutor,
    Host,
    LogLine,
    Order,
    Release,
    Service,
    Snapshot,
    TransactionLog,
)
from pytest_mcpflow.schema import RawResult, contract_of, invoke

T = TypeVar("T")


class Person(Call):
    """Someone who answers every question the same way and remembers the questions."""

    def __init__(
        self, answer: Approval | None = None, *, meanwhile: Callable[[], object] | None = None
    ) -> None:
        self.answer, self.meanwhile = answer, meanwhile
        self.questions: list[str] = []

    async def progress(self, done: float, *, total: float | None = None, message: str | None = None) -> None:
        raise AssertionError(f"no progress is expected: {done} of {total}, {message}")

    async def log(self, message: str, *, level: LogLevel = "info") -> None:
        raise AssertionError(f"no log message is expected: {level} {message}")

    async def elicit(self, question: str, answer: type[T]) -> T:
        assert answer is Approval
        self.questions.append(question)
        if self.meanwhile is not None:
            self.meanwhile()
        if self.answer is None:
            raise Declined("the user declined")
        return cast("T", self.answer)

    async def sample(self, prompt: str, *, max_tokens: int = 1000) -> str:
        raise AssertionError(f"no sampling is expected: {prompt} ({max_tokens})")


def leaking() -> DropletExecutor:
    """195 of 200 connections, 106 of them leaked by two services; a fixed version is on staging."""
    production = Host(
        services={
            "api": Service("2.4.0", database="shop", connections=20, replicas=2, leaked=70),
            "admin": Service("1.0.0", database="shop", connections=29, leaked=36),
            "reports": Service("3.1.0", database="shop", connections=20),
        },
        databases={"shop": Database(max_connections=200, rows=850)},
    )
    production.services["api"].logs.append(
        LogLine("2026-01-01T00:00:00Z", "WARN", "healthCheck: client not released")
    )
    return DropletExecutor(
        hosts={"prod-1": production, "staging-1": Host("staging", services={"api": Service("2.4.1")})},
        releases={"api": {"2.4.0": Release(leaks_per_second=0.1), "2.4.1": Release(), "2.4.2": Release()}},
    )


def dropped() -> DropletExecutor:
    """A database dropped at 04:00 with a snapshot of 02:00 and a log with 17 of its 50 orders unreadable."""
    orders = tuple(
        Order(f"order-{n}", (EPOCH + timedelta(hours=2, minutes=1 + 2 * n)).isoformat(), n >= 17)
        for n in range(50)
    )
    shop = Database(
        exists=False,
        dropped_at="2026-01-01T04:00:00Z",
        snapshots={
            "snap-0100": Snapshot("2026-01-01T01:00:00Z", 700),
            "snap-0200": Snapshot("2026-01-01T02:00:00Z", 800),
        },
        logs={"wal-0200": TransactionLog("2026-01-01T02:00:00Z", "2026-01-01T04:00:00Z", orders)},
    )
    services = {
        name: Service("1.0.0", database="shop", connections=5) for name in ("api", "admin", "reports")
    }
    hosts = DropletExecutor(hosts={"prod-1": Host(services=services, databases={"shop": shop})})
    hosts.clock = ManualClock(EPOCH + timedelta(hours=4, minutes=5))
    return hosts


def restored() -> DropletExecutor:
    hosts = dropped()
    hosts.create_database("prod-1", "shop-2")
    advance(hosts, 60)
    hosts.restore_snapshot("snap-0200", "shop-2")
    return hosts


def advance(hosts: DropletExecutor, seconds: float) -> None:
    clock = hosts.clock
    assert isinstance(clock, ManualClock)
    clock.advance(seconds)


def deploy(
    hosts: DropletExecutor,
    host: str,
    service: str,
    version: str,
    *,
    call: Call | None = None,
    skip_staging: bool = False,
    blue_green: bool = False,
    idempotency_key: str | None = None,
) -> Deployment:
    return asyncio.run(
        hosts.deploy(
            host,
            service,
            version,
            call=call or Person(),
            skip_staging=skip_staging,
            strategy="blue-green" if blue_green else "rolling",
            idempotency_key=idempotency_key,
        )
    )


def ask(hosts: DropletExecutor, name: str, call: Call | None = None, /, **arguments: object) -> RawResult:
    return asyncio.run(invoke(hosts, contract_of(DropletExecutor).tools[name], arguments, call or Person()))


def refused(hosts: DropletExecutor, words: str, action: Callable[[], object]) -> None:
    """The action is refused in these words and changes nothing."""
    before = copy.deepcopy(hosts)
    with pytest.raises(FakeError, match=words):
        action()
    assert hosts == before
