"""Remote hosts: commands, services, deployments, health, logs, metrics, databases and droplets.

There is one `droplet-executor` in documents and several real servers near it; names follow theirs where they
have one (DigitalOcean's, ssh-manager's), and refusals use the words of ssh, systemd, PostgreSQL, RDS, a
container registry and the DigitalOcean API. The tools for databases, deployments and droplets are in the
private modules beside this one; all that a world is built from is imported from here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pytest_mcpflow.fake import tool
from pytest_mcpflow.fakes._database_tools import DatabaseTools
from pytest_mcpflow.fakes._databases import Database, Order, Query, Snapshot, TransactionLog
from pytest_mcpflow.fakes._deployment_tools import DeploymentError, DeploymentTools
from pytest_mcpflow.fakes._droplet_tools import DropletAPIError, DropletTools
from pytest_mcpflow.fakes._estate import WARNING_UTILISATION
from pytest_mcpflow.fakes._file_tools import FileTools
from pytest_mcpflow.fakes._host_errors import DatabaseError, InvalidValueError, SSHError, UnitNotFoundError
from pytest_mcpflow.fakes._hosts import (
    Approval,
    CommandResult,
    CommandRun,
    Deployment,
    Droplet,
    Host,
    LogLine,
    Release,
    Service,
    moment,
    stamp,
)
from pytest_mcpflow.fakes._service_results import (
    CommandOutput,
    DatabaseHealth,
    Flag,
    Health,
    HostEntry,
    Logs,
    Metrics,
    Restart,
    ServiceChange,
    ServiceHealth,
    ServiceMetrics,
    Variable,
    service_change,
)

__all__ = [
    "Approval",
    "CommandResult",
    "Database",
    "DatabaseError",
    "Deployment",
    "DeploymentError",
    "Droplet",
    "DropletAPIError",
    "DropletExecutor",
    "Host",
    "InvalidValueError",
    "LogLine",
    "Order",
    "Query",
    "Release",
    "SSHError",
    "Service",
    "Snapshot",
    "TransactionLog",
    "UnitNotFoundError",
]

SECRET_REFERENCE = re.compile(r"vault:[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9_.-]+)+")


@dataclass
class DropletExecutor(DatabaseTools, DeploymentTools, DropletTools, FileTools):
    """Remote hosts: run commands, deploy, look at health and logs."""

    service_error = "server_error: Unexpected server-side error"

    @tool(reads=True)
    def list_hosts(self) -> list[HostEntry]:
        """List the hosts with what runs on them."""
        return [
            HostEntry(name, host.environment, sorted(host.services), sorted(host.databases))
            for name, host in self.hosts.items()
        ]

    @tool(destroys=True)
    def run_command(self, host: str, command: str) -> CommandOutput:
        """Run a shell command on a host and return what it printed and its exit code."""
        machine = self.host(host)
        result = machine.commands.get(command) or self._systemctl(host, command)
        machine.command_log.append(CommandRun(stamp(self.clock.wall()), command, result.exit_code))
        return CommandOutput(
            result.exit_code == 0, host, command, result.stdout, result.stderr, result.exit_code
        )

    @tool(reads=True)
    def check_health(self, host: str) -> Health:
        """Say whether a host's services and databases answer, one entry each."""
        machine = self.host(host)
        services = {name: self._service_health(name, service) for name, service in machine.services.items()}
        databases = {
            name: self._database_health(name, database) for name, database in machine.databases.items()
        }
        healthy = all(s.healthy for s in services.values()) and all(d.healthy for d in databases.values())
        return Health(host, healthy, services, databases)

    @tool(reads=True)
    def get_logs(self, host: str, service: str, lines: int = 100, since: str | None = None) -> Logs:
        """Read the newest lines of a service's log, oldest first; `since` is an ISO 8601 time."""
        found = sorted(self.service_on(host, service).logs, key=lambda line: moment(line.at))
        if lines < 1:
            raise InvalidValueError(f"Failed to parse lines: {lines}")
        if since is not None:
            try:
                start = moment(since)
            except ValueError:
                raise InvalidValueError(f"Failed to parse timestamp: {since}") from None
            found = [line for line in found if moment(line.at) >= start]
        return Logs(host, service, found[-lines:])

    @tool(reads=True)
    def get_metrics(self, host: str, service: str | None = None) -> Metrics:
        """Read error rate (0 to 1), response time and connections of a service, or of all on a host."""
        names = list(self.host(host).services) if service is None else [service]
        found = {name: self._service_metrics(host, name) for name in names}
        return Metrics(host, stamp(self.clock.wall()), found)

    @tool(destroys=True)
    def restart_service(self, host: str, service: str) -> Restart:
        """Restart a service. Its open connections are dropped."""
        unit = self.service_on(host, service)
        with self.changing():
            dropped = int(unit.leaked + 1e-9)
            unit.restarts += 1
            self._start(service, unit, pause=unit.start_seconds)
        return Restart(True, host, service, unit.restarts, dropped)

    @tool(idempotent=True)
    def scale_service(self, host: str, service: str, replicas: int) -> ServiceChange:
        """Set how many replicas of a service run; each holds its own database connections."""
        unit = self.service_on(host, service)
        if replicas < 1:
            raise InvalidValueError(f"invalid replicas {replicas}: at least 1 is needed")
        if unit.replicas != replicas:
            with self.changing():
                unit.replicas = replicas
        return service_change(host, service, unit, healthy=self.problem(service, unit) is None)

    @tool(idempotent=True)
    def set_service_database(self, host: str, service: str, database: str) -> ServiceChange:
        """Point a service at a database instance; it reconnects at once."""
        unit = self.service_on(host, service)
        self.database(database)
        if unit.database != database:
            with self.changing():
                unit.database, unit.leaked = database, 0.0
                self.log(unit, f"connected to database {database}")
        return service_change(host, service, unit, healthy=self.problem(service, unit) is None)

    @tool(reads=True)
    def list_environment_variables(self, host: str, service: str) -> list[Variable]:
        """List a service's environment variables, those it lacks included; values are never shown."""
        unit = self.service_on(host, service)
        names = {*unit.environment, *self.release(service, unit.version).requires}
        return [
            Variable(name, "set" if name in unit.environment else "not set", name in unit.pending)
            for name in sorted(names)
        ]

    @tool(idempotent=True)
    def set_environment_variable(self, host: str, service: str, name: str, secret_ref: str) -> Variable:
        """Set an environment variable from a secret reference such as `vault:stripe/webhook`.

        The service reads it when it is next restarted or deployed.
        """
        unit = self.service_on(host, service)
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise InvalidValueError("invalid environment variable name: letters, digits and _ only")
        if not SECRET_REFERENCE.fullmatch(secret_ref):
            # The argument may be the secret itself, so the message does not repeat it.
            raise InvalidValueError(
                f"{name}: expected a secret reference such as vault:team/name, not a value"
            )
        if unit.environment.get(name) != secret_ref:
            unit.environment[name] = secret_ref
            unit.pending = sorted({*unit.pending, name})
        return Variable(name, "set", name in unit.pending)

    @tool(idempotent=True)
    def set_feature_flag(self, host: str, flag: str, enabled: bool) -> Flag:
        """Turn a feature flag of a host's services on or off."""
        self.host(host).flags[flag] = enabled
        return Flag(True, host, flag, enabled)

    def _systemctl(self, host: str, command: str) -> CommandResult:
        words = command.split()
        if len(words) != 3 or words[0] != "systemctl" or words[1] not in ("status", "is-active", "restart"):
            program = words[0] if words else ""
            return CommandResult(stderr=f"bash: line 1: {program}: command not found", exit_code=127)
        verb, name = words[1], words[2].removesuffix(".service")
        service = self.host(host).services.get(name)
        if service is None:
            return CommandResult(stderr=f"Unit {name}.service could not be found.", exit_code=4)
        if verb == "restart":
            self.restart_service(host, name)
            return CommandResult()
        state = {"running": "active", "stopped": "inactive", "failed": "failed"}[service.state]
        if verb == "is-active":
            return CommandResult(stdout=state, exit_code=0 if state == "active" else 3)
        detail = f"{name}.service - version {service.version}\n   Active: {state}"
        return CommandResult(stdout=detail, exit_code=0 if state == "active" else 3)

    def _service_health(self, name: str, service: Service) -> ServiceHealth:
        problem, idle = self.problem(name, service), service.idle_version
        return ServiceHealth(
            healthy=problem is None,
            detail=problem or "ok",
            version=service.version,
            live_colour=service.live_colour,
            restarts=service.restarts,
            idle_version=idle,
            idle_healthy=None if idle is None else self.problem(name, service, version=idle) is None,
        )

    def _database_health(self, name: str, record: Database) -> DatabaseHealth:
        used, pool = self.connections(name), record.max_connections
        share, trouble = used / pool, self.database_problem(name)
        status: Literal["ok", "warning", "critical"]
        status = "critical" if trouble else "warning" if share >= WARNING_UTILISATION else "ok"
        detail = trouble or f"{used}/{pool} connections"
        return DatabaseHealth(trouble is None, status, detail, used, pool, share)

    def _service_metrics(self, host: str, name: str) -> ServiceMetrics:
        service = self.service_on(host, name)
        held = 0
        if service.database is not None and self.has_database(service.database):
            held = self.connections_by_service(service.database).get(f"{host}/{name}", 0)
        return ServiceMetrics(
            version=service.version,
            error_rate=self.metric(name, service, "error_rate"),
            response_seconds=self.metric(name, service, "response_seconds"),
            connections=held,
        )
