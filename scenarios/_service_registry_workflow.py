"""Services by name, with what they need, called only while all of that is well."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_mcpflow import CallResult, Hub
from pytest_mcpflow.scenarios._careful import Careful, Desk
from pytest_mcpflow.scenarios._cross_server import context_of

__all__ = [
    "ReleaseReport",
    "ServiceNotFoundError",
    "ServiceRegistry",
    "ServiceUnavailableError",
    "release",
]

RECHECK_SECONDS, ATTEMPTS = 30.0, 10


class ServiceNotFoundError(LookupError):
    """Nobody registered a service of this name."""

    def __init__(self, service: str, known: Mapping[str, object]) -> None:
        super().__init__(f"there is no service {service!r}; registered are: {', '.join(known) or 'none'}")
        self.service = service


class ServiceUnavailableError(RuntimeError):
    """A service is not called, since it or what it needs (`unhealthy`) does not answer."""

    def __init__(self, service: str, unhealthy: str) -> None:
        reason = (
            "it does not answer" if service == unhealthy else f"it needs {unhealthy}, which does not answer"
        )
        super().__init__(f"{service} is unavailable: {reason}")
        self.service, self.unhealthy = service, unhealthy


@dataclass(frozen=True)
class _Service:
    check: str
    arguments: Mapping[str, Any]
    dependencies: tuple[str, ...]


@dataclass(frozen=True)
class ReleaseReport:
    """How the release ended; `error` names the service that stopped it."""

    success: bool
    error: str | None = None


class ServiceRegistry:
    """Servers as services: each with a simple operation that shows whether it answers, and with what it needs.

    Args:
        calls: How services are called.
        checks: How they are checked: with less patience.
    """

    def __init__(self, calls: Careful, checks: Careful) -> None:
        self._calls, self._checks = calls, checks
        self._services: dict[str, _Service] = {}

    def register(
        self, service: str, check: str, arguments: Mapping[str, Any], *, needs: tuple[str, ...] = ()
    ) -> None:
        """Make a server callable as a service.

        Args:
            service: The server's name.
            check: A tool of it that reads, and so shows whether it answers.
            arguments: What the check is called with.
            needs: Services registered before.

        Raises:
            ServiceNotFoundError: It needs a service that is not registered.
        """
        for name in needs:
            self._find(name)
        self._services[service] = _Service(f"{service}.{check}", arguments, needs)

    async def health(self) -> dict[str, bool]:
        """Whether each service answers, by its name."""
        answers = await asyncio.gather(*(self._answers(name) for name in self._services))
        return dict(zip(self._services, answers, strict=True))

    async def call(self, service: str, operation: str, data: Mapping[str, Any]) -> CallResult:
        """Call a service once, right after it and what it needs were seen to answer.

        Raises:
            ServiceNotFoundError: It is not registered.
            ServiceUnavailableError: It or what it needs does not answer; it was not called.
            RuntimeError: The call itself failed.
        """
        for name in (*self._find(service).dependencies, service):
            if not await self._answers(name):
                raise ServiceUnavailableError(service, name)
        try:
            return await self._calls.call(f"{service}.{operation}", data)
        except Exception as error:
            raise RuntimeError(f"{service} did not do {operation}: {error}") from error

    async def _answers(self, service: str) -> bool:
        """No answer is not a good one."""
        checked = self._find(service)
        try:
            answer = await self._checks.call(checked.check, checked.arguments)
        except Exception:
            return False
        return answer.get("success") is True

    def _find(self, service: str) -> _Service:
        if service not in self._services:
            raise ServiceNotFoundError(service, self._services)
        return self._services[service]


async def release(hub: Hub, registry_type: type[ServiceRegistry] = ServiceRegistry) -> ReleaseReport:
    """Build, deploy and watch the application, each as soon as the services for it answer."""
    with context_of(hub, "service-registry") as context_id:
        desk = Desk(hub, timeout=60.0, context_id=context_id)
        registry = registry_type(desk, Careful(hub, timeout=10.0, context_id=context_id))
        registry.register("docker", "docker_ps", {})
        pods = {"resource_type": "pods", "namespace": "production"}
        registry.register("kubernetes", "kubectl_get", pods, needs=("docker",))
        registry.register("prometheus-monitoring", "get_system_health", {}, needs=("kubernetes",))
        try:
            health = await registry.health()
            up = [f"{name} {'up' if is_up else 'down'}" for name, is_up in health.items()]
            await desk.notify(f"Services: {', '.join(up)}", "dashboard")
            build = {"dockerfile_path": "Dockerfile", "image_tag": "app:2.0.0"}
            await registry.call("docker", "docker_build", build)  # not twice: it would be another image
            for service, operation, data in (
                ("kubernetes", "kubectl_apply", {"manifest_path": "k8s/", "namespace": "production"}),
                ("kubernetes", "kubectl_rollout_status", {"name": "app", "namespace": "production"}),
                ("prometheus-monitoring", "setup_alerts", {"service": "app", "environment": "production"}),
            ):
                await _patiently(desk, registry, service, operation, data)
        except Exception as error:
            await desk.alert(f"The release stopped: {error}", severity="high")
            await desk.broadcast("production", "app", "failed", version="2.0.0")
            return ReleaseReport(False, str(error))
        await desk.broadcast("production", "app", "completed", version="2.0.0")
        if desk.untold:
            await desk.alert(f"Not told: {'; '.join(desk.untold)}", severity="medium")
            return ReleaseReport(False, f"communication-hub did not tell: {'; '.join(desk.untold)}")
        return ReleaseReport(True)


async def _patiently(
    desk: Desk, registry: ServiceRegistry, service: str, operation: str, data: Mapping[str, Any]
) -> None:
    """Make a call that may be repeated, as soon as its services answer; tell why it is not made yet."""
    told = set[str]()
    for _ in range(ATTEMPTS - 1):
        try:
            await registry.call(service, operation, data)
            return
        except ServiceNotFoundError:
            raise
        except Exception as error:
            if str(error) not in told:
                await desk.notify(f"Waiting: {error}", "dashboard")
            told.add(str(error))
        await asyncio.sleep(RECHECK_SECONDS)
    await registry.call(service, operation, data)
