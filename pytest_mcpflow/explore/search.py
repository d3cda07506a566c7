"""The search: fault-free runs, then the systematic arm and the one by chance in turn, until nothing is left."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from pytest_mcpflow.errors import ExplorationError
from pytest_mcpflow.explore.baseline import Baseline, trespass_told
from pytest_mcpflow.explore.familiar import Familiar, is_part
from pytest_mcpflow.explore.fewer import joined
from pytest_mcpflow.explore.frontier import Frontier
from pytest_mcpflow.explore.kinds import DEFAULT_KINDS
from pytest_mcpflow.explore.observe import Observation, Seen
from pytest_mcpflow.explore.part import WHOLE, Part
from pytest_mcpflow.explore.result import Accounting, Cell, Exploration, Finding, Interrupted
from pytest_mcpflow.explore.runner import Job, Runner
from pytest_mcpflow.explore.shrink import Failure, Shrinker
from pytest_mcpflow.explore.step import Step
from pytest_mcpflow.explore.subject import Subject
from pytest_mcpflow.explore.swarm import Drawing, Swarm
from pytest_mcpflow.explore.tactics import Tactics
from pytest_mcpflow.faults.kind import FaultKind
from pytest_mcpflow.faults.plan import Fault, FaultPlan
from pytest_mcpflow.performance import Verdict

__all__ = ["Budget", "Search"]

ASTRONOMICAL = 1_000_000
"""Plans that nobody runs without having said for how long; with classes it is about a minute."""

LOOKED_AT = 64
"""Plans of one fault that are run once more to see whether the workflow changes the world by itself under them."""


@dataclass(frozen=True)
class Budget:
    """When to stop: after so many runs, real seconds, or findings. Never before the end, where all are `None`.

    `real` is held here since virtual time takes the place of clocks that modules have under a name.
    """

    runs: int | None = None
    seconds: float | None = None
    findings: int | None = None
    real: Callable[[], float] = field(default=time.perf_counter, repr=False)
    began: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "began", self.real())

    @property
    def is_open(self) -> bool:
        """Whether the search goes on however long it takes."""
        return self.runs is None and self.seconds is None

    @property
    def is_for_all(self) -> bool:
        """Whether the search goes on until everything was tried."""
        return self.is_open and self.findings is None

    @property
    def spent(self) -> float:
        """Real seconds so far."""
        return self.real() - self.began

    def is_used_up(self, runs: int, findings: int) -> bool:
        return (
            (self.runs is not None and runs >= self.runs)
            or (self.findings is not None and findings >= self.findings)
            or (self.seconds is not None and self.spent >= self.seconds)
        )


class Search:
    """One exploration while it goes on."""

    def __init__(
        self,
        subject: Subject,
        runner: Runner,
        *,
        kinds: Sequence[FaultKind],
        depth: int,
        budget: Budget,
        tactics: Tactics,
        permute: int = 0,
        part: Part = WHOLE,
    ) -> None:
        self._permute = permute if subject.permutes and part.is_first else 0
        self._part = part
        self._is_for_orders, self._schedules = permute > 0, 0
        self._subject, self._runner, self._kinds, self._depth = subject, runner, tuple(kinds), depth
        self._budget, self._tactics = budget, tactics
        # Chance finds early what comes late in the systematic order, and nothing more where all of it is tried.
        self._has_swarm = tactics.swarm and depth > 1 and subject.draws and not budget.is_for_all
        self._drawn = self._searched = 0
        self._cells: list[Cell] = []
        self._findings: list[Finding] = []
        self._familiar: list[Familiar] = []
        self._too_deep: list[tuple[Fault, ...]] = []
        self._trespasses: tuple[str, ...] = ()
        self._represents: dict[tuple[str, bytes], tuple[Fault, ...]] = {}
        self._shrinker = Shrinker(runner.run, self._kinds, runner.tools.spec)

    def run(self) -> Exploration:
        """Search.

        Raises:
            ExplorationError: The workflow is not fit for it; there are too many plans, or none whose faults happen.
            Interrupted: Somebody stopped it.
        """
        baseline = self._baseline = Baseline(self._subject, self._runner)
        self._frontier = Frontier(
            baseline.seen,
            specs=self._runner.tools.spec,
            kinds=self._kinds,
            depth=self._depth,
            tactics=self._tactics,
            part=self._part,
        )
        self._calls = len(baseline.seen.calls)
        requests = ((call.site, call.asked) for call in baseline.seen.calls)
        self._swarm = Swarm(self._subject.seed, self._kinds, requests, self._tactics)
        self._refuse_astronomical()
        # The declared kinds may be none that can happen, and what was never tried is no proof.
        is_vacuous = not self._frontier
        if is_vacuous and not self._is_for_orders:
            raise ExplorationError(self._nothing_to_try(baseline))
        self._searched = self._runner.runs
        try:
            self._reorder()
            while self._frontier and not self._budget.is_used_up(self._searched, len(self._findings)):
                if self._has_swarm and self._searched % 2:
                    self._draw()
                else:
                    self._step()
            if not self._frontier and not baseline.seen.trespass:
                self._look_again()
            baseline.check_once_more()
        except KeyboardInterrupt:
            raise Interrupted(self._result(baseline, is_whole=False)) from None
        is_whole = not self._frontier
        if is_whole and self._cells and all(cell.verdict is Verdict.PASSED for cell in self._cells):
            is_vacuous = True
            if not self._is_for_orders:
                raise ExplorationError(self._nothing_happened())
        return self._result(baseline, is_whole=is_whole, is_vacuous=is_vacuous)

    def _look_again(self) -> None:
        """See what the workflow changes by itself when something goes wrong, once for all that ends alike."""
        for faults in [*self._represents.values()][: LOOKED_AT if self._part.is_first else 0]:
            seen = self._runner.run(faults, thorough=True)
            self._runner.runs -= 1  # it was counted when the search ran it
            if seen.trespass:
                told = trespass_told(self._subject.name, seen.trespass)
                self._trespasses = (f"under {FaultPlan(faults)}: {told}",)
                return

    def _result(self, baseline: Baseline, *, is_whole: bool, is_vacuous: bool = False) -> Exploration:
        deferred, not_reached = self._frontier.left()
        covered, run = self._frontier.counting.plans_covered, self._frontier.counting.plans_run
        return Exploration(
            name=self._subject.name,
            seed=self._subject.seed,
            depth=self._depth,
            baseline=baseline.judgement,
            findings=tuple(self._findings),
            cells=tuple(self._cells),
            accounting=Accounting(
                depth=self._depth,
                planned=covered + deferred + not_reached,
                run=run,
                collapsed=covered - run,
                deferred=deferred,
                not_reached=not_reached,
                swarm=self._drawn,
                schedules=self._schedules,
                exhausted=is_whole and not is_vacuous,
                classes=self._frontier.classes.told(),
                kinds=tuple(map(str, self._kinds)),
                at_least=not is_whole,
            ),
            seconds=self._budget.spent,
            runs=self._runner.runs,
            notes=(*baseline.notes, *self._trespasses),
        )

    def _step(self) -> None:
        step = self._frontier.pop()
        if step is None:
            return
        seen = self._observe(step.faults, begins=step.beginning)
        self._shrinker.note(step.faults, seen)
        self._frontier.done(step, seen)
        if len(step.faults) == 1:
            self._cells.append(_cell(step, seen))
            # Some of the other kinds change the world by themselves.
            if seen.verdict is not Verdict.HUNG and step.faults[0].kind in DEFAULT_KINDS:
                self._represents.setdefault((step.faults[0].site, seen.end), step.faults)
        if not seen.verdict.is_good:
            self._found(step.faults, seen)

    def _reorder(self) -> None:
        """Run without faults and with ready tasks in other orders, until one of them fails.

        The budget's runs are for plans.
        """
        last = (self._subject.seed + 1) * self._permute
        for number in range(self._permute):
            if self._budget.is_used_up(0, len(self._findings)):
                return
            schedule = self._subject.seed * self._permute + number
            seen = self._runner.run(schedule, coming=partial(range, schedule + 1, last))
            self._schedules += 1
            if not seen.verdict.is_good:
                judgement = self._subject.judge_schedule(FaultPlan(seed=self._subject.seed), schedule)
                nothing = judgement.plan
                why = f"without any fault, with ready tasks in the order of schedule {schedule}"
                found = self._schedules
                self._findings.append(
                    Finding(nothing, nothing, judgement, (why,), runs_until_found=found, schedule=schedule)
                )
                return

    def _draw(self) -> None:
        seen = self._observe(self._drawing(self._drawn))
        self._drawn += 1
        faults = joined(seen.plan.faults)
        if not seen.verdict.is_good and faults and not any(is_part(each, faults) for each in self._too_deep):
            self._found(faults, seen)

    def _observe(self, job: Job, *, begins: Sequence[Seen] = ()) -> Observation:
        self._searched += 1
        return self._runner.run(job, coming=self._coming, begins=begins)

    def _coming(self) -> Iterator[Job]:
        numbers = iter(range(self._drawn, self._drawn + 10_000))
        for step in self._frontier.coming(64):
            yield step.faults
            if self._has_swarm:
                yield self._drawing(next(numbers))

    def _drawing(self, number: int) -> Drawing:
        return self._swarm.drawing(number)

    def _found(self, faults: tuple[Fault, ...], seen: Observation) -> None:
        """A plan fails: unless it is known why, make it small and explain it."""
        failure = Failure(seen)
        if any(each.explains(failure, faults) for each in self._familiar):
            return
        self._baseline.check_once_more()
        before = self._shrinker.runs
        smallest = self._shrinker.smallest(faults, seen)
        if any(each.explains(failure, smallest) for each in self._familiar):
            return
        if len(smallest) > self._depth:  # which can only be drawn
            self._too_deep.append(smallest)
            return
        shrunk = self._shrinker.runs
        explanation = self._shrinker.explain(smallest, seen)
        judgement = self._subject.judge(FaultPlan(smallest, self._subject.seed))
        if judgement.verdict is not seen.verdict:
            explanation = (
                *explanation,
                f"not the same each time: {seen.verdict} in the search, {judgement.verdict} when it was run again",
            )
        self._findings.append(
            Finding(
                plan=judgement.plan,
                found_as=FaultPlan(faults, self._subject.seed),
                judgement=judgement,
                explanation=explanation,
                runs_until_found=self._searched,
                runs_to_shrink=shrunk - before,
                runs_to_explain=self._shrinker.runs - shrunk,
                order=self._frontier.order,
            )
        )
        checks = self._findings[-1].checks
        self._familiar.append(Familiar(judgement.plan.faults, judgement.verdict, checks))
        self._swarm.spare(smallest[-1])

    def _nothing_to_try(self, baseline: Baseline) -> str:
        kinds = ", ".join(map(str, self._kinds))
        tools = ", ".join(dict.fromkeys(call.site for call in baseline.seen.calls))
        return (
            f"none of these kinds of faults ({kinds}) can happen to a call of {self._subject.name} and make a "
            f"difference there, so that nothing would be tried; name others (it calls {tools})"
        )

    def _nothing_happened(self) -> str:
        kinds = ", ".join(map(str, self._kinds))
        return (
            f"none of these kinds of faults ({kinds}) happened to {self._subject.name} under any of {len(self._cells)} "
            "plans, since its calls gave no occasion, so that nothing was tried; name others"
        )

    def _refuse_astronomical(self) -> None:
        """Say before the search how much there is to do.

        Raises:
            ExplorationError: Too much, and nobody said when to stop.
        """
        # Servers that are out together belong to no group, and are not continued.
        faults = sum(step.group is not None for step in self._frontier.coming(ASTRONOMICAL))
        calls = max(1, self._calls)
        plans = sum(
            math.comb(calls, size) * math.ceil(faults / calls) ** size for size in range(1, self._depth + 1)
        )
        if plans > ASTRONOMICAL and self._budget.is_open:
            raise ExplorationError(
                f"{self._subject.name} makes {calls} calls, and there are about {plans:.1e} plans of up to "
                f"{self._depth} faults at them; explore it with a lower depth, with fewer kinds, or say when to stop: "
                "runs=10_000 or seconds=60"
            )


def _cell(step: Step, seen: Observation) -> Cell:
    fault = step.faults[0]
    site = str(replace(fault, probability=1.0)).partition("=")[0]
    return Cell(site, str(fault.kind), seen.verdict, FaultPlan((fault,), seen.plan.seed))
