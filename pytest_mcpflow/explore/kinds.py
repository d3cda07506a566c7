"""Which faults are tried at a call: the declared kinds, less those that could make no difference there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import inf

from pytest_mcpflow.explore.observe import Seen
from pytest_mcpflow.faults.broken import Crash, Disconnect, Restart
from pytest_mcpflow.faults.kind import Effect, FaultKind
from pytest_mcpflow.faults.lost import Delay, Hang, Jitter, Late, LoseReply, LoseRequest
from pytest_mcpflow.faults.refused import Refuse
from pytest_mcpflow.schema import ToolSpec

__all__ = [
    "DEFAULT_KINDS",
    "INSTANT",
    "applicable",
    "delays_at",
    "instead",
    "is_like",
    "is_overtaken",
    "lasting",
    "likely",
    "rounded_up",
    "shorter",
    "tried",
]

DEFAULT_KINDS: tuple[FaultKind, ...] = (
    Refuse(),
    Disconnect("before"),
    LoseRequest(),
    LoseReply(),
    Disconnect("after"),
    Late(),
    Delay(),
    Delay(of="reply"),
)
"""What no client of a server is spared, and each one can deal with: one of each combination of effect and answer, the
simplest first. Refused at once, unreachable at once, silent; done and silent, done and cut off, done later; slow.

On request only, as `kinds`: what needs a bug of the server (malformed answers, other schemas, requests carried out
twice), what a server may promise never to do (stale reads, partial batches), and what takes longer than one call
(outages, expired credentials), which is mostly seen with the tool or server out from the beginning."""

ROUND = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 43_200, 86_400)
"""Seconds that people use."""

FRACTIONS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
"""The same of less than a second."""

INSTANT = 1e-6
"""Seconds that make no difference: sums of times are that inexact."""

LONGEST = 20.0
"""Seconds. Most clients wait for 30 s; what comes after they have given up is what `late` is for."""


def applicable(
    kinds: Sequence[FaultKind], spec: ToolSpec | None, *, changes: bool = True
) -> Iterator[FaultKind]:
    """The kinds that can make a difference at a call of this tool.

    Args:
        kinds: Those declared.
        spec: What the tool promises, `None` where nobody knows.
        changes: Whether the call would change the world.
    """
    for kind in kinds:
        if spec is not None:
            if kind.objection(spec) is not None:
                continue
            # What changes nothing now may do so later, in the world that it finds then.
            has_no_effect = spec.mark.reads or (not changes and kind.effect is not Effect.LATE)
            if has_no_effect and (kind.effect in (Effect.TWICE, Effect.PARTIAL) or instead(kind) in kinds):
                continue
        yield kind


def tried(
    kinds: Sequence[FaultKind], spec: ToolSpec | None, *, changes: bool, all_of_them: bool
) -> Iterator[FaultKind]:
    """Those of `applicable`, or all that can happen to the tool at all."""
    if all_of_them:
        return (kind for kind in kinds if spec is None or kind.objection(spec) is None)
    return applicable(kinds, spec, changes=changes)


def likely(kind: FaultKind) -> float:
    """What is added to the place of plans with this kind: the sooner, the more workflows do not expect it."""
    if kind.effect is Effect.APPLIED and isinstance(kind, LoseReply | Disconnect):
        return 0.0
    return 0.01 if kind.effect is Effect.LATE or isinstance(kind, LoseRequest) else 0.02


def instead(kind: FaultKind) -> FaultKind | None:
    """The kind that is this one where there is no effect to lose; it is enough to try that one."""
    match kind:
        case LoseReply() | Late() | Hang():
            return LoseRequest()
        case Disconnect("after" | "during"):
            return Disconnect("before")
        case Crash("after") | Restart(when="after"):
            return replace(kind, when="before")
        case _:
            return None


def is_like(kind: FaultKind, other: FaultKind) -> bool:
    """Whether two kinds are one, but for how long a delay is."""
    if isinstance(kind, Delay) and isinstance(other, Delay):
        kind = replace(kind, seconds=other.seconds)
    return kind == other


def lasting(kinds: Sequence[FaultKind], spec: ToolSpec | None) -> list[FaultKind]:
    """The kinds that make sense for a tool that never works: the request or the answer is lost each time."""
    return [
        kind
        for kind in applicable(kinds, spec)
        if kind.effect in (Effect.NONE, Effect.APPLIED) and not isinstance(kind, Delay | Jitter)
    ]


def delays_at(calls: Sequence[Seen], index: int, declared: Delay) -> Iterator[Delay]:
    """Delays of one call's request, or reply, that make calls of other tasks overtake it.

    Where no other task calls anything soon, nothing can overtake it, and the delay is tried as it was declared.
    """
    call = calls[index]
    later = [each.at - call.at for each in calls[index + 1 :] if each.task != call.task]
    lengths = {max(rounded_up(gap), declared.seconds) for gap in later if rounded_up(gap) <= LONGEST}
    if not lengths:
        yield declared
        return
    for seconds in sorted({min(lengths), max(lengths)}):
        yield replace(declared, seconds=seconds)


def shorter(
    calls: Sequence[Seen], index: int, given_up: Delay, *, takes: float, tried: Iterable[FaultKind]
) -> Iterator[Delay]:
    """Delays of a call which its caller still waits for, and within which calls of others overtake it.

    Args:
        calls: Of a run in which the call was delayed, for longer than its caller waited.
        index: The call's.
        given_up: How it was delayed.
        takes: How long it takes without a delay, in seconds.
        tried: What is tried at that call anyway; where one of these does the same, nothing more is.
    """
    call = calls[index]
    if call.until is None:
        return
    limit = call.until - call.at - takes
    gaps = [gap for gap in _gaps(calls, index, given_up, takes) if gap < limit - INSTANT]
    known = [each.seconds for each in tried if isinstance(each, Delay) and each.of == given_up.of]
    for gap in sorted({min(gaps), max(gaps)} if gaps else ()):
        if not any(gap < seconds < limit for seconds in known):
            known.append(between(gap, limit))
            yield replace(given_up, seconds=known[-1])


def is_overtaken(calls: Sequence[Seen], index: int, delay: Delay) -> bool:
    """Whether calls of other tasks come within a delay of this one."""
    call = calls[index]
    others = [each for each in calls[index + 1 :] if each.task != call.task]
    return any(gap < delay.seconds for gap in _gaps([call, *others], 0, delay, call.takes))


def _gaps(calls: Sequence[Seen], index: int, delay: Delay, takes: float) -> Iterator[float]:
    """When later calls come, in seconds from the one at which a delay of a call begins."""
    begins = calls[index].at + (takes if delay.of == "reply" else 0.0)
    return (max(each.at - begins, 0.0) for each in calls[index + 1 :] if each.at > begins - INSTANT)


def between(shortest: float, longest: float) -> float:
    """A duration longer than one and shorter than another one: one that people would write, if there is any."""
    middle = (shortest + longest) / 2
    durations = (rounded_up(shortest), *FRACTIONS, float(f"{middle:.3g}"))
    return next((each for each in durations if shortest + INSTANT < each < longest - INSTANT), middle)


def rounded_up(seconds: float) -> float:
    """The next longer duration that people would write."""
    return float(next((each for each in ROUND if each > seconds), seconds * 2 if seconds < inf else seconds))
