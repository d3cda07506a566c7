"""Subscribers are told in order, what became of it is kept, and one that fails stops no other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pytest_mcpflow import Hub
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.prometheus_monitoring import PrometheusMonitoring


# region: pattern
@dataclass
class Event:
    kind: str
    version: str
    at: float
    failures: dict[str, str] = field(default_factory=dict[str, str])
    """What subscribers raised, by their names."""


Subscriber = Callable[[Event], Awaitable[object]]


class EventBus:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._subscribers = defaultdict[str, list[Subscriber]](list)
        self.history: list[Event] = []

    def subscribe(self, kind: str, subscriber: Subscriber) -> None:
        self._subscribers[kind].append(subscriber)

    async def publish(self, kind: str, version: str) -> Event:
        event = Event(kind, version, self._hub.clock.now())
        self.history.append(event)  # before anybody can fail
        for subscriber in tuple(self._subscribers[kind]):
            try:
                await subscriber(event)
            except Exception as error:
                event.failures[subscriber.__name__] = str(error)
        return event

    # endregion


# region: test
async def test_a_subscriber_that_fails_stops_no_other(mcpflow: Hub) -> None:
    mcpflow.serve(PrometheusMonitoring())
    people = mcpflow.serve(CommunicationHub())
    mcpflow.fail("prometheus-monitoring.update_deployment_status#1=refuse")
    bus = EventBus(mcpflow)

    async def note(event: Event) -> object:
        status = {"status": event.kind, "version": event.version}
        return await mcpflow.call_tool("prometheus-monitoring.update_deployment_status", status, timeout=60)

    async def tell(event: Event) -> object:
        notice = {"message": f"{event.version} {event.kind}", "channels": ["slack"]}
        return await mcpflow.call_tool("communication-hub.send_notification", notice, timeout=60)

    bus.subscribe("completed", note)
    bus.subscribe("completed", tell)

    event = await bus.publish("completed", "2.0")

    assert people.texts() == ["2.0 completed"]
    assert [*event.failures] == ["note"]
    assert bus.history == [event]
    # endregion
