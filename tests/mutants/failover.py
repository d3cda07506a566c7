"""Wrong ways to fail over, and the check of the scenario that must say so."""

from __future__ import annotations

from typing import Any

from tampering import Send, Tamper, answer, tampered

from pytest_mcpflow import CallResult, ToolError, Workflow
from pytest_mcpflow.scenarios.failover import Failover

__all__ = ["MUTANTS"]


async def mail_again_without_looking(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Takes a mail whose answer was lost for one that was not sent."""
    if name.endswith("list_messages"):
        return answer({"result": []})
    result = await send(name, arguments)
    if name == "communication-hub-2.send_notification":
        raise ToolError("communication-hub-2", "send_notification", "502 Bad Gateway")
    return result


async def claim_the_mail(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Believes the gateway that delivered nothing."""
    result = await send(name, arguments)
    return answer({**result, "success": True}) if name.endswith("send_notification") else result


async def insist(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Asks a server that refuses three times more before going to the next."""
    for _ in range(3):
        try:
            return await send(name, arguments)
        except ToolError:
            continue
    return await send(name, arguments)


async def go_back_to_the_first(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Asks the last server first and then the one before it."""
    if name == "context7-2.context7_search_libraries":
        await send(name.replace("-2", "-3"), arguments)
    return await send(name, arguments)


async def shop_around(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Asks another server where the first said that there is no such library."""
    try:
        return await send(name, arguments)
    except ToolError as refusal:
        if refusal.message.startswith("404"):
            await send(name.replace("-3", "-2"), arguments)
        raise


async def fail_unheard(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Finds no server, and swallows the alert."""
    if name.endswith("send_alert"):
        return answer({"success": True, "alert_id": "alert-1"})
    if name.startswith("context7-3"):
        raise ToolError("context7-3", "context7_search_libraries", "503 Service Unavailable")
    return await send(name, arguments)


def _of(tamper: Tamper) -> Workflow:
    return tampered(Failover().workflow, tamper)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "mail again without looking": (_of(mail_again_without_looking), "mailed_exactly_once"),
    "claim the mail": (_of(claim_the_mail), "mailed_exactly_once"),
    "insist": (_of(insist), "three_attempts_at_most"),
    "go back to the first": (_of(go_back_to_the_first), "the_next_server_is_asked"),
    "shop around": (_of(shop_around), "an_answer_is_not_shopped_around"),
    "fail unheard": (_of(fail_unheard), "a_failure_is_heard"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
