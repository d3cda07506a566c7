"""The reference answer to `incident-response`: contain, understand, fix, watch, write up, close."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from pytest_mcpflow import CallResult, Hub
from pytest_mcpflow.scenarios._careful import together
from pytest_mcpflow.scenarios._delivery import Delivery

__all__ = ["IncidentReport", "Response"]

HOST, STAGING, SERVICE, DATABASE, LARGER_POOL, FIXED = "prod-1", "staging-1", "api", "shop", 300, "2.4.1"
CRITICAL, CALM = 0.95, 0.8
WATCH_SECONDS = 600
SHALLOW_CHECK = "shallow-health-check"
"""The flag that lets health checks answer without the database: it stops the leak until the fix is there."""
BRANCH = "fix/release-health-check-connections"
CODE, TEST, MONITORING = "src/health.ts", "test/health.test.ts", "monitoring/connections.yaml"
POST_MORTEM, RUNBOOK = "docs/post-mortems/database-connections.md", "docs/runbooks/database.md"
LEAK = "  return client.query('SELECT 1');\n"
RELEASE = "  try {\n    return await client.query('SELECT 1');\n  } finally {\n    client.release();\n  }\n"
REGRESSION_TEST = (
    "test('a health check gives its connection back', async () => {\n"
    "  await healthCheck();\n  expect(pool.idleCount).toBe(pool.totalCount);\n});\n"
)
ALERT_RULE = (
    "alert: connection_pool_above_80_percent\nexpr: connections / max_connections > 0.8\nfor: 5m\n"
    "receiver: on-call\n"
)
ADVICE = (
    "\n## Connections run out\n\nRaise the pool, restart what holds idle connections, then look for a "
    "connection that is never released; last time it was the health check's.\n"
)


@dataclass(frozen=True)
class IncidentReport:
    """What was found and done.

    Args:
        severity: `P1`, `P2` or `P3`.
        on_arrival, after_mitigation: Connections and pool, `None` where they could not be measured.
        restarted: The services that were certainly restarted.
        root_cause: In a sentence, or `unknown`.
        closed: Whether everything is well and people know it.
        error: What stopped the response.
    """

    severity: str
    on_arrival: tuple[int, int] | None = None
    after_mitigation: tuple[int, int] | None = None
    restarted: tuple[str, ...] = ()
    root_cause: str = "unknown"
    pull_request: int | None = None
    closed: bool = False
    error: str | None = None


class Response:
    """One response to one incident."""

    def __init__(self, hub: Hub) -> None:
        self._desk = Delivery(hub, "shop/api")
        self._report = IncidentReport("P1")
        self._leaking: tuple[str, ...] = ()
        self._restarts: dict[str, int] = {}
        self._alert_id: str | None = None

    async def run(self) -> IncidentReport:
        await self._assess()
        severity, arrival = self._report.severity, self._report.on_arrival
        self._alert_id = await self._desk.alert(f"{severity}: database connections at {shown(arrival)}")
        try:
            await self._mitigate()
            await self._find_cause()
            await self._reproduce()
            await self._fix()
            await self._deploy()
            await self._watch()
            await self._write_up()
            await self._close()
        except Exception as error:
            self._report = replace(self._report, error=str(error))
            await self._desk.alert(f"{severity}: the response stopped: {error}")
        return self._report

    async def _assess(self) -> None:
        """Decide the severity; what cannot be measured counts as the worst."""
        health, connections = await asyncio.gather(
            self._health(), self._list_connections(), return_exceptions=True
        )
        if not isinstance(connections, BaseException):
            self._remember_leaking(connections)
            used, pool = connections["connections"], connections["max_connections"]
            self._report = replace(self._report, on_arrival=(used, pool))
            if not isinstance(health, BaseException):
                outage = not any(each["healthy"] for each in health["services"].values())
                degraded = used / pool >= CALM or not health["healthy"]
                severity = "P1" if outage or used / pool >= CRITICAL else "P2" if degraded else "P3"
                self._report = replace(self._report, severity=severity)

    async def _mitigate(self) -> None:
        """Make room, then restart what holds connections, one after the other, so that not all are away at once."""
        await self._desk.droplet("set_connection_pool", database=DATABASE, size=LARGER_POOL)
        if not self._leaking:
            self._remember_leaking(await self._list_connections())
        health = await self._health()
        self._restarts = {name: each["restarts"] for name, each in health["services"].items()}
        for service in self._leaking:
            if await self._restart(service):
                self._report = replace(self._report, restarted=(*self._report.restarted, service))
        missed = [service for service in self._leaking if service not in self._report.restarted]
        if missed:
            await self._desk.alert(f"{self._report.severity}: restart by hand: {', '.join(missed)}")
        await self._check_shallowly(True)
        after = await self._connections()
        self._report = replace(self._report, after_mitigation=after)
        if after[0] / after[1] >= CALM:
            raise RuntimeError(f"mitigation did not help: {shown(after)}")
        await self._desk.notify(
            f"Mitigated: {shown(after)} connections after restarting {', '.join(self._report.restarted)}",
            "slack",
        )

    async def _restart(self, service: str) -> bool:
        """Whether a service was restarted for certain. A restart without an answer is looked at, never repeated."""
        try:
            await self._desk.call("droplet-executor.restart_service", {"host": HOST, "service": service})
        except Exception:
            await asyncio.sleep(1)
            now = await self._health()
            if now["services"][service]["restarts"] == self._restarts[service]:
                return False

        async def answers() -> bool:
            return bool((await self._desk.service(HOST, service))["healthy"])

        await self._desk.until(answers, f"{service} answers after its restart")
        return True

    async def _check_shallowly(self, enabled: bool) -> None:
        await self._desk.droplet("set_feature_flag", host=HOST, flag=SHALLOW_CHECK, enabled=enabled)

    async def _find_cause(self) -> None:
        """What the logs complain of, found in the code."""
        *logs, metrics = await together(
            *(self._desk.droplet("get_logs", host=HOST, service=service) for service in self._leaking),
            self._desk.droplet("get_metrics", host=HOST),
        )
        lines = [line["message"] for log in logs for line in log["lines"]]
        complaint = next((line for line in lines if "never released" in line), None)
        if complaint is None:
            raise RuntimeError(f"no log explains the connections: {dict(metrics['services'])}")
        function = complaint.partition(":")[0]
        search = {"path": "src", "pattern": f"function {function}"}
        [hit] = (await self._desk.repeat("desktop-commander.search_code", search))["result"]
        path, line, _ = hit.split(":", 2)
        code = await self._desk.read(path)
        if "pool.connect()" not in code or "client.release()" in code:
            raise RuntimeError(f"{path} does not explain {complaint!r}")
        cause = (
            f"{function} in {path}:{line} takes a connection per request; client.release() is missing there"
        )
        self._report = replace(self._report, root_cause=cause)

    async def _reproduce(self) -> None:
        """A regression test that fails now."""
        await self._desk.switch_to_new_branch(BRANCH)
        await self._desk.write(TEST, REGRESSION_TEST)
        if (await self._desk.run("npm test -- health"))["success"]:
            raise RuntimeError("the regression test passes without the fix, so it reproduces nothing")

    async def _fix(self) -> None:
        title, paths = "Release the connection of the health check", (CODE, TEST, MONITORING)
        await self._desk.edit(CODE, LEAK, RELEASE)
        await self._desk.write(MONITORING, ALERT_RULE)
        tested = await self._desk.must_run("npm test")
        await self._desk.commit(title, *paths)
        await self._desk.branch_off(BRANCH)
        await self._push(title, paths)
        body = f"Cause: {self._report.root_cause}.\n\n{tested}\n"
        self._report = replace(self._report, pull_request=await self._desk.propose(BRANCH, title, body))

    async def _push(self, title: str, paths: tuple[str, ...]) -> None:
        contents = await together(*(self._desk.read(path) for path in paths))
        files = [{"path": path, "content": text} for path, text in zip(paths, contents, strict=True)]

        async def is_pushed() -> bool:
            commits = await self._desk.github("list_commits", sha=BRANCH)
            return bool(commits["result"][0]["message"] == title)

        push = {**self._desk.repository, "branch": BRANCH, "files": files, "message": title}
        await self._desk.once("github.push_files", push, done=is_pushed)

    async def _deploy(self) -> None:
        """Staging first; production only when staging answers and the checks have passed."""
        number = self._report.pull_request
        assert number is not None
        await self._desk.checks_pass(number)
        await self._desk.ship(STAGING, SERVICE, FIXED)
        await self._desk.merge(number)
        await self._desk.ship(HOST, SERVICE, FIXED)
        await self._check_shallowly(False)  # or nothing would show that the fix is one

    async def _watch(self) -> None:
        """See that connections neither grow nor are scarce for a while."""
        before, _ = await self._connections()
        await asyncio.sleep(WATCH_SECONDS)
        used, pool = await self._connections()
        if used > before or used / pool >= CALM:
            raise RuntimeError(f"connections are not calm with the fix: {before}, then {used}/{pool}")

    async def _write_up(self) -> None:
        report = self._report
        text = (
            f"# Database connections\n\n{report.severity}: {shown(report.on_arrival)} connections on arrival, "
            f"{shown(report.after_mitigation)} after the pool was raised to {LARGER_POOL} and "
            f"{', '.join(report.restarted)} restarted; the flag {SHALLOW_CHECK} kept it there.\n\n"
            f"Cause: {report.root_cause}.\n\n"
            f"Fix: pull request #{report.pull_request}, {SERVICE} {FIXED}, deployed rolling.\n\n"
            f"Prevention: a regression test, and an alert above 80 % of the pool.\n"
        )
        runbook = (await self._desk.read(RUNBOOK)).removesuffix(ADVICE)
        await together(self._desk.write(POST_MORTEM, text), self._desk.write(RUNBOOK, runbook + ADVICE))
        await self._desk.commit("Write the post-mortem and extend the runbook", POST_MORTEM, RUNBOOK)

    async def _close(self) -> None:
        """Resolve the alert and say so, if the metric is healthy now and everybody heard what came before."""
        used, pool = await self._connections()
        if used / pool >= CALM:
            raise RuntimeError(f"not closed at {used}/{pool} connections")
        if self._alert_id is None or self._desk.untold:
            raise RuntimeError(f"not closed, since people were not told: {'; '.join(self._desk.untold)}")
        await self._desk.repeat("communication-hub.resolve_alert", {"alert_id": self._alert_id})
        await self._desk.notify(f"Incident closed: {used}/{pool} connections", "slack")
        if self._desk.untold:
            raise RuntimeError("people were not told that the incident is over")
        self._report = replace(self._report, closed=True)

    async def _health(self) -> CallResult:
        return await self._desk.droplet("check_health", host=HOST)

    async def _list_connections(self) -> CallResult:
        return await self._desk.droplet("list_connections", database=DATABASE)

    async def _connections(self) -> tuple[int, int]:
        report = await self._list_connections()
        return report["connections"], report["max_connections"]

    def _remember_leaking(self, connections: CallResult) -> None:
        idle = [each["source"] for each in connections["sources"] if each["idle"]]
        self._leaking = tuple(sorted(source.partition("/")[2] for source in idle))


def shown(connections: tuple[int, int] | None) -> str:
    """`195/200`."""
    return "unknown" if connections is None else f"{connections[0]}/{connections[1]}"
