"""Mistakes that a workflow of any scenario could make, as tampering with a right one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from tampering import Send, Tamper, answer, tampered

from pytest_mcpflow import CallResult, Hub, ToolError, Workflow

__all__ = ["commit_everything", "one_after_the_other", "pretend", "unheard"]


async def commit_everything(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Commits whatever lies about, secrets included."""
    if name.endswith("execute_command"):
        arguments["command"] = re.sub(r"^git add .*? &&", "git add . &&", arguments["command"])
    return await send(name, arguments)


async def deploy_twice(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Repeats each deployment under another key, as a blind retry would."""
    if name.endswith(".deploy"):
        await send(name, {**arguments, "idempotency_key": f"again on {arguments['host']}"})
    return await send(name, arguments)


def unseen(host: str, service: str, version: str) -> Tamper:
    """Takes it for granted that a version answers on a host."""
    answers = {"healthy": True, "version": version}
    return pretend("check_health", {"healthy": True, "services": {service: answers}}, host=host)


def pretend(tool: str, values: Mapping[str, Any], **only: object) -> Tamper:
    """Leaves out the calls of a tool with these arguments, and goes on as if they had been answered so."""

    async def tamper(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
        if name.endswith(f".{tool}") and only.items() <= arguments.items():
            return answer(values)
        return await send(name, arguments)

    return tamper


def unheard(tool: str) -> Tamper:
    """Loses all alerts, and a tool that never works."""

    async def tamper(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
        if name.endswith(".send_alert"):
            return answer({"success": True, "alert_id": "alert-1"})
        if name.endswith(f".{tool}"):
            raise ToolError(name.partition(".")[0], tool, "503 Service Unavailable")
        return await send(name, arguments)

    return tamper


def one_after_the_other(workflow: Workflow, *tools: str) -> Workflow:
    """Waits for one of these tools before it calls the next, where they do not need each other."""

    async def run(hub: Hub) -> Any:
        turn = asyncio.Lock()

        async def wait(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
            if not name.endswith(tools):
                return await send(name, arguments)
            async with turn:
                return await send(name, arguments)

        return await tampered(workflow, wait)(hub)

    return run
