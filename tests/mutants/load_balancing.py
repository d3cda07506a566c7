"""Wrong ways to spread requests, and the check of the scenario that must say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tampering import Send, answer, tampered

from pytest_mcpflow import CallResult, Hub, ToolError, Workflow
from pytest_mcpflow.scenarios._coordinator import Coordinator, Served
from pytest_mcpflow.scenarios._load_trials import WEIGHTS, LoadReport, Trials
from pytest_mcpflow.scenarios.load_balancing import LoadBalancing

__all__ = ["MUTANTS"]


class WeighNothing(Coordinator):
    """Takes turns where weights were asked for."""

    async def weighted_request(self, tool: str, arguments: Mapping[str, Any]) -> Served:
        return await self.round_robin_request(tool, arguments)


class HopeForever(Coordinator):
    """Counts no server as dead, however often it fails."""

    def _count_failure(self, server: str, why: str) -> None:
        self.failed_calls += 1


class Forget(Coordinator):
    """Takes a request for answered once it failed, instead of passing it on."""

    async def round_robin_request(self, tool: str, arguments: Mapping[str, Any]) -> Served:
        server = self._next_in_turn(self.living)
        try:
            return await self.send(server, tool, arguments)
        except RuntimeError:
            return Served(server, answer({}), 0.0)


async def ask_the_first_always(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Sends whatever was meant for the second server to the first."""
    return await send(name.replace("context7-2.", "context7."), arguments)


async def lose_all_and_tell_nobody(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Reaches no server, and no person either."""
    if name.endswith("send_alert"):
        return answer({"success": True, "alert_id": "alert-1"})
    if name.startswith("context7."):
        return await send(name, arguments)
    raise ToolError(name.partition(".")[0], "context7_search_libraries", "502 Bad Gateway")


def _with(pool: type[Coordinator]) -> Workflow:
    async def run(hub: Hub) -> LoadReport:
        return await Trials(hub, pool(hub, WEIGHTS)).run()

    return run


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "weigh nothing": (_with(WeighNothing), "shares_are_kept"),
    "ask the first always": (tampered(LoadBalancing().workflow, ask_the_first_always), "shares_are_kept"),
    "hope forever": (_with(HopeForever), "a_dead_server_gets_no_more_calls"),
    "forget": (_with(Forget), "no_request_is_lost_unsaid"),
    "lose all and tell nobody": (
        tampered(LoadBalancing().workflow, lose_all_and_tell_nobody),
        "a_failure_is_heard",
    ),
}
"""Workflow and the check that catches it, by what is wrong with it."""
