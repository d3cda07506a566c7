"""A failure is assessed, answered by the action for its kind, and called recovered only after verification."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pytest_mcpflow import Hub, Interaction, Run, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.docker import Container, Docker
from pytest_mcpflow.fakes.kubernetes import Kubernetes
from pytest_mcpflow.fakes.prometheus_monitoring import PrometheusMonitoring
from pytest_mcpflow.fakes.s3_storage import S3Storage
from pytest_mcpflow.scenarios._automated_disaster_recovery_world import cluster, desktop, monitoring
from pytest_mcpflow.scenarios._automated_recovery import (
    BACKUP_DATABASE,
    DUMP,
    KINDS,
    Recoveries,
    Recovery,
    recover_from_each,
)
from pytest_mcpflow.scenarios._cross_server import CrossServer, context_of, first_call, is_well

__all__ = ["AutomatedDisasterRecovery", "Recoveries", "Recovery"]

APPLY, PATCH, RUN = "kubectl_apply", "kubectl_patch", "execute_command"
PAGE, STATUS = "curl -f https://app.example/health", "systemctl status critical-services"
SIDE_BY_SIDE: tuple[dict[str, dict[str, Any]], ...] = (
    {
        "kubectl_get": {"resource_type": "pods", "namespace": "production"},
        "docker_ps": {"all": False},
        RUN: {"command": STATUS},
    },
    {"emergency_backup": {"source": "production-data", "priority": "high"}, RUN: {"command": DUMP}},
    {"verify_service_health": {"service": "app", "timeout": 300}, RUN: {"command": PAGE}},
)
"""What is looked at, backed up and verified, each at the same time."""


@dataclass
class AutomatedDisasterRecovery(CrossServer):
    """Production fails. For each kind of failure: assess, alert, act, back up, verify, and report what is true."""

    tags = ("incident", "emergency")

    monitoring: PrometheusMonitoring = field(default_factory=monitoring)
    cluster: Kubernetes = field(default_factory=cluster)
    docker: Docker = field(
        default_factory=lambda: Docker(containers=[Container("c0ffee", "app:1.4", "", "running")])
    )
    desktop: DesktopCommander = field(default_factory=desktop)
    storage: S3Storage = field(default_factory=lambda: S3Storage(sources={"production-data": "rows"}))

    async def workflow(self, hub: Hub) -> Recoveries:
        with context_of(hub, self.name) as context_id:
            return await recover_from_each(hub, context_id)

    def connect(self, hub: Hub) -> None:
        """Errors end when the pods of what was done are ready; half an hour after a recovery the next thing fails."""
        super().connect(hub)

        def errors_end(_: Interaction) -> None:
            self.monitoring.record("app", "error_rate", 0.01, after=self.cluster.startup_seconds)

        def next_failure(_: Interaction) -> None:
            if len(self.people.notifications) < len(KINDS):
                self.monitoring.record("app", "error_rate", 0.9, after=1800)

        hub.on_effect("kubernetes.*", errors_end)
        hub.on_effect("communication-hub.send_notification", next_failure)

    def expect(self, run: Run) -> None:
        app = self.cluster.deployments["production/app"]
        assert [revision.cause for revision in app.revisions] == ["apply", "apply", "patch"]
        assert not app.crashing
        assessment = run.calls("get_system_health")[0]
        assert assessment.arguments == {"include_metrics": True, "time_range": "1h"}
        for steps in SIDE_BY_SIDE:
            assert len({first_call(run, *each).at for each in steps.items()}) == 1, steps
        assert len(self.cluster.running("production", "app")) == 3
        assert app.env["DATABASE_URL"] == BACKUP_DATABASE
        assert "production/app-backup-region" in self.cluster.deployments
        assert self.monitoring.value("app", "error_rate") == 0.01
        assert len(self.storage.objects["emergency/high/production-data"]) >= 3
        dumps = [path for path in self.desktop.files if path.startswith("/tmp/emergency_backup_")]  # noqa: S108
        assert all(self.desktop.files[path].startswith("-- dump of production") for path in dumps)
        assert len(dumps) == 3
        assert [alert.message for alert in self.people.alerts] == [
            f"Disaster recovery started: {kind}" for kind in KINDS
        ]
        assert [alert.metadata["incident_type"] for alert in self.people.alerts] == [*KINDS]
        assert {(alert.severity, alert.escalation_policy) for alert in self.people.alerts} == {
            ("critical", "critical")
        }
        assert [sent.message for sent in self.people.notifications] == [
            f"Recovered from {kind}" for kind in KINDS
        ]
        assert {
            (tuple(sent.channels), sent.priority, sent.template) for sent in self.people.notifications
        } == {(("slack", "email", "dashboard"), "critical", "incident")}
        order = ["get_system_health", "send_alert", "docker_ps", APPLY, "emergency_backup"]
        order += ["verify_service_health", "send_notification"]
        first = [run.calls(tool)[0].at for tool in order]
        assert first == sorted(first)
        assert [
            (each.incident, each.action, each.recovered, each.missing) for each in run.result.recoveries
        ] == [
            ("service_failure", "kubernetes.kubectl_apply", True, ()),
            ("database_failure", "kubernetes.kubectl_patch", True, ()),
            ("infrastructure_failure", "kubernetes.kubectl_apply", True, ()),
        ]
        assert {each.unhealthy_before for each in run.result.recoveries} == {("app",)}
        assert {each.backups for each in run.result.recoveries} == {("s3-storage", "pg_dump")}
        assert {each.unchecked for each in run.result.recoveries} == {()}
        assert run.result.success

    @invariant
    def recovered_means_acted_and_verified(self, run: Run) -> None:
        """An incident is only reported as recovered from when an action ran in it and both verifications passed."""
        since: list[Interaction] = []
        for call in run.transcript:
            since.append(call)
            if call.name == "send_notification" and call.effect:
                if call.arguments["message"].startswith("Recovered from"):
                    assert any(
                        each.effect for each in since if each.name in ("kubectl_apply", "kubectl_patch")
                    )
                    assert any(each.name == "verify_service_health" and is_well(each) for each in since)
                    assert any(each.arguments.get("command") == PAGE and is_well(each) for each in since)
                since.clear()

    @invariant
    def alerted_before_acting(self, run: Run) -> None:
        """People are alerted before anything is changed."""
        acted = [*run.effects(APPLY), *run.effects(PATCH)]
        alerted = run.calls("send_alert")
        assert not acted or (alerted and alerted[0].at <= min(each.at for each in acted))

    @invariant
    def every_incident_is_reported(self, run: Run) -> None:
        """An incident that was alerted ends in a report or in another alert, unless alerts do not get through."""
        started = [alert for alert in self.people.alerts if "started" in alert.message]
        ended = [
            *self.people.notifications,
            *(alert for alert in self.people.alerts if "started" not in alert.message),
        ]
        unreachable = not all(each.ok for each in run.calls("send_alert"))
        assert run.error is not None or len(ended) >= len(started) or unreachable
