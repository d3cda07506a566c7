"""A failure is assessed, answered by the action for its kind, and called recovered only after verification."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from pytest_mcpflow import Hub, Interaction, Run, Scenario, invariant
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.docker import Container, Docker
from pytest_mcpflow.fakes.kubernetes import Deployment, Kubernetes, Manifest, Revision
from pytest_mcpflow.fakes.prometheus_monitoring import PrometheusMonitoring, Sample, WatchedService
from pytest_mcpflow.fakes.s3_storage import S3Storage

__all__ = ["AutomatedDisasterRecovery", "Recovery"]

IncidentType = Literal["service_failure", "database_failure", "infrastructure_failure"]
_KINDS: tuple[IncidentType, ...] = ("service_failure", "database_failure", "infrastructure_failure")
BACKUP_DATABASE = "postgres-standby"


@dataclass(frozen=True)
class Recovery:
    """How each kind of incident ended: the action, and whether verification passed afterwards."""

    incident: IncidentType
    action: str | None
    recovered: bool
    unhealthy_before: tuple[str, ...]
    backups: tuple[str, ...]
    missing: tuple[str, ...] = ()


def _cluster() -> Kubernetes:
    app = Revision(1, "app:1.4", {"DATABASE_URL": "postgres-primary"}, -3600.0, "apply")
    return Kubernetes(
        manifests={
            "k8s/production/app.yaml": Manifest("app", "app:1.4", 3, {"DATABASE_URL": "postgres-primary"}),
            "k8s/backup-region/app.yaml": Manifest("app-backup-region", "app:1.4", 3),
        },
        deployments={"production/app": Deployment("app", "production", 3, [app], crashing=True)},
    )


def _monitoring() -> PrometheusMonitoring:
    series = {"error_rate": [Sample(-600.0, 0.9)], "response_seconds": [Sample(-600.0, 0.2)]}
    return PrometheusMonitoring(services={"app": WatchedService("production", series)})


def _desktop() -> DesktopCommander:
    return DesktopCommander(
        environment={"DATABASE_URL": "postgres-primary"},
        scripts=[
            Script("systemctl status critical-services", stdout="app.service: failed", exit_code=3),
            Script("pg_dump *", stdout="-- dump of production\n"),
            Script("curl -f *", stdout="ok"),
        ],
    )


@dataclass
class AutomatedDisasterRecovery(Scenario):
    """Production fails. For each kind of failure: assess, alert, act, back up, verify, and report what is true."""

    tags = ("incident", "emergency")

    monitoring: PrometheusMonitoring = field(default_factory=_monitoring)
    cluster: Kubernetes = field(default_factory=_cluster)
    docker: Docker = field(
        default_factory=lambda: Docker(containers=[Container("c0ffee", "app:1.4", "", "running")])
    )
    desktop: DesktopCommander = field(default_factory=_desktop)
    storage: S3Storage = field(default_factory=lambda: S3Storage(sources={"production-data": "rows"}))
    people: CommunicationHub = field(default_factory=CommunicationHub)

    async def workflow(self, hub: Hub) -> list[Recovery]:
        recoveries: list[Recovery] = []
        for kind in _KINDS:
            recoveries.append(await _Responder(hub, kind).recover())
            await asyncio.sleep(3600)
        return recoveries

    def connect(self, hub: Hub) -> None:
        """Errors end when the pods of what was done are ready; half an hour after a recovery the next thing fails."""

        def errors_end(_: Interaction) -> None:
            self.monitoring.record("app", "error_rate", 0.01, after=self.cluster.startup_seconds)

        def next_failure(_: Interaction) -> None:
            if len(self.people.notifications) < len(_KINDS):
                self.monitoring.record("app", "error_rate", 0.9, after=1800)

        hub.on_effect("kubernetes.*", errors_end)
        hub.on_effect("communication-hub.send_notification", next_failure)

    def expect(self, run: Run) -> None:
        app = self.cluster.deployments["production/app"]
        assert [revision.cause for revision in app.revisions] == ["apply", "apply", "patch"]
        assert not app.crashing
        assert len(self.cluster.running("production", "app")) == 3
        assert app.env["DATABASE_URL"] == BACKUP_DATABASE
        assert "production/app-backup-region" in self.cluster.deployments
        assert self.monitoring.value("app", "error_rate") == 0.01
        assert len(self.storage.objects["emergency/high/production-data"]) == 3
        dumps = [path for path in self.desktop.files if path.startswith("/tmp/emergency_backup_")]  # noqa: S108
        assert all(self.desktop.files[path].startswith("-- dump of production") for path in dumps)
        assert len(dumps) == 3
        assert [alert.message for alert in self.people.alerts] == [
            f"Disaster recovery started: {kind}" for kind in _KINDS
        ]
        assert {(alert.severity, alert.escalation_policy) for alert in self.people.alerts} == {
            ("critical", "critical")
        }
        assert [sent.message for sent in self.people.notifications] == [
            f"Recovered from {kind}" for kind in _KINDS
        ]
        assert {
            (tuple(sent.channels), sent.priority, sent.template) for sent in self.people.notifications
        } == {(("slack", "email", "dashboard"), "critical", "incident")}
        order = [
            "get_system_health",
            "send_alert",
            "docker_ps",
            "kubectl_apply",
            "emergency_backup",
            "verify_service_health",
        ]
        first = [run.calls(tool)[0].at for tool in [*order, "send_notification"]]
        assert first == sorted(first)
        assert [(each.incident, each.action, each.recovered, each.missing) for each in run.result] == [
            ("service_failure", "kubernetes.kubectl_apply", True, ()),
            ("database_failure", "kubernetes.kubectl_patch", True, ()),
            ("infrastructure_failure", "kubernetes.kubectl_apply", True, ()),
        ]
        assert {each.unhealthy_before for each in run.result} == {("app",)}
        assert {each.backups for each in run.result} == {("s3-storage", "pg_dump")}

    @invariant
    def recovered_means_acted_and_verified(self, run: Run) -> None:
        """Success is only reported when an action ran and verification passed."""
        told = [sent for sent in self.people.notifications if sent.message.startswith("Recovered from")]
        passed = [
            call
            for call in run.calls("verify_service_health")
            if call.ok and _success(getattr(call.outcome, "value", None))
        ]
        acted = [*run.effects("kubectl_apply"), *run.effects("kubectl_patch")]
        assert len(told) <= min(len(passed), len(acted))

    @invariant
    def alerted_before_acting(self, run: Run) -> None:
        """People are alerted before anything is changed."""
        acted = [*run.effects("kubectl_apply"), *run.effects("kubectl_patch")]
        alerted = run.calls("send_alert")
        assert not acted or (alerted and alerted[0].at <= min(each.at for each in acted))

    @invariant
    def every_incident_is_reported(self, run: Run) -> None:
        """An incident that was alerted ends in a report or in another alert."""
        started = [alert for alert in self.people.alerts if "started" in alert.message]
        ended = [
            *self.people.notifications,
            *(alert for alert in self.people.alerts if "failed" in alert.message),
        ]
        assert run.error is not None or len(ended) >= len(started)


_ACTIONS: dict[IncidentType, tuple[str, dict[str, Any]]] = {
    "service_failure": ("kubernetes.kubectl_apply", {"manifest_path": "k8s/production/"}),
    "database_failure": (
        "kubernetes.kubectl_patch",
        {"name": "app", "env": {"DATABASE_URL": BACKUP_DATABASE}},
    ),
    "infrastructure_failure": ("kubernetes.kubectl_apply", {"manifest_path": "k8s/backup-region/"}),
}


def _success(value: object) -> bool:
    return isinstance(value, Mapping) and cast("Mapping[str, Any]", value).get("success") is True


class _Responder:
    """Answers one incident."""

    def __init__(self, hub: Hub, incident: IncidentType) -> None:
        self._hub = hub
        self._incident: IncidentType = incident

    async def recover(self) -> Recovery:
        try:
            return await self._recover()
        except Exception as error:
            await self._alert(f"Disaster recovery failed for {self._incident}: {error}")
            raise

    async def _recover(self) -> Recovery:
        assessment = await self._call(
            "prometheus-monitoring.get_system_health", include_metrics=True, time_range="1h"
        )
        sick = tuple(each["service"] for each in assessment["services"] if not each["healthy"])
        await self._alert(f"Disaster recovery started: {self._incident}", {"unhealthy": list(sick)})
        await self._together(
            self._call("kubernetes.kubectl_get", resource_type="pods", namespace="production"),
            self._call("docker.docker_ps", all=False),
            self._call("desktop-commander.execute_command", command="systemctl status critical-services"),
        )
        action, acted = await self._act()
        backups, missing = await self._back_up()
        verified = await self._together(
            self._call(
                "prometheus-monitoring.verify_service_health",
                service="app",
                environment="production",
                timeout=300,
            ),
            self._call("desktop-commander.execute_command", command="curl -f https://app.example/health"),
        )
        recovered = acted and all(_success(result) for result in verified)
        outcome = "Recovered from" if recovered else "NOT recovered from"
        await self._call(
            "communication-hub.send_notification",
            message=f"{outcome} {self._incident}",
            channels=["slack", "email", "dashboard"],
            priority="critical",
            template="incident",
        )
        return Recovery(self._incident, action if acted else None, recovered, sick, backups, missing)

    async def _act(self) -> tuple[str, bool]:
        """Do what helps against this kind of incident; the tool, and whether it did anything."""
        tool, arguments = _ACTIONS[self._incident]
        result = await self._hub.call_tool(tool, {**arguments, "namespace": "production"})
        return tool, _success(result)

    async def _back_up(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Back up by both ways there are; those that worked, and those that did not."""
        dump = "pg_dump $DATABASE_URL | gzip > /tmp/emergency_backup_$(date +%s).sql.gz"
        names = ("s3-storage", "pg_dump")
        results = await self._together(
            self._call("s3-storage.emergency_backup", source="production-data", priority="high"),
            self._call("desktop-commander.execute_command", command=dump),
        )
        done = tuple(name for name, result in zip(names, results, strict=True) if _success(result))
        return done, tuple(name for name in names if name not in done)

    async def _together(self, *calls: Any) -> list[object]:
        """Independent calls side by side; one that fails is an exception among the results."""
        results: list[object] = await asyncio.gather(*calls, return_exceptions=True)
        return results

    async def _alert(self, message: str, metadata: dict[str, Any] | None = None) -> None:
        await self._call(
            "communication-hub.send_alert",
            message=message,
            severity="critical",
            escalation_policy="critical",
            metadata={"incident_type": self._incident, **(metadata or {})},
        )

    async def _call(self, tool: str, **arguments: object) -> Mapping[str, Any]:
        return await self._hub.call_tool(tool, arguments)
