"""Finding answers on a tape. There is no approximate answer: what was not recorded is an error.

Listing and reading may be repeated: the recorded answers come in order, and the last one as often as it is asked for.
A tool call has an effect that only its own recording shows, so that each recorded call answers one, in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_mcpflow.cassette.format import Cassette, Frame, as_object, read_cassette
from pytest_mcpflow.cassette.matching import Matching, first_difference
from pytest_mcpflow.cassette.operations import Assembler, Operation
from pytest_mcpflow.cassette.writer import Redacting
from pytest_mcpflow.errors import (
    CassetteError,
    DifferentArgumentsError,
    ExhaustedError,
    NeverRecordedError,
    nearest,
)
from pytest_mcpflow.outcome import shortened, shown_arguments

__all__ = ["Player", "Tape"]

CALL = "tools/call"


@dataclass(frozen=True)
class Tape:
    """A cassette, ready to be played: its operations by what was asked."""

    cassette: Cassette
    matching: Matching
    keyed: Mapping[str, list[Operation]]

    @classmethod
    def load(cls, path: Path, matching: Matching | None = None) -> Tape:
        """Read a cassette in one pass.

        Raises:
            CassetteError: The file is missing or broken.
        """
        matching = matching or Matching()
        assemblers: dict[int, Assembler] = {}
        keyed: dict[str, list[Operation]] = {}

        def visit(frame: Frame, data: Mapping[str, Any]) -> None:
            assembler = assemblers.get(frame.session)
            if assembler is None:
                assembler = assemblers[frame.session] = Assembler()
            begun = assembler.add(frame, data)
            if begun is not None:
                key = matching.key(begun.method, as_object(data["message"].get("params")))
                keyed.setdefault(key, []).append(begun)

        cassette = read_cassette(path, visit)
        for session in cassette.sessions:
            for operation in assemblers[session.number].operations:
                operation.era = session.era
        return cls(cassette, matching, keyed)

    def of_method(self, *methods: str) -> list[Operation]:
        """All operations of some methods, in the order of the tape."""
        found = [each for group in self.keyed.values() for each in group if each.method in methods]
        return sorted(found, key=lambda each: each.line)


@dataclass
class Player:
    """Plays a tape once: what was asked, and what is left.

    Args:
        tape: What was recorded.
        server: The server's name, for messages.
        redactor: Makes a live request look like the redacted one on the tape.
        misses: What was asked and had no answer, as the errors that the test fails with.
    """

    tape: Tape
    server: str
    redactor: Redacting | None = None
    misses: list[CassetteError] = field(default_factory=list[CassetteError])

    def __post_init__(self) -> None:
        self._left: dict[str, deque[Operation]] = {}
        for key, operations in self.tape.keyed.items():
            complete = deque(each for each in operations if each.is_complete)
            if complete:
                self._left[key] = complete
        self._spent: set[int] = set()
        self._order = self.tape.of_method(CALL) if self.tape.matching.ordered else []

    def find(self, method: str, params: Mapping[str, Any]) -> Operation:
        """The recording of a request; a tool call is used up by it.

        Raises:
            NeverRecordedError: There is none.
            DifferentArgumentsError: There is one of that tool, with other arguments.
            ExhaustedError: There was one, and it was used already.
        """
        if self.redactor is not None:
            body = self.redactor.message({"method": method, "params": params, "id": 0}, answers=None)
            params = as_object(body["params"])
        left = self._matching(method, params)
        if not left:
            error = self._miss(method, params, was_recorded=left is not None)
            self.misses.append(error)
            raise error
        if method == CALL:
            self._spent.add(id(left[0]))
            return left.popleft()
        return left.popleft() if len(left) > 1 else left[0]

    def unused(self) -> list[str]:
        """The recorded tool calls that nobody asked for."""
        calls = [each for left in self._left.values() for each in left if each.method == CALL]
        return [_shown(each.method, each.params) for each in sorted(calls, key=lambda each: each.line)]

    def _matching(self, method: str, params: Mapping[str, Any]) -> deque[Operation] | None:
        """What is left of the recordings of a request; `None` if there never was one."""
        same = self.tape.matching.same
        if same is None:
            left = self._left.get(self.tape.matching.key(method, params))
        else:
            name = str(params.get("name") or params.get("uri") or "")
            alike = (
                group
                for group in self._left.values()
                if group
                and group[0].method == method
                and group[0].name == name
                and same(group[0].params, params)
            )
            left = min(alike, key=lambda group: group[0].line, default=None)
        if left and method == CALL and self._order:
            due = next((each for each in self._order if id(each) not in self._spent), None)
            return left if left[0] is due else None
        return left

    def _miss(self, method: str, params: Mapping[str, Any], *, was_recorded: bool) -> CassetteError:
        shown = _shown(method, params)
        begin = f"{self.tape.cassette.path.name} has no answer of {self.server}: {shown} was asked"
        if was_recorded:
            return ExhaustedError(
                f"{begin} more often than it was recorded; record it again, or correct the call"
            )
        cure = "record the session again, or correct the call"
        recorded = self.tape.of_method(method)
        if not recorded:
            return NeverRecordedError(f"{begin}, but nothing of the kind was recorded; {cure}")
        if self._order and self.tape.matching.key(method, params) in self._left:
            due = next((each for each in self._order if id(each) not in self._spent), None)
            turn = "nothing" if due is None else _shown(due.method, due.params)
            return NeverRecordedError(f"{begin} out of order: {turn} was recorded next; {cure}")
        known = list(dict.fromkeys(_shown(each.method, each.params) for each in recorded))
        others = ", ".join(nearest(shown, known))
        same_tool = [each for each in recorded if each.name == params.get("name")] if method == CALL else []
        if not same_tool:
            return NeverRecordedError(f"{begin}, but was never recorded; recorded were: {others}; {cure}")
        by_text = {_shown(method, each.params): each for each in same_tool}
        likest = by_text[nearest(shown, by_text, limit=1)[0]]
        arguments = as_object(params.get("arguments"))
        pointer, was, now = first_difference(likest.arguments, arguments, "/arguments") or ("", None, None)
        return DifferentArgumentsError(
            f"{begin}, but was never recorded; recorded were: {others}; "
            f"at {pointer} was recorded {shortened(repr(was))}, and asked {shortened(repr(now))}; {cure}"
        )


def _shown(method: str, params: Mapping[str, Any]) -> str:
    if method == CALL:
        return shortened(f"{params.get('name')}({shown_arguments(as_object(params.get('arguments')))})")
    return shortened(f"{method} {params.get('uri') or params.get('name') or ''}".strip())
