"""A dropped production database: restored beside the ruins, what is lost counted and reported."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pytest_mcpflow import Hub, Interaction, Run, Scenario, invariant
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.droplet_executor import Database, DropletExecutor
from pytest_mcpflow.fakes.github import GitHub
from pytest_mcpflow.scenarios._disaster_recovery_world import (
    FOUR,
    HOST,
    MIDNIGHT,
    OTHER,
    RUNNING,
    SECRET,
    TWO,
    desktop,
    hosting,
    production,
)
from pytest_mcpflow.scenarios._recovery_workflow import (
    INTEGRATION_TESTS,
    LOST,
    REPORT,
    RESTORED,
    RUNBOOK,
    Recovery,
    RecoveryReport,
)

__all__ = ["DisasterRecovery", "RecoveryReport"]


@dataclass
class DisasterRecovery(Scenario):
    """The production database was dropped. Restore what can be restored, and say what cannot.

    It is 04:05. The database `shop` of `prod-1` is gone since 04:00; its snapshots and transaction logs are not.
    `production.json` in `shop/operations` says which version of each service belongs in production.
    """

    tags = ("incident", "emergency")
    starts_at = MIDNIGHT + timedelta(hours=4, minutes=5)

    production: DropletExecutor = field(default_factory=production)
    desktop: DesktopCommander = field(default_factory=desktop)
    hosting: GitHub = field(default_factory=hosting)
    people: CommunicationHub = field(default_factory=CommunicationHub)
    half_restored: list[str] = field(default_factory=list[str], init=False, repr=False)

    def connect(self, hub: Hub) -> None:
        def run_against_production(changed: Interaction) -> None:
            """The integration tests need what runs in production."""
            if not self._down():
                self.desktop.scripts = [Script(INTEGRATION_TESTS, stdout="31 passed")]

        def look(pointed: Interaction) -> None:
            database = str(pointed.arguments["database"])
            if not self.production.record_of(database).replays:
                self.half_restored.append(database)

        hub.on_effect("droplet-executor.*", run_against_production)
        hub.on_effect("droplet-executor.set_service_database", look)

    async def workflow(self, hub: Hub) -> RecoveryReport:
        return await Recovery(hub).run()

    def expect(self, run: Run) -> None:
        self._expect_production()
        self._expect_documents()
        self._expect_messages()
        steps = [
            *("describe_database", "create_database", "restore_snapshot", "replay_transaction_log"),
            *("list_missing_orders", "set_service_database", "deploy", "execute_command", "create_issue"),
        ]
        tools = [each.name for each in run.transcript]
        assert sorted(steps, key=tools.index) == steps
        assert run.seconds >= self.production.provisioning_seconds
        report = run.result
        assert (report.recovery_point, report.window) == (TWO, (TWO, FOUR))
        start, end = (datetime.fromisoformat(each) for each in report.window)
        assert end - start == timedelta(hours=2)
        assert round(report.recovered_fraction, 4) == 0.98
        assert report.missing_orders == tuple(f"order-{number}" for number in range(17))
        assert (report.affected, report.online) == (("admin", "api", "reports"), True)

    def _expect_production(self) -> None:
        restored = self.production.database(RESTORED)
        assert (restored.restored_from, restored.recovery_point, restored.rows) == (LOST, TWO, 833)
        assert restored.replays == {"log-0200": 1}
        assert (restored.deletion_protection, restored.backup_minutes) == (True, 5)
        assert not self.production.record_of(LOST).exists
        services = self.production.host(HOST).services
        assert {service.database for service in services.values()} == {RESTORED}
        assert self._down() == []
        deployed = {each.service: each.version for each in self.production.deployments if each.host == HOST}
        assert deployed == RUNNING

    def _expect_documents(self) -> None:
        [commit] = self.desktop.repository.log()
        assert commit.files.keys() == {REPORT, RUNBOOK}
        facts = (
            TWO,
            FOUR,
            "98 %",
            "17 orders",
            "order-0,",
            "order-16\n",
            "admin, api, reports",
            "Prevention",
        )
        assert [fact for fact in facts if fact not in commit.files[REPORT]] == []
        steps = (
            "new instance",
            "each transaction log once",
            "Prevention: deletion protection",
            "every 5 minutes",
        )
        assert [step for step in steps if step not in commit.files[RUNBOOK]] == []
        [issue] = self.hosting.repositories["shop/operations"].issues
        assert (issue.title, issue.labels) == ("Production database dropped", ["incident"])
        assert issue.body == commit.files[REPORT]

    def _expect_messages(self) -> None:
        [alert] = self.people.alerts
        assert alert.severity == "critical"
        assert alert.metadata["affected"] == ["admin", "api", "reports"]
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
        points = [database.recovery_point for database in self._restored().values()]
        assert all(point is not None and point <= FOUR for point in points), points

    @invariant
    def loss_is_always_reported(self, run: Run) -> None:
        """Whoever lets services use restored data tells people the window; whoever is done counts what is lost."""
        used = {service.database for service in self.production.hosts[HOST].services.values()}
        if run.error is None and used & self._restored().keys():
            assert any(TWO in text and FOUR in text for text in self.people.texts())
        if isinstance(run.result, RecoveryReport) and run.result.online:
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
        assert all(count <= 1 for each in self._restored().values() for count in each.replays.values())

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
        if isinstance(run.result, RecoveryReport) and run.result.online:
            tests = [ran.exit_code for ran in self.desktop.history if ran.command == INTEGRATION_TESTS]
            assert tests[-1:] == [0]
            assert self._down() == []

    @invariant
    def one_issue_and_one_instance(self, run: Run) -> None:
        """However answers are lost, there is one issue, and one instance beside the lost one."""
        assert len(self.hosting.repositories["shop/operations"].issues) <= 1
        assert len(self.production.hosts[HOST].databases) <= 2

    @invariant
    def the_secret_stays_on_the_desktop(self, run: Run) -> None:
        """What `.env` holds is in no commit, issue, call, message or report."""
        calls = [f"{each.arguments} {each.outcome!r}" for each in run.transcript]
        committed = [str(commit.files) for commit in self.desktop.repository.commits.values()]
        hosted = [str(repo) for repo in self.hosting.repositories.values()]
        told = [*self.people.texts(), repr(run.result)]
        assert [text for text in (*calls, *committed, *hosted, *told) if SECRET in text] == []

    @invariant
    def a_failure_is_heard(self, run: Run) -> None:
        """While services are not back, an alert is open, unless the alerts themselves do not get through."""
        if not (isinstance(run.result, RecoveryReport) and run.result.online):
            alerts = run.calls("send_alert")
            unreachable = bool(alerts) and not alerts[-1].ok
            assert unreachable or any(alert.resolved_at is None for alert in self.people.alerts)

    def _down(self) -> list[str]:
        services = self.production.hosts[HOST].services
        return [name for name, service in services.items() if self.production.problem(name, service)]

    def _restored(self) -> dict[str, Database]:
        """The instances that hold data of the lost database."""
        databases = [each for host in self.production.hosts.values() for each in host.databases.items()]
        return {name: database for name, database in databases if database.restored_from == LOST}
