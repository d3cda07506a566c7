"""The droplet executor: dropped databases, snapshots, transaction logs, backups, indexes."""

from __future__ import annotations

import pytest
from droplet_hosts import advance, dropped, leaking, refused, restored

from pytest_mcpflow.fakes.droplet_executor import (
    Query,
    Snapshot,
)


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


def test_an_automatic_backup_keeps_the_rows_of_its_time() -> None:
    hosts = restored()
    hosts.set_backup_interval("shop-2", 5)
    advance(hosts, 300)
    hosts.replay_transaction_log("wal-0200", "shop-2")
    hosts.set_service_database("prod-1", "api", "shop-2")
    advance(hosts, 300)
    assert [each.rows for each in hosts.list_snapshots("shop-2")] == [800, 833]


def test_setting_the_same_backup_interval_again_does_not_postpone_the_next_backup() -> None:
    hosts = restored()
    hosts.set_backup_interval("shop-2", 5)
    advance(hosts, 200)
    hosts.set_backup_interval("shop-2", 5)
    advance(hosts, 100)
    assert len(hosts.list_snapshots("shop-2")) == 1


def test_only_what_a_later_snapshot_lacks_is_replayed_and_missing() -> None:
    hosts = dropped()
    hosts.record_of("shop").snapshots["snap-0300"] = Snapshot("2026-01-01T03:00:00Z", 830)
    hosts.create_database("prod-1", "shop-2")
    advance(hosts, 60)
    hosts.restore_snapshot("snap-0300", "shop-2")
    assert hosts.list_missing_orders("shop-2").count == 20
    replay = hosts.replay_transaction_log("wal-0200", "shop-2")
    assert (replay.recovered_orders, replay.partial, hosts.database("shop-2").rows) == (20, False, 850)
    assert hosts.list_missing_orders("shop-2").count == 0


def test_a_restored_database_is_as_slow_as_the_one_it_came_from() -> None:
    hosts = dropped()
    hosts.record_of("shop").queries.append(Query("SELECT … WHERE user_id = $1", "orders.user_id", 2.3))
    hosts.create_database("prod-1", "shop-2")
    advance(hosts, 60)
    hosts.restore_snapshot("snap-0200", "shop-2")
    assert [each.missing_index for each in hosts.list_slow_queries("shop-2")] == ["orders.user_id"]


def test_leaked_connections_end_with_their_database() -> None:
    hosts = leaking()
    hosts.create_backup("shop")
    hosts.drop_database("shop", force=True)
    hosts.create_database("prod-1", "shop", max_connections=200)
    assert hosts.connections("shop") == 89


def test_leaked_connections_stay_behind_when_a_service_moves_to_another_database() -> None:
    hosts = leaking()
    hosts.create_database("prod-1", "shop-2")
    advance(hosts, 60)
    hosts.set_service_database("prod-1", "admin", "shop-2")
    assert hosts.connections_by_service("shop-2") == {"prod-1/admin": 29}
