"""The kinds of faults that plans can name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import isabstract
from types import MappingProxyType

from pytest_mcpflow.errors import FaultPlanError
from pytest_mcpflow.faults import answers, broken, lost, refused, talking, wires, world
from pytest_mcpflow.faults.kind import FaultKind, arguments_of

__all__ = ["KINDS", "kinds_with"]

_SHIPPED: tuple[type[FaultKind], ...] = (
    lost.LoseRequest,
    lost.LoseReply,
    lost.Late,
    lost.Duplicate,
    lost.Delay,
    lost.Jitter,
    lost.Timeout,
    lost.Hang,
    refused.Refuse,
    refused.Error,
    refused.RateLimit,
    refused.AuthExpired,
    broken.Disconnect,
    broken.Crash,
    broken.Restart,
    broken.Outage,
    answers.Stale,
    answers.Partial,
    answers.Malformed,
    answers.SchemaDrift,
    answers.ToolsChanged,
    talking.Decline,
    talking.Unanswered,
    talking.ProgressStall,
    talking.Reorder,
    talking.CancelIgnored,
    world.ClockJump,
    world.Change,
    wires.BadJson,
    wires.WrongId,
    wires.Garbage,
    wires.HangUp,
    wires.Kill,
    wires.Status,
    wires.ContentType,
    wires.Cut,
    wires.Drip,
)

KINDS: Mapping[str, type[FaultKind]] = MappingProxyType({kind.name: kind for kind in _SHIPPED})
"""The kinds that ship, by name."""


def kinds_with(more: Iterable[type[FaultKind]]) -> Mapping[str, type[FaultKind]]:
    """The kinds that ship and these.

    Raises:
        FaultPlanError: One is no kind, two have one name, or a plan's text could not give a kind its arguments.
    """
    kinds = dict(KINDS)
    for kind in more:
        _refuse_what_is_none(kind)
        if kind.name in kinds and kinds[kind.name] is not kind:
            raise FaultPlanError(
                f"two kinds of fault are named {kind.name!r}: {kinds[kind.name].__module__} has one, "
                f"{kind.__module__} the other; give the second a `name` of its own"
            )
        try:
            arguments_of(kind)
        except TypeError as error:
            raise FaultPlanError(str(error)) from error
        kinds[kind.name] = kind
    return MappingProxyType(kinds)


def _refuse_what_is_none(kind: object) -> None:
    if not (isinstance(kind, type) and issubclass(kind, FaultKind)):
        name = kind.__name__ if isinstance(kind, type) else type(kind).__name__
        is_instance = isinstance(kind, FaultKind)
        cure = f"return the class: [{name}]" if is_instance else "a kind is a subclass of FaultKind"
        raise FaultPlanError(f"{kind!s} is no class of faults; {cure}")
    if isabstract(kind):
        raise FaultPlanError(
            f"{kind.__module__}.{kind.__qualname__} does not say what happens; "
            "give it `async def happen(self, call)`"
        )
