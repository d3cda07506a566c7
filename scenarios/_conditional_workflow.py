"""The reference answer to `conditional-pipeline`: steps with conditions, and their undoing."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from pytest_mcpflow import CallResult, ToolError
from pytest_mcpflow.scenarios._careful import Desk

__all__ = ["Pipeline", "PipelineReport", "Step", "release_steps"]

Data = dict[str, Any]
SETTLING_SECONDS = 5
PRODUCTION = {"namespace": "production"}


@dataclass(frozen=True)
class PipelineReport:
    """Which steps ran, were skipped, and were rolled back, by name and in order.

    What was rolled back is certainly gone. `error` is what failed, if something did; without one, `success` says that
    people were told of everything.
    """

    success: bool
    executed: tuple[str, ...]
    skipped: tuple[str, ...]
    rolled_back: tuple[str, ...] = ()
    error: str | None = None
    untold: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """A step.

    Args:
        condition: Whether it is to run; sync or async.
        undo: Takes back what it did, and does nothing where it did nothing.
    """

    name: str
    run: Callable[[Data], Awaitable[Data]]
    condition: Callable[[Data], bool | Awaitable[bool]] = lambda _: True
    undo: Callable[[Data], Awaitable[object]] | None = None


@dataclass
class Pipeline:
    """Runs steps in order; when one fails, undoes it and those that ran, the last one first."""

    desk: Desk
    steps: list[Step]
    data: Data = field(default_factory=Data)

    async def execute(self) -> PipelineReport:
        begun: list[Step] = []
        executed: list[str] = []
        skipped: list[str] = []
        try:
            for number, step in enumerate(self.steps, 1):
                holds = step.condition(self.data)
                if not (await holds if inspect.isawaitable(holds) else holds):
                    skipped.append(step.name)
                    continue
                begun.append(step)
                self.data.update(await step.run(self.data))
                executed.append(step.name)
                await self.desk.notify(f"Pipeline step {number} completed: {step.name}", "dashboard")
        except Exception as error:
            await self.desk.alert(f"Pipeline failed: {error}", severity="high")
            undone = await self._roll_back(begun)
            untold = tuple(self.desk.untold)
            return PipelineReport(False, tuple(executed), tuple(skipped), tuple(undone), str(error), untold)
        untold = tuple(self.desk.untold)
        if untold:
            await self.desk.alert(f"Nobody was told: {'; '.join(untold)}", severity="medium")
        return PipelineReport(not untold, tuple(executed), tuple(skipped), untold=untold)

    async def _roll_back(self, begun: list[Step]) -> list[str]:
        """Undo also the step that failed: an error does not tell whether it did its work."""
        await asyncio.sleep(SETTLING_SECONDS)  # what was sent and not answered arrives first
        undone: list[str] = []
        for step in reversed(begun):
            if step.undo is None:
                continue
            try:
                await step.undo(self.data)
                undone.append(step.name)
            except Exception as error:
                await self.desk.alert(f"Rolling back {step.name} failed: {error}")
        return undone


def release_steps(desk: Desk) -> list[Step]:
    """Scan, build where there is a Dockerfile, migrate where there are migrations, deploy where there is a cluster."""

    async def call(tool: str, arguments: Data, gate: str = "success") -> CallResult:
        """Every step may be repeated: each ends in the same state however often it runs."""
        result = await desk.repeat(tool, arguments)
        if result.get(gate) is not True:
            raise RuntimeError(f"{tool}: {gate} is not true")
        return result

    async def scan(_: Data) -> Data:
        found = await call(
            "security-scanner.comprehensive_scan", {"scope": "full", "severity": "medium"}, "passed"
        )
        return {"findings": len(found["findings"])}

    async def has_dockerfile(_: Data) -> bool:
        return bool((await desk.run("test -f Dockerfile"))["success"])

    async def build(_: Data) -> Data:
        built = await call(
            "docker.docker_build", {"dockerfile_path": "Dockerfile", "image_tag": "app:latest"}
        )
        return {"image": built["image"]}

    async def remove_image(_: Data) -> None:
        try:
            await desk.repeat("docker.docker_rmi", {"image": "app:latest"})
        except ToolError as refusal:
            if "No such image" not in str(refusal):
                raise

    async def migrate(_: Data) -> Data:
        await call("desktop-commander.execute_command", {"command": "python manage.py migrate"})
        return {}

    async def pods() -> list[str]:
        """The pods of production by name, which are others after each rollout, ready or not."""
        found = await desk.repeat("kubernetes.kubectl_get", {"resource_type": "pods", **PRODUCTION})
        return sorted(each["name"] for each in found["items"])

    async def cluster_answers(data: Data) -> bool:
        data["pods"] = await pods()
        return True

    async def deploy(_: Data) -> Data:
        await call("kubernetes.kubectl_apply", {"manifest_path": "k8s/", **PRODUCTION})
        return {"deployed": True}

    async def undo_deploy(data: Data) -> None:
        deployed = await pods()
        if deployed == data["pods"]:
            return

        async def is_undone() -> bool:
            return await pods() != deployed

        # To undo twice is to do it again, so the pods are looked at before a second attempt.
        undo = {"name": "app", **PRODUCTION}
        await desk.once("kubernetes.kubectl_rollout_undo", undo, done=is_undone)

    return [
        Step("scan", scan),
        Step("build", build, has_dockerfile, remove_image),
        Step("migrate", migrate, lambda data: bool(data.get("migrations"))),
        Step("deploy", deploy, cluster_answers, undo_deploy),
    ]
