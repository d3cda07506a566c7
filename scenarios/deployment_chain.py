"""A release through six servers, each step only after the one before."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_mcpflow import Answered, Hub, Run, Scenario, invariant
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.docker import Docker, Dockerfile
from pytest_mcpflow.fakes.kubernetes import Kubernetes, Manifest
from pytest_mcpflow.fakes.prometheus_monitoring import PrometheusMonitoring, WatchedService
from pytest_mcpflow.fakes.security_scanner import Finding, SecurityScanner

__all__ = ["DeploymentChain", "Release"]


@dataclass(frozen=True)
class Release:
    """How the chain ended: `failed_step` is the tool that stopped it."""

    success: bool
    findings: int
    failed_step: str | None = None
    error: str | None = None


class _Stopped(Exception):
    def __init__(self, step: str, why: str) -> None:
        super().__init__(why)
        self.step = step


def _code() -> SecurityScanner:
    return SecurityScanner(
        findings=[
            Finding("src/app.py", 12, "B101", "low", "Use of assert detected."),
            Finding("src/jobs.py", 40, "B311", "low", "Standard generators are not for security."),
        ]
    )


def _cluster() -> Kubernetes:
    return Kubernetes(
        manifests={"k8s/app.yaml": Manifest("app", "app:latest", replicas=3)}, images=["app:latest"]
    )


@dataclass
class DeploymentChain(Scenario):
    """Release the application: scan, prepare, build, deploy, watch, and tell everybody once how it ended."""

    tags = ("deployment", "chain")

    scanner: SecurityScanner = field(default_factory=_code)
    desktop: DesktopCommander = field(default_factory=DesktopCommander)
    docker: Docker = field(default_factory=lambda: Docker(dockerfiles={"Dockerfile": Dockerfile()}))
    cluster: Kubernetes = field(default_factory=_cluster)
    monitoring: PrometheusMonitoring = field(
        default_factory=lambda: PrometheusMonitoring(services={"app": WatchedService("production")})
    )
    people: CommunicationHub = field(default_factory=CommunicationHub)

    async def workflow(self, hub: Hub) -> Release:
        context = hub.create_context("deployment-chain")
        try:
            release = await _release(hub, context.id)
            # Sent exactly once: it is not repeated when its answer is lost, the error is raised instead.
            await hub.call_tool(
                "communication-hub.broadcast_deployment",
                {
                    "environment": "production",
                    "service": "app",
                    "status": "completed" if release.success else "failed",
                    "details": {"security": release.findings, "failed_step": release.failed_step},
                },
                context.id,
            )
            return release
        finally:
            del hub.contexts[context.id]

    def expect(self, run: Run) -> None:
        app = self.cluster.deployments["production/app"]
        assert (app.image, app.replicas, len(app.revisions)) == ("app:latest", 3, 1)
        assert list(self.docker.images) == ["app:latest"]
        assert {"deploy/config", "deploy/logs", "deploy/backup"} <= set(self.desktop.folders)
        assert [(rule.name, rule.service) for rule in self.monitoring.rules] == [
            ("HighErrorRate", "app"),
            ("SlowResponses", "app"),
        ]
        assert [(sent.environment, sent.service, sent.status) for sent in self.people.broadcasts] == [
            ("production", "app", "completed")
        ]
        assert self.people.broadcasts[0].details["security"] == 2
        for first, then in itertools.pairwise(_STEPS):
            assert run.transcript.before(first, then)
        assert [each.site for each in run.transcript] == _STEPS
        assert {each.context_id for each in run.transcript} == {"deployment-chain"}
        assert run.result == Release(success=True, findings=2)

    @invariant
    def nothing_unchecked_is_deployed(self, run: Run) -> None:
        """Nothing is applied unless the scan passed and the build succeeded before."""
        if run.effects("kubernetes.kubectl_apply"):
            assert run.transcript.before("security-scanner.comprehensive_scan", "kubernetes.kubectl_apply")
            assert run.transcript.before("docker.docker_build", "kubernetes.kubectl_apply")
            assert all(_says(run, tool, key) for tool, key in _GATES)

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
_GATES = [("security-scanner.comprehensive_scan", "passed"), ("docker.docker_build", "success")]


def _says(run: Run, tool: str, key: str) -> bool:
    """Whether the last answer of a tool has a true value under a key; a missing answer has not."""
    outcome = run.calls(tool)[-1].outcome
    return isinstance(outcome, Answered) and outcome.value.get(key) is True


async def _release(hub: Hub, context_id: str) -> Release:
    async def step(tool: str, arguments: dict[str, Any], gate: str = "success") -> Mapping[str, Any]:
        try:
            result = await hub.call_tool(tool, arguments, context_id)
        except Exception as error:
            raise _Stopped(tool, str(error)) from error
        if not result.get(gate, False):
            raise _Stopped(tool, f"{gate} is not true: {dict(result)}")
        return result

    findings = 0
    try:
        scan = await step(
            "security-scanner.comprehensive_scan", {"scope": "full", "severity": "medium"}, gate="passed"
        )
        findings = len(scan["findings"])
        await step("desktop-commander.execute_command", {"command": "mkdir -p deploy/{config,logs,backup}"})
        await step("docker.docker_build", {"dockerfile_path": "Dockerfile", "image_tag": "app:latest"})
        await step("kubernetes.kubectl_apply", {"manifest_path": "k8s/", "namespace": "production"})
        await step("prometheus-monitoring.setup_alerts", {"service": "app", "environment": "production"})
    except _Stopped as stopped:
        return Release(success=False, findings=findings, failed_step=stopped.step, error=str(stopped))
    return Release(success=True, findings=findings)
