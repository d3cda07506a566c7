"""What is said of a request that a tape has no answer to. Imported when there is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_mcpflow.cassette.matching import CALL, first_difference, significant
from pytest_mcpflow.cassette.operations import Operation
from pytest_mcpflow.cassette.playback import Playback
from pytest_mcpflow.cassette.values import as_object
from pytest_mcpflow.errors import (
    DifferentArgumentsError,
    ExhaustedError,
    NeverRecordedError,
    OutOfOrderError,
    nearest,
)
from pytest_mcpflow.outcome import shortened, shown_arguments

if TYPE_CHECKING:
    from pytest_mcpflow.cassette.player import Tape

__all__ = ["Miss", "shown"]


@dataclass(frozen=True)
class Miss:
    """A request that a tape has no answer to.

    Args:
        tape: The tape.
        server: The server's name.
        method: What was asked.
        params: With which parameters, as they would stand on the tape.
        cure: What to do about it.
    """

    tape: Tape
    server: str
    method: str
    params: Mapping[str, Any]
    cure: str

    def out_of_order(self, at: int, due: Operation, due_at: int) -> OutOfOrderError:
        """It was recorded as call `at`, and `due`, which was recorded as call `due_at`, is next."""
        return OutOfOrderError(
            f"{self._begin} out of order: it was recorded as call {at}, and now comes call {due_at}: "
            f"{shown(due.method, due.params)}; {self.cure}"
        )

    def exhausted(self) -> ExhaustedError:
        """All that was recorded of it was played."""
        return ExhaustedError(f"{self._begin} more often than it was recorded; {self.cure}")

    def never_recorded(self) -> NeverRecordedError:
        """Nothing asks the same; says what was recorded that is like it, and where that differs."""
        recorded = self.tape.of_method(self.method)
        if not recorded:
            return NeverRecordedError(f"{self._begin}, but nothing of the kind was recorded; {self.cure}")
        asked = shown(self.method, self.params)
        known = dict.fromkeys(shown(each.method, each.params) for each in recorded)
        told = f"{self._begin}, but was never recorded; recorded were: {', '.join(nearest(asked, known))}"
        of_tool = [each for each in recorded if each.name == self.params.get("name")]
        if self.method != CALL or not of_tool:
            return NeverRecordedError(f"{told}; {self.cure}")
        by_text = {shown(self.method, each.params): each for each in of_tool}
        return self._different(told, by_text[nearest(asked, by_text, limit=1)[0]])

    def _different(self, told: str, likest: Operation) -> DifferentArgumentsError:
        ignore = self.tape.playback.ignore
        old, new = (significant(self.method, each, ignore) for each in (likest.params, self.params))
        difference = first_difference(old, new)
        if difference is None:  # to the user's own comparison it is one
            return DifferentArgumentsError(f"{told}; {self.cure}")
        pointer, was, now = difference
        return DifferentArgumentsError(
            f"{told}; at {pointer} was recorded {shortened(repr(was))}, and asked {shortened(repr(now))}; {self.cure}, "
            f"or let that differ: Playback(ignore=[{pointer!r}])"
        )

    @property
    def _begin(self) -> str:
        playback = self.tape.playback
        how = "" if playback == Playback() else f" ({playback})"
        asked = shown(self.method, self.params)
        return f"{self.tape.cassette.path.name}{how} has no answer of {self.server}: {asked} was asked"


def shown(method: str, params: Mapping[str, Any]) -> str:
    """A request in a few words: a tool with its arguments, or a method with what it is about."""
    if method == CALL:
        return shortened(f"{params.get('name')}({shown_arguments(as_object(params.get('arguments')))})")
    return shortened(f"{method} {params.get('uri') or params.get('name') or ''}".strip())
