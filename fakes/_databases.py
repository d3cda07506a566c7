"""What `pytest_mcpflow.fakes.droplet_executor` keeps about databases: rows, snapshots, logs, queries.

Calendar times are ISO 8601 text in UTC; times of type `float` are seconds on the fake's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SLOW_SECONDS = 1.0
"""A query that takes longer appears in the slow query log."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order that was committed at `at`; `recoverable` says whether its record in the log can be read."""

    order_id: str
    at: str
    recoverable: bool = True


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The `rows` rows a database had at its recovery point."""

    recovery_point: str
    rows: int = 0


@dataclass(frozen=True, slots=True)
class TransactionLog:
    """The orders committed from `starts_at` to `ends_at`, those that can no longer be read included."""

    starts_at: str
    ends_at: str
    orders: tuple[Order, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """A statement that services run, fast only while its index (`orders.user_id`) exists."""

    statement: str
    index: str
    seconds_without_index: float
    seconds_with_index: float = 0.01


@dataclass
class Database:
    """A database instance, or the record of one that was dropped.

    Args:
        exists: False once it was dropped; snapshots and transaction logs outlive it.
        rows: How many rows it holds, `orders` included.
        orders: The orders that replayed logs brought back.
        has_schema: False for a new instance that nothing was restored into.
        backup_minutes: Interval of automatic backups, or None for none.
        backups_from: When the present interval began, seconds on the clock.
        snapshots, logs: By id.
        ready_at: When a new instance begins to answer, seconds on the clock.
        restored_from: Name of the database whose snapshot it holds.
        recovery_point: Until when its restored data is complete.
        replays: How often each transaction log was replayed onto it.
        indexes: Existing ones, as `table.column`.
    """

    engine: str = "postgresql 16"
    max_connections: int = 100
    exists: bool = True
    dropped_at: str | None = None
    rows: int = 0
    orders: list[Order] = field(default_factory=list[Order])
    has_schema: bool = True
    deletion_protection: bool = False
    backup_minutes: int | None = None
    backups_from: float = 0.0
    snapshots: dict[str, Snapshot] = field(default_factory=dict[str, Snapshot])
    logs: dict[str, TransactionLog] = field(default_factory=dict[str, TransactionLog])
    ready_at: float = 0.0
    restored_from: str | None = None
    recovery_point: str | None = None
    replays: dict[str, int] = field(default_factory=dict[str, int])
    queries: list[Query] = field(default_factory=list[Query])
    indexes: list[str] = field(default_factory=list[str])

    def query_seconds(self, query: Query) -> float:
        """How long `query` takes with the indexes there are."""
        return query.seconds_with_index if query.index in self.indexes else query.seconds_without_index

    def slowest_seconds(self) -> float:
        return max((self.query_seconds(query) for query in self.queries), default=0.0)

    def backups_due(self, now: float) -> list[float]:
        """The instants (seconds on the clock) after `backups_from` at which an automatic backup was taken."""
        if self.backup_minutes is None or not self.exists:
            return []
        step = self.backup_minutes * 60.0
        return [self.backups_from + step * n for n in range(1, int((now - self.backups_from) // step) + 1)]

    def wipe(self) -> None:
        """Forget the data and how it came; keep snapshots, logs and settings."""
        self.rows, self.has_schema, self.restored_from, self.recovery_point = 0, False, None, None
        self.orders.clear()
        self.replays.clear()
        self.indexes.clear()
