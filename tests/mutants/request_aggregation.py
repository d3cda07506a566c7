"""Wrong ways to collect answers, and the check of the scenario that must say so."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from tampering import Send, answer, tampered

from pytest_mcpflow import CallResult, Hub, ToolError, Workflow
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._coordinator import Coordinator, Served
from pytest_mcpflow.scenarios._cross_server import context_of
from pytest_mcpflow.scenarios.request_aggregation import SERVERS, Aggregate, RequestAggregation, aggregated

__all__ = ["MUTANTS"]

Answers = list[Served | Exception]
Questions = Sequence[Mapping[str, Any]]


class TakeThemAsTheyCome(Coordinator):
    """Collects answers in the order in which they arrive."""

    async def aggregate_request(self, tool: str, arguments_list: Questions) -> Answers:
        answers: Answers = []

        async def one(arguments: Mapping[str, Any]) -> None:
            try:
                answers.append(await self.round_robin_request(tool, arguments))
            except Exception as error:
                answers.append(error)

        await asyncio.gather(*map(one, arguments_list))
        return answers


class LeaveOutFailures(Coordinator):
    """Collects only what was answered."""

    async def aggregate_request(self, tool: str, arguments_list: Questions) -> Answers:
        answers = await super().aggregate_request(tool, arguments_list)
        return [each for each in answers if isinstance(each, Served)]


class FailTogether(Coordinator):
    """Takes one failure for the failure of all."""

    async def aggregate_request(self, tool: str, arguments_list: Questions) -> Answers:
        answers = await super().aggregate_request(tool, arguments_list)
        failures = [each for each in answers if isinstance(each, Exception)]
        return [failures[0] for _ in answers] if failures else answers


async def keep_failures_back(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Tells people only what is documented."""
    if name.endswith("send_notification"):
        arguments["message"] = arguments["message"].partition(";")[0]
    return await send(name, arguments)


async def lose_a_server_unheard(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Gets no answer from anywhere, and keeps it to itself."""
    if name.startswith("context7"):
        raise ToolError("context7", "context7_get_documentation", "503 Service Unavailable")
    return answer({"success": True, "alert_id": "alert-1"})


def _with(pool: type[Coordinator]) -> Workflow:
    async def run(hub: Hub) -> Aggregate:
        with context_of(hub, "wrong") as context_id:
            servers = pool(hub, dict.fromkeys(SERVERS, 1), context_id=context_id)
            return await aggregated(Desk(hub, context_id=context_id), servers)

    return run


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "take them as they come": (_with(TakeThemAsTheyCome), "results_are_in_the_order_of_the_questions"),
    "leave out failures": (_with(LeaveOutFailures), "results_are_in_the_order_of_the_questions"),
    "fail together": (_with(FailTogether), "each_failure_has_its_index"),
    "keep failures back": (
        tampered(RequestAggregation().workflow, keep_failures_back),
        "people_hear_of_each_failure",
    ),
    "lose a server unheard": (
        tampered(RequestAggregation().workflow, lose_a_server_unheard),
        "a_failure_is_heard",
    ),
}
"""Workflow and the check that catches it, by what is wrong with it."""
