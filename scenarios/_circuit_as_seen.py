"""A circuit as the outcomes of calls show it: what the rules of `circuit-breaker` hold a breaker to."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from pytest_mcpflow import Interaction, Transcript
from pytest_mcpflow.scenarios._cross_server import said

__all__ = ["Seen", "followed"]

REST_SECONDS = 60.0


@dataclass
class Seen:
    """A circuit as outcomes show it, whatever the workflow thinks of it."""

    in_a_row: int = 0
    recent: deque[bool] = field(default_factory=lambda: deque[bool](maxlen=10))
    tripped_at: float | None = None
    rests_until: float = 0.0
    under_way: list[Interaction] = field(default_factory=list[Interaction])

    @property
    def is_tripped(self) -> bool:
        return self.tripped_at is not None

    def end(self, call: Interaction, at: float) -> None:
        """A call has ended."""
        if self.tripped_at is not None and call.at < self.tripped_at:
            return  # it was on its way already
        is_well = said(call).get("success") is True
        self.recent.append(not is_well)
        self.in_a_row = 0 if is_well else self.in_a_row + 1
        if is_well and self.is_tripped:
            self.tripped_at, self.rests_until = None, 0.0
            self.recent.clear()
        half = len(self.recent) >= 5 and sum(self.recent) >= len(self.recent) / 2
        if not is_well and (self.is_tripped or self.in_a_row >= 3 or half):
            self.tripped_at, self.rests_until = at, at + REST_SECONDS


def followed(calls: Transcript) -> list[tuple[Seen, Interaction]]:
    """Each call of a tool with its circuit as it was when the call began."""
    pairs: list[tuple[Seen, Interaction]] = []
    seen = Seen()
    for call in calls:
        over = [each for each in seen.under_way if each.until is not None and each.until <= call.at]
        for each in sorted(over, key=lambda ended: ended.until or 0.0):
            seen.under_way.remove(each)
            seen.end(each, each.until or 0.0)
        pairs.append((replace(seen, under_way=[*seen.under_way]), call))
        seen.under_way.append(call)
    return pairs
