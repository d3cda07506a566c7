"""The droplet executor: services that leak database connections, pools and restarts."""

from __future__ import annotations

import copy

from droplet_hosts import advance, deploy, leaking, refused
from hypothesis import given
from hypothesis import strategies as st

from pytest_mcpflow.fakes.droplet_executor import (
    DropletExecutor,
    Host,
    Release,
    Service,
)


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
