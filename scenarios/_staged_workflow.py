"""The reference answer to `staged-deployment`: prepare, stage, ask, install beside, switch, watch, or go back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Literal

from pytest_mcpflow import CallResult, Hub
from pytest_mcpflow.scenarios._careful import together
from pytest_mcpflow.scenarios._delivery import Delivery, StoppedError

__all__ = ["StagedReport", "StagedRollout"]

SERVICE, NEW, STAGING, PRODUCTION = "api", "2.1.0-auth", "staging-droplet-01", ("prod-1", "prod-2")
SMOKE_TESTS = "npm run smoke"
APPROVER, QUESTION = "qa", f"Staging runs {SERVICE} {NEW} and its smoke tests pass. Deploy it to production?"
CHECKLIST = f"docs/deployments/{NEW}.md"
CHECKS = ("built", "tests passed", "staged", "smoke tests passed", "approved by QA", "live and healthy")
WATCH_EVERY, WATCH_FOR, TOLERATED_ERRORS = 60, 360, 0.01
"""Seconds, seconds, and the share of requests that may fail: metrics average over 300 seconds."""

Colour = Literal["blue", "green"]


@dataclass(frozen=True)
class StagedReport:
    """Which version is live everywhere, and why quality assurance let it go there."""

    success: bool = False
    version: str | None = None
    approved_because: str | None = None
    error: str | None = None


class StagedRollout:
    """One version, from the desktop to production."""

    def __init__(self, hub: Hub) -> None:
        self._crew = Delivery(hub, "shop/api")
        self._report = StagedReport()

    async def run(self) -> StagedReport:
        error = await self._crew.loudly(f"Deploying {SERVICE} {NEW}", self._steps())
        return replace(self._report, success=error is None, error=error)

    async def _steps(self) -> None:
        await together(self._crew.must_run("npm run build"), self._crew.must_run("npm test"))
        await self._crew.write(CHECKLIST, "\n".join([f"# {SERVICE} {NEW}", "", *map(_box, CHECKS), ""]))
        await self._tick("built", "tests passed")
        await self._stage()
        await self._crew.notify(
            f"Staging runs {SERVICE} {NEW} and all health checks passed; ready for production after QA approval",
            "slack",
        )
        reason = await self._crew.ask(QUESTION, APPROVER)
        self._report = replace(self._report, approved_because=reason)
        await self._tick("approved by QA")
        before = await self._install_beside()
        try:
            await self._go_live("green" if before == "blue" else "blue")
        except Exception:
            await self._go_back(before)
            raise
        self._report = replace(self._report, version=NEW)
        await self._tick("live and healthy")
        if "[ ]" in await self._crew.read(CHECKLIST):
            raise StoppedError("the checklist lost a tick: somebody wrote it over")
        await self._crew.broadcast("production", SERVICE, "completed", version=NEW)

    async def _stage(self) -> None:
        await self._on_staging("git pull --ff-only")
        await self._crew.ship(STAGING, SERVICE, NEW)
        await self._tick("staged")
        await self._on_staging(SMOKE_TESTS)
        await self._tick("smoke tests passed")

    async def _on_staging(self, command: str) -> None:
        ran = await self._crew.droplet("run_command", host=STAGING, command=command)
        if not ran["success"]:
            raise StoppedError(f"{command} on {STAGING}: {ran['stderr'] or ran['stdout']}")

    async def _install_beside(self) -> Colour:
        """Install on the colour without traffic, and see it answer there; the colour that is live meanwhile."""
        services = await together(*(self._crew.service(host, SERVICE) for host in PRODUCTION))
        colours: set[Colour] = {each["live_colour"] for each in services}
        if len(colours) != 1:
            raise StoppedError(f"production serves from {' and '.join(sorted(colours))} at once")
        await together(*(self._crew.deploy(host, SERVICE, NEW, strategy="blue-green") for host in PRODUCTION))
        for host in PRODUCTION:
            installed = await self._crew.service(host, SERVICE)
            if (installed["idle_version"], installed["idle_healthy"]) != (NEW, True):
                raise StoppedError(f"{NEW} does not answer on {host}, beside what is live")
        return colours.pop()

    async def _go_live(self, colour: Colour) -> None:
        """Switch, then look for a while at health and at errors."""
        await together(*(self._switch(host, colour) for host in PRODUCTION))
        for _ in range(WATCH_FOR // WATCH_EVERY):
            await asyncio.sleep(WATCH_EVERY)
            for host in PRODUCTION:
                live = await self._crew.service(host, SERVICE)
                metrics = await self._crew.droplet("get_metrics", host=host, service=SERVICE)
                errors = metrics["services"][SERVICE]["error_rate"]
                if not live["healthy"] or live["version"] != NEW or errors > TOLERATED_ERRORS:
                    raise StoppedError(f"{NEW} on {host}: {live['detail']}, {errors:.0%} of requests fail")

    async def _go_back(self, colour: Colour) -> None:
        try:
            await together(*(self._switch(host, colour) for host in PRODUCTION))
        except Exception as error:
            await self._crew.alert(f"switch back by hand to {colour}: {error}")
        else:
            await self._crew.broadcast("production", SERVICE, "rolled_back", version=NEW)

    async def _switch(self, host: str, colour: Colour) -> CallResult:
        """Once or often, it is the same."""
        return await self._crew.droplet("switch_live_colour", host=host, service=SERVICE, colour=colour)

    async def _tick(self, *checks: str) -> None:
        for check in checks:
            await self._crew.edit(CHECKLIST, _box(check), _box(check, mark="x"))


def _box(check: str, mark: str = " ") -> str:
    return f"- [{mark}] {check}"
