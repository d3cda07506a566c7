"""A pipeline whose steps have conditions, and are undone when a later one fails."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from pytest_mcpflow import CallResult, Hub, Run, Scenario, invariant
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.docker import Docker, Dockerfile
from pytest_mcpflow.fakes.kubernetes import Deployment, Kubernetes, Manifest, Revision
from pytest_mcpflow.fakes.security_scanner import SecurityScanner

__all__ = ["ConditionalPipeline", "PipelineReport"]

Data = dict[str, Any]


@dataclass(frozen=True)
class PipelineReport:
    """Which steps ran, were skipped, and were rolled back, by name and in order."""

    success: bool
    executed: tuple[str, ...]
    skipped: tuple[str, ...]
    rolled_back: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class _Step:
    """A step; `condition` may be sync or async, `undo` takes back what `run` did."""

    name: str
    run: Callable[[Data], Awaitable[Data]]
    condition: Callable[[Data], bool | Awaitable[bool]] = lambda _: True
    undo: Callable[[Data], Awaitable[object]] | None = None


def _cluster() -> Kubernetes:
    running = Deployment("app", "production", 2, [Revision(1, "app:1.4", {}, 0.0, "apply")])
    return Kubernetes(
        manifests={"k8s/app.yaml": Manifest("app", "app:latest", replicas=2)},
        deployments={"production/app": running},
    )


def _desktop() -> DesktopCommander:
    return DesktopCommander(
        files={"Dockerfile": "FROM python:3.12-slim\n", "src/app.py": "print('hello')\n"},
        scripts=[Script("python manage.py migrate", stdout="Applying migrations... OK")],
    )


@dataclass
class ConditionalPipeline(Scenario):
    """Run the steps whose conditions hold. If one fails, undo what was done, the last step first."""

    tags = ("pipeline",)

    scanner: SecurityScanner = field(default_factory=SecurityScanner)
    desktop: DesktopCommander = field(default_factory=_desktop)
    docker: Docker = field(default_factory=lambda: Docker(dockerfiles={"Dockerfile": Dockerfile()}))
    cluster: Kubernetes = field(default_factory=_cluster)
    people: CommunicationHub = field(default_factory=CommunicationHub)

    async def workflow(self, hub: Hub) -> PipelineReport:
        return await _Pipeline(hub, _steps(hub)).execute()

    def expect(self, run: Run) -> None:
        assert list(self.docker.images) == ["app:latest"]
        app = self.cluster.deployments["production/app"]
        assert [revision.image for revision in app.revisions] == ["app:1.4", "app:latest"]
        assert "python manage.py migrate" not in [ran.command for ran in self.desktop.history]
        assert "test -f Dockerfile" in [ran.command for ran in self.desktop.history]
        assert [sent.message for sent in self.people.notifications] == [
            "Pipeline step 1 completed: scan",
            "Pipeline step 2 completed: build",
            "Pipeline step 4 completed: deploy",
        ]
        assert {(tuple(sent.channels), sent.priority) for sent in self.people.notifications} == {
            (("dashboard",), "normal")
        }
        assert self.people.alerts == []
        assert run.transcript.before("security-scanner.comprehensive_scan", "docker.docker_build")
        assert run.transcript.before("docker.docker_build", "kubernetes.kubectl_apply")
        assert run.result == PipelineReport(
            success=True, executed=("scan", "build", "deploy"), skipped=("migrate",)
        )

    @invariant
    def undone_at_most_once(self, run: Run) -> None:
        """What was done is undone at most once."""
        assert len(run.effects("docker.docker_rmi")) <= 1
        assert len(run.effects("kubernetes.kubectl_rollout_undo")) <= 1

    @invariant
    def undone_in_reverse(self, run: Run) -> None:
        """A later step is undone before an earlier one."""
        if run.effects("docker.docker_rmi") and run.effects("kubernetes.kubectl_rollout_undo"):
            assert run.transcript.before("kubernetes.kubectl_rollout_undo", "docker.docker_rmi")

    @invariant
    def nothing_is_left_of_a_failure(self, run: Run) -> None:
        """After a failure either everything is undone, or a critical alert says what is not."""
        report = run.result
        failed = run.error is not None or (isinstance(report, PipelineReport) and not report.success)
        image_left = "app:latest" in self.docker.images
        deployed = self.cluster.deployments["production/app"].image == "app:latest"
        if failed and (image_left or deployed):
            assert any(alert.severity == "critical" for alert in self.people.alerts)

    @invariant
    def skipped_steps_do_nothing(self, run: Run) -> None:
        """A step whose condition is false does not run."""
        assert "python manage.py migrate" not in [ran.command for ran in self.desktop.history]


def _steps(hub: Hub) -> list[_Step]:
    async def call(tool: str, arguments: Data, gate: str = "success") -> CallResult:
        result = await hub.call_tool(tool, arguments)
        if not result.get(gate, False):
            raise RuntimeError(f"{tool}: {gate} is not true")
        return result

    async def scan(_: Data) -> Data:
        found = await call(
            "security-scanner.comprehensive_scan", {"scope": "full", "severity": "medium"}, "passed"
        )
        return {"findings": len(found["findings"])}

    async def has_dockerfile(_: Data) -> bool:
        found = await hub.call_tool("desktop-commander.execute_command", {"command": "test -f Dockerfile"})
        return bool(found["success"])

    async def build(_: Data) -> Data:
        built = await call(
            "docker.docker_build", {"dockerfile_path": "Dockerfile", "image_tag": "app:latest"}
        )
        return {"image": built["image"]}

    async def remove_image(data: Data) -> object:
        return await hub.call_tool("docker.docker_rmi", {"image": data["image"]})

    async def migrate(_: Data) -> Data:
        await call("desktop-commander.execute_command", {"command": "python manage.py migrate"})
        return {}

    async def cluster_answers(_: Data) -> bool:
        found = await hub.call_tool(
            "kubernetes.kubectl_get", {"resource_type": "pods", "namespace": "production"}
        )
        return bool(found["success"])

    async def deploy(_: Data) -> Data:
        await call("kubernetes.kubectl_apply", {"manifest_path": "k8s/", "namespace": "production"})
        return {"deployed": True}

    async def undo_deploy(_: Data) -> object:
        return await hub.call_tool(
            "kubernetes.kubectl_rollout_undo", {"name": "app", "namespace": "production"}
        )

    return [
        _Step("scan", scan),
        _Step("build", build, has_dockerfile, remove_image),
        _Step("migrate", migrate, lambda data: bool(data.get("migrations"))),
        _Step("deploy", deploy, cluster_answers, undo_deploy),
    ]


class _Pipeline:
    def __init__(self, hub: Hub, steps: list[_Step]) -> None:
        self._hub, self._steps = hub, steps

    async def execute(self) -> PipelineReport:
        """Run the steps in order; on a failure undo those that ran, the last first."""
        data: Data = {}
        executed: list[_Step] = []
        skipped: list[str] = []
        try:
            for number, step in enumerate(self._steps, 1):
                holds = step.condition(data)
                if not (await holds if inspect.isawaitable(holds) else holds):
                    skipped.append(step.name)
                    continue
                data.update(await step.run(data))
                executed.append(step)
                await self._notify(f"Pipeline step {number} completed: {step.name}")
        except Exception as error:
            undone = await self._roll_back(executed, data)
            await self._alert("high", f"Pipeline failed: {error}")
            names = tuple(step.name for step in executed)
            return PipelineReport(False, names, tuple(skipped), tuple(undone), str(error))
        return PipelineReport(True, tuple(step.name for step in executed), tuple(skipped))

    async def _roll_back(self, executed: list[_Step], data: Data) -> list[str]:
        undone: list[str] = []
        for step in reversed(executed):
            if step.undo is None:
                continue
            try:
                await step.undo(data)
                undone.append(step.name)
            except Exception as error:
                await self._alert("critical", f"Rolling back {step.name} failed: {error}")
        return undone

    async def _notify(self, message: str) -> None:
        arguments = {"message": message, "channels": ["dashboard"], "priority": "normal"}
        await self._hub.call_tool("communication-hub.send_notification", arguments)

    async def _alert(self, severity: str, message: str) -> None:
        await self._hub.call_tool("communication-hub.send_alert", {"message": message, "severity": severity})
