"""The reference answer to `disaster-recovery`: restore beside the ruins, prove it, say what is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pytest_mcpflow import CallResult, Hub
from pytest_mcpflow.scenarios._careful import Desk, together

__all__ = ["Recovery", "RecoveryReport"]

HOST, LOST, RESTORED = "prod-1", "shop", "shop-restored"
REPOSITORY = {"owner": "shop", "repo": "operations"}
VERSIONS = "production.json"
INTEGRATION_TESTS = "npm run test:integration"
REPORT, RUNBOOK = "docs/incidents/dropped-database.md", "docs/runbooks/dropped-database.md"
BACKUP_MINUTES, PATIENCE_SECONDS = 5, 600
STEPS = (
    "create a new instance, restore the snapshot, replay the log, verify, protect, switch the services over"
)
HOW_TO = f"""# Dropped database

1. Do not touch what is left: {STEPS}.
2. Recover to the newest snapshot from before the loss, and replay each transaction log once.
3. Count what is missing, and tell people the window.

Prevention: deletion protection is on, and backups are taken every {BACKUP_MINUTES} minutes.
"""


@dataclass(frozen=True)
class RecoveryReport:
    """What came back, and what did not.

    Args:
        recovery_point: Of the snapshot that was restored (UTC).
        affected: The services that were down.
        recovered_fraction: Share of all rows there should be, 0 to 1.
        missing_orders: Ids of the orders that are lost.
        window: From when until when data can be missing (UTC).
        online: Whether all services answer, and the integration tests pass.
    """

    recovery_point: str
    affected: tuple[str, ...]
    recovered_fraction: float
    missing_orders: tuple[str, ...]
    window: tuple[str, str]
    online: bool


@dataclass(frozen=True)
class _Plan:
    """From what to recover: `recoverable` is how many of the log's orders can still be read."""

    affected: tuple[str, ...]
    versions: Mapping[str, str]
    snapshot_id: str
    recovery_point: str
    rows: int
    log_id: str
    recoverable: int
    lost_at: str

    @property
    def window(self) -> str:
        return f"{self.recovery_point} to {self.lost_at}"


class Recovery:
    """One recovery of one database."""

    def __init__(self, hub: Hub) -> None:
        self._desk = Desk(hub)

    async def run(self) -> RecoveryReport:
        window = "not known yet"
        try:
            plan = await self._assess()
            window = plan.window
            alert_id = await self._desk.alert(
                f"The production database {LOST} was dropped. Data of {window} may be lost",
                {
                    "affected": list(plan.affected),
                    "recovery_point": plan.recovery_point,
                    "snapshot": plan.snapshot_id,
                    "plan": STEPS,
                },
            )
            await self._restore(plan)
            report = await self._verify(plan)
            await self._protect()
            report = await self._bring_back(plan, report)
            await self._follow_up(report)
            if alert_id is None or self._desk.untold:
                raise RuntimeError(f"people were not told: {'; '.join(self._desk.untold)}")
            await self._desk.repeat("communication-hub.resolve_alert", {"alert_id": alert_id})
        except Exception as error:
            await self._desk.alert(f"Recovering {LOST} failed (data loss window: {window}): {error}")
            raise
        return report

    async def _assess(self) -> _Plan:
        """What is down, the newest snapshot from before the loss, and the log that goes on from there."""
        health, described, snapshots, logs, versions = await together(
            self._remote("check_health", host=HOST),
            self._remote("describe_database", database=LOST),
            self._remote("list_snapshots", database=LOST),
            self._remote("list_transaction_logs", database=LOST),
            self._desk.repeat("github.get_file_contents", {**REPOSITORY, "path": VERSIONS}),
        )
        if described["status"] != "dropped":
            raise RuntimeError(
                f"{LOST} is {described['status']}: nothing is restored beside a living database"
            )
        usable = [each for each in snapshots["result"] if each["recovery_point"] <= described["dropped_at"]]
        if not usable:
            raise RuntimeError(f"{LOST} has no snapshot from before {described['dropped_at']}")
        snapshot = max(usable, key=lambda each: str(each["recovery_point"]))
        log = next((each for each in logs["result"] if each["starts_at"] == snapshot["recovery_point"]), None)
        if log is None:
            raise RuntimeError(f"no transaction log goes on from {snapshot['recovery_point']}")
        return _Plan(
            affected=tuple(sorted(name for name, each in health["services"].items() if not each["healthy"])),
            versions=json.loads(versions["result"]),
            snapshot_id=snapshot["snapshot_id"],
            recovery_point=snapshot["recovery_point"],
            rows=snapshot["rows"],
            log_id=log["log_id"],
            recoverable=log["recoverable"],
            lost_at=described["dropped_at"],
        )

    async def _restore(self, plan: _Plan) -> None:
        """Fill a new instance. Each step happens once: whether it did is asked of the instance, not assumed."""

        async def is_created() -> bool:
            try:
                found = await self._restored()
            except Exception:
                return False
            return found["restored_from"] is None and found["rows"] == 0

        async def is_restored() -> bool:
            return bool((await self._restored())["recovery_point"] == plan.recovery_point)

        async def is_replayed() -> bool:
            return plan.log_id in (await self._restored())["replayed_logs"]

        tool = "droplet-executor."
        await self._desk.once(f"{tool}create_database", {"host": HOST, "database": RESTORED}, done=is_created)
        await self._provisioned()
        snapshot = {"snapshot_id": plan.snapshot_id, "database": RESTORED}
        await self._desk.once(f"{tool}restore_snapshot", snapshot, done=is_restored)
        log = {"log_id": plan.log_id, "database": RESTORED}
        await self._desk.once(f"{tool}replay_transaction_log", log, done=is_replayed)

    async def _provisioned(self) -> None:
        for _ in range(PATIENCE_SECONDS // 10):
            if (await self._restored())["status"] == "online":
                return
            await asyncio.sleep(10)
        raise RuntimeError(f"{RESTORED} did not come up within {PATIENCE_SECONDS} s")

    async def _verify(self, plan: _Plan) -> RecoveryReport:
        """Prove that the instance holds what snapshot and log promised, and count what is missing."""
        found, missing = await together(
            self._restored(), self._remote("list_missing_orders", database=RESTORED)
        )
        promised = (LOST, plan.recovery_point, plan.rows + plan.recoverable, [plan.log_id])
        held = (found["restored_from"], found["recovery_point"], found["rows"], found["replayed_logs"])
        if held != promised:
            raise RuntimeError(f"the data is not what was promised: {held} instead of {promised}")
        return RecoveryReport(
            recovery_point=plan.recovery_point,
            affected=plan.affected,
            recovered_fraction=found["rows"] / (found["rows"] + missing["count"]),
            missing_orders=tuple(order["order_id"] for order in missing["orders"]),
            window=(missing["window_from"], missing["window_to"]),
            online=False,
        )

    async def _protect(self) -> None:
        """Before anybody uses the instance, make sure that it cannot be lost the same way."""
        await together(
            self._remote("set_deletion_protection", database=RESTORED, enabled=True),
            self._remote("set_backup_interval", database=RESTORED, minutes=BACKUP_MINUTES),
        )

    async def _bring_back(self, plan: _Plan, report: RecoveryReport) -> RecoveryReport:
        """Point the services at the instance and deploy them again, all at a time; then test the whole."""
        await together(
            *(
                self._remote("set_service_database", host=HOST, service=service, database=RESTORED)
                for service in plan.affected
            )
        )
        await together(*(self._deploy(service, plan.versions[service]) for service in plan.affected))
        health, tested = await together(
            self._remote("check_health", host=HOST), self._desk.run(INTEGRATION_TESTS)
        )
        # The host as a whole stays unhealthy: the lost database is still on its list.
        down = [name for name, each in health["services"].items() if not each["healthy"]]
        if down or not tested["success"]:
            raise RuntimeError(f"not back: down are {down}; integration tests say {tested['stderr']!r}")
        return replace(report, online=True)

    async def _deploy(self, service: str, version: str) -> None:
        key = f"recovery/{HOST}/{service}@{version}"
        await self._remote("deploy", host=HOST, service=service, version=version, idempotency_key=key)

    async def _follow_up(self, report: RecoveryReport) -> None:
        """Write it down and tell people; one that fails does not keep the others from happening."""
        start, end = report.window
        loss = f"{len(report.missing_orders)} orders of {start} to {end} are lost"
        text = (
            f"# The production database was dropped\n\nAffected: {', '.join(report.affected)}.\n\n"
            f"Recovered to {report.recovery_point} and beyond from the log, "
            f"{100 * report.recovered_fraction:.0f} % of all rows.\n\nData loss window {start} to {end}: {loss}.\n\n"
            f"{', '.join(report.missing_orders)}\n\nPrevention: deletion protection, and backups every "
            f"{BACKUP_MINUTES} minutes.\n"
        )
        issue = {**REPOSITORY, "title": "Production database dropped", "body": text, "labels": ["incident"]}
        await self._desk.notify(f"All services are back; {loss}", "slack", "email")
        failures: list[str] = []
        for step in (self._write_down(text), self._open_issue(issue)):
            try:
                await step
            except Exception as error:
                failures.append(f"{type(error).__name__}: {error}")
        if failures:
            raise RuntimeError(f"services are back, {loss}, and the follow-up failed: {'; '.join(failures)}")

    async def _open_issue(self, issue: Mapping[str, Any]) -> None:
        """Once: there is no telling whether an issue was opened when the answer is lost."""
        await self._desk.call("github.create_issue", issue)

    async def _write_down(self, text: str) -> None:
        await together(self._desk.write(REPORT, text), self._desk.write(RUNBOOK, HOW_TO))
        await self._desk.commit("Report the dropped database and how to recover from one", REPORT, RUNBOOK)

    async def _restored(self) -> CallResult:
        return await self._remote("describe_database", database=RESTORED)

    async def _remote(self, tool: str, **arguments: Any) -> CallResult:
        """For what reads, or has the same effect however often it is done."""
        return await self._desk.repeat(f"droplet-executor.{tool}", arguments)
