"""What the tools of `pytest_mcpflow.fakes.droplet_executor` answer about hosts and services."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_mcpflow.fakes._hosts import Colour, Environment, LogLine, Service


@dataclass(frozen=True, slots=True)
class HostEntry:
    """A host and the names of what runs on it."""

    name: str
    environment: Environment
    services: list[str]
    databases: list[str]


@dataclass(frozen=True, slots=True)
class CommandOutput:
    """What a command printed; `success` is an exit code of 0."""

    success: bool
    host: str
    command: str
    stdout: str
    stderr: str
    exit_code: int


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """Whether a service answers, and if not, why; the idle colour too where one is installed."""

    healthy: bool
    detail: str
    version: str
    live_colour: Colour
    restarts: int
    idle_version: str | None
    idle_healthy: bool | None


@dataclass(frozen=True, slots=True)
class DatabaseHealth:
    """Whether a database answers: `critical` when it does not, `warning` from 90 % of its connections on."""

    healthy: bool
    status: Literal["ok", "warning", "critical"]
    detail: str
    connections: int
    max_connections: int
    utilisation: float


@dataclass(frozen=True, slots=True)
class Health:
    """The health of a host: healthy when all on it is."""

    host: str
    healthy: bool
    services: dict[str, ServiceHealth]
    databases: dict[str, DatabaseHealth]


@dataclass(frozen=True, slots=True)
class Logs:
    """Lines of a service's log, oldest first."""

    host: str
    service: str
    lines: list[LogLine]


@dataclass(frozen=True, slots=True)
class ServiceMetrics:
    """A service in numbers: `error_rate` (0 to 1) and `response_seconds` are averages over five minutes."""

    version: str
    error_rate: float
    response_seconds: float
    connections: int


@dataclass(frozen=True, slots=True)
class Metrics:
    """Metrics of a host's services at an instant (UTC)."""

    host: str
    at: str
    services: dict[str, ServiceMetrics]


@dataclass(frozen=True, slots=True)
class Restart:
    """A restart: how many there were by now, and how many leaked connections this one dropped."""

    success: bool
    host: str
    service: str
    restarts: int
    dropped_connections: int


@dataclass(frozen=True, slots=True)
class ServiceChange:
    """A service after a change."""

    success: bool
    host: str
    service: str
    version: str
    live_colour: Colour
    idle_version: str | None
    replicas: int
    database: str | None
    healthy: bool


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable without its value; `pending` until the service's next start."""

    name: str
    value: Literal["set", "not set"]
    pending: bool


@dataclass(frozen=True, slots=True)
class Flag:
    """A feature flag after a change."""

    success: bool
    host: str
    flag: str
    enabled: bool


def service_change(host: str, name: str, service: Service, *, healthy: bool) -> ServiceChange:
    """What is said of a service that was changed."""
    return ServiceChange(
        success=True,
        host=host,
        service=name,
        version=service.version,
        live_colour=service.live_colour,
        idle_version=service.idle_version,
        replicas=service.replicas,
        database=service.database,
        healthy=healthy,
    )
