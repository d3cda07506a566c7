"""How many plans were run, and for how many others each of them stands."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Count", "Counting"]


@dataclass(eq=False)
class Count:
    """How many plans one plan stands for; changed as classes become known.

    Args:
        parent: The same of the plan with one fault less.
        itself: How many plans it stands for at its own depth, because a class of kinds was known before it was run.
        alike: How many plans of its own depth are continued by its children alone.
    """

    parent: Count | None
    itself: int = 1
    alike: int = 1

    @property
    def plans(self) -> int:
        """The plans that it and nothing else is run for."""
        return self.itself * (1 if self.parent is None else self.parent.continued)

    @property
    def continued(self) -> int:
        """The plans that each of its children is run for."""
        return self.alike * (1 if self.parent is None else self.parent.continued)


class Counting:
    """The plans of one search; the numbers are asked for at its end, since classes grow while it goes on."""

    def __init__(self) -> None:
        self.root = Count(None)
        self._run: list[Count] = []
        self._collapsed: list[tuple[Count, int]] = []

    def under(self, parent: Count) -> Count:
        """The count of a plan with one fault more."""
        return Count(parent)

    def run(self, count: Count) -> None:
        """A plan was run."""
        self._run.append(count)

    def collapse(self, count: Count, plans: int) -> None:
        """So many plans, for each plan that is continued here, need not be run."""
        if plans:
            self._collapsed.append((count, plans))

    @property
    def plans_run(self) -> int:
        return len(self._run)

    @property
    def plans_covered(self) -> int:
        """Those that were run, and those they stand for."""
        return sum(count.plans for count in self._run) + sum(
            count.continued * plans for count, plans in self._collapsed
        )
