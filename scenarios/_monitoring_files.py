"""The files of `monitoring-implementation`. Configuration is written as JSON, which every reader of YAML reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["ALERTS", "CODE", "MONITOR_FILES", "RUNBOOKS", "SERVICE_FILES", "TEST", "files_of_the_change"]

LOGGING, MIDDLEWARE, TEST = "src/logging.ts", "src/middleware/metrics.ts", "test/metrics.test.ts"
CODE = {
    LOGGING: "export const log = pino({ base: { service: 'api' }, timestamp: isoTime });\n",
    MIDDLEWARE: (
        "const seconds = new Histogram({ name: 'response_seconds', buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5] });\n"
        "const errors = new Gauge({ name: 'error_rate' });\n"
        "export const track = (req, res, next) => {\n  const stop = seconds.startTimer();\n"
        "  res.on('finish', () => { stop(); errors.set(share(res.statusCode)); log.info({ path: req.path }); });\n"
        "  next();\n};\n"
    ),
    TEST: "test('a request is counted with its time and its status', () => get().expect(counted));\n",
}
SLOW_SECONDS, MANY_ERRORS, RETENTION_DAYS = 0.5, 0.05, 30


def _rule(name: str, expression: str, severity: str) -> dict[str, Any]:
    slug = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")
    return {
        "alert": name,
        "expr": expression,
        "for": "5m",
        "labels": {"severity": severity},
        "annotations": {"runbook": f"docs/runbooks/{slug}.md"},
    }


ALERTS = [
    _rule("SlowResponses", f'response_seconds{{service="api"}} > {SLOW_SECONDS}', "warning"),
    _rule("ManyErrors", f'error_rate{{service="api"}} > {MANY_ERRORS}', "critical"),
    _rule("ServiceDown", 'up{service="api"} < 1', "critical"),
]
_FIRST_LOOK = {
    "SlowResponses": "Look at the slow query log and at the dashboard's response times before and after deployments.",
    "ManyErrors": "Read the newest errors; if they began with a deployment, roll it back.",
    "ServiceDown": "Restart the service once; if it does not come up, roll back and call the team lead.",
}
RUNBOOKS = {
    rule["annotations"]["runbook"]: f"# {rule['alert']}\n\n`{rule['expr']}`\n\n{_FIRST_LOOK[rule['alert']]}\n"
    for rule in ALERTS
}


def _as_text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2) + "\n"


def _panel(title: str, expression: str) -> dict[str, Any]:
    return {"title": title, "type": "timeseries", "targets": [{"expr": expression}]}


_PROMETHEUS = {
    "global": {"scrape_interval": "15s"},
    "rule_files": ["alerts.yml"],
    "scrape_configs": [{"job_name": "api", "static_configs": [{"targets": ["prod-1:8080"]}]}],
    "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["localhost:9093"]}]}]},
}
_ALERTMANAGER = {
    "route": {
        "receiver": "slack",
        "routes": [{"matchers": ['severity="critical"'], "receiver": "pagerduty"}],
    },
    "receivers": [
        {"name": "slack", "slack_configs": [{"channel": "#operations"}]},
        {"name": "pagerduty", "pagerduty_configs": [{"routing_key": "$PAGERDUTY_ROUTING_KEY"}]},
    ],
}
_DASHBOARD = {
    "title": "API performance",
    "refresh": "5s",
    "panels": [
        _panel("Response time", 'response_seconds{service="api"}'),
        _panel("Error rate", 'error_rate{service="api"}'),
        _panel("Uptime", 'up{service="api"}'),
    ],
}
_AGGREGATION = {
    "sources": {"api": {"type": "file", "include": ["/var/log/api/*.log"]}},
    "transforms": {"parsed": {"type": "remap", "inputs": ["api"], "source": ". = parse_json!(.message)"}},
    "sinks": {"archive": {"type": "loki", "inputs": ["parsed"], "endpoint": "http://monitor-1:3100"}},
}
SERVICE_FILES = {
    "/etc/vector/vector.yml": ("deploy/vector.yml", _as_text(_AGGREGATION)),
    "/etc/logrotate.d/api": (
        "deploy/logrotate.conf",
        f"/var/log/api/*.log {{\n  daily\n  rotate {RETENTION_DAYS}\n  compress\n  missingok\n}}\n",
    ),
}
"""What goes to the hosts of the service: where to, where it is kept, and what it says."""
MONITOR_FILES = {
    "/etc/alertmanager/alertmanager.yml": ("monitoring/alertmanager.yml", _as_text(_ALERTMANAGER)),
    "/etc/default/prometheus": (
        "monitoring/prometheus.default",
        f'ARGS="--storage.tsdb.retention.time={RETENTION_DAYS}d"\n',
    ),
    "/etc/prometheus/prometheus.yml": ("monitoring/prometheus.yml", _as_text(_PROMETHEUS)),
    "/etc/prometheus/alerts.yml": (
        "monitoring/alerts.yml",
        _as_text({"groups": [{"name": "api", "rules": ALERTS}]}),
    ),
    "/var/lib/grafana/dashboards/api.json": ("monitoring/dashboard.json", _as_text(_DASHBOARD)),
}
"""The same for the host that watches; receivers come before the rules that need them."""


def files_of_the_change() -> dict[str, str]:
    """All that is committed, by path."""
    configuration = dict([*SERVICE_FILES.values(), *MONITOR_FILES.values()])
    return {**CODE, **configuration, **RUNBOOKS}
