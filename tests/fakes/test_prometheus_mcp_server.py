"""prometheus-mcp-server over the fake's series."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_mcpflow import CallResult, Hub, ToolError, Way, run
from pytest_mcpflow.fakes.prometheus_monitoring import PrometheusMonitoring, Sample, WatchedService
from pytest_mcpflow.fakes.real.prometheus_mcp_server import PrometheusMCPServer

START = 1767225600.0  # 2026-01-01T00:00:00Z, when a hub's time begins


def monitoring() -> PrometheusMCPServer:
    """Two services; the connections of the database rise from 10 to 70 in a minute."""
    rising = [Sample(0.0, 10.0, line=True), Sample(60.0, 70.0)]
    return PrometheusMCPServer(
        services={
            "db": WatchedService("production", {"connections": rising}),
            "api": WatchedService("production", {"error_rate": [Sample(0.0, 0.25)]}, up=False),
        }
    )


def ask(server: PrometheusMonitoring, tool: str, **arguments: Any) -> CallResult:
    async def asked() -> CallResult:
        async with Hub(way=Way.DIRECT) as hub:
            hub.serve(server, name="prometheus")
            return await hub.call_tool(f"prometheus.{tool}", arguments)

    return run(asked())


def refusal(tool: str, **arguments: Any) -> str:
    with pytest.raises(ToolError) as error:
        ask(monitoring(), tool, **arguments)
    return error.value.message


def test_a_query_has_the_labels_and_a_value_that_is_a_text() -> None:
    answer = ask(monitoring(), "execute_query", query='connections{service="db"}')

    assert (answer["resultType"], answer["result"]) == (
        "vector",
        [
            {
                "metric": {"__name__": "connections", "environment": "production", "service": "db"},
                "value": [START, "10"],
            }
        ],
    )
    assert answer["links"][0]["href"].startswith(
        "http://prometheus.example:9090/graph?g0.expr=connections%7B"
    )


@pytest.mark.parametrize("time", ["2026-01-01T00:00:30Z", str(START + 30)])
def test_a_query_can_be_about_another_time(time: str) -> None:
    answer = ask(monitoring(), "execute_query", query="connections", time=time)

    assert answer["result"][0]["value"] == [START + 30, "40"]


def test_an_unknown_metric_is_an_empty_answer_and_no_error() -> None:
    assert ask(monitoring(), "execute_query", query="nonsense")["result"] == []


def test_a_target_that_is_down_has_no_metric_but_up() -> None:
    up = ask(monitoring(), "execute_query", query="up")["result"]

    assert {each["metric"]["service"]: each["value"][1] for each in up} == {"api": "0", "db": "1"}
    assert ask(monitoring(), "execute_query", query="error_rate")["result"] == []


def test_a_range_has_a_value_for_each_step() -> None:
    asked = {"query": "connections", "start": str(START), "end": str(START + 60), "step": "30s"}
    answer = ask(monitoring(), "execute_range_query", **asked)

    assert answer["resultType"] == "matrix"
    assert answer["result"][0]["values"] == [[START, "10"], [START + 30, "40"], [START + 60, "70"]]


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("execute_query", {"query": "rate(x[5m])"}, "query?query=rate%28x%5B5m%5D%29"),
        ("execute_query", {"query": "up", "time": "noon"}, "query?query=up&time=noon"),
        ("execute_query", {"query": "up", "time": "nan"}, "query?query=up&time=nan"),
        ("execute_query", {"query": "up", "time": "1e300"}, "query?query=up&time=1e300"),
        (
            "execute_range_query",
            {"query": "up", "start": "0", "end": "9", "step": "²"},
            "query_range?query=up&start=0&end=9&step=%C2%B2",
        ),
        (
            "execute_range_query",
            {"query": "up", "start": "0", "end": "9", "step": "1e999"},
            "query_range?query=up&start=0&end=9&step=1e999",
        ),
        (
            "execute_range_query",
            {"query": "up", "start": "0", "end": "1000000", "step": "1"},
            "query_range?query=up&start=0&end=1000000&step=1",
        ),
    ],
)
def test_a_query_that_prometheus_refuses_comes_with_the_status_and_no_more(
    tool: str, arguments: dict[str, str], words: str
) -> None:
    assert refusal(tool, **arguments) == (
        f"Error calling tool '{tool}': 400 Client Error: Bad Request for url: "
        f"http://prometheus.example:9090/api/v1/{words}"
    )


def test_metrics_are_listed_as_they_were_until_the_cache_is_refreshed() -> None:
    server = monitoring()
    first = ask(server, "list_metrics", limit=2)
    server.record("db", "latency", 1.0)

    assert (first["metrics"], first["total_count"], first["has_more"]) == (
        ["connections", "error_rate"],
        3,
        True,
    )
    assert "latency" not in ask(server, "list_metrics")["metrics"]
    assert ask(server, "list_metrics", refresh_cache=True, filter_pattern="LAT")["metrics"] == ["latency"]


def test_targets_say_which_of_them_answers() -> None:
    targets = ask(monitoring(), "get_targets")

    assert [(each["labels"]["service"], each["health"]) for each in targets["activeTargets"]] == [
        ("api", "down"),
        ("db", "up"),
    ]
    assert ask(monitoring(), "get_targets", state="dropped")["total_active"] == 0
    assert refusal("get_targets", state="lost").endswith("Must be one of: active, dropped, any")


def test_the_server_says_that_it_is_well() -> None:
    health = ask(monitoring(), "health_check")

    assert (health["status"], health["prometheus_connectivity"]) == ("healthy", "healthy")


def test_both_sets_of_tools_read_one_state() -> None:
    documents = PrometheusMonitoring(services={"db": WatchedService("production")})
    documents.record("db", "connections", 5.0)
    real = PrometheusMCPServer.over(documents)

    assert ask(real, "execute_query", query="connections")["result"][0]["value"][1] == "5"
    assert ask(documents, "query", query="connections")["db"] == 5.0
