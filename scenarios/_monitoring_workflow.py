"""The reference answer to `monitoring-implementation`: log and count, watch, then alert, receivers before rules."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from pytest_mcpflow import Hub
from pytest_mcpflow.scenarios._careful import together
from pytest_mcpflow.scenarios._delivery import Delivery, StoppedError
from pytest_mcpflow.scenarios._monitoring_files import (
    ALERTS,
    MONITOR_FILES,
    RUNBOOKS,
    SERVICE_FILES,
    files_of_the_change,
)

__all__ = ["Monitoring", "MonitoringReport"]

REPOSITORY, BRANCH, TITLE = "shop/api", "feature/monitoring", "Log, measure and alert"
STAGING, PRODUCTION, MONITOR, SERVICE, VERSION = "staging-1", "prod-1", "monitor-1", "api", "1.1.0"
INSTALL = "apt-get install -y prometheus grafana prometheus-alertmanager"
KEY, KEY_REFERENCE = "PAGERDUTY_ROUTING_KEY", "vault:pagerduty/api"


@dataclass(frozen=True)
class MonitoringReport:
    """Which metrics arrive, and who hears of which alert."""

    success: bool = False
    metrics: tuple[str, ...] = ()
    receivers: tuple[tuple[str, str], ...] = ()
    pull_request: int | None = None
    error: str | None = None


class Monitoring:
    """The monitoring of one service."""

    def __init__(self, hub: Hub) -> None:
        self._crew = Delivery(hub, REPOSITORY)
        self._report = MonitoringReport()

    async def run(self) -> MonitoringReport:
        error = await self._crew.loudly(f"The monitoring of {SERVICE} is not complete", self._steps())
        return replace(self._report, success=error is None, error=error)

    async def _steps(self) -> None:
        number = await self._propose()
        await self._crew.checks_pass(number)
        await self._crew.ship(STAGING, SERVICE, VERSION)
        await self._crew.merge(number)
        await together(self._instrument(), self._install())
        await self._start()
        await self._look()
        await self._crew.notify(
            f"{SERVICE} is watched: dashboard on {MONITOR}, runbooks in {min(RUNBOOKS).rpartition('/')[0]}",
            "slack",
        )

    async def _propose(self) -> int:
        await self._crew.switch_to_new_branch(BRANCH)
        files = files_of_the_change()
        await together(*(self._crew.write(path, content) for path, content in files.items()))
        tested = await self._crew.must_run("npm test")
        await self._crew.commit(TITLE, *files)
        await self._crew.push(BRANCH)
        alerts = "\n".join(f"- {rule['alert']}: {rule['annotations']['runbook']}" for rule in ALERTS)
        number = await self._crew.propose(BRANCH, TITLE, f"{alerts}\n\n{tested}\n")
        self._report = replace(self._report, pull_request=number)
        return number

    async def _instrument(self) -> None:
        """Let the service log and count, and its host collect and rotate the logs."""
        await self._crew.ship(PRODUCTION, SERVICE, VERSION)
        for path, (_, content) in SERVICE_FILES.items():
            await self._crew.droplet("upload_file", host=PRODUCTION, path=path, content=content)

    async def _install(self) -> None:
        ran = await self._crew.droplet("run_command", host=MONITOR, command=INSTALL)
        if not ran["success"]:
            raise StoppedError(f"{INSTALL}: {ran['stderr']}")
        for path, (_, content) in MONITOR_FILES.items():
            await self._crew.droplet("upload_file", host=MONITOR, path=path, content=content)
        secret = {"service": "alertmanager", "name": KEY, "secret_ref": KEY_REFERENCE}
        await self._crew.droplet("set_environment_variable", host=MONITOR, **secret)

    async def _start(self) -> None:
        """Receivers first: a rule without one would fire unheard. A restart too many does not harm a watcher."""
        for service in ("alertmanager", "prometheus", "grafana"):
            await self._crew.droplet("restart_service", host=MONITOR, service=service)
            if not (await self._crew.service(MONITOR, service))["healthy"]:
                raise StoppedError(f"{service} does not start on {MONITOR}")

    async def _look(self) -> None:
        """See each metric arrive, and each rule loaded with somebody who hears of it."""
        for rule in ALERTS:
            metric = str(rule["expr"]).partition("{")[0]
            found = await self._crew.repeat("prometheus-monitoring.query", {"query": metric})
            if SERVICE not in found:
                raise StoppedError(f"no {metric} of {SERVICE} arrives")
            self._report = replace(self._report, metrics=(*self._report.metrics, metric))
        loaded = await self._crew.repeat("prometheus-monitoring.list_alerts", {})
        heard = {str(each["rule"]): str(each["receiver"]) for each in loaded["result"]}
        unheard = [rule["alert"] for rule in ALERTS if not heard.get(rule["alert"])]
        if unheard:
            raise StoppedError(f"nobody hears of {', '.join(unheard)}")
        self._report = replace(self._report, receivers=tuple(sorted(heard.items())))


def receiver_of(alertmanager: str, severity: str) -> str:
    """Who hears of an alert, by Alertmanager's configuration."""
    route: dict[str, Any] = json.loads(alertmanager)["route"]
    wanted = f'severity="{severity}"'
    return next(
        (str(each["receiver"]) for each in route["routes"] if wanted in each["matchers"]), route["receiver"]
    )
