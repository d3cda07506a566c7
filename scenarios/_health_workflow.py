"""The reference answer to `health-recovery`: look every 30 seconds, help once a minute at most, know when to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from pytest_mcpflow import Hub, ToolError
from pytest_mcpflow.scenarios._careful import Careful, Desk

__all__ = ["CHECKS", "RESTART", "Recovery", "Watch", "Watched", "watch"]

CHECKS, CHECK_SECONDS = 21, 30
GRACE_SECONDS, ATTEMPTS = 60, 3
RESTART = "sudo systemctl restart docker"


@dataclass(frozen=True)
class Recovery:
    """One attempt to help a server; `unknown` is one without an answer."""

    server: str
    at: float
    how: Literal["done", "failed", "unknown"]


@dataclass(frozen=True)
class Watch:
    """What was seen: how often each server was healthy, and what was done. `success` is: all are healthy in the end."""

    success: bool
    healthy: dict[str, int]
    recoveries: tuple[Recovery, ...]
    untold: tuple[str, ...] = ()


@dataclass
class Watched:
    """A server under watch.

    Args:
        check: Says whether it is healthy; a check that cannot tell raises.
        recover: Helps it, where something does.
    """

    name: str
    check: Callable[[], Awaitable[bool]]
    recover: Callable[[], Awaitable[object]] | None = None
    healthy_checks: int = 0
    is_healthy: bool = True
    attempts: int = 0
    tried_at: float = float("-inf")
    alert_ids: list[str] = field(default_factory=list[str])


class _Watcher:
    def __init__(self, desk: Desk, telling: asyncio.TaskGroup) -> None:
        self._desk, self._beside = desk, telling
        self.recoveries: list[Recovery] = []

    async def look_at(self, server: Watched) -> None:
        try:
            server.is_healthy = await server.check()
        except Exception as error:
            server.is_healthy = False
            self._tell(self._complain(server, f"Health check failed for {server.name}: {error}"))
            return
        if server.is_healthy:
            server.healthy_checks += 1
            server.attempts = 0
            self._tell(self._all_clear(server))
        elif server.recover is not None:
            self._help(server, server.recover)

    def _help(self, server: Watched, recover: Callable[[], Awaitable[object]]) -> None:
        """Try to recover a server, unless that was tried just now or often enough."""
        now = asyncio.get_running_loop().time()
        if now - server.tried_at < GRACE_SECONDS:
            return
        if server.attempts == ATTEMPTS:
            message = f"{server.name} stays unhealthy after {ATTEMPTS} recoveries; it needs a person"
            self._tell(self._desk.alert(message, severity="high"))
            return
        server.attempts, server.tried_at = server.attempts + 1, now
        self._tell(self._recover(server, recover, server.attempts, now))

    async def _recover(
        self, server: Watched, recover: Callable[[], Awaitable[object]], attempt: int, at: float
    ) -> None:
        try:
            await recover()
        except Exception as error:
            says_no = isinstance(error, ToolError | RuntimeError)
            how: Literal["failed", "unknown"] = "failed" if says_no else "unknown"
            self.recoveries.append(Recovery(server.name, at, how))
            message = f"Recovery failed for {server.name} at t={at:g} ({attempt} of {ATTEMPTS}): {error}"
            await self._desk.alert(message, severity="high")
        else:
            self.recoveries.append(Recovery(server.name, at, "done"))
            await self._desk.notify(f"Recovery action executed for {server.name} at t={at:g}", "dashboard")

    async def _complain(self, server: Watched, message: str) -> None:
        alert_id = await self._desk.alert(message, severity="medium")
        if alert_id is not None and alert_id not in server.alert_ids:
            server.alert_ids.append(alert_id)

    async def _all_clear(self, server: Watched) -> None:
        """Resolve what was complained of, so that the next time is news again."""
        alert_ids, server.alert_ids = server.alert_ids, []
        for alert_id in alert_ids:
            try:
                await self._desk.repeat("communication-hub.resolve_alert", {"alert_id": alert_id})
            except Exception:
                server.alert_ids.append(alert_id)  # the next check that is well tries again

    def _tell(self, step: Awaitable[object]) -> None:
        """Do something beside the watch, which goes on however long that takes."""
        self._beside.create_task(_ended(step))


async def _ended(step: Awaitable[object]) -> None:
    await step


async def watch(hub: Hub, context_id: str) -> Watch:
    """Look at Docker and the cluster every 30 seconds for ten minutes."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    desk = Desk(hub, context_id=context_id)
    quick = Careful(hub, timeout=5.0, context_id=context_id)  # three attempts fit between two checks

    async def docker_answers() -> bool:
        try:
            return bool((await quick.repeat("docker.docker_ps", {"all": False}))["success"])
        except Exception:
            return False

    async def restart_docker() -> None:
        # Not repeated: a restart drops every container, and the next check shows what became of it.
        ran = await desk.call("desktop-commander.execute_command", {"command": RESTART})
        if not ran["success"]:
            raise RuntimeError(f"exit code {ran['exit_code']}: {ran['stderr']}")

    async def cluster_answers() -> bool:
        pods = {"resource_type": "pods", "namespace": "production"}
        return bool((await quick.repeat("kubernetes.kubectl_get", pods))["success"])

    servers = [
        Watched("docker", docker_answers, restart_docker),
        Watched("kubernetes", cluster_answers),  # nothing here can help it
    ]
    async with asyncio.TaskGroup() as beside:
        watcher = _Watcher(desk, beside)
        for number in range(CHECKS):
            await asyncio.sleep(began + number * CHECK_SECONDS - loop.time())
            await asyncio.gather(*(watcher.look_at(server) for server in servers))
    still_open = [f"{each} of {server.name} is open" for server in servers for each in server.alert_ids]
    untold = (*desk.untold, *still_open)
    return Watch(
        success=all(server.is_healthy for server in servers) and not untold,
        healthy={server.name: server.healthy_checks for server in servers},
        recoveries=tuple(watcher.recoveries),
        untold=untold,
    )
