"""One session with a server: steps are made, and each promise is held against what came of them."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from pytest_mcpflow.errors import FakeDefinitionError, StateError
from pytest_mcpflow.fake import Fake
from pytest_mcpflow.fuzz.laws import Broken, Law
from pytest_mcpflow.fuzz.leniency import lenient_readings
from pytest_mcpflow.fuzz.looks import Look, ProbedLook, StateLook, difference
from pytest_mcpflow.fuzz.of_fake import FakeSubject
from pytest_mcpflow.fuzz.pool import Pool
from pytest_mcpflow.fuzz.steps import (
    Answered,
    CallTool,
    Crashed,
    GetPrompt,
    Happened,
    Outcome,
    ReadResource,
    Refused,
    Step,
    Unfinished,
    Wait,
)
from pytest_mcpflow.fuzz.subject import Answerer, Subject, Target, Tool
from pytest_mcpflow.outcome import shortened
from pytest_mcpflow.question import Answer, Question

__all__ = ["PromiseBroken", "Session", "replayed", "replaying"]

PROBES = 3


class PromiseBroken(Exception):
    """Ends a session."""

    def __init__(self, broken: Broken) -> None:
        super().__init__(f"{broken.by}: {broken.law}")
        self.broken = broken


class Session:
    """A session with a server, from its initial state on.

    Args:
        target: What the session is with.
        laws: The promises that are held against it.
    """

    def __init__(self, target: Target, laws: Collection[Law]) -> None:
        self._offer, self._laws = target.offer, laws
        self._subject: Subject = target.begin()
        self.happened: list[Happened] = []
        self.pool = Pool(target.known)
        self.pool.learn_state(self._subject.initial_state())

    @property
    def can_wait(self) -> bool:
        return self._subject.can_wait

    def close(self) -> None:
        self._subject.close()

    def make(self, step: Step, answerer: Answerer, *, alike: bool = False) -> None:
        """Make a step and judge it; where asked, together with copies of a fake, which have to do alike.

        Raises:
            PromiseBroken: A promise does not hold.
        """
        twins: Mapping[str, Fake] = self._twins() if alike else {}
        tool = self._offer.tools[step.tool] if isinstance(step, CallTool) else None
        is_valid = not isinstance(step, CallTool) or (
            tool is not None and tool.document.accepts(step.arguments)
        )
        look = None if isinstance(step, Wait) else self._look(tool, is_valid=is_valid)
        outcome, others = self._do(step, answerer, twins)
        after = [self._state_of(fake) for fake in twins.values()]
        expected = self._subject.state() if isinstance(self._subject, FakeSubject) else b""
        if isinstance(outcome, Unfinished):
            if not self._subject.is_fake:
                self._break(Law.NO_CRASH, step, [f"there was no answer within {outcome.seconds:g} s"])
        elif is_valid or self._was_read_leniently(step, tool, outcome):
            self._judge(step, tool, outcome, look)
        else:
            self._judge_invalid(step, outcome, look)
        for name, other, state in zip(twins, others, after, strict=True):
            if _said(other) != _said(outcome):
                self._break(Law.STATE, step, [f"{name} goes on differently: {other}"])
            if state != expected:
                why = [f"{name} goes on to another state than what it is of:", *difference(expected, state)]
                self._break(Law.STATE, step, why)

        if alike:
            self._twins()  # what it did last can be what cannot be copied or saved

    def _twins(self) -> Mapping[str, Fake]:
        """Copies of a fake, which are like it."""
        subject = self._subject
        if Law.STATE not in self._laws or not isinstance(subject, FakeSubject):
            return {}
        last = self.happened[-1].step if self.happened else None
        try:
            twins = subject.twins()
        except (FakeDefinitionError, StateError) as error:
            self._break(Law.STATE, last, [str(error)], error)
            return {}
        before = subject.state()
        for name, twin in twins.items():
            if (state := subject.state_of(twin)) != before:
                why = [f"{name} is another state than what it is of:", *difference(before, state)]
                self._break(Law.STATE, last, why)
        return twins

    def _state_of(self, fake: Fake) -> bytes:
        assert isinstance(self._subject, FakeSubject)
        return self._subject.state_of(fake)

    def _judge(self, step: Step, tool: Tool | None, outcome: Outcome | None, look: Look | None) -> None:
        if isinstance(outcome, Crashed):
            self._break(Law.NO_CRASH, step, [outcome.message], outcome.cause)
            return
        if isinstance(outcome, Refused):
            if outcome.as_invalid and self._subject.is_fake and tool is not None:
                self._break(Law.SCHEMA, step, [outcome.message])
            self._unchanged(
                Law.ERRORS, step, look, f"it refused ({shortened(outcome.message)}), and the state changed:"
            )
        elif tool is None or tool.reads:
            what = "a read" if tool is None else "marked as reading only"
            self._unchanged(Law.READS, step, look, f"it is {what}, and the state changed:")
        if tool is not None and isinstance(outcome, Answered):
            self._judge_output(step, tool, outcome)
            if tool.idempotent:
                self._judge_repetition(step, tool)

    def _judge_output(self, step: Step, tool: Tool, outcome: Answered) -> None:
        if tool.output is None or tool.output.accepts(outcome.value):
            return
        self._break(Law.OUTPUT, step, [f"it answered {outcome}, which its output schema does not allow"])

    def _judge_repetition(self, step: Step, tool: Tool) -> None:
        look = self._look(tool, is_valid=True, always=True)
        made = self.happened[-1].step
        answers = made.answers if isinstance(made, CallTool) else ()
        again, _ = self._do(made, replaying(answers), again=True)
        if isinstance(again, Crashed):
            self._break(Law.NO_CRASH, step, [f"the second time: {again.message}"], again.cause)
        self._unchanged(
            Law.IDEMPOTENT, step, look, "it is marked as idempotent, and the second call changed the state:"
        )

    def _was_read_leniently(self, step: Step, tool: Tool | None, outcome: Outcome | None) -> bool:
        """Whether a server answered arguments of which one is written as another type: "7" for 7."""
        return (
            not self._subject.is_fake
            and isinstance(step, CallTool)
            and tool is not None
            and isinstance(outcome, Answered)
            and any(tool.document.accepts(read) for read in lenient_readings(step.arguments))
        )

    def _judge_invalid(self, step: Step, outcome: Outcome | None, look: Look | None) -> None:
        if isinstance(outcome, Crashed):
            self._break(
                Law.INVALID, step, [f"in place of refusing them it crashed: {outcome.message}"], outcome.cause
            )
        elif not isinstance(outcome, Refused):
            self._break(
                Law.INVALID, step, [f"its input schema does not allow these arguments; it answered {outcome}"]
            )
        told = "its input schema does not allow these arguments, and the state changed:"
        self._unchanged(Law.INVALID_CHANGES, step, look, told)

    def _unchanged(self, law: Law, step: Step, look: Look | None, told: str) -> None:
        if law not in self._laws or look is None:
            return
        changes = look.changes()
        if changes:
            self._break(law, step, [told, *changes])

    def _break(
        self, law: Law, step: Step | None, why: Sequence[str], cause: BaseException | None = None
    ) -> None:
        if law in self._laws:
            raise PromiseBroken(Broken(law, _name_of(step), why, tuple(self.happened), cause))

    def _do(
        self, step: Step, answerer: Answerer, twins: Mapping[str, Fake] | None = None, *, again: bool = False
    ) -> tuple[Outcome | None, list[Outcome | None]]:
        """Make a step, and write it down with the answers that were given: what came of it, also for twins."""
        at = self._subject.now()
        asked: list[Answer] = []

        def noting(question: Question) -> Answer:
            asked.append(answerer(question))
            return asked[-1]

        others: list[Outcome | None] = []
        if twins and isinstance(self._subject, FakeSubject):
            outcome, *others = self._subject.do_alike(
                step, noting, [*twins.values()], lambda: replaying(asked)
            )
        else:
            outcome = self._subject.do(step, noting)
        made = replace(step, answers=tuple(asked)) if isinstance(step, CallTool) else step
        self.happened.append(Happened(at, made, outcome, again))
        self._learn(made, outcome)
        return outcome, others

    def _learn(self, step: Step, outcome: Outcome | None) -> None:
        if isinstance(outcome, Answered):
            if isinstance(step, CallTool):
                self.pool.learn_worked(step.arguments)
            if isinstance(outcome.value, str):
                self.pool.learn_text(outcome.value)
            else:
                self.pool.learn(outcome.value)

    def _look(self, tool: Tool | None, *, is_valid: bool, always: bool = False) -> Look | None:
        """What the state is now, or what can be seen of it; `None` where nobody will ask."""
        subject = self._subject
        if isinstance(subject, FakeSubject):
            return StateLook(subject.state)
        if is_valid and not always and Law.ERRORS not in self._laws and tool is not None and not tool.reads:
            return None
        probes = self._probes(tool)
        return ProbedLook(probes, lambda step: subject.do(step, replaying(()))) if probes else None

    def _probes(self, judged: Tool | None) -> list[Step]:
        """The last reads that were answered, by other tools than the one that is judged."""
        found, by = list[Step](), None if judged is None else judged.name
        for each in reversed(self.happened):
            is_read = isinstance(each.step, ReadResource) or (
                isinstance(each.step, CallTool) and self._offer.tools[each.step.tool].reads
            )
            if (
                is_read
                and isinstance(each.outcome, Answered)
                and each.step not in found
                and _name_of(each.step) != by
            ):
                found.append(each.step)
        return found[:PROBES]


def replayed(
    target: Target, steps: Sequence[Step], laws: Collection[Law]
) -> tuple[Broken | None, list[Happened]]:
    """Make these steps in a session of their own: the promise that was broken, and what happened."""
    session = Session(target, laws)
    try:
        for index, step in enumerate(steps):
            answers = step.answers if isinstance(step, CallTool) else ()
            session.make(step, replaying(answers), alike=index == len(steps) - 1)
    except PromiseBroken as broke:
        return broke.broken, session.happened
    finally:
        session.close()
    return None, session.happened


def replaying(answers: Sequence[Answer]) -> Answerer:
    """Gives these answers in turn, and declines what is asked after them."""
    asked = itertools.count()

    def answer(question: Question) -> Answer:
        position = next(asked)
        return answers[position] if position < len(answers) else None

    return answer


def _said(outcome: Outcome | None) -> str:
    return repr(replace(outcome, cause=None) if isinstance(outcome, Crashed) else outcome)


def _name_of(step: Step | None) -> str:
    match step:
        case None:
            return "the initial state"
        case CallTool():
            return step.tool
        case ReadResource():
            return step.uri
        case GetPrompt():
            return step.prompt
        case Wait():
            return "waiting"
