"""A fake of Prometheus and its alert manager: series over time, alert rules over series, health over both."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from pytest_mcpflow.fake import Fake, FakeError, tool
from pytest_mcpflow.fakes._alerting import AlertRule, AlertState, Silence, State
from pytest_mcpflow.fakes._health import (
    LIMITS,
    AlertSetup,
    DeploymentStatus,
    Health,
    ServiceHealth,
    SystemHealth,
    Verification,
    WatchedService,
)
from pytest_mcpflow.fakes._series import (
    Sample,
    Segment,
    highest,
    holding_since,
    seconds_of,
    segments,
    selector,
)

__all__ = [
    "AlertRule",
    "AlertSetup",
    "AlertState",
    "DeploymentStatus",
    "PrometheusMonitoring",
    "Sample",
    "ServiceHealth",
    "Silence",
    "SystemHealth",
    "Verification",
    "WatchedService",
    "seconds_of",
    "selector",
]

POLL_SECONDS = 5.0


@dataclass
class PrometheusMonitoring(Fake):
    """Watches services, and says how they are. A target that is down has no metric but `up`."""

    service_error = "internal: query processing failed"
    services: dict[str, WatchedService] = field(default_factory=dict[str, WatchedService])
    rules: list[AlertRule] = field(default_factory=list[AlertRule])
    receivers: list[str] = field(default_factory=lambda: ["on-call"])
    silences: list[Silence] = field(default_factory=list[Silence])
    deployments: list[DeploymentStatus] = field(default_factory=list[DeploymentStatus])

    @tool(idempotent=True)
    def setup_alerts(self, service: str, environment: str, receiver: str = "on-call") -> AlertSetup:
        """Create the standard alert rules of a service; those that exist stay as they are.

        They are HighErrorRate (critical, error_rate above 0.05 for 5 minutes) and SlowResponses (warning,
        response_seconds above 0.5 for 10 minutes).
        """
        if receiver not in self.receivers:
            raise FakeError(f'undefined receiver "{receiver}" used in route')
        self._service(service, environment)
        wanted = [
            AlertRule(
                *("HighErrorRate", service, environment, "error_rate", LIMITS["error_rate"]),
                for_seconds=300,
                severity="critical",
                receiver=receiver,
            ),
            AlertRule(
                *("SlowResponses", service, environment, "response_seconds", LIMITS["response_seconds"]),
                for_seconds=600,
                severity="warning",
                receiver=receiver,
            ),
        ]
        there = {(rule.name, rule.service, rule.environment): rule for rule in self.rules}
        standing = [there.get((rule.name, rule.service, rule.environment), rule) for rule in wanted]
        self.rules += [rule for rule in wanted if (rule.name, rule.service, rule.environment) not in there]
        return AlertSetup(True, standing)

    @tool(idempotent=False)
    def update_deployment_status(self, status: str, version: str) -> DeploymentStatus:
        """Note a deployment, so that graphs show it."""
        self.deployments.append(DeploymentStatus(True, status, version, self.clock.now()))
        return self.deployments[-1]

    @tool(reads=True)
    def get_system_health(self, include_metrics: bool = False, time_range: str = "5m") -> SystemHealth:
        """Say how all services are; `time_range` (such as 30m or 1h) is what the highest metrics are taken from."""
        since = self.clock.now() - seconds_of(time_range)
        shown = [self._health(name) for name in sorted(self.services)]
        if include_metrics:
            for each in shown:
                each.metrics, each.highest = self._metrics(each.service, since)
        sick = sum(not each.healthy for each in shown)
        status: Health = "healthy" if not sick else "critical" if sick == len(shown) else "degraded"
        return SystemHealth(True, status, shown)

    @tool(reads=True)
    async def verify_service_health(
        self, service: str, environment: str, timeout: float = 300.0
    ) -> Verification:
        """Wait until a service is healthy, at most `timeout` seconds, and say whether it is."""
        if timeout < 0:
            raise FakeError(f"bad_data: timeout must not be negative: {timeout:g}")
        self._service(service, environment)
        began = self.clock.now()
        while not (health := self._health(service)).healthy and self.clock.now() - began < timeout:  # noqa: ASYNC110 - it polls
            await asyncio.sleep(min(POLL_SECONDS, timeout - (self.clock.now() - began)))
        waited = self.clock.now() - began
        return Verification(health.healthy, service, waited, health.problems, health.healthy)

    @tool(reads=True)
    def query(self, query: str) -> dict[str, float]:
        """Evaluate `metric` or `metric{service="name", environment="name"}` now; the values by service."""
        metric, wanted = selector(query)
        found: dict[str, float] = {}
        for name, service in self.services.items():
            labels = {"service": name, "environment": service.environment}
            value = self._scraped(name, metric)
            if value is not None and all(labels.get(label, "") == asked for label, asked in wanted.items()):
                found[name] = value
        return found

    @tool(reads=True)
    def list_alerts(self, state: State | None = None) -> list[AlertState]:
        """Say of each rule (or of those in one state) whether it fires, and which silences cover it."""
        return [shown for shown in map(self._state, self.rules) if state in (None, shown.state)]

    @tool(idempotent=False)
    def create_silence(
        self, alert_name: str, duration: str, comment: str, created_by: str, service: str | None = None
    ) -> Silence:
        """Keep an alert (of one service, or of all) from its receiver for a duration such as 30m or 2h."""
        if not alert_name:
            raise FakeError("invalid silence: at least one matcher must not match the empty string")
        now, seconds = self.clock.now(), seconds_of(duration)
        silence_id = self.new_hex(32, kind="silence")
        self.silences.append(
            Silence(silence_id, alert_name, service, now, now + seconds, comment, created_by)
        )
        return self.silences[-1]

    @tool(idempotent=True)
    def expire_silence(self, silence_id: str) -> Silence:
        """End a silence now; one that has ended stays as it is."""
        for silence in self.silences:
            if silence.id == silence_id:
                silence.ends_at = min(silence.ends_at, self.clock.now())
                return silence
        raise FakeError(f"silence {silence_id} not found")

    def value(self, service: str, metric: str, *, at: float | None = None) -> float | None:
        """The value of a metric, now or at an instant (seconds), whether or not its target could be read then."""
        series = self._series(service, metric, at)
        return series[-1].last if series else None

    def record(
        self, service: str, metric: str, value: float, *, after: float = 0.0, line: bool = False
    ) -> None:
        """Let a metric have a value from now on, or from `after` seconds from now on.

        With `line` it moves on a straight line from there to the next sample.
        """
        series = self._service(service).series.setdefault(metric, [])
        series.append(Sample(self.clock.now() + after, value, line))
        series.sort(key=lambda sample: sample.at)

    def take_down(self, service: str, *, after: float = 0.0) -> None:
        """Let a target not answer, from now on or from `after` seconds from now on."""
        self.record(service, "up", 0.0, after=after)

    def bring_up(self, service: str, *, after: float = 0.0) -> None:
        """Let a target answer again, from now on or from `after` seconds from now on."""
        self.record(service, "up", 1.0, after=after)

    def notified(self, receiver: str) -> list[str]:
        """The alerts that a receiver is told of now, as `rule/service`: those that fire and are not silenced."""
        firing = [each for each in self.list_alerts("firing") if each.receiver == receiver]
        return [f"{each.rule}/{each.service}" for each in firing if not each.silenced_by]

    def _series(self, service: str, metric: str, at: float | None = None) -> list[Segment]:
        watched = self._service(service)
        samples = watched.series.get(metric, [])
        if metric == "up":
            samples = [Sample(float("-inf"), float(watched.up)), *samples]
        return segments(samples, until=self.clock.now() if at is None else at)

    def _scraped(self, service: str, metric: str) -> float | None:
        """The value that a query finds: none of a target that is down, apart from `up`."""
        return self.value(service, metric) if metric == "up" or self.value(service, "up") else None

    def _metrics(self, name: str, since: float) -> tuple[dict[str, float], dict[str, float]]:
        now: dict[str, float] = {}
        most: dict[str, float] = {}
        for metric in self.services[name].series:
            value, top = self._scraped(name, metric), highest(self._series(name, metric), since=since)
            if value is not None and top is not None:
                now[metric], most[metric] = value, top
        return now, most

    def _health(self, name: str) -> ServiceHealth:
        problems = [] if self.value(name, "up") else ["target is down"]
        for metric, limit in LIMITS.items():
            value = self._scraped(name, metric)
            if value is not None and value > limit:
                problems.append(f"{metric} is {value:g}, above {limit:g}")
        return ServiceHealth(name, not problems, problems)

    def _state(self, rule: AlertRule) -> AlertState:
        now, value = self.clock.now(), self._scraped(rule.service, rule.metric)
        silenced = [silence.id for silence in self.silences if silence.covers(rule, at=now)]
        shown = AlertState(
            rule.name, rule.service, "inactive", value, rule.severity, rule.receiver, None, silenced
        )
        series = self._series(rule.service, rule.metric)
        since = holding_since(series, comparison=rule.comparison, threshold=rule.threshold)
        if value is None or since is None:
            return shown
        if rule.metric != "up":
            answered = holding_since(self._series(rule.service, "up"), comparison=">", threshold=0.0)
            since = since if answered is None else max(since, answered)
        shown.state = "firing" if now - since >= rule.for_seconds else "pending"
        shown.since = since if since != float("-inf") else None
        return shown

    def _service(self, name: str, environment: str | None = None) -> WatchedService:
        if name not in self.services:
            raise FakeError(f'bad_data: no target for service "{name}"')
        service = self.services[name]
        if environment not in (None, service.environment):
            raise FakeError(f'bad_data: no target for service "{name}" in environment "{environment}"')
        return service
