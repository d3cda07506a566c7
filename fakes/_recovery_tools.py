"""The tools of `pytest_mcpflow.fakes.droplet_executor` that save databases and bring them back."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_mcpflow.fake import tool
from pytest_mcpflow.fakes._database_results import (
    MissingOrders,
    Replay,
    Restore,
    SnapshotEntry,
    TransactionLogEntry,
)
from pytest_mcpflow.fakes._databases import Snapshot
from pytest_mcpflow.fakes._estate import Estate
from pytest_mcpflow.fakes._host_errors import DatabaseError, database_in_use
from pytest_mcpflow.fakes._hosts import moment, stamp


@dataclass
class RecoveryTools(Estate):
    """Backups, restored snapshots, replayed logs, and what is missing afterwards."""

    @tool(reads=True)
    def list_snapshots(self, database: str) -> list[SnapshotEntry]:
        """List the snapshots of a database, oldest first, also those of a dropped one."""
        found = sorted(self.snapshots_of(database).items(), key=lambda entry: moment(entry[1].recovery_point))
        return [SnapshotEntry(name, database, each.recovery_point, each.rows) for name, each in found]

    @tool(reads=True)
    def list_transaction_logs(self, database: str) -> list[TransactionLogEntry]:
        """List the transaction logs that were archived for a database, also for a dropped one."""
        return [
            TransactionLogEntry(
                log_id,
                database,
                log.starts_at,
                log.ends_at,
                len(log.orders),
                sum(o.recoverable for o in log.orders),
            )
            for log_id, log in self.record_of(database).logs.items()
        ]

    @tool()
    def create_backup(self, database: str) -> SnapshotEntry:
        """Take a snapshot of a database as it is now."""
        record = self.database(database)
        with self.changing():
            snapshot_id = self.new_id(f"{database}-manual")
            snapshot = record.snapshots[snapshot_id] = Snapshot(stamp(self.clock.wall()), record.rows)
        return SnapshotEntry(snapshot_id, database, snapshot.recovery_point, snapshot.rows)

    @tool()
    def restore_snapshot(self, snapshot_id: str, database: str) -> Restore:
        """Restore a snapshot into a new, empty database instance."""
        source, snapshot = self._snapshot(snapshot_id)
        record, used = self.database(database), self.connections(database)
        if record.has_schema and used:
            raise database_in_use(database, used)
        if record.has_schema:
            raise DatabaseError(
                'pg_restore: error: could not execute query: ERROR:  relation "orders" already exists'
            )
        with self.changing():
            record.has_schema, record.rows = True, snapshot.rows
            record.restored_from, record.recovery_point = source, snapshot.recovery_point
            record.queries = list(self.record_of(source).queries)
        return Restore(True, database, snapshot_id, snapshot.recovery_point, record.rows)

    @tool()
    def replay_transaction_log(self, log_id: str, database: str) -> Replay:
        """Replay an archived transaction log onto a restored database, as far as the log can be read."""
        record = self.database(database)
        if record.restored_from is None or record.recovery_point is None:
            raise DatabaseError("PANIC: could not locate a valid checkpoint record")
        log = self.record_of(record.restored_from).logs.get(log_id)
        if log is None:
            raise DatabaseError(f'FATAL: could not open file "pg_wal/{log_id}": No such file or directory')
        if log_id in record.replays:
            raise DatabaseError(
                "ERROR: recovery is not in progress\n"
                f'DETAIL: "{log_id}" was already replayed onto "{database}".'
            )
        reached = record.recovery_point
        if moment(log.starts_at) > moment(reached):
            raise DatabaseError(
                "FATAL: requested WAL segment has already been removed\n"
                f'DETAIL: "{database}" is complete until {reached}, "{log_id}" begins at {log.starts_at}.'
            )
        committed = [order for order in log.orders if moment(order.at) > moment(reached)]
        recovered = [order for order in committed if order.recoverable]
        expected = record.rows + len(committed)
        with self.changing():
            record.orders.extend(recovered)
            record.rows += len(recovered)
            record.replays[log_id] = record.replays.get(log_id, 0) + 1
        partial = len(recovered) < len(committed)
        fraction = record.rows / expected if expected else 1.0
        return Replay(True, database, log_id, reached, log.ends_at, len(recovered), fraction, partial)

    @tool(reads=True)
    def list_missing_orders(self, database: str) -> MissingOrders:
        """List the orders that customers hold a confirmation for and a restored database does not contain."""
        record = self.database(database)
        if record.restored_from is None or record.recovery_point is None:
            return MissingOrders(database, None, None, 0, [])
        logs = self.record_of(record.restored_from).logs.values()
        held = {order.order_id for order in record.orders}
        missing = [
            order
            for order in (order for log in logs for order in log.orders)
            if moment(order.at) > moment(record.recovery_point) and order.order_id not in held
        ]
        missing.sort(key=lambda order: moment(order.at))
        end = max((log.ends_at for log in logs), key=moment, default=record.recovery_point)
        return MissingOrders(database, record.recovery_point, end, len(missing), missing)

    def _snapshot(self, snapshot_id: str) -> tuple[str, Snapshot]:
        for host in self.hosts.values():
            for database in host.databases:
                found = self.snapshots_of(database).get(snapshot_id)
                if found is not None:
                    return database, found
        raise DatabaseError(f"DBSnapshot not found: {snapshot_id}")
