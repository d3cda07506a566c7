"""Which faults are tried at a call: the declared kinds, less those that could make no difference there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf

from pytest_mcpflow.explore.observe import Seen
from pytest_mcpflow.faults.broken import Crash, Disconnect, Restart
from pytest_mcpflow.faults.kind import Effect, FaultKind
from pytest_mcpflow.faults.lost import Delay, Hang, Jitter, Late, LoseReply, LoseRequest
from pytest_mcpflow.faults.refused import Refuse
from pytest_mcpflow.schema import ToolSpec

__all__ = ["DEFAULT_KINDS", "applicable", "delays_at", "instead", "lasting", "likely", "rounded_up", "tried"]

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
    reads = spec is not None and (spec.mark.reads or not changes)
    for kind in kinds:
        if spec is not None and kind.objection(spec) is not None:
            continue
        if reads and (kind.effect in (Effect.TWICE, Effect.PARTIAL) or instead(kind) in kinds):
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


def lasting(kinds: Sequence[FaultKind], spec: ToolSpec | None) -> list[FaultKind]:
    """The kinds that make sense for a tool that never works: the request or the answer is lost each time."""
    return [
        kind
        for kind in applicable(kinds, spec)
        if kind.effect in (Effect.NONE, Effect.APPLIED) and not isinstance(kind, Delay | Jitter)
    ]


def delays_at(calls: Sequence[Seen], index: int, declared: Delay) -> Iterator[Delay]:
    """Delays of one call's request, or reply, that make calls of other tasks overtake it.

    Where no other task calls anything soon, nothing can overtake it, and the delay is tried as it was declared. Where
    its caller gives up within the declared time, a shorter one, within which others overtake it, is tried, too.
    """
    call = calls[index]
    later = [each.at - call.at for each in calls[index + 1 :] if each.task != call.task]
    lengths = {max(rounded_up(gap), declared.seconds) for gap in later if rounded_up(gap) <= LONGEST}
    if not lengths:
        yield declared
        return
    for seconds in sorted({min(lengths), max(lengths)}):
        yield replace(declared, seconds=seconds)
    if call.limit is not None and call.limit <= declared.seconds:
        shorter = [rounded_up(gap) for gap in later if rounded_up(gap) < call.limit]
        if shorter:
            yield replace(declared, seconds=max(shorter))


def rounded_up(seconds: float) -> float:
    """The next longer duration that people would write."""
    return float(next((each for each in ROUND if each > seconds), seconds * 2 if seconds < inf else seconds))
