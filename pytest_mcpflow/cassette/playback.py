"""How a cassette answers: what of a request may differ from what was recorded, in which order, and at which pace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pytest_mcpflow.errors import CassetteError

__all__ = ["Playback", "SameRequest"]

SameRequest: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Any]], bool]
"""Is given the recorded parameters and the live ones, and says whether they ask the same."""


@dataclass(frozen=True, kw_only=True)
class Playback:
    """How a cassette answers. `Playback()` is exact: method and parameters are equal, as JSON is.

        >>> print(Playback(ignore=["/arguments/run_id"], ordered=True))
        ignore /arguments/run_id, ordered

    Args:
        ignore: Places in a request's parameters that do not count, such as `/arguments/now`: JSON pointers (RFC 6901),
            in which `*` stands for any one step.
        ordered: Whether tools must be called in the order in which they were recorded.
        same: Decides in place of the comparison: it is given the parameters of a recorded request and of the live one,
            both with `arguments` and of one tool, prompt or resource, and says whether they ask the same.
        allow_unused: Whether recorded tool calls may be left that nobody made.
        timing: Whether messages come when they came while recording; in virtual time that costs nothing. What the
            test records is recorded with times then; `mcpflow record` takes `--timing`.

    Raises:
        CassetteError: A pointer is malformed.
    """

    ignore: Sequence[str] = ()
    ordered: bool = False
    same: SameRequest | None = None
    allow_unused: bool = False
    timing: bool = False

    def __post_init__(self) -> None:
        pointers = [self.ignore] if isinstance(self.ignore, str) else self.ignore
        for pointer in pointers:
            if not pointer.startswith("/"):
                raise CassetteError(f"{pointer!r} is no JSON pointer; one reads like '/arguments/now'")
        object.__setattr__(self, "ignore", tuple(pointers))

    def __str__(self) -> str:
        compared = [f"ignore {pointer}" for pointer in self.ignore]
        if self.same is not None:
            compared.append(f"same={getattr(self.same, '__name__', repr(self.same))}")
        switches = ("ordered", "allow_unused", "timing")
        return ", ".join([*(compared or ["exact"]), *(name for name in switches if getattr(self, name))])
