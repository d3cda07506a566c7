"""Retries, health and metrics when more goes wrong than was planned."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hidden_faults import dead_tools_hidden, faults_hidden
from hypothesis import given
from hypothesis import strategies as st
from mutants.mcp_error_handling import MUTANTS
from planned import Fault
from single_faults import faulted

from pytest_mcpflow import Hub, ToolError, run
from pytest_mcpflow.fakes.droplet_executor import Service
from pytest_mcpflow.scenario import invariants_of
from pytest_mcpflow.scenarios._cross_server import CrossServer
from pytest_mcpflow.scenarios._retry_manager import RetryManager
from pytest_mcpflow.scenarios.mcp_error_handling import McpErrorHandling

BUSY = ToolError("utility", "get_weather", "503 Service Unavailable")


def attempts(retries: RetryManager, *errors: Exception) -> list[float]:
    """When a function is called that fails with these errors, one after the other, and answers then."""
    times: list[float] = []
    failures = iter(errors)

    async def function() -> None:
        times.append(asyncio.get_running_loop().time())
        error = next(failures, None)
        if error is not None:
            raise error

    async def call() -> None:
        async with Hub(virtual_time=True):
            try:
                await retries.execute_with_retry(function)
            except ToolError:
                times.append(-1)

    run(call())
    return [at if at < 0 else round(at - times[0], 6) for at in times]


@pytest.mark.parametrize("fault", Fault)
def test_no_failing_call_goes_unnoticed(fault: Fault) -> None:
    assert faults_hidden(McpErrorHandling, fault) == []
    assert dead_tools_hidden(McpErrorHandling, fault) == []


def test_a_session_in_which_nothing_can_be_repeated_away_ends_loudly() -> None:
    scenario = McpErrorHandling()
    scenario.utility.weather_back_at = None
    run = faulted(scenario, {})

    times = [each.at for each in run.judgement.transcript.calls("get_weather")]
    assert times == [0.0, 1.0, 3.0, 7.0]
    assert run.result.operations["weather"] == "failed: 502 Bad Gateway: the weather service does not answer"
    [alert] = scenario.people.alerts
    assert alert.message == "weather failed: 502 Bad Gateway: the weather service does not answer"
    assert run.silence is None


def test_a_database_without_free_connections_is_not_healthy() -> None:
    scenario = McpErrorHandling()
    tools = scenario.hosts.hosts["tools-1"]
    tools.databases["workflow"].max_connections = 20
    tools.services["tools"] = Service("1.0.0", database="workflow", connections=20)
    run = faulted(scenario, {})

    assert not run.result.after.services["database"]
    assert run.result.after.status == "degraded"
    assert scenario.people.alerts[0].message == "database is not healthy"
    assert run.silence is None


def test_documentation_that_is_made_up_is_not_healthy() -> None:
    scenario = McpErrorHandling()
    scenario.context7.has_api_key = False
    run = faulted(scenario, {})

    assert (run.result.after.status, run.result.after.services["context7"]) == ("degraded", False)


def test_the_health_says_when_it_was_looked_at() -> None:
    result = faulted(McpErrorHandling(), {}).result

    assert (result.before.timestamp, result.before.status) == ("2026-01-01T00:00:00+00:00", "degraded")
    assert (result.after.timestamp, result.after.status) == ("2026-01-01T00:00:50+00:00", "healthy")


def test_the_metrics_read_as_prometheus_expects() -> None:
    lines = faulted(McpErrorHandling(), {}).result.exposition.splitlines()

    assert 'mcp_requests_total{tool_name="echo",status="error"} 1' in lines
    assert 'mcp_requests_total{tool_name="echo",status="success"} 2' in lines
    assert 'mcp_requests_total{tool_name="get_weather",status="error"} 2' in lines
    assert 'mcp_request_duration_seconds_count{tool_name="get_weather"} 3' in lines
    assert 'mcp_request_duration_seconds_sum{tool_name="get_weather"} 0' in lines
    assert lines[-1] == "mcp_active_connections 0"


def test_pauses_double_up_to_a_minute() -> None:
    times = attempts(RetryManager(max_retries=9), *[BUSY] * 9)

    assert [then - at for at, then in itertools.pairwise(times)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_after_the_last_retry_the_error_is_raised() -> None:
    assert attempts(RetryManager(), *[BUSY] * 4) == [0, 1, 3, 7, -1]


def test_a_server_that_asks_for_more_than_a_minute_is_given_up() -> None:
    def asks_for(seconds: int) -> ToolError:
        return ToolError("context7", "search", f"429 Too Many Requests: retry after {seconds} seconds")

    assert attempts(RetryManager(), asks_for(60)) == [0, 60]
    assert attempts(RetryManager(), asks_for(61)) == [0, -1]


@given(st.integers(0, 200), st.floats(1.0, 10.0), st.floats(1.0, 120.0))
def test_no_pause_is_longer_than_the_longest(attempt: int, factor: float, longest: float) -> None:
    pause = RetryManager(backoff_factor=factor, max_backoff=longest).pause_after(BUSY, attempt)

    assert pause is not None
    assert 1.0 <= pause <= longest


def test_every_rule_has_a_session_that_breaks_it() -> None:
    of_its_own = {rule.name for rule in invariants_of(McpErrorHandling())} - {*vars(CrossServer)}

    assert of_its_own <= {check for _, check in MUTANTS.values()}
