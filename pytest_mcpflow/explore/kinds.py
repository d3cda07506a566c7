"""Which faults are tried at a call: the declared kinds, less those that could make no difference there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_mcpflow.faults.broken import Disconnect
from pytest_mcpflow.faults.kind import Effect, FaultKind
from pytest_mcpflow.faults.lost import Delay, Late, LoseReply, LoseRequest
from pytest_mcpflow.faults.refused import Refuse
from pytest_mcpflow.schema import ToolSpec

__all__ = ["DEFAULT_KINDS", "applicable"]

DEFAULT_KINDS: tuple[FaultKind, ...] = (
    Refuse(),
    Disconnect("before"),
    LoseRequest(),
    LoseReply(),
    Disconnect("after"),
    Late(),
    Delay(),
)
"""What no client of a server is spared, and each one can deal with: one of each combination of effect and answer, the
simplest first. Refused at once, unreachable at once, silent; done and silent, done and cut off, done later; slow.

On request only, as `kinds`: what needs a bug of the server (malformed answers, other schemas, requests carried out
twice), what a server may promise never to do (stale reads, partial batches), and what takes longer than one call
(outages, expired credentials), which is mostly seen with the tool or server out from the beginning."""


def applicable(kinds: Sequence[FaultKind], spec: ToolSpec | None) -> Iterator[FaultKind]:
    """The kinds that can make a difference at a call of this tool."""
    for kind in kinds:
        if spec is None or not (
            kind.objection(spec) or (spec.mark.reads and kind.effect in _CHANGES_TWICE_OR_LATE)
        ):
            yield kind


_CHANGES_TWICE_OR_LATE = frozenset({Effect.TWICE, Effect.LATE})
