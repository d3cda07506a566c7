"""A deployment says that it succeeded, and whoever wants to know does something about it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Run, invariant
from pytest_mcpflow.fakes.kubernetes import Deployment, Kubernetes, Manifest, Revision
from pytest_mcpflow.fakes.prometheus_monitoring import PrometheusMonitoring
from pytest_mcpflow.fakes.s3_storage import S3Storage
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._cross_server import CrossServer, context_of
from pytest_mcpflow.scenarios._event_workflow import VERSION, Deployed, deploy

__all__ = ["Deployed", "EventDrivenDeployment"]

APPLY = "kubernetes.kubectl_apply"
HANDLERS = {
    "update_status": "prometheus-monitoring.update_deployment_status",
    "back_up_configuration": "s3-storage.backup_config",
    "tell_everybody": "communication-hub.broadcast_deployment",
}
MANIFEST = f"kind: Deployment\nimage: app:{VERSION}\n"


def _cluster() -> Kubernetes:
    running = Deployment("app", "production", 3, [Revision(1, "app:1.2.2", {}, -3600.0, "apply")])
    return Kubernetes(
        manifests={"k8s/app.yaml": Manifest("app", f"app:{VERSION}", replicas=3)},
        deployments={"production/app": running},
    )


@dataclass
class EventDrivenDeployment(CrossServer):
    """Deploy `app` 1.2.3 to production (`k8s/`), then let three handlers know of the success.

    They note the version as active in the monitoring, back `k8s/` up as `deployment_1.2.3`, and tell everybody. One
    that fails must not keep the others from their work.
    """

    tags = ("events",)

    cluster: Kubernetes = field(default_factory=_cluster)
    monitoring: PrometheusMonitoring = field(default_factory=PrometheusMonitoring)
    storage: S3Storage = field(default_factory=lambda: S3Storage(sources={"k8s/": MANIFEST}))

    async def workflow(self, hub: Hub) -> Deployed:
        with context_of(hub, self.name) as context_id:
            return await deploy(Desk(hub, context_id=context_id))

    def expect(self, run: Run) -> None:
        app = self.cluster.deployments["production/app"]
        assert [revision.image for revision in app.revisions] == ["app:1.2.2", "app:1.2.3"]
        assert len(self.cluster.running("production", "app")) == 3
        assert {(each.status, each.version) for each in self.monitoring.deployments} == {("active", "1.2.3")}
        assert {each.content for each in self.storage.objects["config/deployment_1.2.3"]} == {MANIFEST}
        [sent] = self.people.broadcasts
        assert (sent.environment, sent.service, sent.version, sent.status) == (
            *("production", "app", "1.2.3"),
            "completed",
        )
        assert self.people.alerts == []
        # The handlers hear of it when the new version runs, in the order in which they asked to.
        first = [run.calls(tool)[0].at for tool in (APPLY, *HANDLERS.values())]
        assert first == sorted(first)
        assert first[1] >= app.revisions[-1].at + self.cluster.startup_seconds
        assert run.result == Deployed(success=True, handled=tuple(HANDLERS), failed=())

    @invariant
    def every_handler_is_tried(self, run: Run) -> None:
        """When one handler has heard of the success, all do, whatever becomes of the others."""
        called = {name for name, tool in HANDLERS.items() if run.calls(tool)}
        assert called in (set(), {"tell_everybody"}, HANDLERS.keys())
        if called == {"tell_everybody"}:  # of a deployment that failed
            assert "completed" not in [sent.status for sent in self.people.broadcasts]

    @invariant
    def a_handler_that_fails_is_alerted(self, run: Run) -> None:
        """What a handler should have done is done, or an alert names handler and event, if alerts get through."""
        if run.calls(HANDLERS["update_status"]):
            done = {
                "update_status": bool(self.monitoring.deployments),
                "back_up_configuration": f"config/deployment_{VERSION}" in self.storage.objects,
                "tell_everybody": bool(self.people.broadcasts),
            }
            told = [alert.metadata for alert in self.people.alerts if alert.severity == "high"]
            named = {each.get("handler") for each in told if each.get("event_type") == "deployment.success"}
            missed = {name for name, is_done in done.items() if not is_done} - named
            assert not missed or not all(each.ok for each in run.calls("send_alert"))

    @invariant
    def nothing_is_done_twice(self, run: Run) -> None:
        """However answers are lost, there is one rollout, and nothing is noted, backed up or told by two calls."""
        assert len(self.cluster.deployments["production/app"].revisions) <= 2
        assert [tool for tool in HANDLERS.values() if len(run.effects(tool)) > 1] == []

    @invariant
    def success_is_only_told_of_what_runs(self, run: Run) -> None:
        """Nobody hears of a success before the new version runs."""
        told = [sent.at for sent in self.people.broadcasts if sent.status == "completed"]
        told += [each.at for each in self.monitoring.deployments]
        newest = self.cluster.deployments["production/app"].revisions[-1]
        ready_at = newest.at + self.cluster.startup_seconds
        assert not told or (newest.image == f"app:{VERSION}" and min(told) >= ready_at)
