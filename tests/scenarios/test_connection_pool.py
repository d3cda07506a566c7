"""The connection pool when calls fail, are lost, or are given up."""

from __future__ import annotations

import asyncio

import pytest
from planned import Fault, bad_ends
from single_faults import faulted, reference, silent_under

from pytest_mcpflow import Cancelled, Transcript, run
from pytest_mcpflow.scenarios._connection_pool_workflow import Pool
from pytest_mcpflow.scenarios.connection_pool import (
    PRODUCTION,
    STAGING,
    ConnectionPool,
    FleetReport,
    most_at_a_time,
)

VERIFY = "prometheus-monitoring.verify_service_health"


@pytest.mark.parametrize("fault", Fault)
def test_no_failing_call_goes_unnoticed(fault: Fault) -> None:
    assert silent_under(ConnectionPool, fault) == []


@pytest.mark.parametrize("kind", ["duplicate", "delay", "restart"])
def test_no_call_that_is_repeated_late_or_cut_off_goes_unnoticed(kind: str) -> None:
    assert bad_ends(ConnectionPool, kind) == []


@pytest.mark.parametrize("fault", Fault)
def test_a_server_that_never_answers_keeps_nobody_waiting(fault: Fault) -> None:
    trial = faulted(ConnectionPool(), {VERIFY: fault})

    assert isinstance(trial.result, FleetReport)
    assert trial.result.unhealthy == tuple(PRODUCTION)


def checks(environment: str) -> Transcript:
    every = reference(ConnectionPool).transcript.calls(VERIFY)
    return every[: len(STAGING) - 2] if environment == "staging" else every[len(STAGING) - 2 :]


def test_staging_is_given_up_together_by_those_connected_and_those_who_wait() -> None:
    assert [each.arguments["service"] for each in checks("staging")] == STAGING[:10]
    assert {(each.at, each.until, each.outcome) for each in checks("staging")} == {(0.0, 12.0, Cancelled())}


def test_a_connection_is_taken_over_in_the_instant_in_which_it_comes_back() -> None:
    production = checks("production")
    freed = sorted(each.until for each in production if each.until is not None)

    assert [each.arguments["service"] for each in production] == PRODUCTION
    assert [each.at for each in production] == [12.0] * 10 + freed[:14]
    assert most_at_a_time(production) == 10


def test_nobody_waits_for_the_connections_to_another_server() -> None:
    begins, _ = reference(ConnectionPool).transcript.calls("send_notification")

    assert begins.at == begins.until == checks("production")[0].at


def test_a_service_that_is_down_is_alerted_by_name() -> None:
    scenario = ConnectionPool()
    scenario.monitoring.services["service-07"].up = False
    scenario.monitoring.services["service-07"].series.clear()

    trial = faulted(scenario, {})

    assert trial.result.unhealthy == ("service-07",)
    assert [(each.severity, each.message) for each in scenario.people.alerts] == [
        ("high", "not healthy: service-07")
    ]


def test_a_limit_may_be_a_server_s_own() -> None:
    pool, order = Pool({"docker": 1}), list[str]()

    async def use(server: str, name: str) -> None:
        async with pool.connection(server):
            order.append(f"{name} begins")
            await asyncio.sleep(1)
        order.append(f"{name} ends")

    async def both() -> None:
        await asyncio.gather(use("docker", "first"), use("docker", "second"), use("kubernetes", "other"))

    run(both())

    assert order == [
        "first begins",
        "other begins",
        "first ends",
        "other ends",
        "second begins",
        "second ends",
    ]
    assert pool.busiest == {"docker": 1, "kubernetes": 1}


@pytest.mark.parametrize("given_up_after", [0.5, 1.5])
def test_who_is_given_up_keeps_no_connection_whether_waiting_or_working(given_up_after: float) -> None:
    pool = Pool(default=1)

    async def work() -> None:
        async with pool.connection("docker"):
            await asyncio.sleep(1)

    async def give_up() -> None:
        first, second = asyncio.create_task(work()), asyncio.create_task(work())
        await asyncio.sleep(given_up_after)
        second.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        async with asyncio.timeout(1.0), pool.connection("docker"):
            pass

    run(give_up())
