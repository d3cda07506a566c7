"""The services that `pytest_mcpflow.fakes.prometheus_monitoring` watches, and what it says of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pytest_mcpflow.fakes._alerting import AlertRule
from pytest_mcpflow.fakes._series import Sample

__all__ = [
    "LIMITS",
    "AlertSetup",
    "DeploymentStatus",
    "Health",
    "ServiceHealth",
    "SystemHealth",
    "Verification",
    "WatchedService",
]

Health = Literal["healthy", "degraded", "critical"]


@dataclass
class WatchedService:
    """A service under watch: its metrics over time, and whether its target answers.

    `up` holds until the series of the metric `up`, if there is one, says otherwise.
    """

    environment: str
    series: dict[str, list[Sample]] = field(default_factory=dict[str, list[Sample]])
    up: bool = True


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
    """`metrics` are the values now, `highest` those of the time range that was asked for."""

    service: str
    healthy: bool
    problems: list[str]
    metrics: dict[str, float] = field(default_factory=dict[str, float])
    highest: dict[str, float] = field(default_factory=dict[str, float])


@dataclass
class SystemHealth:
    """`critical` when no service is healthy, `degraded` when some are not."""

    success: bool
    status: Health
    services: list[ServiceHealth]


@dataclass
class Verification:
    """`success` says, as `healthy` does, that the service is healthy; `waited` is seconds."""

    success: bool
    service: str
    waited: float
    problems: list[str]
    healthy: bool


LIMITS = {"error_rate": 0.05, "response_seconds": 0.5}
"""Above these a service is not healthy, and the rules of `setup_alerts` fire."""
