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
    SlowQuery,
)
from pytest_mcpflow.fakes._databases import SLOW_SECONDS, Database
from pytest_mcpflow.fakes._host_errors import DatabaseError, database_in_use
from pytest_mcpflow.fakes._hosts import stamp
from pytest_mcpflow.fakes._recovery_tools import RecoveryTools


@dataclass
class DatabaseTools(RecoveryTools):
    """Databases: connections, protection, indexes; and what recovers them."""

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
            raise database_in_use(database, used)
        with self.changing():
            for host in self.hosts.values():
                for service in host.services.values():
                    service.leaked = 0.0 if service.database == database else service.leaked
            record.exists, record.dropped_at = False, stamp(self.clock.wall())
            record.wipe()
        return self._changed(database, record)

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
