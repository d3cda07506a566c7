"""A release through six servers, each step only after the one before."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Run, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.docker import Docker, Dockerfile
from pytest_mcpflow.fakes.kubernetes import Kubernetes, Manifest
from pytest_mcpflow.fakes.prometheus_monitoring import PrometheusMonitoring, WatchedService
from pytest_mcpflow.fakes.security_scanner import Finding, SecurityScanner
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._cross_server import CrossServer, context_of, said
from pytest_mcpflow.scenarios._deployment_workflow import Release, release

__all__ = ["DeploymentChain", "Release"]


def _code() -> SecurityScanner:
    return SecurityScanner(
        findings=[
            Finding("src/app.py", 12, "B101", "low", "Use of assert detected."),
            Finding("src/jobs.py", 40, "B311", "low", "Standard generators are not for security."),
        ]
    )


def _cluster() -> Kubernetes:
    return Kubernetes(
        manifests={"k8s/app.yaml": Manifest("app", "app:latest", replicas=3)},
        images=["app:latest"],
        namespaces=["default", "production"],
    )


@dataclass
class DeploymentChain(CrossServer):
    """Release the application: scan, prepare, build, deploy, watch, and tell everybody once how it ended."""

    tags = ("deployment", "chain")
    depth = 2

    scanner: SecurityScanner = field(default_factory=_code)
    desktop: DesktopCommander = field(default_factory=DesktopCommander)
    docker: Docker = field(default_factory=lambda: Docker(dockerfiles={"Dockerfile": Dockerfile()}))
    cluster: Kubernetes = field(default_factory=_cluster)
    monitoring: PrometheusMonitoring = field(
        default_factory=lambda: PrometheusMonitoring(services={"app": WatchedService("production")})
    )

    async def workflow(self, hub: Hub) -> Release:
        with context_of(hub, self.name) as context_id:
            return await release(Desk(hub, context_id=context_id))

    def expect(self, run: Run) -> None:
        app = self.cluster.deployments["production/app"]
        assert (app.image, app.replicas, len(app.revisions)) == ("app:latest", 3, 1)
        assert list(self.docker.images) == ["app:latest"]
        assert {"deploy/config", "deploy/logs", "deploy/backup"} <= set(self.desktop.folders)
        assert [(rule.name, rule.service, rule.environment) for rule in self.monitoring.rules] == [
            ("HighErrorRate", "app", "production"),
            ("SlowResponses", "app", "production"),
        ]
        assert [(sent.environment, sent.service, sent.status) for sent in self.people.broadcasts] == [
            ("production", "app", "completed")
        ]
        assert self.people.broadcasts[0].details["security"] == 2
        assert self.people.alerts == []
        for first, then in itertools.pairwise(_STEPS):
            assert run.transcript.before(first, then)
        looking = "communication-hub.list_messages"
        assert list(dict.fromkeys(each.site for each in run.transcript if each.site != looking)) == _STEPS
        assert {each.context_id for each in run.transcript} == {"deployment-chain"}
        assert run.result == Release(success=True, findings=2)

    @invariant
    def nothing_unchecked_is_deployed(self, run: Run) -> None:
        """Nothing is applied unless a scan of everything passed and the build succeeded before."""
        if run.effects("kubernetes.kubectl_apply"):
            for tool, key, arguments in _GATES:
                assert run.transcript.before(tool, "kubernetes.kubectl_apply")
                assert said(run.calls(tool)[-1]).get(key) is True
                assert arguments.items() <= run.calls(tool)[-1].arguments.items()

    @invariant
    def one_broadcast_per_outcome(self, run: Run) -> None:
        """People hear of the outcome once."""
        assert len(self.people.broadcasts) <= 1

    @invariant
    def success_is_only_told_of_what_runs(self, run: Run) -> None:
        """A completed deployment is only announced when the release is in the cluster."""
        if any(sent.status == "completed" for sent in self.people.broadcasts):
            assert "production/app" in self.cluster.deployments


_STEPS = [
    "security-scanner.comprehensive_scan",
    "desktop-commander.execute_command",
    "docker.docker_build",
    "kubernetes.kubectl_apply",
    "prometheus-monitoring.setup_alerts",
    "communication-hub.broadcast_deployment",
]
_GATES = (
    ("security-scanner.comprehensive_scan", "passed", {"scope": "full", "severity": "medium"}),
    ("docker.docker_build", "success", {"dockerfile_path": "Dockerfile", "image_tag": "app:latest"}),
)
"""What has to say yes before anything is applied, under which key, and to what."""
