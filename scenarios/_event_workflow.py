"""The reference answer to `event-driven-deployment`: a deployment, its events, and their handlers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pytest_mcpflow.scenarios._careful import Desk

__all__ = ["VERSION", "Deployed", "Deployment", "EventDrivenWorkflow", "deploy"]

VERSION, LOOKS = "1.2.3", 3


@dataclass(frozen=True)
class Deployment:
    """What handlers are told."""

    environment: str
    service: str
    version: str
    error: str | None = None


Handler = Callable[[Deployment], Awaitable[None]]


@dataclass(frozen=True)
class Deployed:
    """`success` needs a deployment that runs and handlers that all did their work; they are named by function."""

    success: bool
    handled: tuple[str, ...]
    failed: tuple[str, ...]
    error: str | None = None


@dataclass
class EventDrivenWorkflow:
    """Handlers by type of event. One that fails is alerted, and the next ones run all the same."""

    desk: Desk
    handlers: dict[str, list[Handler]] = field(default_factory=dict[str, list[Handler]])

    def register(self, event_type: str, *handlers: Handler) -> None:
        self.handlers.setdefault(event_type, []).extend(handlers)

    async def trigger(self, event_type: str, event: Deployment) -> tuple[list[str], list[str]]:
        """Run the handlers in their order; the names of those that did their work, and of those that failed."""
        handled: list[str] = []
        failed: list[str] = []
        for handler in self.handlers.get(event_type, []):
            name = handler.__name__
            try:
                await handler(event)
                handled.append(name)
            except Exception as error:
                failed.append(name)
                metadata = {"event_type": event_type, "handler": name}
                await self.desk.alert(f"Workflow handler {name} failed: {error}", metadata, severity="high")
        return handled, failed


class _Handlers:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def update_status(self, event: Deployment) -> None:
        """Note the version in the monitoring, which leaves nothing to look for when its answer is lost."""
        note = {"status": "active", "version": event.version}
        await self._desk.insist("prometheus-monitoring.update_deployment_status", note)

    async def back_up_configuration(self, event: Deployment) -> None:
        name = f"deployment_{event.version}"

        async def is_backed_up() -> bool:
            found = await self._desk.repeat("s3-storage.list_objects", {"prefix": f"config/{name}"})
            return any(each["key"] == f"config/{name}" for each in found["result"])

        backup = {"source": "k8s/", "backup_name": name}
        await self._desk.once("s3-storage.backup_config", backup, done=is_backed_up)

    async def tell_everybody(self, event: Deployment) -> None:
        before = len(self._desk.untold)
        await self._desk.broadcast(
            event.environment,
            event.service,
            "completed" if event.error is None else "failed",
            version=event.version,
            details={} if event.error is None else {"error": event.error},
        )
        if len(self._desk.untold) > before:
            raise RuntimeError("the broadcast did not get through")


async def deploy(desk: Desk) -> Deployed:
    """Apply the manifests, wait until the new version runs, and let the handlers know how it ended."""
    handlers, events = _Handlers(desk), EventDrivenWorkflow(desk)
    events.register(
        "deployment.success",
        handlers.update_status,
        handlers.back_up_configuration,
        handlers.tell_everybody,
    )
    events.register("deployment.failed", handlers.tell_everybody)
    try:
        await _roll_out(desk)
    except Exception as error:
        await desk.alert(f"Deployment of app {VERSION} failed: {error}", severity="high")
        failed = Deployment("production", "app", VERSION, str(error))
        handled, not_handled = await events.trigger("deployment.failed", failed)
        return Deployed(False, tuple(handled), tuple(not_handled), str(error))
    event = Deployment("production", "app", VERSION)
    handled, not_handled = await events.trigger("deployment.success", event)
    return Deployed(not not_handled, tuple(handled), tuple(not_handled))


async def _roll_out(desk: Desk) -> None:
    """Apply the manifests, and wait until what was applied runs, by its revision: an answer may be an old one."""
    before = await _revision(desk)
    applied = await desk.repeat(
        "kubernetes.kubectl_apply", {"manifest_path": "k8s/", "namespace": "production"}
    )
    runs_already = all(line.endswith(" unchanged") for line in applied["applied"])
    for _ in range(LOOKS):
        if await _revision(desk) > before or runs_already:
            return
        await asyncio.sleep(1)
    raise RuntimeError(f"still at revision {before} after applying {applied['applied']}")


async def _revision(desk: Desk) -> int:
    """The revision of the application, once it is ready."""
    waiting = {"name": "app", "namespace": "production", "timeout": 20}
    return int((await desk.repeat("kubernetes.kubectl_rollout_status", waiting))["revision"])
