"""What the patterns across servers have in common: a context of their own, and people who hear of failures."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from pytest_mcpflow import Answered, Context, Hub, Interaction, Run, Scenario, invariant
from pytest_mcpflow.fakes.communication_hub import CommunicationHub

__all__ = ["CrossServer", "context_of", "first_call", "is_well", "said"]


@contextmanager
def context_of(hub: Hub, name: str) -> Generator[str]:
    """Open a context for one workflow, and close it however the workflow ends."""
    context = hub.create_context(name)
    try:
        yield context.id
    finally:
        del hub.contexts[context.id]


def said(call: Interaction) -> Mapping[str, Any]:
    """What a call was answered, or nothing where there is no answer that reads as a mapping."""
    value = call.outcome.value if isinstance(call.outcome, Answered) else None
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def is_well(call: Interaction) -> bool:
    """Whether a call was answered with a success that says so."""
    return said(call).get("success") is True


def first_call(run: Run, tool: str, arguments: Mapping[str, Any]) -> Interaction:
    """The first call of a tool with these arguments among others; there must be one."""
    return next(each for each in run.calls(tool) if arguments.items() <= each.arguments.items())


@dataclass
class CrossServer(Scenario):
    """A scenario whose workflow returns a report with a `success`, and tells people by the communication hub."""

    people: CommunicationHub = field(default_factory=CommunicationHub)

    def connect(self, hub: Hub) -> None:
        self._contexts: Mapping[str, Context] = hub.contexts

    @invariant
    def a_failure_is_heard(self, run: Run) -> None:
        """A run that did not succeed has alerted people, unless alerts do not get through."""
        if run.error is not None or getattr(run.result, "success", None) is not True:
            tried = run.calls("send_alert")
            assert self.people.alerts or (tried and not tried[-1].ok)

    @invariant
    def every_call_has_a_context(self, run: Run) -> None:
        """Every call to a server is logged with the context it belongs to."""
        assert [each.call for each in run.transcript if each.context_id is None] == []

    @invariant
    def contexts_are_cleaned_up(self, run: Run) -> None:
        """When the workflow is over, no context is open, also where it failed."""
        assert [*self._contexts] == []
