"""A dropped production database: restored beside the ruins, what is lost counted and reported."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pytest_mcpflow import Hub, Run, Scenario, invariant
from pytest_mcpflow.scenarios._disaster_recovery_world import FOUR, HOST, OTHER, RUNNING, TWO, DroppedDatabase
from pytest_mcpflow.scenarios._recovery_workflow import (
    INTEGRATION_TESTS,
    LOST,
    REPORT,
    RESTORED,
    RUNBOOK,
    Recovery,
    RecoveryReport,
)
from pytest_mcpflow.scenarios._rules import began_in_order, lacking

__all__ = ["DisasterRecovery", "RecoveryReport"]

FACTS = {
    REPORT: (TWO, FOUR, "98 %", "17 orders", "order-0,", "order-16\n", "admin, api, reports", "Prevention"),
    RUNBOOK: ("new instance", "each transaction log once", "deletion protection", "every 5 minutes"),
}


@dataclass
class DisasterRecovery(DroppedDatabase, Scenario):
    """The production database was dropped. Restore what can be restored, and say what cannot.

    It is 04:05. The database `shop` of `prod-1` is gone since 04:00; its snapshots and transaction logs are not.
    `production.json` in `shop/operations` says which version of each service belongs in production.
    """

    tags = ("incident", "emergency")
    starts_at = datetime.fromisoformat(FOUR) + timedelta(minutes=5)

    async def workflow(self, hub: Hub) -> RecoveryReport:
        return await Recovery(hub).run()

    def is_over(self, run: Run) -> bool:
        return isinstance(run.result, RecoveryReport) and run.result.online

    def expect(self, run: Run) -> None:
        restored = self.production.database(RESTORED)
        assert (restored.restored_from, restored.recovery_point, restored.rows) == (LOST, TWO, 833)
        assert restored.replays == {"log-0200": 1}
        assert (restored.deletion_protection, restored.backup_minutes) == (True, 5)
        assert not self.production.record_of(LOST).exists
        assert {each.database for each in self.production.host(HOST).services.values()} == {RESTORED}
        assert self.down() == []
        deployed = {each.service: each.version for each in self.production.deployments if each.host == HOST}
        assert deployed == RUNNING
        self._expect_people_know()
        steps = ("describe_database", "create_database", "restore_snapshot", "replay_transaction_log")
        then = ("list_missing_orders", "set_service_database", "deploy", "execute_command", "create_issue")
        assert began_in_order(run, *steps, *then)
        assert run.seconds >= self.production.provisioning_seconds
        report = run.result
        assert (report.recovery_point, report.window) == (TWO, (TWO, FOUR))
        assert (round(report.recovered_fraction, 4), len(report.missing_orders)) == (0.98, 17)
        assert (report.affected, report.online) == (("admin", "api", "reports"), True)

    def _expect_people_know(self) -> None:
        [commit] = self.desktop.repository.log()
        assert commit.files.keys() == FACTS.keys()
        assert lacking(commit.files, FACTS) == []
        [issue] = self.hosting.repositories["shop/operations"].issues
        assert (issue.title, issue.labels) == ("Production database dropped", ["incident"])
        assert issue.body == commit.files[REPORT]
        [alert] = self.people.alerts
        assert (alert.severity, alert.metadata["affected"]) == ("critical", ["admin", "api", "reports"])
        assert (alert.metadata["recovery_point"], alert.metadata["snapshot"]) == (TWO, "snapshot-0200")
        assert "replay the log" in alert.metadata["plan"]
        assert alert.resolved_at is not None
        [notice] = self.people.notifications
        assert notice.message == f"All services are back; 17 orders of {TWO} to {FOUR} are lost"
        assert notice.delivered_to == ["slack", "email"]

    @invariant
    def nothing_alive_is_overwritten(self, run: Run) -> None:
        """A snapshot is only restored into an instance made for it, and no database is dropped."""
        created = set[str]()
        for each in run.transcript:
            if each.name == "create_database":
                created.add(str(each.arguments["database"]))
            assert each.name != "restore_snapshot" or each.arguments["database"] in created, each.call
        assert not run.calls("drop_database")
        assert (self.production.record_of(OTHER).rows, self.production.record_of(OTHER).exists) == (120, True)

    @invariant
    def recovers_to_before_the_loss(self, run: Run) -> None:
        """What is restored is a state from before the database was dropped."""
        points = [database.recovery_point for database in self.restored().values()]
        assert all(point is not None and point <= FOUR for point in points), points

    @invariant
    def loss_is_always_reported(self, run: Run) -> None:
        """Whoever lets services use restored data tells people the window; whoever is done counts what is lost."""
        used = {service.database for service in self.production.hosts[HOST].services.values()}
        if run.error is None and used & self.restored().keys():
            assert any(TWO in text and FOUR in text for text in self.people.texts())
        if self.is_over(run):
            missing = self.production.list_missing_orders(RESTORED)
            assert run.result.missing_orders == tuple(order.order_id for order in missing.orders)
            assert run.result.window == (missing.window_from, missing.window_to)
            assert f"{missing.count} orders of {TWO} to {FOUR}" in self.desktop.files[REPORT]

    @invariant
    def no_log_is_replayed_twice(self, run: Run) -> None:
        """A log that was replayed is not replayed again, and one that may have been is looked at first."""
        state = dict[str, str]()
        for each in run.transcript:
            database = str(each.arguments.get("database"))
            if each.name == "replay_transaction_log":
                assert state.get(database) in (None, "looked at"), each.call
                state[database] = "replayed" if each.ok else "unknown"
            elif each.name == "describe_database" and state.get(database) == "unknown":
                state[database] = "looked at"
        assert all(count <= 1 for each in self.restored().values() for count in each.replays.values())

    @invariant
    def services_never_see_a_half_restored_database(self, run: Run) -> None:
        """A service is only pointed at an instance onto which the log was replayed."""
        assert self.half_restored == []

    @invariant
    def nothing_new_is_deployed(self, run: Run) -> None:
        """In a recovery, production gets the versions that belong there, and each service once."""
        deployed = [(each.service, each.version) for each in self.production.deployments if each.host == HOST]
        assert set(deployed) <= RUNNING.items()
        assert len(deployed) == len(set(deployed))

    @invariant
    def online_is_what_was_tested(self, run: Run) -> None:
        """Services are only reported to be back when they answer and the integration tests passed."""
        if self.is_over(run):
            tests = [ran.exit_code for ran in self.desktop.history if ran.command == INTEGRATION_TESTS]
            assert tests[-1:] == [0]
            assert self.down() == []

    @invariant
    def one_issue_and_one_instance(self, run: Run) -> None:
        """However answers are lost, there is one issue, and one instance beside the lost one."""
        assert len(self.hosting.repositories["shop/operations"].issues) <= 1
        assert len(self.production.hosts[HOST].databases) <= 2
