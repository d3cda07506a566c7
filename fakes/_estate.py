"""The world of `pytest_mcpflow.fakes.droplet_executor` over time: connections, leaks, health, metrics."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from pytest_mcpflow.fake import Fake
from pytest_mcpflow.fakes._databases import Database, Snapshot
from pytest_mcpflow.fakes._host_errors import DatabaseError, SSHError, UnitNotFoundError
from pytest_mcpflow.fakes._hosts import Deployment, Droplet, Host, LogLine, Release, Service, Trend, stamp

METRICS_WINDOW = 300.0
"""Seconds a metric is averaged over; so long it takes until a change shows in full."""

EXHAUSTED_ERROR_RATE = 0.5
"""Fraction of requests that fail while the database takes no further connection."""

WARNING_UTILISATION = 0.9
"""From this share of its connections on, a database is in danger."""

SSH_PORT = 22

METRICS = ("error_rate", "response_seconds")


@dataclass
class Estate(Fake):
    """Hosts with their services and databases, and what follows from their state as time goes by.

    Args:
        hosts: By name. The names of databases are unique over all hosts.
        releases: Service name to version to what that version does: the versions that can be deployed.
            A running version that is not listed behaves well.
        deployments: Every deployment, switch and rollback, in order.
        droplets: By id, destroyed ones included.
        provisioning_seconds: How long a new droplet or database takes to answer.
        settled_at: Up to when leaked connections are written into the services, seconds on the clock.
    """

    hosts: dict[str, Host] = field(default_factory=dict[str, Host])
    releases: dict[str, dict[str, Release]] = field(default_factory=dict[str, dict[str, Release]])
    deployments: list[Deployment] = field(default_factory=list[Deployment])
    droplets: dict[str, Droplet] = field(default_factory=dict[str, Droplet])
    provisioning_seconds: float = 60.0
    settled_at: float = 0.0

    def host(self, name: str) -> Host:
        """The host of that name, if SSH gets through to it."""
        found = self.hosts.get(name)
        if found is None:
            raise SSHError(f"ssh: Could not resolve hostname {name}: Name or service not known")
        if not found.reachable or (found.open_ports is not None and SSH_PORT not in found.open_ports):
            raise SSHError(f"ssh: connect to host {name} port 22: Connection timed out")
        if self.clock.now() < found.boots_at:
            raise SSHError(f"ssh: connect to host {name} port 22: Connection refused")
        return found

    def service_on(self, host: str, service: str) -> Service:
        """The service of that name on that host."""
        found = self.host(host).services.get(service)
        if found is None:
            raise UnitNotFoundError(f"Unit {service}.service could not be found.")
        return found

    def record_of(self, database: str) -> Database:
        """The database of that name, or what is left of a dropped one."""
        found = next(
            (host.databases[database] for host in self.hosts.values() if database in host.databases), None
        )
        if found is None:
            raise DatabaseError(f'FATAL: database "{database}" does not exist')
        return found

    def has_database(self, name: str) -> bool:
        """Whether a database of that name exists or existed."""
        return any(name in host.databases for host in self.hosts.values())

    def database(self, name: str) -> Database:
        """The database of that name, if it exists and answers."""
        found = self.record_of(name)
        if not found.exists:
            raise DatabaseError(f'FATAL: database "{name}" does not exist')
        if self.clock.now() < found.ready_at:
            raise DatabaseError("FATAL: the database system is starting up")
        return found

    def release(self, service: str, version: str) -> Release:
        """What a version does."""
        return self.releases.get(service, {}).get(version, Release())

    def connections(self, database: str) -> int:
        """Connections in use now; never more than the database takes."""
        return sum(self.connections_by_service(database).values())

    def connections_by_service(self, database: str) -> dict[str, int]:
        """Connections in use now, by `host/service`."""
        record = self.record_of(database)
        if not record.exists:
            return {}
        leaked, held, exact, whole = self._leaked(), dict[str, int](), 0.0, 0
        for key, service in self._users(database):
            exact = min(exact + service.pooled + leaked[key], float(record.max_connections))
            # Rounding the running sum keeps the parts equal to the whole.
            held[key], whole = math.floor(exact + 1e-9) - whole, math.floor(exact + 1e-9)
        return held

    def leaked_by_service(self, database: str) -> dict[str, int]:
        """Connections that a service of `database` lost and never gave back, by `host/service`."""
        leaked = self._leaked()
        return {key: math.floor(leaked[key] + 1e-9) for key, _ in self._users(database)}

    def problem(self, name: str, service: Service, *, version: str | None = None) -> str | None:
        """Why a service does not answer its health check (as if it ran `version`), or None when it does."""
        if service.state != "running":
            return f"{name}.service is {service.state}"
        if self.clock.now() < service.ready_at:
            return f"{name}.service is starting"
        if not self.release(name, version or service.version).answers_health_checks:
            return "GET /health: 503 Service Unavailable"
        return None if service.database is None else self.database_problem(service.database)

    def database_problem(self, name: str) -> str | None:
        """Why a database is of no use to services, or None when it is."""
        try:
            database = self.database(name)
        except DatabaseError as error:
            return str(error)
        if not database.has_schema:
            return 'ERROR: relation "orders" does not exist'
        if self.connections(name) >= database.max_connections:
            return "FATAL: sorry, too many clients already"
        return None

    def metric(self, name: str, service: Service, metric: str) -> float:
        """A service's `error_rate` (0 to 1) or `response_seconds`, averaged over `METRICS_WINDOW`."""
        present, trend = self._present(name, service, metric), service.trends.get(metric)
        if trend is None:
            return present
        weight = max(0.0, 1.0 - (self.clock.now() - trend.since) / METRICS_WINDOW)
        return present + (trend.before - present) * weight

    def snapshots_of(self, database: str) -> dict[str, Snapshot]:
        """The snapshots there are now, automatic ones included, by id."""
        record = self.record_of(database)
        due = {
            f"{database}-auto-{int(at)}": Snapshot(
                stamp(self.clock.starts_at + timedelta(seconds=at)), record.rows
            )
            for at in record.backups_due(self.clock.now())
        }
        return {**record.snapshots, **due}

    def log(self, service: Service, message: str) -> None:
        """Add a line to a service's log."""
        service.logs.append(LogLine(stamp(self.clock.wall()), "INFO", message))

    @contextmanager
    def changing(self) -> Generator[None]:
        """Write down what time has done so far, then let the block change the state.

        Metrics that differ afterwards approach their new value from the one they read before. All checks
        come before the block, so that a refusal changes nothing.
        """
        self._settle()
        before = {
            (key, metric): (self._present(name, service, metric), self.metric(name, service, metric))
            for key, name, service in self._all_services()
            for metric in METRICS
        }
        yield
        for key, name, service in self._all_services():
            for metric in METRICS:
                was, read = before.get((key, metric), (None, 0.0))
                if was is not None and was != self._present(name, service, metric):
                    service.trends[metric] = Trend(read, self.clock.now())

    def _settle(self) -> None:
        leaked, now = self._leaked(), self.clock.now()
        for key, _, service in self._all_services():
            service.leaked = leaked[key]
        for host in self.hosts.values():
            for name, record in host.databases.items():
                record.snapshots = self.snapshots_of(name)
                record.backups_from = max([record.backups_from, *record.backups_due(now)])
        self.settled_at = now

    def _leaked(self) -> dict[str, float]:
        """Leaked connections now. A full database lets nothing leak; leakers share what room is left."""
        elapsed = self.clock.now() - self.settled_at
        leaked = {key: service.leaked for key, _, service in self._all_services()}
        for host in self.hosts.values():
            for database, record in host.databases.items():
                users = [(key, service) for key, service in self._users(database)]
                growth = {key: elapsed * self._leak_rate(key, service) for key, service in users}
                used = sum(service.pooled + service.leaked for _, service in users)
                wanted, room = sum(growth.values()), max(0.0, record.max_connections - used)
                share = min(1.0, room / wanted) if wanted else 0.0
                for key, grown in growth.items():
                    leaked[key] += grown * share
        return leaked

    def _leak_rate(self, key: str, service: Service) -> float:
        return self.release(key.partition("/")[2], service.version).leaks_per_second

    def _users(self, database: str) -> list[tuple[str, Service]]:
        if not self.record_of(database).exists:
            return []
        return [
            (key, service)
            for key, _, service in self._all_services()
            if service.database == database and service.state == "running"
        ]

    def _all_services(self) -> list[tuple[str, str, Service]]:
        return [
            (f"{host_name}/{name}", name, service)
            for host_name, host in self.hosts.items()
            for name, service in host.services.items()
        ]

    def _present(self, name: str, service: Service, metric: str) -> float:
        release = self.release(name, service.version)
        database = service.database
        if metric == "response_seconds":
            slowest = (
                self.record_of(database).slowest_seconds()
                if database and self.has_database(database)
                else 0.0
            )
            return release.response_seconds + slowest
        rate = max(release.error_rate, release.error_rate_when_unset if service.unset(release) else 0.0)
        trouble = self.problem(name, service)
        if trouble is None:
            return rate
        return max(rate, EXHAUSTED_ERROR_RATE) if "too many clients" in trouble else 1.0

    def _start(self, name: str, service: Service, *, pause: float = 0.0) -> None:
        service.start(self.release(name, service.version), now=self.clock.now(), at=stamp(self.clock.wall()))
        service.ready_at += pause
