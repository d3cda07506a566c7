"""The reference answer to `production-debugging`: gather, reproduce, fix with a test, ship by way of staging, watch."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from pytest_mcpflow import Hub
from pytest_mcpflow.scenarios._careful import together
from pytest_mcpflow.scenarios._delivery import Delivery, StoppedError

__all__ = ["Debugging", "DebuggingReport"]

PRODUCTION, STAGING, SERVICE, DATABASE, FIXED = "prod-1", "staging-1", "api", "shop", "1.8.1"
REPOSITORY, BRANCH, TITLE = "shop/api", "fix/orders-user-id-index", "Add the missing index on orders.user_id"
MIGRATION, TEST = "migrations/0042_orders_user_id_idx.sql", "test/orders.performance.test.ts"
INDEX = "CREATE INDEX CONCURRENTLY orders_user_id_idx ON orders (user_id);\n"
REGRESSION_TEST = (
    "test('orders of a user come fast', async () => expect(await time(orders)).toBeLessThan(50));\n"
)
SET_UP, MIGRATE = "docker compose up -d db && npm run db:seed -- --like-production", "npm run db:migrate"
EXPLAIN = 'psql -c "EXPLAIN SELECT * FROM orders WHERE user_id = 1"'
FAST_SECONDS, WATCH_EVERY, WATCH_FOR = 0.05, 60, 900


@dataclass(frozen=True)
class DebuggingReport:
    """What was slow and why; times in seconds, as users and the database's log saw them."""

    success: bool = False
    cause: str = "unknown"
    query_seconds: float | None = None
    before_seconds: float | None = None
    after_seconds: float | None = None
    pull_request: int | None = None
    error: str | None = None


class Debugging:
    """One complaint of users, from the logs to the recovery."""

    def __init__(self, hub: Hub) -> None:
        self._crew = Delivery(hub, REPOSITORY)
        self._report = DebuggingReport()

    async def run(self) -> DebuggingReport:
        error = await self._crew.loudly(f"{SERVICE} is still slow", self._steps())
        return replace(self._report, success=error is None, error=error)

    async def _steps(self) -> None:
        alert_id = await self._crew.alert(f"Users report slow responses of {SERVICE}", severity="high")
        index = await self._gather()
        await self._reproduce(index)
        number = await self._fix()
        await self._crew.checks_pass(number)
        await self._crew.ship(STAGING, SERVICE, FIXED)
        await self._crew.merge(number)
        await self._crew.ship(PRODUCTION, SERVICE, FIXED)
        await self._watch()
        seconds = self._report.after_seconds
        await self._crew.notify(f"{SERVICE} answers in {seconds:.3f} s again: {self._report.cause}", "slack")
        if alert_id is None or self._crew.untold:
            raise StoppedError(f"people were not told: {'; '.join(self._crew.untold)}")
        await self._crew.repeat("communication-hub.resolve_alert", {"alert_id": alert_id})

    async def _gather(self) -> str:
        """What the logs and the slow query log complain of; the column that lacks an index."""
        logs, before, slow = await together(
            self._crew.droplet("get_logs", host=PRODUCTION, service=SERVICE),
            self._crew.droplet("get_metrics", host=PRODUCTION, service=SERVICE),
            self._crew.droplet("list_slow_queries", database=DATABASE),
        )
        complaints = [line["message"] for line in logs["lines"] if "database took" in line["message"]]
        seconds = before["services"][SERVICE]["response_seconds"]
        self._report = replace(self._report, before_seconds=seconds)
        if not complaints or not slow["result"]:
            raise StoppedError(f"no query explains {seconds:.1f} s; the log complains of {complaints}")
        slowest = slow["result"][0]
        self._report = replace(self._report, query_seconds=slowest["seconds"])
        return str(slowest["missing_index"])

    async def _reproduce(self, index: str) -> None:
        """See the plan of the query on data like production's, and a regression test fail."""
        await self._crew.must_run(SET_UP)
        plan = await self._crew.must_run(EXPLAIN)
        if "Seq Scan on orders" not in plan or index != "orders.user_id":
            raise StoppedError(f"a missing index on {index} does not explain the plan: {plan}")
        self._report = replace(self._report, cause=f"a missing index on {index} causes full table scans")
        await self._crew.switch_to_new_branch(BRANCH)
        await self._crew.write(TEST, REGRESSION_TEST)
        if (await self._crew.run("npm test -- orders.performance"))["success"]:
            raise StoppedError("the regression test passes without the index, so it reproduces nothing")

    async def _fix(self) -> int:
        await self._crew.write(MIGRATION, INDEX)
        await self._crew.must_run(MIGRATE)
        plan = await self._crew.must_run(EXPLAIN)
        if "Index Scan" not in plan:
            raise StoppedError(f"the index is not used: {plan}")
        tested = await self._crew.must_run("npm test")
        await self._crew.commit(TITLE, MIGRATION, TEST)
        await self._crew.push(BRANCH)
        body = f"Cause: {self._report.cause} ({self._report.query_seconds} s).\n\n{tested}\n"
        number = await self._crew.propose(BRANCH, TITLE, body)
        self._report = replace(self._report, pull_request=number)
        return number

    async def _watch(self) -> None:
        """Done is when users see it, not when it is deployed."""
        for _ in range(WATCH_FOR // WATCH_EVERY):
            await asyncio.sleep(WATCH_EVERY)
            metrics = await self._crew.droplet("get_metrics", host=PRODUCTION, service=SERVICE)
            seconds = float(metrics["services"][SERVICE]["response_seconds"])
            self._report = replace(self._report, after_seconds=seconds)
            if seconds < FAST_SECONDS:
                return
        raise StoppedError(f"responses take {self._report.after_seconds:.2f} s with the fix")
