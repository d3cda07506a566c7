"""A production database runs out of connections: contained first, then understood, then fixed for good."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from pytest_mcpflow import CallResult, Hub, Run, Scenario, invariant
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.droplet_executor import Database, DropletExecutor, Host, LogLine, Release, Service
from pytest_mcpflow.fakes.github import GitHub, Repository, repository

__all__ = ["IncidentReport", "IncidentResponse"]

HOST, STAGING, DATABASE, LARGER_POOL = "prod-1", "staging-1", "shop", 300
LEAKING, FIXED = "2.4.0", "2.4.1"
CRITICAL, CALM = 0.95, 0.8
BRANCH = "fix/release-health-check-connections"
_LEAK = "  return client.query('SELECT 1');\n"
_RELEASE = "  try {\n    return await client.query('SELECT 1');\n  } finally {\n    client.release();\n  }\n"
_HANDLER = "export async function healthCheck() {\n  const client = await pool.connect();\n" + _LEAK + "}\n"
_MONITORING = "alert: connection_pool_above_80_percent\nfor: 5m\n"


@dataclass(frozen=True)
class IncidentReport:
    """Severity, connections (used, pool) on arrival and after mitigation, the cause, and whether it is closed."""

    severity: str
    on_arrival: tuple[int, int] | None
    after_mitigation: tuple[int, int] | None
    restarted: tuple[str, ...]
    root_cause: str
    pull_request: int | None
    closed: bool


def _production() -> DropletExecutor:
    production = Host(
        services={
            "api": Service(LEAKING, database=DATABASE, connections=20, replicas=2, leaked=70),
            "admin": Service("1.0.0", database=DATABASE, connections=29, leaked=36),
            "reports": Service("3.1.0", database=DATABASE, connections=20),
        },
        databases={DATABASE: Database(max_connections=200, rows=850)},
    )
    production.services["api"].logs.append(
        LogLine("2025-12-31T23:59:30Z", "WARN", "healthCheck: connection checked out and never released")
    )
    return DropletExecutor(
        hosts={HOST: production, STAGING: Host("staging", services={"api": Service(LEAKING)})},
        releases={"api": {LEAKING: Release(leaks_per_second=0.001), FIXED: Release()}},
    )


def _desktop() -> DesktopCommander:
    fixed = {"src/health.ts": "client.release()"}
    return DesktopCommander(
        files={"src/health.ts": _HANDLER, "docs/runbooks/database.md": "# Database\n"},
        scripts=[Script("npm test*", stdout="Tests: 112 passed", requires=fixed)],
    )


def _hosting() -> GitHub:
    hosted: Repository = repository({"src/health.ts": _HANDLER})
    return GitHub(repositories={"shop/api": hosted})


@dataclass
class IncidentResponse(Scenario):
    """The production database is running out of connections. Contain it, find the cause, fix it."""

    tags = ("incident", "emergency")

    production: DropletExecutor = field(default_factory=_production)
    desktop: DesktopCommander = field(default_factory=_desktop)
    hosting: GitHub = field(default_factory=_hosting)
    people: CommunicationHub = field(default_factory=CommunicationHub)

    async def workflow(self, hub: Hub) -> IncidentReport:
        return await _Response(hub).run()

    def expect(self, run: Run) -> None:
        report = run.result
        assert report.severity == "P1"
        assert report.on_arrival == (195, 200)
        assert report.after_mitigation == (89, 300)
        assert report.restarted == ("admin", "api")
        assert self.production.database(DATABASE).max_connections == LARGER_POOL
        services = self.production.host(HOST).services
        assert {name: service.restarts for name, service in services.items()} == {
            "api": 1,
            "admin": 1,
            "reports": 0,
        }
        assert services["api"].version == FIXED
        assert self.production.connections(DATABASE) == 89
        assert [(each.host, each.version, each.kind) for each in self.production.deployments] == [
            (STAGING, FIXED, "rolling"),
            (HOST, FIXED, "rolling"),
        ]
        assert (
            report.root_cause
            == "healthCheck in src/health.ts takes a connection per request and never releases it"
        )
        assert "client.release()" in self.desktop.files["src/health.ts"]
        assert self.desktop.files["monitoring/connections.yaml"] == _MONITORING
        tests = [ran.exit_code for ran in self.desktop.history if ran.command.startswith("npm test")]
        assert tests == [1, 0]
        post_mortem = self.desktop.files["docs/post-mortems/database-connections.md"]
        assert all(fact in post_mortem for fact in ("P1", "195/200", "89/300", report.root_cause))
        assert "health check" in self.desktop.files["docs/runbooks/database.md"]
        assert len(self.desktop.repository.log()) == 2
        [pull] = self.hosting.repositories["shop/api"].pull_requests
        assert (pull.head, pull.number) == (BRANCH, report.pull_request)
        assert {"src/health.ts", "monitoring/connections.yaml"} <= set(
            self.hosting.repositories["shop/api"].branches[BRANCH].files
        )
        assert [alert.severity for alert in self.people.alerts] == ["critical"]
        assert self.people.alerts[0].message.startswith("P1")
        assert [sent.message for sent in self.people.notifications] == [
            "Mitigated: 89/300 connections after restarting admin, api",
            "Incident closed: 89/300 connections",
        ]
        assert run.transcript.before(
            "droplet-executor.set_connection_pool", "droplet-executor.restart_service"
        )
        assert report.closed

    @invariant
    def severity_is_never_lowered_by_a_missing_answer(self, run: Run) -> None:
        """Without a measurement that says otherwise, it is a P1."""
        if isinstance(run.result, IncidentReport) and run.result.severity != "P1":
            assert run.result.on_arrival is not None
            used, pool = run.result.on_arrival
            assert used / pool < CRITICAL

    @invariant
    def restarts_at_most_once(self, run: Run) -> None:
        """A lost answer must not restart a service twice."""
        assert all(service.restarts <= 1 for service in self.production.host(HOST).services.values())

    @invariant
    def mitigation_comes_first(self, run: Run) -> None:
        """Nobody looks for the cause before the pool was raised, or raising it was tried."""
        tried, looked = run.calls("set_connection_pool"), run.transcript.by_server("desktop-commander")
        assert not looked or (tried and tried[0].at <= looked[0].at)

    @invariant
    def closed_only_while_healthy(self, run: Run) -> None:
        """The incident is never closed while connections run out."""
        if isinstance(run.result, IncidentReport) and run.result.closed:
            used = self.production.connections(DATABASE)
            assert used / self.production.database(DATABASE).max_connections < CALM
            assert self.production.host(HOST).services["api"].version == FIXED

    @invariant
    def staging_before_production(self, run: Run) -> None:
        """A version reaches production only after staging."""
        staged = [each.version for each in self.production.deployments if each.host == STAGING]
        assert all(each.version in staged for each in self.production.deployments if each.host == HOST)

    @invariant
    def a_failure_is_heard(self, run: Run) -> None:
        """An incident that is not closed ends in an alert, or the workflow raises."""
        if isinstance(run.result, IncidentReport) and not run.result.closed:
            assert self.people.alerts


class _Response:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def run(self) -> IncidentReport:
        severity, on_arrival, leaking = await self._assess()
        await self._alert(f"{severity}: database connections {_shown(on_arrival)}")
        cause, pull_request, after, closed = "unknown", None, None, False
        try:
            after = await self._mitigate(leaking)
            cause = await self._find_cause()
            pull_request = await self._fix(cause)
            closed = await self._stays_calm()
            await self._write_up(severity, on_arrival, after, cause)
        except Exception as error:
            await self._alert(f"{severity}: the response stopped: {error}")
        report = IncidentReport(severity, on_arrival, after, leaking, cause, pull_request, closed)
        if closed:
            await self._notify(f"Incident closed: {_shown(after)} connections")
        return report

    async def _assess(self) -> tuple[str, tuple[int, int] | None, tuple[str, ...]]:
        """Severity, connections, and the services that hold idle ones; what cannot be measured counts as the worst."""
        health, connections = await asyncio.gather(
            self._call("droplet-executor.check_health", host=HOST),
            self._call("droplet-executor.list_connections", database=DATABASE),
            return_exceptions=True,
        )
        if isinstance(connections, BaseException) or isinstance(health, BaseException):
            return "P1", None, ()
        used, pool = connections["connections"], connections["max_connections"]
        leaking = sorted(
            source["source"].partition("/")[2] for source in connections["sources"] if source["idle"]
        )
        outage = not any(service["healthy"] for service in health["services"].values())
        degraded = used / pool >= CALM or not health["healthy"]
        severity = "P1" if outage or used / pool >= CRITICAL else "P2" if degraded else "P3"
        return severity, (used, pool), tuple(leaking)

    async def _mitigate(self, leaking: tuple[str, ...]) -> tuple[int, int]:
        """Make room, then restart what holds connections; each service once, without trying again."""
        await self._call("droplet-executor.set_connection_pool", database=DATABASE, size=LARGER_POOL)
        for service in leaking:
            await self._call("droplet-executor.restart_service", host=HOST, service=service)
        after = await self._connections()
        await self._notify(f"Mitigated: {_shown(after)} connections after restarting {', '.join(leaking)}")
        return after

    async def _find_cause(self) -> str:
        """What the log complains of, found in the code and reproduced by a failing test."""
        logs = await self._call("droplet-executor.get_logs", host=HOST, service="api")
        complaint = next(line["message"] for line in logs["lines"] if "never released" in line["message"])
        function = complaint.partition(":")[0]
        hits = await self._call("desktop-commander.search_code", path="src", pattern=f"function {function}")
        path = hits["result"][0].partition(":")[0]
        code = await self._call("desktop-commander.read_file", path=path)
        if "pool.connect()" not in code["result"] or "release()" in code["result"]:
            raise RuntimeError(f"{path} does not explain {complaint!r}")
        reproduced = await self._call("desktop-commander.execute_command", command="npm test -- health")
        if reproduced["success"]:
            raise RuntimeError(f"the leak of {function} could not be reproduced")
        return f"{function} in {path} takes a connection per request and never releases it"

    async def _fix(self, cause: str) -> int:
        desktop = "desktop-commander"
        await self._call(f"{desktop}.execute_command", command=f"git checkout -b {BRANCH}")
        edit = {"file_path": "src/health.ts", "old_string": _LEAK, "new_string": _RELEASE}
        await self._call(f"{desktop}.edit_block", **edit)
        await self._call(f"{desktop}.write_file", path="monitoring/connections.yaml", content=_MONITORING)
        tested = await self._call(f"{desktop}.execute_command", command="npm test")
        if not tested["success"]:
            raise RuntimeError(f"tests fail with the fix: {tested['stderr']}")
        await self._commit("Release the connection of the health check")
        pull_request = await self._open_pull_request(cause)
        for host in (STAGING, HOST):
            deploy = {
                "host": host,
                "service": "api",
                "version": FIXED,
                "idempotency_key": f"{host}/api@{FIXED}",
            }
            await self._call("droplet-executor.deploy", **deploy)
            health = await self._call("droplet-executor.check_health", host=host)
            if not health["services"]["api"]["healthy"]:
                raise RuntimeError(f"api {FIXED} is not healthy on {host}")
        return pull_request

    async def _open_pull_request(self, cause: str) -> int:
        repo = {"owner": "shop", "repo": "api"}
        paths = ("src/health.ts", "monitoring/connections.yaml")
        read = [await self._call("desktop-commander.read_file", path=path) for path in paths]
        files = [{"path": path, "content": each["result"]} for path, each in zip(paths, read, strict=True)]
        await self._call("github.create_branch", **repo, branch=BRANCH)
        await self._call(
            "github.push_files", **repo, branch=BRANCH, files=files, message="Release the connection"
        )
        pull = {
            "title": "Release the connection of the health check",
            "head": BRANCH,
            "base": "main",
            "body": cause,
        }
        return int((await self._call("github.create_pull_request", **repo, **pull))["number"])

    async def _stays_calm(self) -> bool:
        """Whether connections neither grow nor are scarce over ten minutes."""
        before, _ = await self._connections()
        await asyncio.sleep(600)
        used, pool = await self._connections()
        return used <= before and used / pool < CALM

    async def _write_up(
        self, severity: str, arrival: tuple[int, int] | None, after: tuple[int, int], cause: str
    ) -> None:
        text = f"# Database connections\n\n{severity}, {_shown(arrival)}, then {_shown(after)}.\n\nCause: {cause}.\n"
        path = "docs/post-mortems/database-connections.md"
        await self._call("desktop-commander.write_file", path=path, content=text)
        advice = "\nConnections run out: does the health check leak? Raise the pool, restart what holds idle ones.\n"
        runbook = {"path": "docs/runbooks/database.md", "content": advice, "mode": "append"}
        await self._call("desktop-commander.write_file", **runbook)
        await self._commit("Write the post-mortem and extend the runbook")

    async def _commit(self, message: str) -> None:
        await self._call(
            "desktop-commander.execute_command", command=f'git add . && git commit -m "{message}"'
        )

    async def _connections(self) -> tuple[int, int]:
        report = await self._call("droplet-executor.list_connections", database=DATABASE)
        return report["connections"], report["max_connections"]

    async def _alert(self, message: str) -> None:
        await self._call("communication-hub.send_alert", message=message, severity="critical")

    async def _notify(self, message: str) -> None:
        await self._call("communication-hub.send_notification", message=message, channels=["slack"])

    async def _call(self, tool: str, **arguments: Any) -> CallResult:
        return await self._hub.call_tool(tool, arguments)


def _shown(connections: tuple[int, int] | None) -> str:
    return "unknown" if connections is None else f"{connections[0]}/{connections[1]}"
