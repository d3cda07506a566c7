"""Operations done in batches, each of them once, also where the timer and the last one of a batch meet."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Run, invariant
from pytest_mcpflow.fakes.communication_hub import Notification
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.kubernetes import Kubernetes, Manifest
from pytest_mcpflow.fakes.prometheus_monitoring import PrometheusMonitoring, WatchedService
from pytest_mcpflow.fakes.s3_storage import S3Storage
from pytest_mcpflow.scenarios._batch_processing_workflow import LIMITS, BatchReport, work_off
from pytest_mcpflow.scenarios._cross_server import CrossServer

__all__ = ["BatchProcessing", "BatchReport"]

BUILDS = [f"build-{number:02}" for number in range(1, 14)]
APPS = [f"app-{number}" for number in range(1, 8)]
SERVICES = [f"service-{number:02}" for number in range(1, 22)]
BACKUPS = ["monday", "tuesday"]
OPERATIONS = [
    *(f"0 notification {build}" for build in BUILDS[:9]),
    *(f"1 deployment {app}" for app in APPS[:5]),
    *(f"2 deployment {app}" for app in APPS[5:]),
    *(f"3 monitoring {service}" for service in SERVICES),
    "4 backup monday",
    # The tenth, in the instant in which the first one has waited long enough.
    f"5 notification {BUILDS[9]}",
    *(f"6 notification {build}" for build in BUILDS[10:]),
    # Not the first of its batch, which therefore waits no longer for it.
    "7 backup tuesday",
]
SUBJECTS = {"kubectl_apply": "manifest_path", "setup_alerts": "service", "backup_config": "backup_name"}
"""By tool, the argument that tells which operation a call is for."""
BEGINNINGS = {
    **{f"k8s/{app}.yaml": 1.0 if app in APPS[:5] else 7.0 for app in APPS},
    **{service: 3.0 if service in SERVICES[:20] else 8.0 for service in SERVICES},
    **dict.fromkeys(BACKUPS, 9.0),
}
"""When operations begin, in seconds after they were read: a full batch at once, others 5 s after their first."""


def _cluster() -> Kubernetes:
    manifests = {f"k8s/{app}.yaml": Manifest(app, f"{app}:2.0.0") for app in APPS}
    return Kubernetes(manifests, namespaces=["default", "production"], takes={"kubectl_apply": 2.5})


def _watch() -> PrometheusMonitoring:
    services = {name: WatchedService("production") for name in SERVICES}
    return PrometheusMonitoring(services, takes={"setup_alerts": 0.8})


@dataclass
class BatchProcessing(CrossServer):
    """Do 43 operations of four kinds in batches: full ones at once, the others after five seconds."""

    tags = ("performance",)

    desktop: DesktopCommander = field(
        default_factory=lambda: DesktopCommander({"operations.txt": "\n".join(OPERATIONS)})
    )
    cluster: Kubernetes = field(default_factory=_cluster)
    monitoring: PrometheusMonitoring = field(default_factory=_watch)
    storage: S3Storage = field(default_factory=lambda: S3Storage({"k8s/": "replicas: 3\n"}))

    async def workflow(self, hub: Hub) -> BatchReport:
        return await work_off(hub)

    def expect(self, run: Run) -> None:
        assert {f"production/{app}": f"{app}:2.0.0" for app in APPS} == {
            name: deployed.image for name, deployed in self.cluster.deployments.items()
        }
        assert {rule.service for rule in self.monitoring.rules} == {*SERVICES}
        assert sorted(self.storage.objects) == [f"config/{name}" for name in BACKUPS]
        told = [sent for sent in self.people.notifications if sent.priority == "normal"]
        assert {(sent.message, *sent.channels) for sent in told} == {
            (f"Finished: {build}", "slack") for build in BUILDS
        }
        notices = self._notices()
        assert {(sent.priority, *sent.channels) for sent in notices} == {("low", "dashboard")}
        assert run.result == BatchReport(True, run.result.batches, ())
        assert {kind: sum(sizes) for kind, sizes in run.result.batches.items()} == {
            "notification": 13,
            "deployment": 7,
            "monitoring": 21,
            "backup": 2,
        }
        sizes = {kind: sorted(each, reverse=True) for kind, each in run.result.batches.items()}
        assert (sizes["deployment"], sizes["monitoring"], sizes["backup"]) == ([5, 2], [20, 1], [2])
        assert _begun(run) == BEGINNINGS
        noticed = [
            re.match(r"Batch processed: (\d+) (\w+) operations", each.message) for each in self._notices()
        ]
        assert sorted((each[2], int(each[1])) for each in noticed if each) == sorted(
            (kind, size) for kind, batches in run.result.batches.items() for size in batches
        )
        assert self.people.alerts == []

    @invariant
    def nothing_is_done_twice(self, run: Run) -> None:
        """Every operation runs at most once, also where timer and size meet, and where an answer is lost."""
        told = run.effects("send_notification").by("message")
        rules = Counter((rule.name, rule.service) for rule in self.monitoring.rules)
        revisions = {name: len(each.revisions) for name, each in self.cluster.deployments.items()}
        versions = {key: len(each) for key, each in self.storage.objects.items()}
        for done in (told, rules, revisions, versions):
            assert {what: times for what, times in done.items() if times > 1} == {}

    @invariant
    def nothing_is_forgotten(self, run: Run) -> None:
        """Every operation is done, or is said to have failed."""
        if run.error is None and run.result is not None:
            told = {sent.message for sent in self.people.notifications}
            done = {
                *(f"notification {build}" for build in BUILDS if f"Finished: {build}" in told),
                *(f"deployment {app}" for app in APPS if f"production/{app}" in self.cluster.deployments),
                *(f"monitoring {rule.service}" for rule in self.monitoring.rules),
                *(f"backup {key.removeprefix('config/')}" for key in self.storage.objects),
            }
            asked = {line.partition(" ")[2] for line in OPERATIONS}
            assert asked - done - {*run.result.failed} == set()

    @invariant
    def a_full_batch_does_not_grow(self, run: Run) -> None:
        """No batch has more operations than its limit."""
        for notice in self._notices():
            found = re.match(r"Batch processed: (\d+) (\w+) operations", notice.message)
            assert found is not None
            assert int(found[1]) <= LIMITS.get(found[2], 10), notice.message

    def _notices(self) -> list[Notification]:
        return [sent for sent in self.people.notifications if sent.message.startswith("Batch")]


def _begun(run: Run) -> dict[str, float]:
    """When each operation was first tried, in seconds after they were read."""
    read = next(each.until or 0.0 for each in run.calls("read_file") if each.ok)
    begun: dict[str, float] = {}
    for each in run.transcript:
        if each.name in SUBJECTS:
            begun.setdefault(each.arguments[SUBJECTS[each.name]], round(each.at - read, 6))
    return begun
