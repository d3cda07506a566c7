"""A share of an exploration, so that several processes, which know nothing of each other, explore one workflow."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["WHOLE", "Part"]


@dataclass(frozen=True)
class Part:
    """Which plans of two faults and more are tried: those whose first fault has its turn in this part.

    All parts run the plans of one fault, which are few, and teach each of them what the others know of the calls.

    Args:
        number: From 1 on.
        count: How many parts there are.
    """

    number: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise ValueError(f"there is no part {self.number} of {self.count}")

    @property
    def is_first(self) -> bool:
        """Whether it accounts for what all parts do."""
        return self.number == 1

    def has(self, first_fault: int) -> bool:
        """Whether it has the plans that begin with the n-th of the first faults: outages, then faults at calls."""
        return first_fault % self.count == self.number - 1

    def __str__(self) -> str:
        return f"part-{self.number}-of-{self.count}"


WHOLE = Part()
