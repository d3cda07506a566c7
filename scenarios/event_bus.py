"""Subscribers to what happens in a release: told in order, and none kept from it by another's failure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import timedelta

from pytest_mcpflow import Hub, Run, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.kubernetes import Kubernetes
from pytest_mcpflow.fakes.prometheus_monitoring import PrometheusMonitoring, WatchedService
from pytest_mcpflow.fakes.s3_storage import S3Storage
from pytest_mcpflow.scenarios._cross_server import CrossServer
from pytest_mcpflow.scenarios._event_bus_workflow import HISTORY, Event, ReleaseReport, release_all
from pytest_mcpflow.scenarios._event_bus_world import BEFORE, ORDERS, RELEASES, cluster, deeds

__all__ = ["Event", "EventBus", "ReleaseReport"]


@dataclass
class EventBus(CrossServer):
    """Release app 1.2.3 and search 2.1.0, and publish what happens; search does not start, and is rolled back."""

    tags = ("events",)

    cluster: Kubernetes = field(default_factory=cluster)
    monitoring: PrometheusMonitoring = field(
        default_factory=lambda: PrometheusMonitoring(
            {name: WatchedService("production") for name in RELEASES}
        )
    )
    storage: S3Storage = field(default_factory=lambda: S3Storage({"k8s/": "replicas: 2\n"}))
    desktop: DesktopCommander = field(
        default_factory=lambda: DesktopCommander({"releases.txt": "app 1.2.3\nsearch 2.1.0\n"})
    )

    async def workflow(self, hub: Hub) -> ReleaseReport:
        return await release_all(hub)

    def expect(self, run: Run) -> None:
        images = {
            name: [each.image for each in deployed.revisions]
            for name, deployed in self.cluster.deployments.items()
        }
        assert images == {
            "production/app": ["app:1.2.2", "app:1.2.3"],
            "production/search": ["search:2.0.0", "search:2.1.0", "search:2.0.0"],
        }
        assert {rule.service for rule in self.monitoring.rules} == {*RELEASES}
        assert [(each.status, each.version) for each in self.monitoring.deployments] == [("active", "1.2.3")]
        assert [*self.storage.objects] == ["config/deployment_app_1.2.3"]
        assert [(sent.service, sent.status, sent.version) for sent in self.people.broadcasts] == [
            ("app", "started", "1.2.3"),
            ("app", "completed", "1.2.3"),
            ("search", "started", "2.1.0"),
            ("search", "rolled_back", "2.1.0"),
        ]
        [alert] = self.people.alerts
        assert (alert.severity, alert.metadata) == ("high", {"event_type": "deployment.failed"})
        assert alert.message.startswith("search 2.1.0 failed: ")
        history = run.result.history
        assert [(event.type, event.data["service"], event.data["version"]) for event in history] == [
            ("deployment.started", "app", "1.2.3"),
            ("deployment.completed", "app", "1.2.3"),
            ("deployment.started", "search", "2.1.0"),
            ("deployment.failed", "search", "2.1.0"),
        ]
        assert {event.context_id for event in history} == {"event-bus"}
        times = [event.timestamp for event in history]
        assert times == sorted(times)
        assert times[0] >= self.starts_at.isoformat()
        assert times[-1] <= (self.starts_at + timedelta(seconds=run.seconds)).isoformat()
        assert run.result == ReleaseReport(False, history, ())

    @invariant
    def a_failing_subscriber_stops_no_other(self, run: Run) -> None:
        """Whoever subscribed to an event has done its work, or is said to have failed."""
        if isinstance(run.result, ReleaseReport):
            for event in run.result.history:
                service, version = event.data["service"], event.data["version"]
                work = self._work(service, version)[event.type]
                missing = {f"{name} of {service}" for name, is_done in work.items() if not is_done}
                assert missing <= {*run.result.failed}, event

    @invariant
    def subscribers_are_told_in_order(self, run: Run) -> None:
        """Of the subscribers to one event, who subscribed first acts first."""
        for service, version in RELEASES.items():
            did = deeds(run.transcript, service, version)
            for order in ORDERS:
                done = [each for each in order if each in did]
                assert sorted(done, key=did.index) == done

    @invariant
    def the_history_is_kept(self, run: Run) -> None:
        """What was published is written down, in order and as it was, and every deployment has one outcome."""
        if isinstance(run.result, ReleaseReport):
            events = [event.type.removeprefix("deployment.") for event in run.result.history]
            assert len(events) == 2 * len(RELEASES)
            assert events[::2] == ["started"] * len(RELEASES)
            assert {*events[1::2]} <= {"completed", "failed"}
            if HISTORY not in run.result.failed:
                kept = json.loads(self.desktop.files[HISTORY])
                assert kept == [asdict(event) for event in run.result.history]

    @invariant
    def undone_once(self, run: Run) -> None:
        """What failed is undone at most once, and what completed not at all."""
        causes = [each.cause for each in self.cluster.deployments["production/search"].revisions]
        assert sum(cause.startswith("undo") for cause in causes) <= 1
        if isinstance(run.result, ReleaseReport):
            for event in run.result.history:
                if event.type == "deployment.completed":
                    service, version = event.data["service"], event.data["version"]
                    assert self.cluster.deployments[f"production/{service}"].image == f"{service}:{version}"

    def _work(self, service: str, version: str) -> dict[str, dict[str, bool]]:
        """Whether what the subscribers to an event are there for has been done, by event and subscriber."""
        told = {
            sent.status for sent in self.people.broadcasts if sent.service == service and sent.delivered_to
        }
        alerts = [alert.message for alert in self.people.alerts if alert.delivered_to]
        return {
            "deployment.started": {
                "set up monitoring": service in {rule.service for rule in self.monitoring.rules},
                "announce": "started" in told,
            },
            "deployment.completed": {
                "note version": version in {each.version for each in self.monitoring.deployments},
                "back up": f"config/deployment_{service}_{version}" in self.storage.objects,
                "announce": "completed" in told,
            },
            "deployment.failed": {
                "roll back": self.cluster.deployments[f"production/{service}"].image == BEFORE[service],
                "call people": any(text.startswith(f"{service} {version} failed") for text in alerts),
            },
        }
