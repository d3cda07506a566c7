"""Reading and mailing on servers that may fail at any time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pytest_mcpflow import CallResult, ToolError
from pytest_mcpflow.scenarios._careful import Desk, together
from pytest_mcpflow.scenarios._coordinator import Coordinator, NoServerError

__all__ = ["GATEWAYS", "MAX_ATTEMPTS", "SERVERS", "TIMEOUT_SECONDS", "FailoverReport", "Reading"]

SERVERS = {"context7": 1, "context7-2": 1, "context7-3": 1}
GATEWAYS = ("communication-hub", "communication-hub-2", "communication-hub-3")
MAX_ATTEMPTS = 3
TIMEOUT_SECONDS = 30.0
SEARCH: dict[str, Any] = {"query": "fastapi authentication", "limit": 5}
LIBRARIES = ("fastapi", "flask")


@dataclass(frozen=True)
class FailoverReport:
    """Who answered each request in the end, what is documented nowhere, why servers are dead, who sent the notice."""

    success: bool
    answered_by: Mapping[str, str]
    not_documented: tuple[str, ...] = ()
    dead: Mapping[str, str] = field(default_factory=dict[str, str])
    notice_sent_by: str | None = None
    error: str | None = None


class Reading:
    """Reads about libraries from whichever server answers, and mails what it read, once."""

    def __init__(self, desk: Desk, pool: Coordinator) -> None:
        self._desk, self._pool = desk, pool
        self._answered_by: dict[str, str] = {}

    async def run(self) -> FailoverReport:
        report = FailoverReport(success=False, answered_by=self._answered_by, dead=self._pool.dead)
        try:
            await self._ask("context7_search_libraries", SEARCH, SEARCH["query"])
            read = await together(*map(self._read, LIBRARIES))
            missing = tuple(library for library, text in zip(LIBRARIES, read, strict=True) if text is None)
            told = [
                text or f"{library} is not documented" for library, text in zip(LIBRARIES, read, strict=True)
            ]
            sent_by = await self._mail("; ".join(told))
            report = replace(report, success=True, not_documented=missing, notice_sent_by=sent_by)
        except Exception as error:
            report = replace(report, error=str(error))
            await self._desk.alert(f"nothing was mailed for certain: {error}", severity="high")
        if report.dead and await self._desk.alert(f"dead: {', '.join(report.dead)}", severity="high") is None:
            report = replace(report, success=False, error="nobody was told which servers are dead")
        return report

    async def _read(self, library: str) -> str | None:
        """What there is to say of a library, or `None` where it is not documented."""
        try:
            documentation = await self._ask("context7_get_documentation", {"library": library}, library)
        except ToolError as refusal:
            if refusal.message.startswith("404"):
                return None
            raise
        return f"{library} {documentation['version']}: {len(documentation['sections'])} sections"

    async def _ask(self, tool: str, arguments: Mapping[str, Any], about: str) -> CallResult:
        served = await self._pool.failover_request(tool, arguments, max_attempts=MAX_ATTEMPTS)
        self._answered_by[about] = served.server
        return served.answer

    async def _mail(self, message: str) -> str:
        """Let the first gateway that can send a mail; the gateway's name.

        Raises:
            NoServerError: None can, or one did not answer and does not say either what it has done.
        """
        # The key is for a request that the network delivers twice; gateways know nothing of each other's keys.
        notice = {"message": message, "channels": ["email"], "deduplication_key": message}
        failures: list[str] = []
        for gateway in GATEWAYS[:MAX_ATTEMPTS]:
            try:
                answer = await self._desk.call(f"{gateway}.send_notification", notice)
                if answer["success"]:
                    return gateway
                failures.append(f"{gateway} delivered nothing")
            except Exception as error:
                failures.append(f"{gateway}: {error}")
                await asyncio.sleep(1)  # what is late by less than that is seen
                if await self._has_mailed(gateway, message):
                    return gateway
        raise NoServerError("; ".join(failures))

    async def _has_mailed(self, gateway: str, message: str) -> bool:
        try:
            sent = await self._desk.repeat(f"{gateway}.list_messages", {"kind": "notification"})
        except Exception as error:
            raise NoServerError(
                f"whether {gateway} has mailed is not known, so nobody else does: {error}"
            ) from error
        return any(each["message"] == message and each["delivered_to"] for each in sent["result"])
