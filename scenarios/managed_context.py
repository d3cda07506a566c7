"""Workflows side by side in contexts of their own, which are gone when they are over, however they ended."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Interaction, Run, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.docker import Docker, Dockerfile
from pytest_mcpflow.fakes.kubernetes import Kubernetes, Manifest
from pytest_mcpflow.fakes.s3_storage import S3Storage
from pytest_mcpflow.scenarios._cross_server import CrossServer
from pytest_mcpflow.scenarios._managed_context_workflow import Outcome, ReleasesReport, release_all

__all__ = ["SERVICES", "ManagedContext", "Outcome", "ReleasesReport"]

SERVICES = ("shop", "stock", "billing")
BROKEN = Dockerfile(["FROM node:22", "RUN npm ci"], "RUN npm ci", "npm ERR! code E404 left-pad@9.0.0")


def _builder() -> Docker:
    files = {"shop/Dockerfile": Dockerfile(), "stock/Dockerfile": Dockerfile(), "billing/Dockerfile": BROKEN}
    return Docker(files, takes={"docker_build": 30.0})


def _cluster() -> Kubernetes:
    manifests = {f"k8s/{name}.yaml": Manifest(name, f"{name}:2.0.0") for name in SERVICES}
    return Kubernetes(manifests, namespaces=["default", "production"], takes={"kubectl_apply": 5.5})


@dataclass
class ManagedContext(CrossServer):
    """Release shop, stock and billing at the same time, each in its context; billing cannot be built."""

    tags = ("context",)

    desktop: DesktopCommander = field(default_factory=DesktopCommander)
    docker: Docker = field(default_factory=_builder)
    cluster: Kubernetes = field(default_factory=_cluster)
    storage: S3Storage = field(default_factory=S3Storage)
    open_at_once: list[set[str]] = field(default_factory=list[set[str]], init=False, repr=False)
    outside: list[str] = field(default_factory=list[str], init=False, repr=False)

    def connect(self, hub: Hub) -> None:
        super().connect(hub)

        def look(call: Interaction) -> None:
            self.open_at_once.append({*hub.contexts})
            is_prompt = call.at == hub.clock.now()  # a context may well be closed while a call is on its way
            if (
                is_prompt
                and (call.context_id or "").startswith("release-")
                and call.context_id not in hub.contexts
            ):
                self.outside.append(call.call)

        hub.on_effect("*", look)

    async def workflow(self, hub: Hub) -> ReleasesReport:
        return await release_all(hub, SERVICES)

    def expect(self, run: Run) -> None:
        running = {name: each.image for name, each in self.cluster.deployments.items()}
        assert running == {"production/shop": "shop:2.0.0", "production/stock": "stock:2.0.0"}
        assert sorted(self.docker.images) == ["shop:2.0.0", "stock:2.0.0"]
        assert {f"release-{service}" for service in SERVICES} in self.open_at_once
        assert sorted(self.storage.objects) == sorted(f"audit/release-{service}.json" for service in SERVICES)
        done = ["desktop-commander.write_file", "docker.docker_build"]
        applied = [*done, "kubernetes.kubectl_apply"]
        for service, calls in {"shop": applied, "stock": applied, "billing": done}.items():
            audit = json.loads(self.storage.objects[f"audit/release-{service}.json"][-1].content)
            sites = [each["call"] for each in audit]
            assert list(dict.fromkeys(sites)) == [*calls, "desktop-commander.execute_command"]
        [alert] = self.people.alerts
        assert (alert.severity, alert.metadata) == (
            "high",
            {"context_id": "release-billing", "service": "billing"},
        )
        assert "billing:2.0.0 cannot be built" in alert.message
        assert "npm ERR! code E404 left-pad@9.0.0" in alert.message
        assert not run.result.success
        assert {name: each.success for name, each in run.result.outcomes.items()} == {
            "shop": True,
            "stock": True,
            "billing": False,
        }

    @invariant
    def no_run_sees_another_s_context(self, run: Run) -> None:
        """In the context of a release, and in its record, there is nothing but what it did itself."""
        for service in SERVICES:
            others = {*SERVICES} - {service}
            calls = [str(each.arguments) for each in run.transcript.in_context(f"release-{service}")]
            kept = [each.content for each in self.storage.objects.get(f"audit/release-{service}.json", [])]
            for text in (*calls, *kept):
                assert not any(other in text for other in others), f"release-{service}: {text}"

    @invariant
    def each_release_has_its_context(self, run: Run) -> None:
        """What is done for a service is done in its context."""
        for call in run.transcript:
            about = {service for service in SERVICES if service in str(call.arguments)}
            assert {f"release-{service}" for service in about} <= {call.context_id}, call.call

    @invariant
    def no_call_outside_of_an_open_context(self, run: Run) -> None:
        """No call is made in a context that is closed."""
        assert self.outside == []

    @invariant
    def workspaces_are_removed(self, run: Run) -> None:
        """No release leaves its workspace behind, unless it says so."""
        if isinstance(run.result, ReleasesReport):
            for service, outcome in run.result.outcomes.items():
                left = [path for path in self.desktop.files if path.startswith(f"runs/release-{service}/")]
                assert not left or "is left behind" in (outcome.error or ""), left

    @invariant
    def released_means_running(self, run: Run) -> None:
        """A release that says it succeeded is running and has its record; one that failed is alerted by name."""
        if isinstance(run.result, ReleasesReport):
            unreachable = any(not each.ok for each in run.calls("send_alert"))
            for service, outcome in run.result.outcomes.items():
                if outcome.success:
                    assert self.cluster.deployments[f"production/{service}"].image == f"{service}:2.0.0"
                    assert f"audit/release-{service}.json" in self.storage.objects
                else:
                    named = {alert.metadata.get("service") for alert in self.people.alerts}
                    assert service in named or unreachable
