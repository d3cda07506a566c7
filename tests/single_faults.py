"""Every single fault of a scenario's reference workflow, and whether it would go unnoticed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar

from planned import Fault, call_sites, plan_text

from pytest_mcpflow import DeadlockError, Hub, Scenario, Way, Workflow
from pytest_mcpflow.scenario import world_of
from pytest_mcpflow.schema import contract_of
from pytest_mcpflow.verdict import Judgement, judge

__all__ = ["Faulted", "each_call_failing", "faulted", "reference", "silent_under", "usual_report"]

S = TypeVar("S", bound=Scenario)


@dataclass(frozen=True)
class Faulted(Generic[S]):
    """A run in which `what` went wrong; `result` is what the workflow returned, `None` where it raised."""

    what: str
    scenario: S
    judgement: Judgement
    result: Any

    @property
    def is_as_documented(self) -> bool:
        return self.judgement.broken == ()

    @property
    def silence(self) -> str | None:
        """Why nobody would notice, or `None` if the run recovered or failed loudly."""
        return self.why_silent()

    def why_silent(self, *, report_tells: bool = False) -> str | None:
        """The same, for workflows whose report can be enough.

        Args:
            report_tells: A report that is not the usual one is loud enough: it says what went differently.
        """
        broken = [str(each) for each in self.judgement.broken if each.check not in ("expect", "workflow")]
        if broken:
            return f"{self.what}: breaks {'; '.join(broken)}"
        if isinstance(self.judgement.cause, DeadlockError):
            return f"{self.what}: waits for ever, {self.judgement.cause}"
        failed = self.judgement.cause is not None or getattr(self.result, "success", None) is not True
        tells = report_tells and self.result != usual_report(type(self.scenario))
        if not (self.is_as_documented or failed or tells):
            return f"{self.what}: says success, but {self.judgement.broken[0].why}"
        return None


@cache
def reference(scenario: type[Scenario]) -> Judgement:
    """The run of the reference workflow when nothing fails."""
    return judge(scenario(), way=Way.DIRECT)


@cache
def usual_report(scenario: type[Scenario]) -> Any:
    """What the reference workflow returns when nothing fails."""
    return faulted(scenario(), {}).result


def faulted(scenario: S, faults: Mapping[str, Fault], workflow: Workflow | None = None) -> Faulted[S]:
    """Run a workflow (the reference by default) with calls failing, by their sites as a plan has them."""
    returned: list[Any] = []

    async def watched(hub: Hub) -> Any:
        returned.append(await (workflow or scenario.workflow)(hub))
        return returned[0]

    plan = plan_text(faults)
    judgement = judge(scenario, way=Way.DIRECT, workflow=watched, plan=plan or None)
    return Faulted(plan, scenario, judgement, returned[0] if returned else None)


def each_call_failing(scenario: type[S], fault: Fault) -> Iterator[tuple[str, Faulted[S]]]:
    """The site and the run, for each call of the reference run failing alone."""
    transcript = reference(scenario).transcript
    world = world_of(scenario()).items()
    offered = {f"{server}.{tool}" for server, fake in world for tool in contract_of(type(fake)).tools}
    for call, site in zip(transcript, call_sites(transcript), strict=True):
        if call.site in offered:  # what is called and not there cannot fail otherwise
            yield call.site, faulted(scenario(), {site: fault})


def silent_under(scenario: type[Scenario], fault: Fault, *, report_tells: bool = False) -> list[str]:
    """What goes unnoticed when any one call fails, and when any one tool never works; see `Faulted.why_silent`."""
    alone = [*each_call_failing(scenario, fault)]
    never = [faulted(scenario(), {site: fault}) for site in sorted({site for site, _ in alone})]
    silences = [run.why_silent(report_tells=report_tells) for run in (*(run for _, run in alone), *never)]
    return [each for each in silences if each is not None]
