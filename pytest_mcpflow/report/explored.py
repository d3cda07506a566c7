"""Exploring one workflow, and putting what came of it into the form that is printed and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

from pytest_mcpflow.errors import FaultPlanError, ScenarioError, nearest_phrase
from pytest_mcpflow.explore import result
from pytest_mcpflow.explore.engine import explore_subject
from pytest_mcpflow.explore.part import WHOLE, Part
from pytest_mcpflow.explore.subject import Subject
from pytest_mcpflow.faults.catalogue import KINDS
from pytest_mcpflow.faults.kind import FaultKind
from pytest_mcpflow.faults.plan import Fault, FaultPlan, covers
from pytest_mcpflow.report.finding import finding_block
from pytest_mcpflow.report.pinned import pin_scenario
from pytest_mcpflow.report.resilience import (
    KNOWN,
    Cell,
    Check,
    Collapsed,
    Counts,
    Finding,
    Pinned,
    Resilience,
    circumstances,
)
from pytest_mcpflow.scenario import Scenario, Workflow, world_of
from pytest_mcpflow.schema import contract_of
from pytest_mcpflow.transcript import alternatives, matches
from pytest_mcpflow.verdict import Broken, Judgement, Verdict
from pytest_mcpflow.ways import Era, Way

__all__ = [
    "Accepted",
    "ExploredSoFar",
    "Search",
    "accepted_of",
    "claim_with_excuses",
    "explore_scenario",
    "explore_with",
    "explored",
    "faults_of",
    "judged",
    "kinds_named",
]

Kinds = Mapping[str, type[FaultKind]]
Known = Callable[[str, str], bool]
"""Says of a plan and its verdict whether they are known."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """How far to look.

    Args:
        depth: The most faults at once.
        kinds: What is tried, by default what the explorer takes.
        runs: The most runs, of each workflow.
        seconds: The most real seconds, for each workflow.
        schedules: In how many other orders of ready tasks to run it without faults.
    """

    depth: int = 1
    kinds: tuple[FaultKind, ...] | None = None
    runs: int | None = None
    seconds: float | None = None
    schedules: int = 0

    @property
    def is_divisible(self) -> bool:
        """Whether parts of it can be explored apart: it goes on until all is tried, and most plans are not shared."""
        return self.depth > 1 and self.runs is None and self.seconds is None


@dataclass(frozen=True)
class Accepted:
    """What a scenario accepts: faults like this one, and why."""

    fault: Fault
    reason: str

    def covers(self, plan: FaultPlan) -> bool:
        """Whether a fault of a plan is of this kind, and at calls that this one names."""
        return any(
            covers(self.fault.site, fault.site)
            and self._names(fault.kind)
            and fault.first >= self.fault.first
            and (self.fault.last is None or (fault.last is not None and fault.last <= self.fault.last))
            for fault in plan.faults
        )

    def _names(self, kind: FaultKind) -> bool:
        """A kind that is written without arguments stands for all of them."""
        return kind == self.fault.kind or (kind.name == self.fault.kind.name == str(self.fault.kind))

    def __str__(self) -> str:
        return str(self.fault)


class ExploredSoFar(KeyboardInterrupt):
    """Somebody stopped an exploration; `resilience` is what it showed until then."""

    def __init__(self, resilience: Resilience) -> None:
        super().__init__(resilience.accounting)
        self.resilience = resilience


def kinds_named(texts: Sequence[str], kinds: Kinds = KINDS) -> tuple[FaultKind, ...]:
    """Kinds of faults from their texts, `delay(60)`.

    Raises:
        FaultPlanError: One is none.
    """
    return tuple(FaultPlan.parse(f"*.*={text.strip()}", kinds=kinds).faults[0].kind for text in texts)


def accepted_of(scenario: type[Scenario], kinds: Kinds = KINDS) -> tuple[Accepted, ...]:
    """What a scenario accepts.

    Raises:
        ScenarioError: It cannot be read, or says no reason.
    """
    accepted: list[Accepted] = []
    for text, reason in scenario.accepts.items():
        try:
            plan = FaultPlan.parse(text, kinds=kinds)
        except FaultPlanError as error:
            raise ScenarioError(f"{scenario.__qualname__}.accepts: {error}") from error
        if len(plan) != 1 or not reason.strip():
            raise ScenarioError(
                f"{scenario.__qualname__}.accepts: {text!r} has to be one fault, and to have a reason for it"
            )
        accepted.append(Accepted(plan.faults[0], reason))
    if accepted:
        _refuse_unknown(scenario, accepted)
    return tuple(accepted)


def _refuse_unknown(scenario: type[Scenario], accepted: Iterable[Accepted]) -> None:
    """Refuse what names no tool of the world, and so could never be met.

    Raises:
        ScenarioError: It does.
    """
    tools = [
        f"{name}.{tool}" for name, fake in world_of(scenario()).items() for tool in contract_of(fake).tools
    ]
    for each in accepted:
        for site in alternatives(each.fault.site):
            if not any(matches(site, tool) for tool in tools):
                raise ScenarioError(
                    f"{scenario.__qualname__}.accepts: {str(each)!r}: no server of its world has {site!r}; "
                    f"{nearest_phrase(site, tools)}"
                )


def faults_of(scenario: type[Scenario], kinds: Kinds = KINDS) -> tuple[FaultKind, ...] | None:
    """What can go wrong with the servers of a scenario; `None` if it does not say.

    Raises:
        ScenarioError: It cannot be read.
    """
    try:
        return kinds_named(scenario.faults, kinds) or None
    except FaultPlanError as error:
        raise ScenarioError(f"{scenario.__qualname__}.faults: {error}") from error


def explore_scenario(
    scenario: type[Scenario],
    search: Search,
    *,
    workflow: Workflow | None = None,
    workflow_reference: str | None = None,
    seed: int = 0,
    way: Way = Way.DIRECT,
    era: Era = Era.STATELESS,
    kinds: Kinds = KINDS,
    known: Known = lambda _plan, _verdict: False,
    part: Part = WHOLE,
) -> Resilience:
    """Explore a scenario, with its own workflow or another, or a part of it.

    Raises:
        ExplorationError: Its workflow fails without faults, or is not the same twice.
        ScenarioError: What it accepts, or what can go wrong, cannot be read.
        ExploredSoFar: Somebody stopped it.
    """
    accepted = accepted_of(scenario, kinds)
    if search.kinds is None:
        search = replace(search, kinds=faults_of(scenario, kinds))
    subject = Subject(scenario, workflow, seed, way, era)
    is_interrupted = False
    try:
        exploration = explore_with(subject, search, part=part)
    except result.Interrupted as stopped:
        exploration, is_interrupted = stopped.exploration, True

    def reproduce(judgement: Judgement) -> str:
        return replace(judgement, workflow_reference=workflow_reference).reproduce

    def pin(judgement: Judgement, why: Sequence[str]) -> Pinned:
        return pin_scenario(
            scenario.name,
            str(judgement.plan),
            why,
            seed=seed,
            way=way.value,
            era=era.value,
            workflow=workflow_reference,
            schedule=judgement.schedule,
        )

    resilience = explored(
        exploration,
        subject=subject,
        reproduce=reproduce,
        pin=pin,
        accepted=accepted,
        known=known,
        part=part,
    )
    if is_interrupted:
        raise ExploredSoFar(resilience)
    return resilience


def explore_with(subject: Subject, search: Search, *, part: Part = WHOLE) -> result.Exploration:
    """Explore anything that can be run under a plan."""
    return explore_subject(
        subject,
        depth=search.depth,
        kinds=search.kinds,
        runs=search.runs,
        seconds=search.seconds,
        permute=search.schedules,
        part=part,
    )


def judged(subject: Subject, plans: Sequence[FaultPlan]) -> result.Exploration:
    """Run under these plans and no others; none is made smaller."""
    began = perf_counter()
    judgements = [subject.judge(plan) for plan in plans]
    findings = [
        result.Finding(judgement.plan, judgement.plan, judgement)
        for judgement in judgements
        if not judgement.verdict.is_good
    ]
    depth = max(map(len, plans))
    return result.Exploration(
        name=subject.name,
        seed=subject.seed,
        depth=depth,
        baseline=judgements[0],
        findings=tuple(findings),
        cells=(),
        accounting=result.Accounting(depth, planned=len(plans), run=len(plans)),
        seconds=perf_counter() - began,
        runs=len(plans),
    )


def explored(
    exploration: result.Exploration,
    *,
    subject: Subject,
    reproduce: Callable[[Judgement], str],
    pin: Callable[[Judgement, Sequence[str]], Pinned],
    accepted: Sequence[Accepted] = (),
    known: Known = lambda _plan, _verdict: False,
    claim: str | None = None,
    part: Part = WHOLE,
) -> Resilience:
    """An exploration as data.

    Args:
        exploration: What came of it.
        subject: What was explored.
        reproduce: Says the command that repeats a run.
        pin: Writes a test of a run, and of what does not hold of it.
        accepted: What fails nothing.
        known: Says of a plan and its verdict whether they are in the baseline, and fail nothing either.
        claim: What follows from it, in place of what the exploration says.
        part: Which share of it this is.
    """

    def excuse(plan: FaultPlan, verdict: Verdict, schedule: int | None = None) -> str:
        if verdict.is_good:
            return ""
        reasons = (each.reason for each in accepted if each.covers(plan))
        is_known = known(circumstances(str(plan), schedule), verdict.value)
        return next(reasons, KNOWN if is_known else "")

    def told(finding: result.Finding) -> Finding:
        judgement = finding.judgement
        again = reproduce(judgement)
        return Finding(
            plan=str(finding.plan),
            found_as=str(finding.found_as),
            verdict=judgement.verdict.value,
            broken=tuple(Check(name=each.check, claim=each.claim, why=each.why) for each in judgement.broken),
            explanation=finding.explanation,
            reproduce=again,
            block=finding_block(finding, again),
            pinned=pin(judgement, [_said(each) for each in judgement.broken]),
            excuse=excuse(finding.plan, judgement.verdict, finding.schedule),
            schedule=finding.schedule,
            order=finding.order,
        )

    findings = [told(each) for each in exploration.findings]
    bad = [
        cell
        for cell in exploration.cells
        if excuse(cell.plan, cell.verdict) == "" and not cell.verdict.is_good
    ]
    if bad and all(finding.excuse for finding in findings):
        # It is like a finding that is excused, and at another call or of another kind, which is not.
        plan = bad[0].plan
        findings.append(told(result.Finding(plan, plan, subject.judge(plan))))
    account = exploration.accounting
    met = [each.plan for each in exploration.findings]
    met += [cell.plan for cell in exploration.cells if not cell.verdict.is_good]
    return Resilience(
        name=exploration.name,
        way=subject.way.value,
        era=subject.era.value,
        seed=exploration.seed,
        depth=exploration.depth,
        runs=exploration.runs,
        seconds=round(exploration.seconds, 3),
        claim=claim
        or claim_with_excuses(
            findings, depth=exploration.depth, runs=exploration.runs, proven=exploration.proven
        ),
        accounting=str(exploration.accounting),
        is_proven=exploration.proven,
        cells=tuple(
            Cell(
                site=cell.site,
                kind=cell.kind,
                verdict=cell.verdict.value,
                plan=str(cell.plan),
                excuse=excuse(cell.plan, cell.verdict),
            )
            for cell in exploration.cells
        ),
        findings=tuple(findings),
        unmet=tuple(f"{each} (accepted)" for each in accepted if not any(each.covers(plan) for plan in met)),
        notes=exploration.notes,
        counts=Counts(
            planned=account.planned,
            run=account.run,
            collapsed=account.collapsed,
            deferred=account.deferred,
            not_reached=account.not_reached,
            drawn=account.swarm,
            schedules=account.schedules,
            at_least=account.at_least,
        ),
        classes=tuple(
            Collapsed(site=each.site, kind=each.kind, like=each.like, plans=each.plans)
            for each in account.classes
        ),
        part=part.number,
        parts=part.count,
    )


def _said(broken: Broken) -> str:
    """A check by its claim, or where it makes none by why it does not hold."""
    why = broken.why.partition("\n")[0]
    return str(broken) if broken.claim or not why else f"{broken}: {why}"


def claim_with_excuses(findings: Sequence[Finding], *, depth: int, runs: int, proven: bool) -> str:
    """What can be said after these findings, and how many of them fail nothing."""
    claim = result.claim_of(len(findings), depth=depth, runs=runs, proven=proven)
    excused = sum(bool(finding.excuse) for finding in findings)
    if not excused:
        return claim
    return f"{claim}, {'' if excused == len(findings) else f'{excused} of them '}accepted or known"
