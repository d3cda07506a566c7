"""Runs of a scenario's workflow in which calls go wrong, and what is wrong with how such a run ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from faulty_hub import Fault, under

from pytest_mcpflow import DeadlockError, Hub, Scenario, Transcript, Workflow
from pytest_mcpflow.scenario import world_of
from pytest_mcpflow.verdict import Judgement, judge
from pytest_mcpflow.ways import Way

__all__ = ["Trial", "each_call", "each_tool", "reference", "trial"]


@dataclass(frozen=True)
class Trial:
    """One run: what went wrong in it, the world afterwards, the judgement, what the workflow returned."""

    faults: Mapping[int | str, Fault]
    scenario: Scenario
    judgement: Judgement
    result: Any

    @property
    def recovered(self) -> bool:
        """Whether everything came out as if nothing had gone wrong."""
        return not self.judgement.broken

    @property
    def problems(self) -> list[str]:
        """Broken rules, waiting for ever, and failures that nobody can see."""
        broken = [str(each) for each in self.judgement.broken if each.check not in ("expect", "workflow")]
        if isinstance(self.judgement.cause, DeadlockError):
            broken.append("hangs for ever")
        if not self.recovered and not self._is_said:
            broken.append("the result does not say that it failed")
        if not self.recovered and not self._is_heard:
            broken.append("nobody was alerted")
        return [f"{self.faults}: {each}" for each in broken]

    @property
    def _is_said(self) -> bool:
        return self.judgement.cause is not None or getattr(self.result, "success", True) is False

    @property
    def _is_heard(self) -> bool:
        people: Any = world_of(self.scenario)["communication-hub"]
        alerts = self.judgement.transcript.calls("communication-hub.send_alert")
        return bool(people.alerts) or (bool(alerts) and not any(each.ok for each in alerts))


def trial(
    scenario: type[Scenario], faults: Mapping[int | str, Fault], workflow: Workflow | None = None
) -> Trial:
    """Run a scenario's workflow, or another, with these faults."""
    world, returned = scenario(), list[Any]()

    async def watched(hub: Hub) -> Any:
        returned.append(await (workflow or world.workflow)(hub))
        return returned[0]

    judgement = judge(world, way=Way.DIRECT, workflow=under(watched, faults))
    return Trial(faults, world, judgement, returned[0] if returned else None)


@cache
def reference(scenario: type[Scenario]) -> Transcript:
    """What the workflow does when nothing goes wrong."""
    return trial(scenario, {}).judgement.transcript


def each_call(scenario: type[Scenario], fault: Fault) -> Iterator[Trial]:
    """A run for each call of the reference, in which that one goes wrong."""
    for number in range(len(reference(scenario))):
        yield trial(scenario, {number: fault})


def each_tool(scenario: type[Scenario], fault: Fault) -> Iterator[Trial]:
    """A run for each tool of the reference, in which every call of that one goes wrong."""
    for site in sorted(reference(scenario).counts()):
        yield trial(scenario, {site: fault})
