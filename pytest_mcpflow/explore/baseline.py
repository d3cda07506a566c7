"""The runs without faults: whether the workflow works at all, and does the same twice."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mcpflow.errors import ExplorationError
from pytest_mcpflow.explore.observe import Observation, first_difference
from pytest_mcpflow.explore.runner import Runner
from pytest_mcpflow.explore.subject import Subject
from pytest_mcpflow.faults.plan import FaultPlan
from pytest_mcpflow.performance import described, leaves_of
from pytest_mcpflow.transcript import Transcript
from pytest_mcpflow.verdict import Judgement

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
            raise ExplorationError(
                f"{subject.name} fails without any fault, so nothing could be said of it under faults: "
                f"{'; '.join(_failures(self.judgement))}"
            )
        self._subject, self._runner = subject, runner
        self.seen = runner.run((), thorough=True)
        difference = self._difference(runner.run(())) or self._difference_of_the_first()
        if difference is not None:
            raise ExplorationError(
                f"{subject.name} does not do the same twice, so no failure of it could be reproduced:\n{difference}\n"
                "take ids, chance and time from the hub and the seed, and keep nothing from run to run, such as a "
                "cache in a module; see the explanation of virtual time"
            )
        self.notes = tuple(self._notes(subject))

    def check_once_more(self) -> None:
        """Run without faults again, now that there were runs with them; it is not counted.

        Raises:
            ExplorationError: It is another run than it was, so that something of them has stayed.
        """
        again = self._runner.run(())
        self._runner.runs -= 1
        difference = self._difference(again)
        if difference is not None:
            name = self._subject.name
            raise ExplorationError(
                f"after runs with faults, {name} does not do the same without them as before, so that what was found "
                f"may be due to any of these runs:\n{difference}\n"
                f"something that {name} keeps outlives a run: a breaker, a cache or a counter in a module or a class "
                "perhaps; make it anew in each run"
            )

    def _difference(self, again: Observation) -> str | None:
        if self.seen.verdict != again.verdict or self.seen.checks != again.checks:
            return f"{self.seen.verdict} the first time, {again.verdict} the second time: {', '.join(again.checks)}"
        one, other = _lines(self.seen), _lines(again)
        if one == other and self.seen.exact == again.exact:
            return None
        return (
            _shown_difference(self.judgement.transcript, self._judged_again())
            or first_difference(one, other)
            or "the same calls, but another result, or another world at the end"
        )

    def _difference_of_the_first(self) -> str | None:
        """What a first run puts away, in a module perhaps, every later one finds; so the very first one counts, too."""
        first = self._subject.earlier
        if first is None:
            first, later = self.judgement.transcript, self._judged_again()
        else:
            later = self.judgement.transcript
        asked = _asked(first)  # which ends with the workflow: what is closed after it may call on
        if asked == _asked(later)[: len(asked)]:
            return None
        return _shown_difference(first, later) or "the same calls, but other arguments"

    def _judged_again(self) -> Transcript:
        return self._subject.judge(FaultPlan(seed=self._subject.seed)).transcript

    def _notes(self, subject: Subject) -> list[str]:
        if not self.seen.trespass:
            return []
        return [trespass_told(subject.name, self.seen.trespass)]


def _failures(judgement: Judgement) -> Iterator[str]:
    """What does not hold, and what is in the group of errors, if the workflow raised one."""
    yield from (f"{broken}: {broken.why}" for broken in judgement.broken)
    inner = [] if judgement.cause is None else leaves_of(judgement.cause)
    if inner != [judgement.cause]:
        yield from map(described, inner)


def trespass_told(name: str, where: str) -> str:
    """That the world was found changed by no tool, for a note."""
    return (
        f"{where}, the world had changed and no tool had changed it: a tool that says that it only reads changes "
        f"something, or {name} changes the world by itself, which is not made to go wrong"
    )


def _asked(transcript: Transcript) -> list[tuple[str, object]]:
    """What tools were called with."""
    return [(call.site, dict(call.arguments)) for call in transcript if call.method == "tools/call"]


def _shown_difference(first: Transcript, later: Transcript) -> str | None:
    return first_difference([str(each) for each in first], [str(each) for each in later])


def _lines(seen: Observation) -> list[str]:
    return [
        f"{call.site}#{call.number} at t={call.at:g}, until {call.until}, arguments {call.exact.decode()}"
        for call in seen.calls
    ]
