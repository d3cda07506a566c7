"""The tools of `pytest_mcpflow.fakes.droplet_executor` that are about databases."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_mcpflow.fake import tool
from pytest_mcpflow.fakes._database_results import (
    ConnectionReport,
    ConnectionSource,
    DatabaseChange,
    DatabaseDescription,
    IndexChange,
    MissingOrders,
    Replay,
    Restore,
    SlowQuery,
    SnapshotEntry,
    TransactionLogEntry,
)
from pytest_mcpflow.fakes._databases import SLOW_SECONDS, Database, Snapshot
from pytest_mcpflow.fakes._estate import DatabaseError, Estate
from pytest_mcpflow.fakes._hosts import moment, stamp


@dataclass
class DatabaseTools(Estate):
    """Databases: connections, backups, recovery, indexes."""

    @tool(reads=True)
    def describe_database(self, database: str) -> DatabaseDescription:
        """Describe a database instance, also one that was dropped or is being created."""
        record = self.record_of(database)
        return DatabaseDescription(
            database=database,
            host=next(name for name, host in self.hosts.items() if database in host.databases),
            status=self._status(record),
            engine=record.engine,
            connections=self.connections(database),
            max_connections=record.max_connections,
            rows=record.rows,
            deletion_protection=record.deletion_protection,
            backup_minutes=record.backup_minutes,
            dropped_at=record.dropped_at,
            restored_from=record.restored_from,
            recovery_point=record.recovery_point,
            replayed_logs=sorted(record.replays),
        )

    @tool(reads=True)
    def list_connections(self, database: str) -> ConnectionReport:
        """List who holds a database's connections, and how many were never released."""
        pool, leaked = self.database(database).max_connections, self.leaked_by_service(database)
        held = self.connections_by_service(database)
        sources = [ConnectionSource(source, count, leaked[source]) for source, count in held.items()]
        used = sum(held.values())
        return ConnectionReport(database, used, pool, used / pool, sources)

    @tool(idempotent=True)
    def set_connection_pool(self, database: str, size: int) -> DatabaseChange:
        """Set how many connections a database accepts."""
        record, used = self.database(database), self.connections(database)
        if size < max(1, used):
            raise DatabaseError(f"cannot set max_connections to {size}: {used} connections are in use")
        with self.changing():
            record.max_connections = size
        return self._changed(database, record)

    @tool()
    def create_database(
        self, host: str, database: str, engine: str = "postgresql 16", max_connections: int = 100
    ) -> DatabaseChange:
        """Create an empty database instance on a host. It takes a while until it accepts connections."""
        target = self.host(host)
        holders = [other for other in self.hosts.values() if database in other.databases]
        if any(holder.databases[database].exists for holder in holders):
            raise DatabaseError(f'ERROR: database "{database}" already exists')
        if max_connections < 1:
            raise DatabaseError(f"cannot set max_connections to {max_connections}: at least 1 is needed")
        with self.changing():
            record = next((holder.databases.pop(database) for holder in holders), Database(has_schema=False))
            record.wipe()
            record.engine, record.max_connections, record.exists = engine, max_connections, True
            record.ready_at = self.clock.now() + self.provisioning_seconds
            record.backups_from = self.clock.now()
            target.databases[database] = record
        return self._changed(database, record)

    @tool(destroys=True)
    def drop_database(self, database: str, force: bool = False) -> DatabaseChange:
        """Drop a database and all its data. Sessions that use it are ended only with `force`."""
        record, used = self.database(database), self.connections(database)
        if record.deletion_protection:
            raise DatabaseError(
                "Cannot delete protected DB Instance, please disable deletion protection and try again."
            )
        if used and not force:
            raise self._in_use(database, used)
        with self.changing():
            for host in self.hosts.values():
                for service in host.services.values():
                    service.leaked = 0.0 if service.database == database else service.leaked
            record.exists, record.dropped_at = False, stamp(self.clock.wall())
            record.wipe()
        return self._changed(database, record)

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
            raise self._in_use(database, used)
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

    @tool(idempotent=True)
    def set_deletion_protection(self, database: str, enabled: bool) -> DatabaseChange:
        """Protect a database from being dropped, or stop protecting it."""
        record = self.database(database)
        record.deletion_protection = enabled
        return self._changed(database, record)

    @tool(idempotent=True)
    def set_backup_interval(self, database: str, minutes: int) -> DatabaseChange:
        """Back a database up automatically every so many minutes (1 to 1440)."""
        record = self.database(database)
        if not 1 <= minutes <= 1440:
            raise DatabaseError(f"invalid backup interval {minutes}: it must be between 1 and 1440 minutes")
        if record.backup_minutes != minutes:
            with self.changing():
                record.backup_minutes, record.backups_from = minutes, self.clock.now()
        return self._changed(database, record)

    @tool(reads=True)
    def list_slow_queries(self, database: str) -> list[SlowQuery]:
        """Read the slow query log, slowest first."""
        record = self.database(database)
        slow = [
            SlowQuery(query.statement, record.query_seconds(query), query.index)
            for query in record.queries
            if record.query_seconds(query) > SLOW_SECONDS
        ]
        return sorted(slow, key=lambda query: -query.seconds)

    @tool()
    def create_index(self, database: str, table: str, column: str) -> IndexChange:
        """Create an index without locking the table."""
        record, index = self.database(database), f"{table}.{column}"
        if index in record.indexes:
            raise DatabaseError(f'ERROR: relation "{table}_{column}_idx" already exists')
        with self.changing():
            record.indexes.append(index)
        return IndexChange(True, database, index)

    def _status(self, record: Database) -> str:
        if not record.exists:
            return "dropped"
        return "creating" if self.clock.now() < record.ready_at else "online"

    def _changed(self, name: str, record: Database) -> DatabaseChange:
        return DatabaseChange(
            success=True,
            database=name,
            status=self._status(record),
            max_connections=record.max_connections,
            connections=self.connections(name),
            deletion_protection=record.deletion_protection,
            backup_minutes=record.backup_minutes,
        )

    def _snapshot(self, snapshot_id: str) -> tuple[str, Snapshot]:
        for host in self.hosts.values():
            for database in host.databases:
                found = self.snapshots_of(database).get(snapshot_id)
                if found is not None:
                    return database, found
        raise DatabaseError(f"DBSnapshot not found: {snapshot_id}")

    @staticmethod
    def _in_use(database: str, used: int) -> DatabaseError:
        return DatabaseError(
            f'ERROR: database "{database}" is being accessed by other users\n'
            f"DETAIL: There are {used} other sessions using the database."
        )
