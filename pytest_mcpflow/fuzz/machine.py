"""The fuzz: sessions are drawn until a promise is broken, and the shortest one that breaks it is told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, cast

import hypothesis
from hypothesis import errors as hypothesis_errors
from hypothesis import strategies as st

from pytest_mcpflow.errors import FuzzError, LawBrokenError, UnknownNameError, VacuousTestError
from pytest_mcpflow.fuzz.crashes import with_frames_of_its_own
from pytest_mcpflow.fuzz.drawing import Drawn, sessions
from pytest_mcpflow.fuzz.laws import Broken, Law
from pytest_mcpflow.fuzz.report import FuzzReport, counted, failure_text
from pytest_mcpflow.fuzz.session import replayed
from pytest_mcpflow.fuzz.shorten import shorten
from pytest_mcpflow.fuzz.steps import CallTool, Happened, Step, steps_from_text, text_of
from pytest_mcpflow.fuzz.subject import Offer, Target
from pytest_mcpflow.fuzz.targets import targets_of

__all__ = ["Machine"]


@dataclass(frozen=True)
class Machine:
    """What `mcpflow_fuzz` was asked for."""

    examples: int
    steps: int
    seed: int
    known: Mapping[str, Sequence[Any]]
    laws: Collection[Law]

    def fuzz(
        self,
        server: object,
        *,
        tools: Sequence[str],
        without: Sequence[str],
        replay: str | None,
        patience: float,
    ) -> FuzzReport:
        """See `mcpflow_fuzz`."""
        for name, value in (("examples", self.examples), ("steps", self.steps)):
            if value < 1:
                raise FuzzError(f"{name}= is a number of at least 1, got {value!r}")
        targets, first = targets_of(server, patience=patience)
        chosen = _chosen(first.offer, tools, without)
        if replay is not None:
            return _replay(first, chosen, self.laws, replay)
        known = targets.map(lambda target: replace(target, known=self.known))
        drawn = sessions(known, tools=chosen, steps=self.steps, laws=self.laws)
        made, found = _search(drawn, self.examples, self.seed)
        if found is not None:
            raise _told(found, self.laws)
        report = counted(first.offer.name, chosen, made)
        if len(report.never_answered) == len(chosen):
            sessions_made = "1 session" if len(made) == 1 else f"{len(made)} sessions"
            raise VacuousTestError(
                f"no call of {first.offer.name} was answered in {sessions_made}, so nothing was found out; "
                "give it a world in which calls can succeed, or good values with known="
            )
        return report


def _chosen(offer: Offer, tools: Sequence[str], without: Sequence[str]) -> list[str]:
    for pattern in (*tools, *without):
        if not any(fnmatchcase(name, pattern) for name in offer.tools):
            raise UnknownNameError(f"tool of {offer.name}", pattern, offer.tools)
    chosen = [
        name
        for name in offer.tools
        if any(fnmatchcase(name, pattern) for pattern in tools)
        and not any(fnmatchcase(name, pattern) for pattern in without)
    ]
    if not chosen:
        raise FuzzError(
            f"{offer.name} has no tools that are left to call; it has: {', '.join(offer.tools) or 'none'}"
        )
    return chosen


_NOT_CHECKED = (
    hypothesis.HealthCheck.data_too_large,
    hypothesis.HealthCheck.filter_too_much,
    hypothesis.HealthCheck.large_base_example,
    hypothesis.HealthCheck.nested_given,
    hypothesis.HealthCheck.too_slow,
)
"""Sessions are long, and a server takes its time."""


def _search(
    drawn: st.SearchStrategy[Drawn], examples: int, seed: int
) -> tuple[list[Sequence[Happened]], Drawn | None]:
    """Draw sessions until one breaks a promise: what happened in those that did not, and the one that did."""
    made: list[Sequence[Happened]] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples,
        phases=[hypothesis.Phase.generate],  # `shorten` is better at making sessions shorter
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        verbosity=hypothesis.Verbosity.quiet,
        suppress_health_check=_NOT_CHECKED,
    )
    @hypothesis.given(drawn)
    def fuzz(session: Drawn) -> None:
        if session.broken is not None:
            raise _Found(session)
        made.append(session.happened)

    try:
        fuzz()
    except _Found as found:
        return made, found.session
    except hypothesis_errors.Flaky as flaky:
        behind = next((each for each in _causes(flaky) if isinstance(each, _Found)), None)
        if behind is None:
            raise
        return made, behind.session
    return made, None


class _Found(Exception):
    def __init__(self, session: Drawn) -> None:
        super().__init__(repr(session))
        self.session = session


def _causes(error: BaseException) -> Sequence[BaseException | None]:
    inner = (
        cast("BaseExceptionGroup[BaseException]", error).exceptions if hasattr(error, "exceptions") else ()
    )
    return [*inner, error.__cause__, error.__context__]


def _told(found: Drawn, laws: Collection[Law]) -> LawBrokenError:
    assert found.broken is not None
    shortest = shorten(found.target, found.broken, laws)
    if shortest is None:
        broken, steps = found.broken, [each.step for each in found.happened if not each.again]
        note = (
            "note: made again, these steps broke nothing: the server remembers other sessions, or does not do the same "
            "twice; give a function that makes a new one"
        )
    else:
        (broken, steps), note = shortest, ""
    return _failure(found.target, broken, steps, laws, note)


def _replay(target: Target, chosen: Sequence[str], laws: Collection[Law], text: str) -> FuzzReport:
    steps = steps_from_text(text)
    for step in steps:
        if isinstance(step, CallTool) and step.tool not in target.offer.tools:
            raise UnknownNameError(f"tool of {target.offer.name}", step.tool, target.offer.tools)
    broken, happened = replayed(target, steps, laws)
    if broken is not None:
        raise _failure(target, broken, steps, laws)
    return counted(target.offer.name, chosen, [happened])


def _failure(
    target: Target, broken: Broken, steps: Sequence[Step], laws: Collection[Law], note: str = ""
) -> LawBrokenError:
    message = failure_text(target, broken, steps, laws, note)
    cause = None if broken.cause is None else with_frames_of_its_own(broken.cause)
    error = LawBrokenError(message, law=broken.law, replay=text_of(steps))
    error.__cause__ = cause
    return error
