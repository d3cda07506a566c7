"""Logging, metrics and alerts for an API: each metric arrives, and somebody hears of each alert."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from pytest_mcpflow import Hub, Run, Scenario, invariant
from pytest_mcpflow.fakes.prometheus_monitoring import Sample
from pytest_mcpflow.scenarios import _monitoring_workflow as work
from pytest_mcpflow.scenarios._monitoring_files import files_of_the_change
from pytest_mcpflow.scenarios._monitoring_implementation_world import MAIN, WATCHERS, UnwatchedApi, rules_in
from pytest_mcpflow.scenarios._monitoring_workflow import (
    MONITOR,
    PRODUCTION,
    REPOSITORY,
    SERVICE,
    STAGING,
    VERSION,
    Monitoring,
    MonitoringReport,
)
from pytest_mcpflow.scenarios._rules import (
    lacking,
    ran_in_order,
    staged_before,
    succeeded,
    tests_passed_before,
)

__all__ = ["MonitoringImplementation", "MonitoringReport"]

CODE_SAYS = {
    "src/logging.ts": ("pino(",),
    "src/middleware/metrics.ts": ("response_seconds", "error_rate"),
}
PRODUCTION_SAYS = {
    "/etc/logrotate.d/api": ("rotate 30\n",),
    "/etc/vector/vector.yml": ('"type": "file"', "/var/log/api"),
}
TROUBLE = (
    ("response_seconds", 0.51, "slack", "SlowResponses"),
    ("error_rate", 0.06, "pagerduty", "ManyErrors"),
    ("up", 0.0, "pagerduty", "ServiceDown"),
)
"""A metric, a value of it that is too much, and who is to be told of what."""


@dataclass
class MonitoringImplementation(UnwatchedApi, Scenario):
    """Monitor the API: structured logs, metrics and a dashboard, and alerts for slowness, errors and downtime.

    The checkout's remote is `shop/api`; version 1.1.0 is built from the branch `feature/monitoring`. Production is
    `prod-1`, staging `staging-1`; `monitor-1` is empty and is to watch. PagerDuty's key is in the vault.
    """

    tags = ("monitoring",)

    async def workflow(self, hub: Hub) -> MonitoringReport:
        return await Monitoring(hub).run()

    def expect(self, run: Run) -> None:
        main = self.on_main()
        assert {*main} == {*MAIN, *files_of_the_change()}
        assert lacking(main, CODE_SAYS) == []
        production, watcher = self.droplets.hosts[PRODUCTION], self.droplets.hosts[MONITOR]
        assert (production.services[SERVICE].version, self.droplets.deployments[0].host) == (VERSION, STAGING)
        assert lacking(production.files, PRODUCTION_SAYS) == []
        assert "retention.time=30d" in watcher.files["/etc/default/prometheus"]
        dashboard = json.loads(watcher.files["/var/lib/grafana/dashboards/api.json"])
        assert dashboard["refresh"] == "5s"
        assert [panel["title"] for panel in dashboard["panels"]] == ["Response time", "Error rate", "Uptime"]
        assert {name for name, service in watcher.services.items() if service.restarts} == {*WATCHERS}
        assert watcher.services["alertmanager"].environment == {work.KEY: work.KEY_REFERENCE}
        self._expect_alerts()
        # The watcher is installed while the service is deployed.
        [*_, deployed] = run.calls("deploy")
        assert run.calls("run_command")[0].at <= deployed.at < run.calls("restart_service")[0].at
        assert ran_in_order(self.desktop, ("npm test", 0))
        [pull] = self.hosting.repositories[REPOSITORY].pull_requests
        assert (pull.head, pull.merged, "Tests: 44 passed" in pull.body) == (work.BRANCH, True, True)
        assert [sent.message for sent in self.people.notifications] == [
            f"{SERVICE} is watched: dashboard on {MONITOR}, runbooks in docs/runbooks"
        ]
        heard = (("ManyErrors", "pagerduty"), ("ServiceDown", "pagerduty"), ("SlowResponses", "slack"))
        metrics = ("response_seconds", "error_rate", "up")
        assert run.result == MonitoringReport(True, metrics, heard, pull.number)

    def _expect_alerts(self) -> None:
        """Let the service be slow, then broken, then down, and see who would be told."""
        [slow] = [rule for rule in self.monitoring.rules if rule.name == "SlowResponses"]
        assert (slow.metric, slow.comparison, slow.threshold) == ("response_seconds", ">", 0.5)
        assert self.monitoring.notified("slack") == self.monitoring.notified("pagerduty") == []
        long_ago = self.monitoring.clock.now() - 3600
        series = self.monitoring.services[SERVICE].series
        for metric, value, receiver, alert in TROUBLE:
            series[metric] = [Sample(long_ago, value)]
            assert self.monitoring.notified(receiver) == [f"{alert}/{SERVICE}"]

    @invariant
    def no_alert_rule_without_a_receiver(self, run: Run) -> None:
        """No rule is ever loaded, nor merged, of whose alert nobody would hear."""
        assert self.unheard == []
        files = self.on_main()
        if "monitoring/alerts.yml" in files:
            alertmanager = files["monitoring/alertmanager.yml"]
            names = {each["name"] for each in json.loads(alertmanager)["receivers"]}
            severities = [rule["labels"]["severity"] for rule in rules_in(files["monitoring/alerts.yml"])]
            assert {work.receiver_of(alertmanager, each) for each in severities} <= names

    @invariant
    def every_alert_has_a_runbook(self, run: Run) -> None:
        """Whoever is woken finds what to do first."""
        files = self.on_main()
        for rule in rules_in(files.get("monitoring/alerts.yml", '{"groups": []}')):
            assert rule["alert"] in files.get(rule["annotations"]["runbook"], "")

    @invariant
    def the_key_stays_in_the_vault(self, run: Run) -> None:
        """PagerDuty's key is referred to and never written out, neither in a file nor in a variable."""
        keys = [each.arguments["secret_ref"] for each in run.calls("set_environment_variable")]
        assert [key for key in keys if not str(key).startswith("vault:")] == []
        texts = [text for host in self.droplets.hosts.values() for text in host.files.values()]
        texts += self.desktop.files.values()
        written = [key for text in texts for key in re.findall(r'"routing_key": "(.*?)"', text)]
        assert [key for key in written if key != f"${work.KEY}"] == []

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
