"""The runs without faults: whether the workflow works at all, and does the same twice."""

from __future__ import annotations

from pytest_mcpflow.errors import ExplorationError
from pytest_mcpflow.explore.observe import Observation, first_difference
from pytest_mcpflow.explore.runner import Runner
from pytest_mcpflow.explore.subject import Subject
from pytest_mcpflow.faults.plan import FaultPlan

__all__ = ["Baseline", "trespass_told"]


class Baseline:
    """Runs a subject without faults.

    `judgement` and `seen` are of that run; `notes` say what an exploration cannot answer for.

    Raises:
        ExplorationError: It fails, or two runs differ.
    """

    def __init__(self, subject: Subject, runner: Runner) -> None:
        self.judgement = subject.judge(FaultPlan(seed=subject.seed))
        runner.runs += 1
        if self.judgement.broken:
            told = "; ".join(f"{broken}: {broken.why}" for broken in self.judgement.broken)
            raise ExplorationError(
                f"{subject.name} fails without any fault, so nothing could be said of it under faults: {told}"
            )
        self.seen = runner.run((), thorough=True)
        again = runner.run(())
        difference = self._difference(subject, again)
        if difference is not None:
            raise ExplorationError(
                f"{subject.name} does not do the same twice, so no failure of it could be reproduced:\n{difference}\n"
                "take ids, chance and time from the hub and the seed; see the explanation of virtual time"
            )
        self.notes = tuple(self._notes(subject))

    def _difference(self, subject: Subject, again: Observation) -> str | None:
        if self.seen.verdict != again.verdict or self.seen.checks != again.checks:
            return f"{self.seen.verdict} the first time, {again.verdict} the second time: {', '.join(again.checks)}"
        one, other = _lines(self.seen), _lines(again)
        if one == other and self.seen.exact == again.exact:
            return None
        shown = first_difference(
            [str(each) for each in self.judgement.transcript],
            [str(each) for each in subject.judge(FaultPlan(seed=subject.seed)).transcript],
        )
        return (
            shown
            or first_difference(one, other)
            or "the same calls, but another result, or another world at the end"
        )

    def _notes(self, subject: Subject) -> list[str]:
        if not self.seen.trespass:
            return []
        return [trespass_told(subject.name, self.seen.trespass)]


def trespass_told(name: str, where: str) -> str:
    """That the world was found changed by no tool, for a note."""
    return (
        f"{where}, the world had changed and no tool had changed it: a tool that says that it only reads changes "
        f"something, or {name} changes the world by itself, which is not made to go wrong"
    )


def _lines(seen: Observation) -> list[str]:
    return [
        f"{call.site}#{call.number} at t={call.at:g}, until {call.until}, arguments {call.exact.decode()}"
        for call in seen.calls
    ]
