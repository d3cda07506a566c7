"""Wrong registries of services, and the check of the scenario that must say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tampering import Send, tampered

from pytest_mcpflow import CallResult, Hub, ToolError, Workflow
from pytest_mcpflow.scenarios._service_registry_workflow import ReleaseReport, ServiceRegistry, release
from pytest_mcpflow.scenarios.service_registry import ServiceRegistry as ServiceRegistryScenario

__all__ = ["MUTANTS"]


class Trusting(ServiceRegistry):
    """Takes no answer for a good one."""

    async def _answers(self, service: str) -> bool:
        await super()._answers(service)
        return True


class Remembering(ServiceRegistry):
    """Looks at a service until it is well, and then never again."""

    async def _answers(self, service: str) -> bool:
        known: set[str] = self.__dict__.setdefault("_known", set())
        if service not in known and await super()._answers(service):
            known.add(service)
        return service in known


class Unrelated(ServiceRegistry):
    """Forgets what services need."""

    def register(
        self, service: str, check: str, arguments: Mapping[str, Any], *, needs: tuple[str, ...] = ()
    ) -> None:
        super().register(service, check, arguments)


async def trust(hub: Hub) -> ReleaseReport:
    return await release(hub, Trusting)


async def remember(hub: Hub) -> ReleaseReport:
    return await release(hub, Remembering)


async def ignore_needs(hub: Hub) -> ReleaseReport:
    return await release(hub, Unrelated)


async def hide_the_reason(hub: Hub) -> ReleaseReport:
    report = await ServiceRegistryScenario().workflow(hub)
    return ReleaseReport(report.success, report.error and "a service is unavailable")


async def no_builder(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """The image builder is away."""
    if name.startswith("docker."):
        raise ToolError(
            "docker", "docker_ps", "Cannot connect to the Docker daemon. Is the docker daemon running?"
        )
    return await send(name, arguments)


async def build_twice(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Repeats the build, as after a lost answer."""
    if name.endswith("docker_build"):
        await send(name, arguments)
    return await send(name, arguments)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "take no answer for a good one": (trust, "called_only_while_what_it_needs_answers"),
    "trust an old look": (remember, "called_only_while_what_it_needs_answers"),
    "ignore what a service needs": (ignore_needs, "called_only_while_what_it_needs_answers"),
    "hide the reason": (tampered(hide_the_reason, no_builder), "what_stops_a_release_is_named"),
    "build twice": (tampered(ServiceRegistryScenario().workflow, build_twice), "built_once"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
