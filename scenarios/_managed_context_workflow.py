"""Releases side by side, each in a context and a workspace of its own, both gone when it is over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_mcpflow import Context, Hub
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._cross_server import context_of
from pytest_mcpflow.scenarios._storage import store_once

__all__ = ["ManagedRelease", "Outcome", "ReleasesReport", "release_all"]

SETTLE_SECONDS = 5.0


@dataclass(frozen=True)
class Outcome:
    """How one release ended, and how many calls were made in its context before the record of them was kept."""

    success: bool
    calls: int
    error: str | None = None


@dataclass(frozen=True)
class ReleasesReport:
    """The outcome of each release, by service."""

    success: bool
    outcomes: Mapping[str, Outcome]


class ManagedRelease:
    """One release: what it does, it does in its context, and whatever happens, it leaves nothing behind."""

    def __init__(self, hub: Hub, service: str) -> None:
        self._hub, self._service = hub, service
        self._errors: list[str] = []

    async def run(self) -> Outcome:
        """Release the service.

        Raises:
            HubError: A release of this service is under way.
        """
        with context_of(self._hub, f"release-{self._service}") as context_id:
            context = self._hub.contexts[context_id]
            desk = self.desk(context)
            try:
                await self._release(desk, f"runs/{context_id}")
            except Exception as error:
                self._errors.append(str(error))
            finally:
                calls = await self._clean_up(desk, context)
            if self._errors:
                about = {"context_id": context_id, "service": self._service}
                message = f"{self._service} was not released as it should be: {'; '.join(self._errors)}"
                await desk.alert(message, about, severity="high")
            return Outcome(not self._errors, calls, "; ".join(self._errors) or None)

    def desk(self, context: Context) -> Desk:
        """What makes the calls of this release."""
        return Desk(self._hub, timeout=60.0, context_id=context.id)

    def record(self, context: Context) -> list[Mapping[str, Any]]:
        """What was done in a context."""
        return [{"call": each.site, "arguments": dict(each.arguments)} for each in context.tool_calls]

    async def _release(self, desk: Desk, workspace: str) -> None:
        image = f"{self._service}:2.0.0"
        await desk.write(f"{workspace}/plan.txt", f"Release {image}\n")
        # Once: a second build would be another image under the same name.
        build = {"dockerfile_path": f"{self._service}/Dockerfile", "image_tag": image}
        built = await desk.call("docker.docker_build", build)
        if not built["success"]:
            raise RuntimeError(f"{image} cannot be built: {built['log'].splitlines()[-1]}")
        manifest = {"manifest_path": f"k8s/{self._service}.yaml", "namespace": "production"}
        await desk.repeat("kubernetes.kubectl_apply", manifest)

    async def _clean_up(self, desk: Desk, context: Context) -> int:
        """Remove the workspace and keep a record; one that fails does not stop the other."""
        if self._errors:
            await asyncio.sleep(SETTLE_SECONDS)  # what seems lost may still arrive, and would stay
        try:
            removed = await desk.run(f"rm -rf runs/{context.id}")
            if not removed["success"]:
                raise RuntimeError(removed["stderr"])
        except Exception as error:
            self._errors.append(f"runs/{context.id} is left behind: {error}")
        record = self.record(context)
        try:
            kept = {"key": f"audit/{context.id}.json", "content": json.dumps(record)}
            await store_once(desk, "put_object", kept, key=kept["key"])
        except Exception as error:
            self._errors.append(f"audit/{context.id}.json is missing: {error}")
        return len(record)


async def release_all(
    hub: Hub, services: tuple[str, ...], managed: type[ManagedRelease] = ManagedRelease
) -> ReleasesReport:
    """Begin a release a second, and wait for all of them."""

    async def release(number: int, service: str) -> Outcome:
        await asyncio.sleep(number)
        return await managed(hub, service).run()

    outcomes = await asyncio.gather(*(release(number, service) for number, service in enumerate(services)))
    return ReleasesReport(
        all(outcome.success for outcome in outcomes), dict(zip(services, outcomes, strict=True))
    )
