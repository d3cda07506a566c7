"""How runs go on from a call: the calls from there, each in which world, and the end; whatever the time was."""

from __future__ import annotations

from typing import NamedTuple

from pytest_mcpflow.explore.observe import Observation

__all__ = ["Ending", "Endings", "Recognized"]

Ending = int
"""A number for all that comes from a call on; the same one wherever the same comes."""


class Recognized(NamedTuple):
    """A run: the ending from each of its calls on, the end itself as the last one; how many of them were `new`.

    They are the first ones, since an ending that came before has only endings in it that came before.
    """

    endings: tuple[Ending, ...]
    new: int


class Endings:
    """The endings of all runs so far."""

    def __init__(self) -> None:
        self._numbers: dict[object, Ending] = {}

    def of(self, seen: Observation) -> Recognized:
        """Those of a run, which is known from now on."""
        numbers, before = self._numbers, len(self._numbers)
        ending = numbers.setdefault(seen.end, before)
        found = [ending]
        for call in reversed(seen.calls):
            ending = numbers.setdefault((call.site, call.asked, call.world, ending), len(numbers))
            found.append(ending)
        found.reverse()
        return Recognized(tuple(found), len(numbers) - before)
