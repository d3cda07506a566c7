"""Logging, metrics and alerts for an API: each metric arrives, and somebody hears of each alert."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, cast

from pytest_mcpflow import Hub, Interaction, Run, Scenario, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.droplet_executor import DropletExecutor, Service
from pytest_mcpflow.fakes.github import GitHub
from pytest_mcpflow.fakes.prometheus_monitoring import AlertRule, PrometheusMonitoring, Sample, WatchedService
from pytest_mcpflow.scenarios._monitoring_files import CODE, files_of_the_change
from pytest_mcpflow.scenarios._monitoring_implementation_world import (
    EXPRESSION,
    MAIN,
    desktop,
    droplets,
    hosting_before,
)
from pytest_mcpflow.scenarios._monitoring_workflow import (
    BRANCH,
    INSTALL,
    KEY,
    KEY_REFERENCE,
    MONITOR,
    PRODUCTION,
    REPOSITORY,
    SERVICE,
    STAGING,
    VERSION,
    Monitoring,
    MonitoringReport,
    receiver_of,
)
from pytest_mcpflow.scenarios._rules import (
    Guarded,
    ran_in_order,
    staged_before,
    succeeded,
    tests_passed_before,
)
from pytest_mcpflow.scenarios._worlds import connect_remote

__all__ = ["MonitoringImplementation", "MonitoringReport"]


@dataclass
class MonitoringImplementation(Guarded, Scenario):
    """Monitor the API: structured logs, metrics and a dashboard, and alerts for slowness, errors and downtime.

    The checkout's remote is `shop/api`; version 1.1.0 is built from the branch `feature/monitoring`. Production is
    `prod-1`, staging `staging-1`; `monitor-1` is empty and is to watch. PagerDuty's key is in the vault.
    """

    tags = ("monitoring",)

    desktop: DesktopCommander = field(default_factory=desktop)
    hosting: GitHub = field(default_factory=hosting_before)
    droplets: DropletExecutor = field(default_factory=droplets)
    monitoring: PrometheusMonitoring = field(default_factory=lambda: PrometheusMonitoring(receivers=[]))
    unheard: list[str] = field(default_factory=list[str], init=False, repr=False)

    def connect(self, hub: Hub) -> None:
        def install(ran: Interaction) -> None:
            if ran.arguments["command"] == INSTALL:
                for name in ("prometheus", "grafana", "alertmanager"):
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

    async def workflow(self, hub: Hub) -> MonitoringReport:
        return await Monitoring(hub).run()

    def expect(self, run: Run) -> None:
        main = self.hosting.repositories[REPOSITORY].branches["main"].files
        assert {*main} == {*MAIN, *files_of_the_change()}
        assert "pino(" in main["src/logging.ts"]
        assert all(
            metric in main["src/middleware/metrics.ts"] for metric in ("response_seconds", "error_rate")
        )
        production, watcher = self.droplets.hosts[PRODUCTION], self.droplets.hosts[MONITOR]
        assert (production.services[SERVICE].version, self.droplets.deployments[0].host) == (VERSION, STAGING)
        assert "rotate 30\n" in production.files["/etc/logrotate.d/api"]
        assert json.loads(production.files["/etc/vector/vector.yml"])["sources"]["api"]["type"] == "file"
        assert "retention.time=30d" in watcher.files["/etc/default/prometheus"]
        dashboard = json.loads(watcher.files["/var/lib/grafana/dashboards/api.json"])
        assert dashboard["refresh"] == "5s"
        assert [panel["title"] for panel in dashboard["panels"]] == ["Response time", "Error rate", "Uptime"]
        assert {name: service.restarts > 0 for name, service in watcher.services.items()} == {
            "prometheus": True,
            "grafana": True,
            "alertmanager": True,
        }
        assert watcher.services["alertmanager"].environment == {KEY: KEY_REFERENCE}
        self._expect_alerts()
        # The watcher is installed while the service is deployed.
        [*_, deployed] = run.calls("deploy")
        assert run.calls("run_command")[0].at <= deployed.at < run.calls("restart_service")[0].at
        assert ran_in_order(self.desktop, ("npm test", 0))
        [pull] = self.hosting.repositories[REPOSITORY].pull_requests
        assert (pull.head, pull.merged) == (BRANCH, True)
        assert "Tests: 44 passed" in pull.body
        assert [sent.message for sent in self.people.notifications] == [
            f"{SERVICE} is watched: dashboard on {MONITOR}, runbooks in docs/runbooks"
        ]
        heard = (("ManyErrors", "pagerduty"), ("ServiceDown", "pagerduty"), ("SlowResponses", "slack"))
        assert run.result == MonitoringReport(
            True, ("response_seconds", "error_rate", "up"), heard, pull.number
        )

    def _expect_alerts(self) -> None:
        """Let the service be slow, then broken, then down, and see who would be told."""
        rules = {rule.name: rule for rule in self.monitoring.rules}
        slow = rules["SlowResponses"]
        assert (slow.metric, slow.comparison, slow.threshold) == ("response_seconds", ">", 0.5)
        assert self.monitoring.notified("slack") == self.monitoring.notified("pagerduty") == []
        long_ago = self.monitoring.clock.now() - 3600
        series = self.monitoring.services[SERVICE].series
        series["response_seconds"] = [Sample(long_ago, 0.51)]
        assert self.monitoring.notified("slack") == ["SlowResponses/api"]
        series["error_rate"] = [Sample(long_ago, 0.06)]
        assert self.monitoring.notified("pagerduty") == ["ManyErrors/api"]
        series["up"] = [Sample(long_ago, 0.0)]
        assert self.monitoring.notified("pagerduty") == ["ServiceDown/api"]

    @invariant
    def no_alert_rule_without_a_receiver(self, run: Run) -> None:
        """No rule is ever loaded, nor merged, of whose alert nobody would hear."""
        assert self.unheard == []
        files = self.hosting.repositories[REPOSITORY].branches["main"].files
        if "monitoring/alerts.yml" in files:
            alertmanager = files["monitoring/alertmanager.yml"]
            names = {each["name"] for each in json.loads(alertmanager)["receivers"]}
            severities = [
                rule["labels"]["severity"] for rule in self._written(files["monitoring/alerts.yml"])
            ]
            assert {receiver_of(alertmanager, each) for each in severities} <= names

    @invariant
    def every_alert_has_a_runbook(self, run: Run) -> None:
        """Whoever is woken finds what to do first."""
        files = self.hosting.repositories[REPOSITORY].branches["main"].files
        for rule in self._written(files.get("monitoring/alerts.yml", '{"groups": []}')):
            assert rule["alert"] in files.get(rule["annotations"]["runbook"], "")

    @invariant
    def the_key_stays_in_the_vault(self, run: Run) -> None:
        """PagerDuty's key is referred to and never written out, neither in a file nor in a variable."""
        keys = [each.arguments["secret_ref"] for each in run.calls("set_environment_variable")]
        assert [key for key in keys if not str(key).startswith("vault:")] == []
        texts = [text for host in self.droplets.hosts.values() for text in host.files.values()]
        texts += self.desktop.files.values()
        written = [key for text in texts for key in re.findall(r'"routing_key": "(.*?)"', text)]
        assert [key for key in written if key != f"${KEY}"] == []

    @invariant
    def staging_before_production(self, run: Run) -> None:
        """The instrumented version reaches production only after it was seen healthy on staging."""
        assert staged_before(run, STAGING, PRODUCTION, SERVICE, VERSION)

    @invariant
    def nothing_is_proposed_or_deployed_untested(self, run: Run) -> None:
        """There is no pull request and no deployment unless the last test run that was seen passed."""
        assert tests_passed_before(run, "npm test", "create_pull_request", "deploy")

    @invariant
    def success_is_metrics_and_rules(self, run: Run) -> None:
        """Success is only told when metrics arrive and rules are loaded."""
        if succeeded(run.result):
            assert self.monitoring.services
            assert self.monitoring.rules

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
        main = self.hosting.repositories[REPOSITORY].branches["main"].files
        if counts and {*CODE} <= {*main} and f"{PRODUCTION}:8080" in files["/etc/prometheus/prometheus.yml"]:
            series = {"response_seconds": [Sample(now, 0.12)], "error_rate": [Sample(now, 0.0)]}
            self.monitoring.services[SERVICE] = WatchedService("production", series)
        rules = self._written(files["/etc/prometheus/alerts.yml"])
        self.monitoring.rules = [self._rule(rule) for rule in rules]

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

    @staticmethod
    def _written(text: str) -> list[dict[str, Any]]:
        groups = cast("list[dict[str, Any]]", json.loads(text)["groups"])
        return [rule for group in groups for rule in group["rules"]]
