"""A fake of Prometheus: series over time, alert rules over series, health over both."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Literal

from pytest_mcpflow.fake import Fake, FakeError, tool

__all__ = [
    "AlertRule",
    "DeploymentStatus",
    "PrometheusMonitoring",
    "Sample",
    "ServiceHealth",
    "WatchedService",
]

State = Literal["inactive", "pending", "firing"]
Health = Literal["healthy", "degraded", "critical"]
_DURATION = re.compile(r"(\d+)([smhd])")
_QUERY = re.compile(r'(\w+)(?:\{service="([^"{}]+)"\})?')
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass
class Sample:
    """From `at` on (seconds on the fake's clock) a metric has this value."""

    at: float
    value: float


@dataclass
class WatchedService:
    """A service under watch: its metrics over time, and whether its target answers."""

    environment: str
    series: dict[str, list[Sample]] = field(default_factory=dict[str, list[Sample]])
    up: bool = True


@dataclass
class AlertRule:
    """Fires when `metric` of `service` has been above `threshold` for `for_seconds`."""

    name: str
    service: str
    environment: str
    metric: str
    threshold: float
    for_seconds: float
    severity: Literal["warning", "critical"]
    receiver: str


@dataclass
class AlertState:
    rule: str
    service: str
    state: State
    value: float | None


@dataclass
class AlertSetup:
    success: bool
    rules: list[AlertRule]


@dataclass
class DeploymentStatus:
    success: bool
    status: str
    version: str
    at: float


@dataclass
class ServiceHealth:
    service: str
    healthy: bool
    problems: list[str]
    metrics: dict[str, float] = field(default_factory=dict[str, float])


@dataclass
class SystemHealth:
    success: bool
    status: Health
    services: list[ServiceHealth]


@dataclass
class Verification:
    """`success` says that the service is healthy; `waited` is seconds."""

    success: bool
    service: str
    waited: float
    problems: list[str]


LIMITS = {"error_rate": 0.05, "response_seconds": 0.5}
"""Above these a service is not healthy, and the rules of `setup_alerts` fire."""


@dataclass
class PrometheusMonitoring(Fake):
    """Watches services, and says how they are."""

    services: dict[str, WatchedService] = field(default_factory=dict[str, WatchedService])
    rules: list[AlertRule] = field(default_factory=list[AlertRule])
    receivers: list[str] = field(default_factory=lambda: ["on-call"])
    deployments: list[DeploymentStatus] = field(default_factory=list[DeploymentStatus])

    @tool(idempotent=True)
    def setup_alerts(self, service: str, environment: str, receiver: str = "on-call") -> AlertSetup:
        """Create the standard alert rules of a service; those that exist stay as they are."""
        if receiver not in self.receivers:
            raise FakeError(f"undefined receiver {receiver!r} used in route")
        self._service(service)
        wanted = [
            AlertRule(
                "HighErrorRate",
                service,
                environment,
                "error_rate",
                LIMITS["error_rate"],
                300,
                "critical",
                receiver,
            ),
            AlertRule(
                *("SlowResponses", service, environment, "response_seconds"),
                LIMITS["response_seconds"],
                600,
                "warning",
                receiver,
            ),
        ]
        self.rules += [rule for rule in wanted if rule not in self.rules]
        return AlertSetup(True, wanted)

    @tool(idempotent=False)
    def update_deployment_status(self, status: str, version: str) -> DeploymentStatus:
        """Note a deployment, so that graphs show it."""
        self.deployments.append(DeploymentStatus(True, status, version, self.clock.now()))
        return self.deployments[-1]

    @tool(reads=True)
    def get_system_health(self, include_metrics: bool = False, time_range: str = "5m") -> SystemHealth:
        """Say how all services are."""
        if not _DURATION.fullmatch(time_range):
            raise FakeError(f'bad_data: cannot parse "{time_range}" to a valid duration')
        shown = [self._health(name) for name in sorted(self.services)]
        sick = sum(not each.healthy for each in shown)
        status: Health = "healthy" if not sick else "critical" if sick == len(shown) else "degraded"
        if not include_metrics:
            shown = [ServiceHealth(each.service, each.healthy, each.problems) for each in shown]
        return SystemHealth(True, status, shown)

    @tool(reads=True)
    async def verify_service_health(
        self, service: str, environment: str, timeout: float = 300.0
    ) -> Verification:
        """Wait until a service is healthy, at most `timeout` seconds, and say whether it is."""
        if self._service(service).environment != environment:
            raise FakeError(f"bad_data: no series of {service} in {environment}")
        began = self.clock.now()
        while (problems := self._health(service).problems) and self.clock.now() - began < timeout:  # noqa: ASYNC110 - it polls
            await asyncio.sleep(min(5.0, timeout - (self.clock.now() - began)))
        return Verification(not problems, service, self.clock.now() - began, problems)

    @tool(reads=True)
    def query(self, query: str) -> dict[str, float]:
        """Evaluate `metric` or `metric{service="name"}` now; the values by service."""
        parsed = _QUERY.fullmatch(query)
        if parsed is None:
            raise FakeError(
                f"bad_data: invalid parameter 'query': parse error: unexpected character in {query!r}"
            )
        metric, service = parsed.groups()
        names = [service] if service else list(self.services)
        values = {name: self.value(name, metric) for name in names if name in self.services}
        return {name: value for name, value in values.items() if value is not None}

    @tool(reads=True)
    def list_alerts(self) -> list[AlertState]:
        """Say of each rule whether it fires."""
        return [self._state(rule) for rule in self.rules]

    def value(self, service: str, metric: str, *, at: float | None = None) -> float | None:
        """The value of a metric, now or at an instant."""
        instant = self.clock.now() if at is None else at
        values = [
            sample.value for sample in self.services[service].series.get(metric, []) if sample.at <= instant
        ]
        return values[-1] if values else None

    def record(self, service: str, metric: str, value: float, *, after: float = 0.0) -> None:
        """Let a metric have a value from now on, or from `after` seconds from now on."""
        series = self.services[service].series.setdefault(metric, [])
        series.append(Sample(self.clock.now() + after, value))
        series.sort(key=lambda sample: sample.at)

    def _health(self, name: str) -> ServiceHealth:
        service = self.services[name]
        metrics = {
            metric: value for metric in service.series if (value := self.value(name, metric)) is not None
        }
        problems = [] if service.up else ["target is down"]
        problems += [
            f"{metric} is {metrics[metric]:g}, above {limit:g}"
            for metric, limit in LIMITS.items()
            if metrics.get(metric, 0.0) > limit
        ]
        return ServiceHealth(name, not problems, problems, metrics)

    def _state(self, rule: AlertRule) -> AlertState:
        now = self.clock.now()
        value = self.value(rule.service, rule.metric)
        if value is None or value <= rule.threshold:
            return AlertState(rule.name, rule.service, "inactive", value)
        samples = [each for each in self.services[rule.service].series[rule.metric] if each.at <= now]
        since = now
        for sample in reversed(samples):
            if sample.value <= rule.threshold:
                break
            since = sample.at
        state: State = "firing" if now - since >= rule.for_seconds else "pending"
        return AlertState(rule.name, rule.service, state, value)

    def _service(self, name: str) -> WatchedService:
        if name not in self.services:
            raise FakeError(f"bad_data: no target for service {name!r}")
        return self.services[name]
