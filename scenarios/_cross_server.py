"""What the patterns across servers have in common: a context of their own, and people who hear of failures."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from pytest_mcpflow import Answered, Hub, Interaction, Run, Scenario, invariant
from pytest_mcpflow.fakes.communication_hub import CommunicationHub

__all__ = ["CrossServer", "context_of", "said"]


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


@dataclass
class CrossServer(Scenario):
    """A scenario whose workflow returns a report with a `success`, and tells people by the communication hub."""

    people: CommunicationHub = field(default_factory=CommunicationHub)

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
