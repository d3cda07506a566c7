"""Services that need one another, each called only while what it needs answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Run, invariant
from pytest_mcpflow.fakes.docker import Docker, Dockerfile
from pytest_mcpflow.fakes.kubernetes import Kubernetes, Manifest, Outage
from pytest_mcpflow.fakes.prometheus_monitoring import PrometheusMonitoring, WatchedService
from pytest_mcpflow.scenarios._cross_server import CrossServer, said
from pytest_mcpflow.scenarios._service_registry_workflow import ReleaseReport, release

__all__ = ["ReleaseReport", "ServiceRegistry"]

IMAGE = "app:2.0.0"
CHECKS = {
    "docker": "docker.docker_ps",
    "kubernetes": "kubernetes.kubectl_get",
    "prometheus-monitoring": "prometheus-monitoring.get_system_health",
}
NEEDS = {
    "docker.docker_build": ("docker",),
    "kubernetes.kubectl_apply": ("docker", "kubernetes"),
    "prometheus-monitoring.setup_alerts": ("kubernetes", "prometheus-monitoring"),
}
FRESH_SECONDS = 30.0


def _cluster() -> Kubernetes:
    """Away when the release begins, and again while monitoring is to be set up."""
    return Kubernetes(
        manifests={"k8s/app.yaml": Manifest("app", IMAGE, 2)},
        outages=[Outage(0.0, 90.0), Outage(120.0, 185.0)],
        startup_seconds=45.0,
        namespaces=["default", "production"],
    )


@dataclass
class ServiceRegistry(CrossServer):
    """Release app 2.0.0 by way of a registry, while the cluster is away twice.

    The cluster needs the image builder, and monitoring needs the cluster.
    """

    tags = ("registry",)

    docker: Docker = field(default_factory=lambda: Docker({"Dockerfile": Dockerfile()}))
    cluster: Kubernetes = field(default_factory=_cluster)
    monitoring: PrometheusMonitoring = field(
        default_factory=lambda: PrometheusMonitoring({"app": WatchedService("production")})
    )

    async def workflow(self, hub: Hub) -> ReleaseReport:
        return await release(hub)

    def expect(self, run: Run) -> None:
        assert [*self.docker.images] == [IMAGE]
        app = self.cluster.deployments["production/app"]
        assert ([each.image for each in app.revisions], app.replicas) == ([IMAGE], 2)
        assert [rule.service for rule in self.monitoring.rules] == ["app", "app"]
        assert run.transcript.before("docker.docker_build", "kubernetes.kubectl_apply")
        overview, waiting, *_ = [sent.message for sent in self.people.notifications]
        assert overview.startswith("Services: docker ")
        assert waiting.startswith("Waiting: kubernetes is unavailable: ")
        assert [(sent.service, sent.status, sent.version) for sent in self.people.broadcasts] == [
            ("app", "completed", "2.0.0")
        ]
        assert self.people.alerts == []
        assert run.result == ReleaseReport(True)

    @invariant
    def called_only_while_what_it_needs_answers(self, run: Run) -> None:
        """A service is called only right after it and what it needs were seen to answer."""
        for number, call in enumerate(run.transcript):
            for service in NEEDS.get(call.site, ()):
                checks = [each for each in run.transcript[:number] if each.site == CHECKS[service]]
                assert checks, f"{call.call}: {service} was never looked at"
                seen = checks[-1]
                assert said(seen).get("success") is True, f"{call.call}: {seen}"
                assert seen.until is not None
                assert call.at - seen.until <= FRESH_SECONDS, f"{call.call}: {seen}"

    @invariant
    def nothing_is_watched_that_does_not_run(self, run: Run) -> None:
        """Alert rules exist only for what is deployed, and only what was built is deployed."""
        assert not self.monitoring.rules or "production/app" in self.cluster.deployments
        assert not self.cluster.deployments or IMAGE in self.docker.images

    @invariant
    def what_stops_a_release_is_named(self, run: Run) -> None:
        """A release that did not succeed names the service that stopped it."""
        if isinstance(run.result, ReleaseReport) and not run.result.success:
            assert run.result.error is not None
            assert any(name in run.result.error for name in (*CHECKS, "communication-hub"))

    @invariant
    def built_once(self, run: Run) -> None:
        """However answers are lost, one image is built."""
        assert len(run.effects("docker.docker_build")) <= 1
