"""Many checks on one server, with at most ten connections to it at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Run, Transcript, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.prometheus_monitoring import PrometheusMonitoring, Sample, WatchedService
from pytest_mcpflow.scenarios._connection_pool_workflow import LIMIT, FleetReport, Pool, check_fleet
from pytest_mcpflow.scenarios._cross_server import CrossServer

__all__ = ["PRODUCTION", "STAGING", "ConnectionPool", "FleetReport", "most_at_a_time"]

STAGING = [f"preview-{number:02}" for number in range(12)]
PRODUCTION = [f"service-{number:02}" for number in range(24)]
FLEET = "".join(
    [*(f"staging {name}\n" for name in STAGING), *(f"production {name}\n" for name in PRODUCTION)]
)


def _watch() -> PrometheusMonitoring:
    production = {
        name: WatchedService("production", {"up": [Sample(-1.0, 0.0), Sample(2.0 * number, 1.0)]})
        for number, name in enumerate(PRODUCTION)
    }
    staging = {name: WatchedService("staging", up=False) for name in STAGING}
    return PrometheusMonitoring(production | staging, takes={"verify_service_health": 4.0})


@dataclass
class ConnectionPool(CrossServer):
    """Check all services after a release. Look at staging for 12 seconds, then wait for each one in production."""

    tags = ("performance",)

    desktop: DesktopCommander = field(default_factory=lambda: DesktopCommander({"fleet.txt": FLEET}))
    monitoring: PrometheusMonitoring = field(default_factory=_watch)

    async def workflow(self, hub: Hub) -> FleetReport:
        return await check_fleet(hub, Pool())

    def expect(self, run: Run) -> None:
        assert [sent.message for sent in self.people.notifications] == [
            "Checking 24 services in production",
            "24 of 24 services are healthy in production",
        ]
        assert {(*sent.channels, sent.priority) for sent in self.people.notifications} == {
            ("dashboard", "normal")
        }
        assert self.people.alerts == []
        assert {each.arguments["service"] for each in run.calls("verify_service_health")} >= {*PRODUCTION}
        # All ten connections were in use at a time.
        assert run.result.busiest == {
            "desktop-commander": 1,
            "prometheus-monitoring": LIMIT,
            "communication-hub": 1,
        }
        assert run.result == FleetReport(True, tuple(PRODUCTION), (), run.result.busiest)

    @invariant
    def at_most_ten_at_a_time(self, run: Run) -> None:
        """No server has more than ten calls at a time."""
        for server in {each.server for each in run.transcript}:
            assert most_at_a_time(run.transcript.by_server(server)) <= LIMIT, server

    @invariant
    def waiters_are_served_in_order(self, run: Run) -> None:
        """Who waits for a connection gets it in the order of asking."""
        for fleet in (STAGING, PRODUCTION):
            calls = [
                each for each in run.calls("verify_service_health") if each.arguments["service"] in fleet
            ]
            # Two that get one at the same instant may make their calls in either order.
            calls.sort(key=lambda each: (each.at, fleet.index(each.arguments["service"])))
            turns = list(dict.fromkeys(each.arguments["service"] for each in calls))
            assert turns == fleet[: len(turns)]

    @invariant
    def every_connection_comes_back(self, run: Run) -> None:
        """However calls end, the next ones get a connection: every service of the list has its turn."""
        asked = {each.arguments["service"] for each in run.calls("verify_service_health")}
        if any(each.ok for each in run.calls("read_file")):
            assert asked.issuperset(PRODUCTION)


def most_at_a_time(calls: Transcript) -> int:
    """How many of these calls were under way at one time."""
    begins = [(each.at, 1) for each in calls if each.seconds != 0]
    ends = [(each.until, -1) for each in calls if each.until is not None and each.seconds != 0]
    most = now = 0
    for _, change in sorted([*begins, *ends]):
        now += change
        most = max(most, now)
    return most
