"""A dropped production database: restored beside the ruins, what is lost counted and reported."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pytest_mcpflow import CallResult, Hub, Run, Scenario, invariant
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.droplet_executor import (
    Database,
    DropletExecutor,
    Host,
    Order,
    Service,
    Snapshot,
    TransactionLog,
)
from pytest_mcpflow.fakes.github import GitHub, repository

__all__ = ["DisasterRecovery", "RecoveryReport"]

HOST, LOST, RESTORED = "prod-1", "shop", "shop-restored"
SERVICES = ("admin", "api", "reports")
MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class RecoveryReport:
    """What was restored from when, which share of the data there is, and which orders are lost in which window."""

    recovery_point: str
    affected: tuple[str, ...]
    recovered_fraction: float
    missing_orders: tuple[str, ...]
    window: tuple[str, str]
    online: bool


def _production() -> DropletExecutor:
    # 50 orders came in from 02:00 to 04:00; the log's records of the last 33 can be read: (800 + 33) / 850 = 98 %.
    orders = tuple(
        Order(
            f"order-{number}",
            (MIDNIGHT + timedelta(hours=2, minutes=1 + 2 * number)).isoformat(),
            number >= 17,
        )
        for number in range(50)
    )
    lost = Database(
        exists=False,
        dropped_at="2026-01-01T04:00:00Z",
        snapshots={
            "snapshot-0100": Snapshot("2026-01-01T01:00:00Z", 700),
            "snapshot-0200": Snapshot("2026-01-01T02:00:00Z", 800),
        },
        logs={"log-0200": TransactionLog("2026-01-01T02:00:00Z", "2026-01-01T04:00:00Z", orders)},
    )
    services = {name: Service("1.0.0", database=LOST, connections=5) for name in SERVICES}
    return DropletExecutor(hosts={HOST: Host(services=services, databases={LOST: lost})})


@dataclass
class DisasterRecovery(Scenario):
    """The production database was dropped. Restore what can be restored, and say what cannot."""

    tags = ("incident", "emergency")
    starts_at = MIDNIGHT + timedelta(hours=4, minutes=5)

    production: DropletExecutor = field(default_factory=_production)
    desktop: DesktopCommander = field(
        default_factory=lambda: DesktopCommander(
            scripts=[Script("npm run test:integration", stdout="31 passed")]
        )
    )
    hosting: GitHub = field(default_factory=lambda: GitHub(repositories={"shop/operations": repository()}))
    people: CommunicationHub = field(default_factory=CommunicationHub)

    async def workflow(self, hub: Hub) -> RecoveryReport:
        return await _Recovery(hub).run()

    def expect(self, run: Run) -> None:
        restored = self.production.database(RESTORED)
        assert restored.restored_from == LOST
        assert restored.rows == 833
        assert restored.replays == {"log-0200": 1}
        assert (restored.deletion_protection, restored.backup_minutes) == (True, 5)
        assert not self.production.record_of(LOST).exists
        services = self.production.host(HOST).services
        assert {service.database for service in services.values()} == {RESTORED}
        assert [self.production.problem(name, service) for name, service in services.items()] == [
            None,
            None,
            None,
        ]
        assert [ran.command for ran in self.desktop.history] == [
            "npm run test:integration",
            'git add . && git commit -m "Report the dropped database and how to recover from one"',
        ]
        assert len(self.desktop.repository.log()) == 1
        written = self.desktop.files["docs/incidents/dropped-database.md"]
        facts = ("2026-01-01T02:00:00Z", "2026-01-01T04:00:00Z", "98 %", "17 orders", "order-0", "order-16")
        assert all(fact in written for fact in facts)
        runbook = self.desktop.files["docs/runbooks/dropped-database.md"]
        assert "deletion protection" in runbook
        [issue] = self.hosting.repositories["shop/operations"].issues
        assert (issue.title, issue.labels) == ("Production database dropped", ["incident"])
        assert "17 orders" in issue.body
        assert [alert.severity for alert in self.people.alerts] == ["critical"]
        assert self.people.alerts[0].metadata["affected"] == list(SERVICES)
        assert "17 orders" in self.people.notifications[-1].message
        order = [
            *("describe_database", "create_database", "restore_snapshot", "replay_transaction_log"),
            *(
                "list_missing_orders",
                "set_service_database",
                "set_deletion_protection",
                "set_backup_interval",
            ),
        ]
        instants = [run.calls(tool)[0].at for tool in order]
        assert instants == sorted(instants)
        assert run.seconds >= 60
        report = run.result
        assert (report.recovery_point, report.recovered_fraction) == ("2026-01-01T02:00:00Z", 0.98)
        assert report.missing_orders == tuple(f"order-{number}" for number in range(17))
        assert report.window == ("2026-01-01T02:00:00Z", "2026-01-01T04:00:00Z")
        assert (report.affected, report.online) == (SERVICES, True)

    @invariant
    def nothing_alive_is_overwritten(self, run: Run) -> None:
        """A snapshot is only restored into a new instance, never over the database that was lost."""
        assert all(call.arguments["database"] == RESTORED for call in run.calls("restore_snapshot"))

    @invariant
    def loss_is_always_reported(self, run: Run) -> None:
        """Whoever says that services are back says what is lost, and its window."""
        if isinstance(run.result, RecoveryReport) and run.result.online:
            missing = self.production.list_missing_orders(RESTORED)
            assert len(run.result.missing_orders) == missing.count
            assert run.result.window == (missing.window_from, missing.window_to)
            assert f"{missing.count} orders" in self.desktop.files["docs/incidents/dropped-database.md"]

    @invariant
    def no_log_is_replayed_twice(self, run: Run) -> None:
        """A transaction log is replayed onto an instance once."""
        for host in self.production.hosts.values():
            assert all(
                count <= 1 for database in host.databases.values() for count in database.replays.values()
            )

    @invariant
    def services_never_see_a_half_restored_database(self, run: Run) -> None:
        """Services are pointed at the new instance only after the log was replayed."""
        if run.effects("set_service_database"):
            assert run.transcript.before("replay_transaction_log", "set_service_database")

    @invariant
    def a_failure_is_heard(self, run: Run) -> None:
        """A recovery that stops half way alerts."""
        if run.error is not None or (isinstance(run.result, RecoveryReport) and not run.result.online):
            assert self.people.alerts


class _Recovery:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def run(self) -> RecoveryReport:
        try:
            return await self._recover()
        except Exception as error:
            await self._alert(f"Recovering {LOST} failed: {error}", {})
            raise

    async def _recover(self) -> RecoveryReport:
        affected, snapshot, log = await self._assess()
        await self._alert(
            f"The production database {LOST} was dropped; recovering to {snapshot['recovery_point']}",
            {"affected": list(affected), "snapshot": snapshot["snapshot_id"]},
        )
        await self._call("create_database", host=HOST, database=RESTORED)
        await self._provisioned()
        await self._call("restore_snapshot", snapshot_id=snapshot["snapshot_id"], database=RESTORED)
        replay = await self._call("replay_transaction_log", log_id=log["log_id"], database=RESTORED)
        missing = await self._call("list_missing_orders", database=RESTORED)
        for service in affected:
            await self._call("set_service_database", host=HOST, service=service, database=RESTORED)
        online = await self._validated()
        await self._call("set_deletion_protection", database=RESTORED, enabled=True)
        await self._call("set_backup_interval", database=RESTORED, minutes=5)
        report = RecoveryReport(
            recovery_point=snapshot["recovery_point"],
            affected=affected,
            recovered_fraction=replay["recovered_fraction"],
            missing_orders=tuple(order["order_id"] for order in missing["orders"]),
            window=(missing["window_from"], missing["window_to"]),
            online=online,
        )
        await self._write_up(report)
        return report

    async def _assess(self) -> tuple[tuple[str, ...], dict[str, Any], dict[str, Any]]:
        """The services that are down, the newest snapshot before the loss, and the log from there on."""
        health, described, snapshots, logs = await asyncio.gather(
            self._call("check_health", host=HOST),
            self._call("describe_database", database=LOST),
            self._call("list_snapshots", database=LOST),
            self._call("list_transaction_logs", database=LOST),
        )
        if described["status"] != "dropped":
            raise RuntimeError(
                f"{LOST} is {described['status']}: nothing is restored beside a living database"
            )
        affected = tuple(sorted(name for name, each in health["services"].items() if not each["healthy"]))
        usable = [each for each in snapshots["result"] if each["recovery_point"] <= described["dropped_at"]]
        snapshot = max(usable, key=lambda each: each["recovery_point"])
        log = next(each for each in logs["result"] if each["starts_at"] == snapshot["recovery_point"])
        return affected, snapshot, log

    async def _provisioned(self) -> None:
        async with asyncio.timeout(600):
            while (await self._call("describe_database", database=RESTORED))["status"] != "online":  # noqa: ASYNC110
                await asyncio.sleep(10)

    async def _validated(self) -> bool:
        """Whether all services answer and the integration tests pass."""
        health = await self._call("check_health", host=HOST)
        tested = await self._hub.call_tool(
            "desktop-commander.execute_command", {"command": "npm run test:integration"}
        )
        # The host itself stays unhealthy: the lost database is still on its list.
        return all(each["healthy"] for each in health["services"].values()) and bool(tested["success"])

    async def _write_up(self, report: RecoveryReport) -> None:
        start, end = report.window
        loss = f"{len(report.missing_orders)} orders of {start} to {end} are lost"
        text = (
            f"# Dropped database\n\nRestored to {report.recovery_point}, {report.recovered_fraction:.0%} of all rows: "
            f"{loss}.\n\n{', '.join(report.missing_orders)}\n"
        ).replace("%", " %")
        runbook = (
            "# Dropped database\n\nRestore beside it, replay the log once, turn on deletion protection.\n"
        )
        for path, content in (("incidents", text), ("runbooks", runbook)):
            arguments = {"path": f"docs/{path}/dropped-database.md", "content": content}
            await self._hub.call_tool("desktop-commander.write_file", arguments)
        commit = 'git add . && git commit -m "Report the dropped database and how to recover from one"'
        await self._hub.call_tool("desktop-commander.execute_command", {"command": commit})
        issue = {"title": "Production database dropped", "body": text, "labels": ["incident"]}
        await self._hub.call_tool("github.create_issue", {"owner": "shop", "repo": "operations", **issue})
        state = "Services are back" if report.online else "Services are NOT back"
        notice = {"message": f"{state}; {loss}", "channels": ["slack", "email"], "priority": "high"}
        await self._hub.call_tool("communication-hub.send_notification", notice)

    async def _alert(self, message: str, metadata: dict[str, Any]) -> None:
        arguments = {"message": message, "severity": "critical", "metadata": metadata}
        await self._hub.call_tool("communication-hub.send_alert", arguments)

    async def _call(self, tool: str, **arguments: Any) -> CallResult:
        return await self._hub.call_tool(f"droplet-executor.{tool}", arguments)
