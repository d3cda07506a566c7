"""Wrong recoveries, and the check of the scenario that must say so."""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from typing import Any

from common_mistakes import commit_everything, unheard
from tampering import Send, Tamper, answer, tampered

from pytest_mcpflow import CallResult, Hub, ToolError, Workflow
from pytest_mcpflow.scenarios.disaster_recovery import DisasterRecovery, RecoveryReport

__all__ = ["MUTANTS"]


async def restore_over_staging(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Tries a database that is alive first."""
    if name.endswith("restore_snapshot"):
        with contextlib.suppress(ToolError):
            await send(name, {**arguments, "database": "shop-staging"})
    return await send(name, arguments)


async def make_room(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Drops a database to make room."""
    if name.endswith("create_database"):
        await send("droplet-executor.drop_database", {"database": "shop-staging", "force": True})
    return await send(name, arguments)


async def restore_the_newest(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Takes the newest snapshot, which holds nothing."""
    if name.endswith("restore_snapshot"):
        arguments["snapshot_id"] = "snapshot-0402"
    return await send(name, arguments)


async def replay_twice(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Repeats the replay without looking."""
    result = await send(name, arguments)
    if name.endswith("replay_transaction_log"):
        with contextlib.suppress(ToolError):
            await send(name, arguments)
    return result


async def hurry(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Lets a service use the instance before the log was replayed."""
    result = await send(name, arguments)
    if name.endswith("restore_snapshot"):
        early = {"host": "prod-1", "service": "api", "database": arguments["database"]}
        await send("droplet-executor.set_service_database", early)
    return result


async def deploy_the_newest(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Uses the opportunity for an upgrade."""
    if name.endswith(".deploy") and arguments["service"] == "api":
        arguments["version"] = "2.5.0"
    return await send(name, arguments)


async def skip_the_tests(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Takes the integration tests for granted."""
    if arguments.get("command") == "npm run test:integration":
        return answer({"success": True, "exit_code": 0, "stdout": "31 passed", "stderr": ""})
    return await send(name, arguments)


async def open_two_issues(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Repeats what cannot be looked at."""
    if name.endswith("create_issue"):
        await send(name, arguments)
    return await send(name, arguments)


async def keep_the_window_quiet(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Tells people that data may be missing, and not of which hours."""
    if name.startswith("communication-hub.send"):
        arguments["message"] = re.sub(r"\d{4}-\S+Z", "a while ago", arguments["message"])
    return await send(name, arguments)


async def lose_nothing(hub: Hub) -> RecoveryReport:
    """Reports that no order is missing."""
    return replace(await DisasterRecovery().workflow(hub), missing_orders=())


async def shorten_the_window(hub: Hub) -> RecoveryReport:
    """Reports a window that is too short."""
    report = await DisasterRecovery().workflow(hub)
    return replace(report, window=(report.window[0], report.window[0]))


def _of(tamper: Tamper) -> Workflow:
    return tampered(DisasterRecovery().workflow, tamper)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "restore over staging": (_of(restore_over_staging), "nothing_alive_is_overwritten"),
    "make room": (_of(make_room), "nothing_alive_is_overwritten"),
    "restore the newest": (_of(restore_the_newest), "recovers_to_before_the_loss"),
    "keep the window quiet": (_of(keep_the_window_quiet), "loss_is_always_reported"),
    "lose nothing": (lose_nothing, "loss_is_always_reported"),
    "shorten the window": (shorten_the_window, "loss_is_always_reported"),
    "replay twice": (_of(replay_twice), "no_log_is_replayed_twice"),
    "hurry": (_of(hurry), "services_never_see_a_half_restored_database"),
    "deploy the newest": (_of(deploy_the_newest), "nothing_new_is_deployed"),
    "skip the tests": (_of(skip_the_tests), "online_is_what_was_tested"),
    "open two issues": (_of(open_two_issues), "one_issue_and_one_instance"),
    "commit everything": (_of(commit_everything), "the_secret_stays_on_the_desktop"),
    "fail unheard": (_of(unheard("create_database")), "a_failure_is_heard"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
