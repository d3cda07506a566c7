"""What the tools of `pytest_mcpflow.fakes.droplet_executor` answer about databases."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_mcpflow.fakes._databases import Order


@dataclass(frozen=True, slots=True)
class DatabaseDescription:
    """A database instance: `status` is `online`, `creating` or `dropped`."""

    database: str
    host: str
    status: str
    engine: str
    connections: int
    max_connections: int
    rows: int
    deletion_protection: bool
    backup_minutes: int | None
    dropped_at: str | None
    restored_from: str | None
    recovery_point: str | None
    replayed_logs: list[str]


@dataclass(frozen=True, slots=True)
class ConnectionSource:
    """One service's connections: `idle` ones were taken and never released."""

    source: str
    connections: int
    idle: int


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """Who holds a database's connections; `utilisation` is a share of `max_connections`, 0 to 1."""

    database: str
    connections: int
    max_connections: int
    utilisation: float
    sources: list[ConnectionSource]


@dataclass(frozen=True, slots=True)
class SnapshotEntry:
    """A snapshot and the instant (UTC) up to which its data is complete."""

    snapshot_id: str
    database: str
    recovery_point: str
    rows: int


@dataclass(frozen=True, slots=True)
class TransactionLogEntry:
    """A transaction log: its range (UTC) and how many of its orders can still be read."""

    log_id: str
    database: str
    starts_at: str
    ends_at: str
    orders: int
    recoverable: int


@dataclass(frozen=True, slots=True)
class DatabaseChange:
    """A database after a change."""

    success: bool
    database: str
    status: str
    max_connections: int
    connections: int
    deletion_protection: bool
    backup_minutes: int | None


@dataclass(frozen=True, slots=True)
class Restore:
    """A snapshot that was restored; what was committed after `recovery_point` is not in it."""

    success: bool
    database: str
    snapshot_id: str
    recovery_point: str
    rows: int


@dataclass(frozen=True, slots=True)
class Replay:
    """A replayed log: `recovered_fraction` is a share of all rows there should be, 0 to 1."""

    success: bool
    database: str
    log_id: str
    replayed_from: str
    replayed_to: str
    recovered_orders: int
    recovered_fraction: float
    partial: bool


@dataclass(frozen=True, slots=True)
class MissingOrders:
    """Orders committed within the window (UTC) that the database does not hold."""

    database: str
    window_from: str | None
    window_to: str | None
    count: int
    orders: list[Order]


@dataclass(frozen=True, slots=True)
class SlowQuery:
    """A line of the slow query log."""

    statement: str
    seconds: float
    missing_index: str


@dataclass(frozen=True, slots=True)
class IndexChange:
    """An index that was created."""

    success: bool
    database: str
    index: str
