"""Alert rules, what they say, and the silences that keep it from people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pytest_mcpflow.fakes._series import Comparison

__all__ = ["AlertRule", "AlertState", "Silence", "State"]

State = Literal["inactive", "pending", "firing"]


@dataclass
class AlertRule:
    """Fires when `metric` of `service` has compared so with `threshold` for `for_seconds` without a break."""

    name: str
    service: str
    environment: str
    metric: str
    threshold: float
    for_seconds: float
    severity: Literal["warning", "critical"]
    receiver: str
    comparison: Comparison = ">"


@dataclass
class AlertState:
    """What a rule says now; `since` is when its comparison began to hold (seconds), if the series shows that."""

    rule: str
    service: str
    state: State
    value: float | None
    severity: Literal["warning", "critical"]
    receiver: str
    since: float | None = None
    silenced_by: list[str] = field(default_factory=list[str])


@dataclass
class Silence:
    """Keeps alerts of a name (of one service, or of all) from their receivers from `starts_at` until `ends_at`."""

    id: str
    alert_name: str
    service: str | None
    starts_at: float
    ends_at: float
    comment: str
    created_by: str

    def covers(self, rule: AlertRule, *, at: float) -> bool:
        return (
            self.starts_at <= at < self.ends_at
            and self.alert_name == rule.name
            and self.service in (None, rule.service)
        )
