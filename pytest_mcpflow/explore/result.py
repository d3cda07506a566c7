"""What an exploration found out: failures, one cell for each single fault, and an account of what was tried."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pytest_mcpflow.faults.plan import FaultPlan
from pytest_mcpflow.verdict import Judgement, Verdict

__all__ = ["Accounting", "Cell", "Collapsed", "Exploration", "Finding", "Interrupted", "claim_of"]

SHOWN_CLASSES = 6


@dataclass(frozen=True)
class Finding:
    """A way in which the workflow fails and nobody would know, hangs, or leaves something behind.

    Args:
        plan: The smallest plan found that makes it fail this way; the judgement is of this one.
        found_as: The plan under which the search met it first.
        judgement: The run under `plan`.
        explanation: Which elements matter, and which kind or value does not, one sentence each.
        runs_until_found: How many runs the search had made then, this one included.
        runs_to_shrink: How many further runs it took to find `plan`.
        runs_to_explain: And how many more to explain it.
        schedule: The order of ready tasks under which it fails without any fault, `None` if it takes a fault.
        order: When the plan by which it was found has its turn, the same in each part of a divided search.
    """

    plan: FaultPlan
    found_as: FaultPlan
    judgement: Judgement
    explanation: tuple[str, ...] = ()
    runs_until_found: int = 0
    runs_to_shrink: int = 0
    runs_to_explain: int = 0
    schedule: int | None = None
    order: tuple[float, int, float] = (0.0, 0, 0.0)

    @property
    def checks(self) -> tuple[str, ...]:
        """The names of the checks that do not hold."""
        return tuple(broken.check for broken in self.judgement.broken)

    def __str__(self) -> str:
        broken = "; ".join(map(str, self.judgement.broken)) or str(self.judgement.cause or "")
        where = self.plan if self.schedule is None else f"no fault, schedule {self.schedule}"
        return f"{where}: {self.judgement.verdict}" + (f": {broken}" if broken else "")


@dataclass(frozen=True)
class Cell:
    """What became of the run when one thing went wrong.

    Args:
        site: The calls that went wrong: `server.tool#2`, `server.tool#*` for a tool that never works, `server.*#*` for
            a server that is never there.
        kind: How, as a plan's text says it: `disconnect(before)`.
        verdict: Of the run.
        plan: The plan of this one element.
    """

    site: str
    kind: str
    verdict: Verdict
    plan: FaultPlan


@dataclass(frozen=True)
class Collapsed:
    """Kinds that made no difference at one call site, so that one stands for all of them.

    Args:
        site: The call site, `server.tool#2`.
        kind: The kind that was tried further; empty where nothing went wrong with any of them.
        like: The kinds it stands for.
        plans: How many plans were not run for it.
    """

    site: str
    kind: str
    like: tuple[str, ...]
    plans: int

    def __str__(self) -> str:
        stands = self.kind or "no fault at all"
        return f"{self.site}: {', '.join(self.like)} as {stands} ({self.plans} plans)"


@dataclass(frozen=True)
class Accounting:
    """What of the declared space was tried: plans of up to `depth` faults, at calls that are reached, of these kinds.

    Args:
        depth: The most faults at once.
        planned: How many plans there are, as far as the runs have shown; each one is in one of the next four.
        run: Plans that were run.
        collapsed: Plans not run, because a plan that was run differs in a kind only that had made no difference there.
        deferred: Plans put off because their beginning behaves like one seen before, and then not run.
        not_reached: Other plans that were not run before the budget was used up.
        schedules: Runs without faults, in which ready tasks took their turns in another order.
        swarm: Runs with faults drawn by chance; they count in `run` only where they are plans of the space.
        exhausted: Whether every plan was run or collapsed.
        at_least: Whether the search ended before all, so that there may be more plans than the runs have shown.
        classes: The kinds that were collapsed, by call site.
        kinds: The kinds of the space, as a plan's text says them.
    """

    depth: int
    planned: int
    run: int
    collapsed: int = 0
    deferred: int = 0
    not_reached: int = 0
    swarm: int = 0
    schedules: int = 0
    exhausted: bool = False
    classes: tuple[Collapsed, ...] = ()
    kinds: tuple[str, ...] = ()
    at_least: bool = False

    def __str__(self) -> str:
        said = [f"{self.run} run"]
        for count, what in (
            (self.collapsed, "collapsed"),
            (self.deferred, "put off"),
            (self.not_reached, "not reached"),
        ):
            said += [f"{count} {what}"] if count else []
        number = f"at least {self.planned}" if self.at_least else self.planned
        text = f"{number} plans of depth {self.depth}: {', '.join(said)}"
        text += f"; {self.swarm} runs by chance" if self.swarm else ""
        orders = f"{self.schedules} other {'order' if self.schedules == 1 else 'orders'} of tasks"
        return f"{text}; {orders}" if self.schedules else text


@dataclass(frozen=True)
class Exploration:
    """What came of running a workflow under many plans.

    Args:
        name: Of the scenario, or of the workflow.
        seed: Of the scenario and of the search.
        depth: The most faults at once.
        baseline: The run in which nothing went wrong.
        findings: The distinct failures, in the order in which they were found.
        cells: What came of each single fault and each outage.
        accounting: What was tried, and what was not.
        seconds: How long it took, in real seconds.
        runs: All runs, those without faults and those for shrinking included.
        notes: What an exploration cannot answer for.
    """

    name: str
    seed: int
    depth: int
    baseline: Judgement
    findings: tuple[Finding, ...]
    cells: tuple[Cell, ...]
    accounting: Accounting
    seconds: float = field(compare=False, default=0.0)
    runs: int = 0
    notes: tuple[str, ...] = ()

    @property
    def proven(self) -> bool:
        """Whether no plan of the declared space fails silently, hangs or leaks, rather than none being found yet."""
        return self.accounting.exhausted and not self.findings

    @property
    def silent(self) -> tuple[Finding, ...]:
        """The findings of which nobody would know."""
        return tuple(each for each in self.findings if each.judgement.verdict is Verdict.FAILED_SILENTLY)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterable[str]:
        yield f"{self.name}: {self.claim}"
        yield from (f"  {finding}" for finding in self.findings)
        yield f"  {self.accounting}"
        yield from (f"  note: {each}" for each in self.notes)
        shown = self.accounting.classes[:SHOWN_CLASSES]
        yield from (f"  {each}" for each in shown)
        if len(self.accounting.classes) > len(shown):
            yield f"  and {len(self.accounting.classes) - len(shown)} more classes"

    @property
    def claim(self) -> str:
        """What can be said of the workflow, and no more than that."""
        return claim_of(len(self.findings), depth=self.depth, runs=self.runs, proven=self.proven)


class Interrupted(KeyboardInterrupt):
    """Somebody stopped an exploration; `exploration` is what came of it until then."""

    def __init__(self, exploration: Exploration) -> None:
        super().__init__(f"stopped after {exploration.runs} runs")
        self.exploration = exploration


def claim_of(findings: int, *, depth: int, runs: int, proven: bool) -> str:
    """What can be said after so many failures were found, and no more than that."""
    if findings:
        return f"{findings} {'failure' if findings == 1 else 'failures'} at depth {depth}"
    if proven:
        return f"proven for depth {depth}: no plan of these kinds fails silently, hangs or leaks"
    return f"none found in {runs} runs at depth {depth}, which is no proof"
