"""The droplet executor: what its tools do, refuse, and show as time goes by."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from pytest_mcpflow.clock import EPOCH, ManualClock
from pytest_mcpflow.fake import Call, Declined, FakeError, LogLevel
from pytest_mcpflow.fakes.droplet_executor import (
    Approval,
    CommandResult,
    Database,
    Deployment,
    DropletExecutor,
    Host,
    LogLine,
    Order,
    Query,
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


def failing_payments() -> DropletExecutor:
    """Payments in production lack an environment variable; no version was ever on staging."""
    broken = Release(requires=("STRIPE_WEBHOOK_SECRET",), error_rate_when_unset=0.4)
    return DropletExecutor(
        hosts={"prod-1": Host(services={"payments": Service("2.1.0")}), "staging-1": Host("staging")},
        releases={
            "payments": {"2.1.0": broken, "2.1.1": broken, "3.0.0": Release(answers_health_checks=False)}
        },
    )


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


# Connections


def test_a_leaking_database_shows_who_holds_its_connections() -> None:
    report = leaking().list_connections("shop")
    assert (report.connections, report.max_connections, report.utilisation) == (195, 200, 0.975)
    assert [(each.source, each.connections, each.idle) for each in report.sources] == [
        ("prod-1/api", 110, 70),
        ("prod-1/admin", 65, 36),
        ("prod-1/reports", 20, 0),
    ]


def test_a_larger_pool_and_restarts_bring_195_of_200_to_89_of_300() -> None:
    hosts = leaking()
    hosts.set_connection_pool("shop", 300)
    assert hosts.restart_service("prod-1", "api").dropped_connections == 70
    hosts.restart_service("prod-1", "admin")
    report = hosts.list_connections("shop")
    assert (report.connections, report.max_connections) == (89, 300)


def test_health_warns_while_connections_run_out() -> None:
    health = leaking().check_health("prod-1")
    assert health.healthy
    assert health.databases["shop"].status == "warning"
    assert health.databases["shop"].detail == "195/200 connections"


def test_a_leak_grows_with_time_and_reading_does_not_change_the_state() -> None:
    hosts = leaking()
    before = copy.deepcopy(hosts)
    advance(hosts, 30)
    assert hosts.connections("shop") == 198
    for read in (hosts.check_health, hosts.get_metrics):
        read("prod-1")
    assert hosts == before


def test_an_exhausted_database_refuses_and_health_fails() -> None:
    hosts = leaking()
    advance(hosts, 3600)
    health = hosts.check_health("prod-1")
    assert hosts.connections("shop") == 200
    assert not health.healthy
    assert health.services["reports"].detail == "FATAL: sorry, too many clients already"
    assert health.databases["shop"].status == "critical"
    assert hosts.get_metrics("prod-1", "reports").services["reports"].error_rate == 0.5


def test_a_leak_stands_still_while_the_database_is_full() -> None:
    hosts = leaking()
    advance(hosts, 3600)
    hosts.set_connection_pool("shop", 300)
    assert hosts.connections("shop") == 200
    advance(hosts, 10)
    assert hosts.connections("shop") == 201


def test_a_restart_stops_no_leak_and_a_fixed_version_does() -> None:
    hosts = leaking()
    hosts.restart_service("prod-1", "api")
    advance(hosts, 100)
    assert hosts.leaked_by_service("shop")["prod-1/api"] == 10
    deploy(hosts, "prod-1", "api", "2.4.1")
    advance(hosts, 3600)
    assert hosts.leaked_by_service("shop")["prod-1/api"] == 0
    assert hosts.hosts["prod-1"].services["api"].restarts == 1


def test_restarts_are_counted() -> None:
    hosts = leaking()
    hosts.restart_service("prod-1", "api")
    assert hosts.restart_service("prod-1", "api").restarts == 2
    assert hosts.check_health("prod-1").services["api"].restarts == 2


def test_a_restarting_service_answers_after_its_start_time() -> None:
    hosts = DropletExecutor(
        hosts={"prod-1": Host(services={"api": Service("1", state="failed", start_seconds=5)})}
    )
    hosts.restart_service("prod-1", "api")
    assert hosts.check_health("prod-1").services["api"].detail == "api.service is starting"
    advance(hosts, 5)
    assert hosts.check_health("prod-1").healthy


def test_a_pool_smaller_than_its_use_is_refused() -> None:
    hosts = leaking()
    refused(hosts, "195 connections are in use", lambda: hosts.set_connection_pool("shop", 100))


def test_replicas_hold_connections_each() -> None:
    hosts = leaking()
    hosts.scale_service("prod-1", "reports", 1)
    assert hosts.connections("shop") == 195
    hosts.set_connection_pool("shop", 300)
    hosts.scale_service("prod-1", "reports", 3)
    assert hosts.connections("shop") == 235
    refused(hosts, "at least 1", lambda: hosts.scale_service("prod-1", "reports", 0))


moves = st.lists(
    st.tuples(
        st.sampled_from(["wait", "restart", "raise", "scale"]), st.integers(min_value=1, max_value=500)
    ),
    max_size=8,
)


@given(moves, st.floats(min_value=0, max_value=3), st.floats(min_value=0, max_value=3))
def test_connections_never_exceed_the_pool_and_the_parts_are_the_whole(
    steps: list[tuple[str, int]], api: float, admin: float
) -> None:
    hosts = leaking()
    hosts.releases["api"]["2.4.0"] = Release(leaks_per_second=api)
    hosts.releases["admin"] = {"1.0.0": Release(leaks_per_second=admin)}
    for step, amount in steps:
        if step == "wait":
            advance(hosts, amount)
        elif step == "restart":
            hosts.restart_service("prod-1", "api")
        elif step == "raise":
            hosts.set_connection_pool("shop", hosts.database("shop").max_connections + amount)
        else:
            hosts.scale_service("prod-1", "reports", amount % 5 + 1)
        report = hosts.list_connections("shop")
        assert 0 <= report.connections <= report.max_connections
        assert sum(each.connections for each in report.sources) == report.connections
        assert all(each.connections >= 0 for each in report.sources)


@given(st.lists(st.integers(min_value=1, max_value=40), max_size=6))
def test_settling_on_the_way_leaks_as_much_as_one_long_wait(waits: list[int]) -> None:
    once, often = leaking(), leaking()
    advance(once, sum(waits))
    for seconds in waits:
        advance(often, seconds)
        with often.changing():
            pass
    assert often.connections("shop") == once.connections("shop")


# Recovery


def test_a_dropped_database_takes_its_services_down() -> None:
    health = dropped().check_health("prod-1")
    assert sorted(name for name, each in health.services.items() if not each.healthy) == [
        "admin",
        "api",
        "reports",
    ]
    assert health.services["api"].detail == 'FATAL: database "shop" does not exist'
    assert dropped().get_metrics("prod-1", "api").services["api"].error_rate == 1.0


def test_snapshots_and_logs_outlive_their_database() -> None:
    hosts = dropped()
    assert [each.snapshot_id for each in hosts.list_snapshots("shop")] == ["snap-0100", "snap-0200"]
    (log,) = hosts.list_transaction_logs("shop")
    assert (log.log_id, log.orders, log.recoverable) == ("wal-0200", 50, 33)
    assert hosts.describe_database("shop").dropped_at == "2026-01-01T04:00:00Z"


def test_recovery_brings_back_98_percent_and_lists_17_missing_orders() -> None:
    hosts = restored()
    assert hosts.list_missing_orders("shop-2").count == 50
    replay = hosts.replay_transaction_log("wal-0200", "shop-2")
    assert (replay.recovered_orders, replay.recovered_fraction, replay.partial) == (33, 0.98, True)
    missing = hosts.list_missing_orders("shop-2")
    assert missing.count == len(missing.orders) == 17
    assert (missing.window_from, missing.window_to) == ("2026-01-01T02:00:00Z", "2026-01-01T04:00:00Z")


def test_services_pointed_at_the_restored_database_come_back() -> None:
    hosts = restored()
    for name in ("api", "admin", "reports"):
        assert hosts.set_service_database("prod-1", name, "shop-2").healthy
    assert hosts.connections("shop-2") == 15
    assert all(each.healthy for each in hosts.check_health("prod-1").services.values())


def test_a_new_database_answers_once_it_is_provisioned() -> None:
    hosts = dropped()
    assert hosts.create_database("prod-1", "shop-2").status == "creating"
    refused(
        hosts, "the database system is starting up", lambda: hosts.restore_snapshot("snap-0200", "shop-2")
    )
    advance(hosts, 60)
    assert hosts.describe_database("shop-2").status == "online"


def test_a_service_on_an_empty_database_is_unhealthy() -> None:
    hosts = dropped()
    hosts.create_database("prod-1", "shop-2")
    advance(hosts, 60)
    hosts.set_service_database("prod-1", "api", "shop-2")
    assert hosts.check_health("prod-1").services["api"].detail == 'ERROR: relation "orders" does not exist'


def test_restoring_over_a_database_in_use_is_refused() -> None:
    hosts = leaking()
    hosts.create_backup("shop")
    refused(
        hosts,
        "being accessed by other users\nDETAIL: There are 195",
        lambda: hosts.restore_snapshot("shop-manual-1", "shop"),
    )


def test_restoring_over_data_is_refused() -> None:
    hosts = restored()
    refused(hosts, 'relation "orders" already exists', lambda: hosts.restore_snapshot("snap-0200", "shop-2"))


def test_restoring_a_snapshot_that_does_not_exist_is_refused() -> None:
    hosts = restored()
    refused(hosts, "DBSnapshot not found: snap-9999", lambda: hosts.restore_snapshot("snap-9999", "shop-2"))


def test_restoring_into_a_dropped_database_is_refused() -> None:
    hosts = dropped()
    refused(hosts, 'database "shop" does not exist', lambda: hosts.restore_snapshot("snap-0200", "shop"))


def test_replaying_a_log_twice_is_refused() -> None:
    hosts = restored()
    hosts.replay_transaction_log("wal-0200", "shop-2")
    refused(
        hosts, '"wal-0200" was already replayed', lambda: hosts.replay_transaction_log("wal-0200", "shop-2")
    )
    assert hosts.database("shop-2").replays == {"wal-0200": 1}
    assert hosts.describe_database("shop-2").replayed_logs == ["wal-0200"]


def test_replaying_onto_an_unrestored_database_is_refused() -> None:
    hosts = leaking()
    refused(hosts, "valid checkpoint record", lambda: hosts.replay_transaction_log("wal-0200", "shop"))


def test_replaying_an_unknown_log_is_refused() -> None:
    hosts = restored()
    refused(hosts, "No such file or directory", lambda: hosts.replay_transaction_log("wal-9", "shop-2"))


def test_a_log_that_begins_after_the_recovery_point_is_refused() -> None:
    hosts = dropped()
    hosts.create_database("prod-1", "shop-2")
    advance(hosts, 60)
    hosts.restore_snapshot("snap-0100", "shop-2")
    refused(
        hosts,
        "WAL segment has already been removed",
        lambda: hosts.replay_transaction_log("wal-0200", "shop-2"),
    )


def test_a_dropped_name_can_be_used_again_and_keeps_its_snapshots() -> None:
    hosts = dropped()
    hosts.create_database("prod-1", "shop")
    advance(hosts, 60)
    hosts.restore_snapshot("snap-0200", "shop")
    assert hosts.check_health("prod-1").healthy
    refused(hosts, 'database "shop" already exists', lambda: hosts.create_database("prod-1", "shop"))


def test_a_protected_database_cannot_be_dropped() -> None:
    hosts = restored()
    hosts.set_deletion_protection("shop-2", True)
    refused(hosts, "Cannot delete protected DB Instance", lambda: hosts.drop_database("shop-2", force=True))
    hosts.set_deletion_protection("shop-2", False)
    assert hosts.drop_database("shop-2").status == "dropped"


def test_a_database_in_use_is_dropped_only_by_force() -> None:
    hosts = leaking()
    refused(hosts, "being accessed by other users", lambda: hosts.drop_database("shop"))
    hosts.drop_database("shop", force=True)
    assert hosts.describe_database("shop").rows == 0
    assert hosts.connections("shop") == 0
    assert not hosts.check_health("prod-1").healthy


def test_backups_are_taken_every_five_minutes() -> None:
    hosts = restored()
    hosts.set_backup_interval("shop-2", 5)
    advance(hosts, 299)
    assert hosts.list_snapshots("shop-2") == []
    advance(hosts, 301)
    points = [each.recovery_point for each in hosts.list_snapshots("shop-2")]
    assert points == ["2026-01-01T04:11:00Z", "2026-01-01T04:16:00Z"]


def test_automatic_backups_stay_when_something_else_changes() -> None:
    hosts = restored()
    hosts.set_backup_interval("shop-2", 5)
    advance(hosts, 300)
    before = hosts.list_snapshots("shop-2")
    hosts.set_service_database("prod-1", "api", "shop-2")
    assert hosts.list_snapshots("shop-2") == before
    advance(hosts, 300)
    assert len(hosts.list_snapshots("shop-2")) == 2


@pytest.mark.parametrize("minutes", [0, 1441])
def test_an_impossible_backup_interval_is_refused(minutes: int) -> None:
    hosts = leaking()
    refused(hosts, "between 1 and 1440", lambda: hosts.set_backup_interval("shop", minutes))


def test_a_missing_index_slows_services_until_it_is_created() -> None:
    hosts = leaking()
    hosts.database("shop").queries.append(Query("SELECT … WHERE user_id = $1", "orders.user_id", 2.3))
    (slow,) = hosts.list_slow_queries("shop")
    assert (slow.seconds, slow.missing_index) == (2.3, "orders.user_id")
    hosts.create_index("shop", "orders", "user_id")
    assert hosts.list_slow_queries("shop") == []
    assert hosts.get_metrics("prod-1", "api").services["api"].response_seconds == pytest.approx(2.32)
    advance(hosts, 300)
    assert hosts.get_metrics("prod-1", "api").services["api"].response_seconds < 0.05
    refused(hosts, "already exists", lambda: hosts.create_index("shop", "orders", "user_id"))


# Deployments


def test_production_refuses_what_was_never_staged() -> None:
    hosts, person = failing_payments(), Person(Approval(True, ""))
    refused(
        hosts, "never deployed to staging", lambda: deploy(hosts, "prod-1", "payments", "2.1.1", call=person)
    )
    assert person.questions == []


def test_a_staged_version_goes_to_production_without_a_question() -> None:
    hosts, person = failing_payments(), Person()
    deploy(hosts, "staging-1", "payments", "2.1.1", call=person)
    deployment = deploy(hosts, "prod-1", "payments", "2.1.1", call=person, skip_staging=True)
    assert (deployment.success, deployment.previous_version, deployment.approval) == (True, "2.1.0", None)
    assert person.questions == []


def test_a_version_that_runs_on_staging_counts_as_staged() -> None:
    hosts = leaking()
    assert deploy(hosts, "prod-1", "api", "2.4.1").success
    refused(hosts, "never deployed to staging", lambda: deploy(hosts, "prod-1", "api", "2.4.2"))


def test_an_approval_is_asked_for_once_and_recorded() -> None:
    hosts, approval = failing_payments(), Approval(True, "payments are down")
    person = Person(approval)
    deploy(hosts, "prod-1", "payments", "2.1.1", call=person, skip_staging=True)
    assert person.questions == ["Deploy payments 2.1.1 to production host prod-1 without staging?"]
    assert [each.approval for each in hosts.deployments] == [approval]
    assert hosts.hosts["prod-1"].services["payments"].version == "2.1.1"


@pytest.mark.parametrize(
    ("answer", "words"), [(None, "declined"), (Approval(False, "wait"), "APPROVAL_DENIED: wait")]
)
def test_without_an_approval_nothing_is_deployed(answer: Approval | None, words: str) -> None:
    hosts, person = failing_payments(), Person(answer)
    refused(
        hosts, words, lambda: deploy(hosts, "prod-1", "payments", "2.1.1", call=person, skip_staging=True)
    )
    assert len(person.questions) == 1


def test_the_question_goes_through_the_protocol_seam_without_a_state_change_before_it() -> None:
    hosts = failing_payments()
    advance(hosts, 10)
    answer = ask(
        hosts,
        "deploy",
        Person(Approval(True, "")),
        host="prod-1",
        service="payments",
        version="2.1.1",
        skip_staging=True,
    )
    assert not answer["isError"]
    assert answer["structuredContent"]["approval"] == {"approve": True, "reason": ""}


def test_one_idempotency_key_deploys_once() -> None:
    hosts, person = failing_payments(), Person(Approval(True, ""))
    results = [
        deploy(
            hosts, "prod-1", "payments", "2.1.1", call=person, skip_staging=True, idempotency_key="hotfix-1"
        )
        for _ in range(2)
    ]
    assert results[0] == results[1]
    assert len(hosts.deployments) == len(person.questions) == 1


def test_one_idempotency_key_for_two_requests_is_refused() -> None:
    hosts = failing_payments()
    deploy(hosts, "staging-1", "payments", "2.1.1", idempotency_key="k")
    refused(
        hosts, "same parameters", lambda: deploy(hosts, "staging-1", "payments", "2.1.0", idempotency_key="k")
    )


def test_two_deployments_of_one_key_that_both_wait_for_approval_deploy_once() -> None:
    hosts, yes = failing_payments(), Approval(True, "")

    async def both() -> list[Deployment]:
        async def one(call: Call) -> Deployment:
            return await hosts.deploy(
                "prod-1", "payments", "2.1.1", call=call, skip_staging=True, idempotency_key="hotfix-1"
            )

        other: list[Deployment] = []

        class Slow(Person):
            async def elicit(self, question: str, answer: type[T]) -> T:
                other.append(await one(Person(yes)))
                return await super().elicit(question, answer)

        return [await one(Slow(yes)), *other]

    first, second = asyncio.run(both())
    assert first == second
    assert len(hosts.deployments) == 1


def test_without_a_key_each_deployment_shows() -> None:
    hosts = failing_payments()
    deploy(hosts, "staging-1", "payments", "2.1.1")
    deploy(hosts, "staging-1", "payments", "2.1.1")
    assert [each.deployment_id for each in hosts.list_deployments("payments")] == [
        "deployment-1",
        "deployment-2",
    ]
    assert hosts.list_deployments("api") == []


def test_an_unknown_version_is_refused() -> None:
    hosts = failing_payments()
    refused(hosts, "manifest for payments:9 not found", lambda: deploy(hosts, "staging-1", "payments", "9"))
    assert hosts.list_releases("payments") == ["2.1.0", "2.1.1", "3.0.0"]


def test_a_host_that_vanishes_while_the_person_thinks_gets_nothing() -> None:
    hosts = failing_payments()
    person = Person(Approval(True, ""), meanwhile=lambda: setattr(hosts.hosts["prod-1"], "reachable", False))
    with pytest.raises(FakeError, match="Connection timed out"):
        deploy(hosts, "prod-1", "payments", "2.1.1", call=person, skip_staging=True)
    assert hosts.deployments == []


def test_the_error_rate_falls_over_five_minutes_after_the_fix() -> None:
    hosts = failing_payments()
    assert error_rate(hosts) == 0.4
    advance(hosts, 100)
    hosts.set_environment_variable("prod-1", "payments", "STRIPE_WEBHOOK_SECRET", "vault:stripe/webhook")
    advance(hosts, 1000)
    assert error_rate(hosts) == 0.4
    deploy(hosts, "prod-1", "payments", "2.1.1", call=Person(Approval(True, "")), skip_staging=True)
    assert error_rate(hosts) == 0.4
    advance(hosts, 150)
    assert error_rate(hosts) == pytest.approx(0.2)
    hosts.scale_service("prod-1", "payments", 2)
    advance(hosts, 150)
    assert error_rate(hosts) == 0.0


def error_rate(hosts: DropletExecutor) -> float:
    return hosts.get_metrics("prod-1", "payments").services["payments"].error_rate


def test_a_service_that_starts_without_a_variable_says_so_in_its_log() -> None:
    hosts = failing_payments()
    hosts.restart_service("prod-1", "payments")
    messages = [line.message for line in hosts.get_logs("prod-1", "payments").lines]
    assert messages == ["started version 2.1.0", "STRIPE_WEBHOOK_SECRET is not set"]


def test_environment_variables_are_shown_by_name_only() -> None:
    hosts = failing_payments()
    hosts.hosts["prod-1"].services["payments"].environment["TOKEN"] = "do-not-show"
    shown = hosts.list_environment_variables("prod-1", "payments")
    assert [(each.name, each.value) for each in shown] == [
        ("STRIPE_WEBHOOK_SECRET", "not set"),
        ("TOKEN", "set"),
    ]
    for name, arguments in {
        "list_environment_variables": {"host": "prod-1", "service": "payments"},
        "check_health": {"host": "prod-1"},
        "get_logs": {"host": "prod-1", "service": "payments"},
        "get_metrics": {"host": "prod-1"},
        "restart_service": {"host": "prod-1", "service": "payments"},
        "run_command": {"host": "prod-1", "command": "systemctl status payments"},
    }.items():
        assert "do-not-show" not in str(ask(hosts, name, **cast("dict[str, Any]", arguments)))


@pytest.mark.parametrize("value", ["do-not-show", "vault:", "vault:stripe", "vault:stripe/web hook"])
def test_a_value_instead_of_a_secret_reference_is_refused_without_repeating_it(value: str) -> None:
    hosts = failing_payments()
    with pytest.raises(FakeError) as refusal:
        hosts.set_environment_variable("prod-1", "payments", "TOKEN", value)
    assert value not in str(refusal.value).replace("vault:team/name", "")
    assert hosts.hosts["prod-1"].services["payments"].environment == {}


def test_a_bad_variable_name_is_refused() -> None:
    hosts = failing_payments()
    refused(
        hosts,
        "invalid environment variable name",
        lambda: hosts.set_environment_variable("prod-1", "payments", "A=B", "vault:a/b"),
    )


def test_blue_green_leaves_the_live_colour_alone_until_the_switch() -> None:
    hosts = leaking()
    deploy(hosts, "prod-1", "api", "2.4.1", blue_green=True)
    unit = hosts.hosts["prod-1"].services["api"]
    assert (unit.live_colour, unit.version, unit.idle_version) == ("blue", "2.4.0", "2.4.1")
    assert hosts.switch_live_colour("prod-1", "api", "green").version == "2.4.1"
    assert (unit.live_colour, unit.version, unit.idle_version) == ("green", "2.4.1", "2.4.0")


def test_switching_to_the_live_colour_changes_nothing() -> None:
    hosts = leaking()
    deploy(hosts, "prod-1", "api", "2.4.1", blue_green=True)
    hosts.switch_live_colour("prod-1", "api", "green")
    before = copy.deepcopy(hosts)
    hosts.switch_live_colour("prod-1", "api", "green")
    assert hosts == before


def test_switching_to_an_empty_colour_is_refused() -> None:
    hosts = leaking()
    refused(hosts, "nothing installed on green", lambda: hosts.switch_live_colour("prod-1", "api", "green"))


def test_a_bad_version_shows_on_the_idle_colour_before_it_gets_traffic() -> None:
    hosts = failing_payments()
    deploy(hosts, "staging-1", "payments", "3.0.0")
    deploy(hosts, "prod-1", "payments", "3.0.0", blue_green=True)
    health = hosts.check_health("prod-1").services["payments"]
    assert (health.healthy, health.idle_version, health.idle_healthy) == (True, "3.0.0", False)
    hosts.switch_live_colour("prod-1", "payments", "green")
    assert not hosts.check_health("prod-1").healthy
    hosts.switch_live_colour("prod-1", "payments", "blue")
    assert hosts.check_health("prod-1").healthy


def test_the_first_deployment_to_a_host_must_be_rolling() -> None:
    hosts = failing_payments()
    refused(
        hosts, "must be rolling", lambda: deploy(hosts, "staging-1", "payments", "2.1.1", blue_green=True)
    )


def test_a_rollback_goes_back_one_version_and_is_recorded() -> None:
    hosts = leaking()
    deploy(hosts, "prod-1", "api", "2.4.1")
    assert hosts.rollback("prod-1", "api").version == "2.4.0"
    assert [each.kind for each in hosts.deployments] == ["rolling", "rollback"]
    refused(hosts, "no rollout history found", lambda: hosts.rollback("prod-1", "api"))


# Hosts


def test_hosts_are_listed_with_what_runs_on_them() -> None:
    production, staging = leaking().list_hosts()
    assert (production.environment, production.services) == ("production", ["admin", "api", "reports"])
    assert (staging.environment, staging.databases) == ("staging", [])


@pytest.mark.parametrize(
    ("host", "words"),
    [("nowhere", "Could not resolve hostname nowhere"), ("prod-1", "ssh: connect to host prod-1 port 22")],
)
def test_an_unreachable_host_refuses_everything(host: str, words: str) -> None:
    hosts = leaking()
    hosts.hosts["prod-1"].reachable = False
    for action in (
        lambda: hosts.check_health(host),
        lambda: hosts.run_command(host, "uptime"),
        lambda: hosts.restart_service(host, "api"),
        lambda: hosts.set_feature_flag(host, "x", True),
    ):
        refused(hosts, words, action)


def test_an_unknown_service_is_refused_in_the_words_of_systemd() -> None:
    hosts = leaking()
    refused(
        hosts, r"Unit nope\.service could not be found\.", lambda: hosts.restart_service("prod-1", "nope")
    )


def test_commands_answer_as_scripted_and_are_logged() -> None:
    hosts = leaking()
    hosts.hosts["prod-1"].commands["./smoke.sh"] = CommandResult("1 failed", exit_code=1)
    output = hosts.run_command("prod-1", "./smoke.sh")
    assert (output.success, output.stdout, output.exit_code) == (False, "1 failed", 1)
    assert [run.command for run in hosts.hosts["prod-1"].command_log] == ["./smoke.sh"]


@pytest.mark.parametrize(
    ("command", "exit_code", "says"),
    [
        ("systemctl status api", 0, "Active: active"),
        ("systemctl is-active reports.service", 0, "active"),
        ("systemctl status nope", 4, "Unit nope.service could not be found."),
        ("frobnicate --all", 127, "frobnicate: command not found"),
    ],
)
def test_commands_that_are_not_scripted_answer_like_a_shell(command: str, exit_code: int, says: str) -> None:
    output = leaking().run_command("prod-1", command)
    assert output.exit_code == exit_code
    assert says in output.stdout + output.stderr


def test_a_restart_by_systemctl_counts_too() -> None:
    hosts = leaking()
    hosts.run_command("prod-1", "systemctl restart api")
    assert hosts.hosts["prod-1"].services["api"].restarts == 1


def test_logs_are_cut_to_the_newest_lines_and_a_time() -> None:
    hosts = leaking()
    advance(hosts, 60)
    hosts.restart_service("prod-1", "api")
    assert len(hosts.get_logs("prod-1", "api").lines) == 2
    for cut in (
        hosts.get_logs("prod-1", "api", lines=1),
        hosts.get_logs("prod-1", "api", since="2026-01-01T00:00:30Z"),
    ):
        assert [line.message for line in cut.lines] == ["started version 2.4.0"]
    refused(hosts, "Failed to parse timestamp: soon", lambda: hosts.get_logs("prod-1", "api", since="soon"))
    refused(hosts, "Failed to parse lines: 0", lambda: hosts.get_logs("prod-1", "api", lines=0))


def test_feature_flags_are_kept_per_host() -> None:
    hosts = leaking()
    hosts.set_feature_flag("prod-1", "read-only", True)
    assert hosts.hosts["prod-1"].flags == {"read-only": True}


# Droplets


def test_a_droplet_boots_and_costs_until_it_is_destroyed() -> None:
    hosts = DropletExecutor()
    created = hosts.create_droplet("web-1", size="s-2vcpu-4gb")
    assert created.status == "new"
    refused(hosts, "Connection refused", lambda: hosts.check_health("web-1"))
    advance(hosts, 3600)
    assert hosts.check_health("web-1").healthy
    assert hosts.list_droplets()[0].cost_dollars == 0.03571
    hosts.destroy_droplet(created.droplet_id)
    advance(hosts, 3600)
    (droplet,) = hosts.list_droplets()
    assert (droplet.status, droplet.cost_dollars) == ("archive", 0.03571)
    assert hosts.list_hosts() == []


def test_the_same_droplet_created_twice_is_two_droplets() -> None:
    hosts = DropletExecutor()
    first, second = hosts.create_droplet("web-1"), hosts.create_droplet("web-1")
    assert first.droplet_id != second.droplet_id
    hosts.destroy_droplet(first.droplet_id)
    assert [each.name for each in hosts.list_hosts()] == ["web-1"]


def test_impossible_droplets_are_refused() -> None:
    hosts = DropletExecutor()
    refused(hosts, "422 You specified an invalid size", lambda: hosts.create_droplet("x", size="huge"))
    refused(hosts, "422 You specified an invalid region", lambda: hosts.create_droplet("x", region="moon"))
    refused(hosts, "404 The resource you requested", lambda: hosts.destroy_droplet("droplet-9"))


# Contract


def test_the_world_survives_a_round_trip_through_json() -> None:
    hosts = restored()
    deploy_to = Host("staging")
    hosts.hosts["staging-1"] = deploy_to
    hosts.releases["api"] = {"1.1.0": Release(requires=("TOKEN",))}
    deploy(hosts, "staging-1", "api", "1.1.0")
    hosts.replay_transaction_log("wal-0200", "shop-2")
    adapter = TypeAdapter(DropletExecutor)
    assert adapter.validate_json(adapter.dump_json(hosts)) == hosts


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("restart_service", {"host": "prod-1", "servise": "api"}, "servise: unknown argument"),
        ("set_connection_pool", {"database": "shop", "size": "300"}, "size: "),
        ("switch_live_colour", {"host": "prod-1", "service": "api", "colour": "red"}, "colour: "),
        ("set_connection_pool", {"database": "nope", "size": 3}, 'database "nope" does not exist'),
    ],
)
def test_wrong_arguments_are_refused_at_the_door(tool: str, arguments: dict[str, object], words: str) -> None:
    hosts = leaking()
    before = copy.deepcopy(hosts)
    answer = ask(hosts, tool, **arguments)
    assert answer["isError"]
    assert words in answer["content"][0]["text"]
    assert hosts == before


def test_every_reading_tool_leaves_the_state_alone_at_any_time() -> None:
    hosts = restored()
    hosts.set_backup_interval("shop-2", 5)
    advance(hosts, 1000)
    before = copy.deepcopy(hosts)
    values = {"host": "prod-1", "service": "api", "database": "shop-2"}
    tools = [spec for spec in contract_of(DropletExecutor).tools.values() if spec.mark.reads]
    assert len(tools) == 14
    for spec in tools:
        needed = cast("list[str]", spec.parameters.json_schema.get("required", []))
        assert not ask(hosts, spec.name, **{name: values[name] for name in needed})["isError"]
    assert hosts == before
