"""What `pytest_mcpflow.fakes.droplet_executor` keeps about hosts: services, releases, deployments, droplets.

Calendar times are ISO 8601 text in UTC (`2026-01-01T02:00:00Z`), because a world's history lies before its
run. Times called `…_at` of type `float` are seconds on the fake's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from pytest_mcpflow.fakes._databases import Database

Environment = Literal["production", "staging"]
Colour = Literal["blue", "green"]
Strategy = Literal["rolling", "blue-green"]

HOURLY_DOLLARS = {
    "s-1vcpu-1gb": 0.00893,
    "s-1vcpu-2gb": 0.01786,
    "s-2vcpu-2gb": 0.02679,
    "s-2vcpu-4gb": 0.03571,
    "s-4vcpu-8gb": 0.07143,
}
"""DigitalOcean's basic droplets: US dollars an hour by size slug (the monthly price over 672 hours)."""

REGIONS = ("ams3", "fra1", "lon1", "nyc3", "sfo3", "sgp1")


def moment(text: str) -> datetime:
    """Read ISO 8601; without a zone it is UTC. Raises ValueError."""
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def stamp(when: datetime) -> str:
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a service's log."""

    at: str
    level: Literal["DEBUG", "INFO", "WARN", "ERROR"]
    message: str


@dataclass(frozen=True, slots=True)
class Release:
    """What a version of a service does while it runs.

    Args:
        requires: Environment variables without which `error_rate_when_unset` of the requests fail.
        error_rate: Fraction (0 to 1) of requests that fail for reasons of its own.
        response_seconds: Mean time of a request, without its database.
        leaks_per_second: Database connections it takes and never gives back.
        answers_health_checks: Whether its health endpoint says yes when all around it is well.
    """

    requires: tuple[str, ...] = ()
    error_rate: float = 0.0
    error_rate_when_unset: float = 1.0
    response_seconds: float = 0.02
    leaks_per_second: float = 0.0
    answers_health_checks: bool = True


@dataclass(slots=True)
class Trend:
    """A metric that changed: what it read then, and when (seconds on the clock)."""

    before: float
    since: float


@dataclass
class Service:
    """One service on one host.

    Args:
        version: What the live colour runs.
        database: Name of the database it uses.
        connections: Database connections each replica holds in normal work.
        leaked: Connections lost by a leaking version up to the executor's `settled_at`.
        restarts: How often it was restarted.
        environment: Variable name to secret reference (or value); no tool ever returns the right-hand side.
        pending: Variables set since the process started, which it has therefore not read yet.
        idle_version: What the colour that gets no traffic runs, if anything.
        previous_versions: What a rollback goes back to, newest last.
        ready_at: When it answers after its last start.
        start_seconds: How long a restart takes.
        trends: Metrics on their way from an old value to the present one.
    """

    version: str
    state: Literal["running", "stopped", "failed"] = "running"
    database: str | None = None
    connections: int = 0
    leaked: float = 0.0
    replicas: int = 1
    restarts: int = 0
    environment: dict[str, str] = field(default_factory=dict[str, str])
    pending: list[str] = field(default_factory=list[str])
    logs: list[LogLine] = field(default_factory=list[LogLine])
    live_colour: Colour = "blue"
    idle_version: str | None = None
    previous_versions: list[str] = field(default_factory=list[str])
    ready_at: float = 0.0
    start_seconds: float = 0.0
    trends: dict[str, Trend] = field(default_factory=dict[str, Trend])

    @property
    def pooled(self) -> int:
        """Connections of normal work, over all replicas."""
        return self.connections * self.replicas if self.state == "running" else 0

    def unset(self, release: Release) -> list[str]:
        """The variables `release` needs and the running process does not have."""
        return [name for name in release.requires if name not in self.environment or name in self.pending]

    def start(self, release: Release, *, now: float, at: str) -> None:
        """A fresh process: it has read its environment and holds no leaked connection."""
        self.state, self.leaked, self.ready_at = "running", 0.0, now
        self.pending.clear()
        self.logs.append(LogLine(at, "INFO", f"started version {self.version}"))
        self.logs.extend(LogLine(at, "ERROR", f"{name} is not set") for name in self.unset(release))


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command printed and how it ended."""

    stdout: str = ""
    stderr: str = ""
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class CommandRun:
    """A command that was run, for the audit."""

    at: str
    command: str
    exit_code: int


@dataclass
class Host:
    """A remote machine.

    Args:
        files: What was uploaded, by path.
        commands: What `run_command` answers, by the exact command.
        command_log: Every command that was run, in order.
        open_ports: What a firewall lets in, or None while there is no firewall.
        reachable: Whether SSH gets through.
        boots_at: When it begins to answer, seconds on the clock.
    """

    environment: Environment = "production"
    services: dict[str, Service] = field(default_factory=dict[str, Service])
    databases: dict[str, Database] = field(default_factory=dict[str, Database])
    flags: dict[str, bool] = field(default_factory=dict[str, bool])
    files: dict[str, str] = field(default_factory=dict[str, str])
    commands: dict[str, CommandResult] = field(default_factory=dict[str, CommandResult])
    command_log: list[CommandRun] = field(default_factory=list[CommandRun])
    open_ports: list[int] | None = None
    reachable: bool = True
    boots_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's answer to the question whether a version may skip staging."""

    approve: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """A change of what runs on a host, as it is recorded and as `deploy` answers."""

    success: bool
    deployment_id: str
    at: str
    kind: Literal["rolling", "blue-green", "switch", "rollback"]
    host: str
    environment: Environment
    service: str
    version: str
    previous_version: str | None
    colour: Colour
    approval: Approval | None = None
    idempotency_key: str | None = None


@dataclass
class Droplet:
    """A machine that is paid for, from `created_at` to `destroyed_at` (seconds on the clock)."""

    name: str
    size: str
    region: str
    created_at: float = 0.0
    destroyed_at: float | None = None

    def dollars(self, now: float) -> float:
        """What it has cost so far."""
        until = now if self.destroyed_at is None else self.destroyed_at
        return HOURLY_DOLLARS[self.size] * (until - self.created_at) / 3600
