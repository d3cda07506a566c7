"""Wrong event buses, and the check of the scenario that must say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tampering import Send, tampered

from pytest_mcpflow import CallResult, Hub, ToolError, Workflow
from pytest_mcpflow.scenarios._event_bus_workflow import EventBus, ReleaseReport, release_all
from pytest_mcpflow.scenarios.event_bus import EventBus as EventBusScenario

__all__ = ["MUTANTS"]


class Stopping(EventBus):
    """Gives an event up at the first subscriber that fails."""

    async def publish(self, event_type: str, data: Mapping[str, str], context_id: str) -> None:
        subscribers = self._subscribers[event_type]
        for number in range(len(subscribers)):
            failed_before = await self._fails(event_type, number, data, context_id)
            if failed_before:
                break

    async def _fails(self, event_type: str, number: int, data: Mapping[str, str], context_id: str) -> bool:
        bus, failures = EventBus(self._on_failure), list[str]()
        one = self._subscribers[event_type][number]

        async def handle(event: Any) -> None:
            try:
                await one.handle(event)
            except Exception:
                failures.append(one.name)
                raise

        bus.subscribe(event_type, one.name, handle)
        await bus.publish(event_type, data, context_id)
        self.history += bus.history if number == 0 else []
        return bool(failures)


class LastFirst(EventBus):
    """Tells the newest subscriber first."""

    async def publish(self, event_type: str, data: Mapping[str, str], context_id: str) -> None:
        self._subscribers[event_type].reverse()
        await super().publish(event_type, data, context_id)
        self._subscribers[event_type].reverse()


class Forgetful(EventBus):
    """Keeps only what went well."""

    async def publish(self, event_type: str, data: Mapping[str, str], context_id: str) -> None:
        await super().publish(event_type, data, context_id)
        self.history = [event for event in self.history if event.type != "deployment.failed"]


async def refuse_rules(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Monitoring takes no rules."""
    if name.endswith("setup_alerts"):
        raise ToolError("prometheus-monitoring", "setup_alerts", 'undefined receiver "on-call" used in route')
    return await send(name, arguments)


async def undo_twice(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Repeats the undoing, as after a lost answer, without saying where to."""
    if name.endswith("rollout_undo"):
        del arguments["to_revision"]
        await send(name, arguments)
    return await send(name, arguments)


async def stop_at_a_failure(hub: Hub) -> ReleaseReport:
    return await release_all(hub, Stopping)


async def last_first(hub: Hub) -> ReleaseReport:
    return await release_all(hub, LastFirst)


async def forget_failures(hub: Hub) -> ReleaseReport:
    return await release_all(hub, Forgetful)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "stop at a failing subscriber": (
        tampered(stop_at_a_failure, refuse_rules),
        "a_failing_subscriber_stops_no_other",
    ),
    "tell the last subscriber first": (last_first, "subscribers_are_told_in_order"),
    "forget failures": (forget_failures, "the_history_is_kept"),
    "undo twice": (tampered(EventBusScenario().workflow, undo_twice), "undone_once"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
