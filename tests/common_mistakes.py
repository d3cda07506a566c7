"""Mistakes that a workflow of any scenario could make, as tampering with a right one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tampering import Send, Tamper, answer

from pytest_mcpflow import CallResult, ToolError

__all__ = ["commit_everything", "pretend", "unheard"]


async def commit_everything(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Commits whatever lies about, secrets included."""
    if name.endswith("execute_command"):
        arguments["command"] = re.sub(r"^git add .*? &&", "git add . &&", arguments["command"])
    return await send(name, arguments)


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
