"""The world of `monitoring-implementation`, and what follows in it from what a workflow does."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, cast

from pytest_mcpflow import Hub, Interaction
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.droplet_executor import CommandResult, DropletExecutor, Host, Release, Service
from pytest_mcpflow.fakes.github import GitHub
from pytest_mcpflow.fakes.prometheus_monitoring import AlertRule, PrometheusMonitoring, Sample, WatchedService
from pytest_mcpflow.scenarios._monitoring_files import CODE, TEST
from pytest_mcpflow.scenarios._monitoring_workflow import (
    INSTALL,
    KEY,
    MONITOR,
    PRODUCTION,
    REPOSITORY,
    SERVICE,
    STAGING,
    VERSION,
    receiver_of,
)
from pytest_mcpflow.scenarios._rules import Guarded
from pytest_mcpflow.scenarios._worlds import checkout, connect_remote, guarded_hosting

__all__ = ["MAIN", "WATCHERS", "UnwatchedApi", "rules_in"]

OLD = "1.0.0"
MAIN = {"src/app.ts": "export const app = express();\n"}
WATCHERS = ("prometheus", "grafana", "alertmanager")
EXPRESSION = re.compile(r'(\w+)\{service="(\w+)"\} ([<>]) ([\d.]+)')


def _desktop() -> DesktopCommander:
    needs = {"src/middleware/metrics.ts": "response_seconds", "src/logging.ts": "pino", TEST: "test("}
    return checkout(MAIN, Script("npm test", stdout="Tests: 44 passed", requires=needs))


def _droplets() -> DropletExecutor:
    return DropletExecutor(
        hosts={
            STAGING: Host("staging", services={SERVICE: Service(OLD)}),
            PRODUCTION: Host(services={SERVICE: Service(OLD)}),
            MONITOR: Host(commands={INSTALL: CommandResult("Setting up prometheus, grafana, alertmanager")}),
        },
        releases={SERVICE: {OLD: Release(), VERSION: Release()}},
        takes={"run_command": 20.0, "deploy": 10.0},
    )


def rules_in(text: str) -> list[dict[str, Any]]:
    """The alert rules of a file that Prometheus reads."""
    groups = cast("list[dict[str, Any]]", json.loads(text)["groups"])
    return [rule for group in groups for rule in group["rules"]]


@dataclass
class UnwatchedApi(Guarded):
    """An API that logs and counts nothing, and an empty host that is to watch it."""

    desktop: DesktopCommander = field(default_factory=_desktop)
    hosting: GitHub = field(default_factory=lambda: guarded_hosting(REPOSITORY, MAIN))
    droplets: DropletExecutor = field(default_factory=_droplets)
    monitoring: PrometheusMonitoring = field(default_factory=lambda: PrometheusMonitoring(receivers=[]))
    unheard: list[str] = field(default_factory=list[str], init=False, repr=False)
    """The rules that were loaded while nobody would have heard of their alerts."""

    def connect(self, hub: Hub) -> None:
        def install(ran: Interaction) -> None:
            if ran.arguments["command"] == INSTALL:
                for name in WATCHERS:
                    self.droplets.hosts[MONITOR].services.setdefault(name, Service("packaged"))

        def start(restarted: Interaction) -> None:
            if restarted.arguments["service"] == "alertmanager":
                self._load_receivers()
            if restarted.arguments["service"] == "prometheus":
                self._load_rules(hub.clock.now())
            known = self.monitoring.receivers
            self.unheard += [rule.name for rule in self.monitoring.rules if rule.receiver not in known]

        connect_remote(hub, self.desktop, self.hosting.repositories[REPOSITORY])
        hub.on_effect("droplet-executor.run_command", install)
        hub.on_effect("droplet-executor.restart_service", start)

    def on_main(self) -> dict[str, str]:
        """The files of the main branch on GitHub."""
        return self.hosting.repositories[REPOSITORY].branches["main"].files

    def _load_receivers(self) -> None:
        """Alertmanager reads its configuration when it starts; PagerDuty takes nothing without its key."""
        watcher = self.droplets.hosts[MONITOR]
        text = watcher.files.get("/etc/alertmanager/alertmanager.yml", '{"receivers": []}')
        has_key = KEY in watcher.services["alertmanager"].environment
        names = [str(each["name"]) for each in json.loads(text)["receivers"]]
        self.monitoring.receivers = [name for name in names if name != "pagerduty" or has_key]

    def _load_rules(self, now: float) -> None:
        """Prometheus reads targets and rules when it starts; a service that does not count has no metrics."""
        files = self.droplets.hosts[MONITOR].files
        counts = self.droplets.hosts[PRODUCTION].services[SERVICE].version == VERSION
        scraped = f"{PRODUCTION}:8080" in files["/etc/prometheus/prometheus.yml"]
        if counts and scraped and {*CODE} <= {*self.on_main()}:
            series = {"response_seconds": [Sample(now, 0.12)], "error_rate": [Sample(now, 0.0)]}
            self.monitoring.services[SERVICE] = WatchedService("production", series)
        self.monitoring.rules = [self._rule(rule) for rule in rules_in(files["/etc/prometheus/alerts.yml"])]

    def _rule(self, rule: dict[str, Any]) -> AlertRule:
        parts = EXPRESSION.fullmatch(rule["expr"])
        assert parts is not None, rule["expr"]
        metric, service, comparison, threshold = parts.groups()
        alertmanager = self.droplets.hosts[MONITOR].files["/etc/alertmanager/alertmanager.yml"]
        severity = rule["labels"]["severity"]
        receiver = receiver_of(alertmanager, severity) if self.monitoring.receivers else ""
        return AlertRule(
            *(rule["alert"], service, "production", metric, float(threshold), 300.0, severity, receiver),
            comparison="<" if comparison == "<" else ">",
        )
