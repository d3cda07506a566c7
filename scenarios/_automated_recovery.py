"""The reference answer to `automated-disaster-recovery`: assess, alert, look, act, back up, verify, report."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pytest_mcpflow import CallResult, Hub
from pytest_mcpflow.scenarios._careful import Desk

__all__ = ["BACKUP_DATABASE", "DUMP", "KINDS", "Recoveries", "Recovery", "recover_from_each"]

IncidentType = Literal["service_failure", "database_failure", "infrastructure_failure"]
KINDS: tuple[IncidentType, ...] = ("service_failure", "database_failure", "infrastructure_failure")
BACKUP_DATABASE = "postgres-standby"
VERIFY_SECONDS, HOUR = 300, 3600
DUMP = "pg_dump $DATABASE_URL | gzip > /tmp/emergency_backup_$(date +%s).sql.gz"
BACKUPS: dict[str, tuple[str, dict[str, Any]]] = {
    "s3-storage": ("s3-storage.emergency_backup", {"source": "production-data", "priority": "high"}),
    "pg_dump": ("desktop-commander.execute_command", {"command": DUMP}),
}
ACTIONS: dict[IncidentType, tuple[str, dict[str, Any]]] = {
    "service_failure": ("kubernetes.kubectl_apply", {"manifest_path": "k8s/production/"}),
    "database_failure": (
        "kubernetes.kubectl_patch",
        {"name": "app", "env": {"DATABASE_URL": BACKUP_DATABASE}},
    ),
    "infrastructure_failure": ("kubernetes.kubectl_apply", {"manifest_path": "k8s/backup-region/"}),
}


@dataclass(frozen=True)
class Recovery:
    """How an incident ended.

    Args:
        action: The tool that answered it, `None` where that did not work.
        recovered: The action ran, and verification passed afterwards.
        unhealthy_before: The services that were not well, `None` where nobody could say.
        backups, missing: Which backups were made, and which were not.
        unchecked: What was to be looked at before acting, and did not answer.
    """

    incident: IncidentType
    action: str | None
    recovered: bool
    unhealthy_before: tuple[str, ...] | None
    backups: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        lacks = self.missing or self.unchecked or self.unhealthy_before is None
        return self.recovered and not lacks


@dataclass(frozen=True)
class Recoveries:
    """`success` says that each incident was recovered from, and that nothing was missing on the way."""

    success: bool
    recoveries: tuple[Recovery, ...]
    untold: tuple[str, ...] = ()


async def recover_from_each(hub: Hub, context_id: str) -> Recoveries:
    """Answer one incident of each kind, an hour apart."""
    # Verification waits by itself, so that its answer may take as long.
    desk = Desk(hub, context_id=context_id)
    patient = Desk(hub, timeout=VERIFY_SECONDS + 30, context_id=context_id)
    recoveries: list[Recovery] = []
    for kind in KINDS:
        recoveries.append(await _Responder(desk, patient, kind).recover())
        await asyncio.sleep(HOUR)
    is_complete = all(each.is_complete for each in recoveries)
    return Recoveries(is_complete and not desk.untold, tuple(recoveries), tuple(desk.untold))


class _Responder:
    """Answers one incident."""

    def __init__(self, desk: Desk, patient: Desk, incident: IncidentType) -> None:
        self._desk, self._patient = desk, patient
        self._incident: IncidentType = incident

    async def recover(self) -> Recovery:
        sick = await self._assess()
        await self._alert("started", {"unhealthy": "unknown" if sick is None else [*sick]})
        unchecked = await self._look()
        action, acted = ACTIONS[self._incident][0], await self._act()
        backups, missing = await self._back_up()
        # What was not acted upon may be well all the same, and is not called recovered.
        recovered = await self._verify() and acted
        outcome = "Recovered from" if recovered else "NOT recovered from"
        untold = len(self._desk.untold)
        await self._desk.notify(
            f"{outcome} {self._incident}",
            *("slack", "email", "dashboard"),
            priority="critical",
            template="incident",
        )
        used = action if acted else None
        recovery = Recovery(self._incident, used, recovered, sick, backups, missing, unchecked)
        if not recovery.is_complete or len(self._desk.untold) > untold:
            lacking = {"missing": [*missing], "unchecked": [*unchecked], "untold": self._desk.untold[untold:]}
            await self._alert("incomplete" if recovered else "failed", lacking)
        return recovery

    async def _assess(self) -> tuple[str, ...] | None:
        """The services that are not well; without an answer there is nothing to wait for."""
        asked = {"include_metrics": True, "time_range": "1h"}
        try:
            health = await self._desk.repeat("prometheus-monitoring.get_system_health", asked)
        except Exception:
            return None
        return tuple(each["service"] for each in health["services"] if not each["healthy"])

    async def _look(self) -> tuple[str, ...]:
        """Look at everything side by side; what gave no answer, by its tool."""
        looks: dict[str, Awaitable[CallResult]] = {
            "kubernetes.kubectl_get": self._desk.repeat(
                "kubernetes.kubectl_get", {"resource_type": "pods", "namespace": "production"}
            ),
            "docker.docker_ps": self._desk.repeat("docker.docker_ps", {"all": False}),
            "desktop-commander.execute_command": self._desk.run("systemctl status critical-services"),
        }
        answers = await asyncio.gather(*looks.values(), return_exceptions=True)
        return tuple(
            tool for tool, answer in zip(looks, answers, strict=True) if isinstance(answer, BaseException)
        )

    async def _act(self) -> bool:
        """Do what helps against this kind of incident, which may be repeated; whether it is certainly done."""
        tool, arguments = ACTIONS[self._incident]
        return await _succeeds(self._desk.repeat(tool, {**arguments, "namespace": "production"}))

    async def _back_up(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Back up by both ways there are; those that worked, and those that did not."""
        counts = (self._versions, self._dumps)
        before = await asyncio.gather(*(count() for count in counts), return_exceptions=True)
        results = await asyncio.gather(
            *(
                self._once(tool, backup, count, known)
                for (tool, backup), count, known in zip(BACKUPS.values(), counts, before, strict=True)
            ),
            return_exceptions=True,
        )
        failed = {name for name, result in zip(BACKUPS, results, strict=True) if result is not None}
        return tuple(each for each in BACKUPS if each not in failed), tuple(sorted(failed))

    async def _once(
        self, tool: str, backup: Mapping[str, Any], count: Callable[[], Awaitable[int]], before: object
    ) -> None:
        """Make a backup; whether it was made shows in the number of those there are."""
        if not isinstance(before, int):
            raise RuntimeError(f"nobody knows which backups there are: {before}")

        async def is_made() -> bool:
            return await count() > before

        await self._desk.once(tool, backup, done=is_made)

    async def _versions(self) -> int:
        key = {"prefix": "emergency/high/production-data"}
        found: list[Mapping[str, Any]] = (await self._desk.repeat("s3-storage.list_objects", key))["result"]
        return sum(int(each["versions"]) for each in found)

    async def _dumps(self) -> int:
        return str((await self._desk.run("ls /tmp"))["stdout"]).count("emergency_backup_")

    async def _verify(self) -> bool:
        """Whether the service is well by both ways there are of asking; no answer is a no."""
        service = {"service": "app", "environment": "production", "timeout": VERIFY_SECONDS}
        healthy, reachable = await asyncio.gather(
            _succeeds(self._patient.repeat("prometheus-monitoring.verify_service_health", service)),
            _succeeds(self._desk.run("curl -f https://app.example/health")),
        )
        return healthy and reachable

    async def _alert(
        self, what: Literal["started", "failed", "incomplete"], metadata: Mapping[str, Any]
    ) -> None:
        await self._desk.alert(
            f"Disaster recovery {what}: {self._incident}",
            {"incident_type": self._incident, **metadata},
            escalation_policy="critical",
        )


async def _succeeds(call: Awaitable[CallResult]) -> bool:
    try:
        return (await call)["success"] is True
    except Exception:
        return False
