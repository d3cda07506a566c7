"""Releases that publish what happens, and subscribers that do what follows from it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

from pytest_mcpflow import Hub
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._cross_server import context_of
from pytest_mcpflow.scenarios._feeds import rows
from pytest_mcpflow.scenarios._rollout import deploy, ready_revision, roll_back
from pytest_mcpflow.scenarios._storage import store_once

__all__ = ["HISTORY", "Event", "EventBus", "ReleaseReport", "release_all"]

HISTORY = "events.json"


@dataclass(frozen=True)
class Event:
    """Something that happened, when, and in which context."""

    type: str
    data: Mapping[str, str]
    context_id: str
    timestamp: str


@dataclass(frozen=True)
class Subscriber:
    """Somebody who does something about events of a type."""

    name: str
    handle: Callable[[Event], Awaitable[object]]


@dataclass(frozen=True)
class ReleaseReport:
    """The events in order; `failed` names the subscribers that did not do their work.

    `success` says that there are none, and that every deployment completed.
    """

    success: bool
    history: tuple[Event, ...]
    failed: tuple[str, ...]


class EventBus:
    """Tells the subscribers of an event one after the other, in the order in which they subscribed.

    Args:
        on_failure: Hears of a subscriber that failed; the others are told all the same.
    """

    def __init__(self, on_failure: Callable[[Event, Subscriber, Exception], Awaitable[object]]) -> None:
        self._on_failure = on_failure
        self._subscribers: dict[str, list[Subscriber]] = {}
        self.history: list[Event] = []

    def subscribe(self, event_type: str, name: str, handle: Callable[[Event], Awaitable[object]]) -> None:
        """Have `handle` called with each event of a type from now on."""
        self._subscribers.setdefault(event_type, []).append(Subscriber(name, handle))

    async def publish(self, event_type: str, data: Mapping[str, str], context_id: str) -> None:
        """Keep an event, and tell its subscribers."""
        event = Event(event_type, dict(data), context_id, datetime.now(UTC).isoformat())
        self.history.append(event)
        for subscriber in tuple(self._subscribers.get(event_type, ())):
            try:
                await subscriber.handle(event)
            except Exception as error:
                await self._on_failure(event, subscriber, error)


class _Office(Desk):
    """What subscribers do."""

    def __init__(self, hub: Hub, context_id: str) -> None:
        super().__init__(hub, context_id=context_id)
        self.failed: list[str] = []

    async def set_up_monitoring(self, event: Event) -> None:
        rules = {"service": event.data["service"], "environment": "production"}
        await self.repeat("prometheus-monitoring.setup_alerts", rules)

    async def announce(self, event: Event) -> None:
        await self._announce(event, "started" if event.type == "deployment.started" else "completed")

    async def note_version(self, event: Event) -> None:
        """Once: a mark too few in the graphs is better than two."""
        status = {"status": "active", "version": event.data["version"]}
        await self.call("prometheus-monitoring.update_deployment_status", status)

    async def back_up(self, event: Event) -> None:
        name = f"deployment_{event.data['service']}_{event.data['version']}"
        wanted = {"source": "k8s/", "backup_name": name, "idempotency_token": name}
        await store_once(self, "backup_config", wanted, key=f"config/{name}")

    async def roll_back(self, event: Event) -> None:
        service, revision = event.data["service"], event.data.get("revision")
        is_undone = revision is not None and await roll_back(
            self, service, "production", to_revision=int(revision)
        )
        await self._announce(event, "rolled_back" if is_undone else "failed")

    async def call_people(self, event: Event) -> None:
        data = event.data
        message = f"{data['service']} {data['version']} failed: {data['error']}"
        if await self.alert(message, {"event_type": event.type}, severity="high") is None:
            raise RuntimeError("nobody was reached")

    async def tell_of_failure(self, event: Event, subscriber: Subscriber, error: Exception) -> None:
        self.failed.append(f"{subscriber.name} of {event.data['service']}")
        about = {"event_type": event.type, "handler": subscriber.name}
        message = f"Event handler failed: {subscriber.name} of {event.data['service']}: {error}"
        await self.alert(message, about, severity="high")

    async def _announce(
        self, event: Event, status: Literal["started", "completed", "failed", "rolled_back"]
    ) -> None:
        missed = len(self.untold)
        await self.broadcast("production", event.data["service"], status, version=event.data["version"])
        if len(self.untold) > missed:
            raise RuntimeError(f"not told: {self.untold.pop()}")


async def release_all(hub: Hub, bus_type: type[EventBus] = EventBus) -> ReleaseReport:
    """Deploy what `releases.txt` names, one after the other, and publish what becomes of each."""
    with context_of(hub, "event-bus") as context_id:
        office = _Office(hub, context_id)
        bus = bus_type(office.tell_of_failure)
        bus.subscribe("deployment.started", "set up monitoring", office.set_up_monitoring)
        bus.subscribe("deployment.started", "announce", office.announce)
        bus.subscribe("deployment.completed", "note version", office.note_version)
        bus.subscribe("deployment.completed", "back up", office.back_up)
        bus.subscribe("deployment.completed", "announce", office.announce)
        bus.subscribe("deployment.failed", "roll back", office.roll_back)
        bus.subscribe("deployment.failed", "call people", office.call_people)
        try:
            releases = rows(await office.read("releases.txt"), "service", "version")
        except Exception as error:
            await office.alert(f"Nothing can be released: {error}", severity="high")
            raise
        for service, version in releases:
            data = {"service": service, "version": version}
            await bus.publish("deployment.started", data, context_id)
            try:
                before = await ready_revision(office, service, "production")
                data["revision"] = str(before)
                await deploy(office, service, "production", f"k8s/{service}.yaml", before=before)
            except Exception as error:
                await bus.publish("deployment.failed", {**data, "error": str(error)}, context_id)
            else:
                await bus.publish("deployment.completed", data, context_id)
        await _keep_history(office, bus)
        success = not office.failed and not any(each.type == "deployment.failed" for each in bus.history)
        return ReleaseReport(success, tuple(bus.history), tuple(office.failed))


async def _keep_history(office: _Office, bus: EventBus) -> None:
    try:
        await office.write(HISTORY, json.dumps([asdict(event) for event in bus.history]))
    except Exception as error:
        office.failed.append(HISTORY)
        await office.alert(f"The history cannot be written: {error}", severity="high")
