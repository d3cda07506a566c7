"""Finding answers on a tape. There is no approximate answer: what was not recorded is an error.

Listing and reading may be repeated: the recorded answers come in order, and the last one as often as it is asked for.
A tool call has an effect that only its own recording shows, so that each recorded call answers one, in order.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_mcpflow.cassette.format import Cassette, Frame
from pytest_mcpflow.cassette.matching import Matching, first_difference
from pytest_mcpflow.cassette.operations import Assembler, Operation
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.values import as_object
from pytest_mcpflow.errors import (
    CassetteError,
    DifferentArgumentsError,
    ExhaustedError,
    NeverRecordedError,
    OutOfOrderError,
    nearest,
)

if TYPE_CHECKING:
    from pytest_mcpflow.cassette.writer import Redacting

__all__ = ["CALL", "Player", "Tape"]

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
            CassetteError: The file is missing or broken, or its sessions are of different servers.
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

        with _no_garbage_collected():
            cassette = read_cassette(path, visit)
        _check_one_server(cassette)
        cut_off = False  # the recorder was killed before it knew what became of them
        for session in cassette.sessions:
            era = session.era
            for operation in assemblers[session.number].operations:
                operation.era = era
                cut_off = cut_off or not operation.is_complete
        if cut_off:
            complete = {key: [each for each in found if each.is_complete] for key, found in keyed.items()}
            keyed = {key: found for key, found in complete.items() if found}
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
        self._turns: dict[str, int] = {}
        """How many recordings of a key were played already."""
        self._played: set[int] = set()
        """The lines of the tool calls that were played."""
        self._order = self.tape.of_method(CALL) if self.tape.matching.ordered else []

    def find(self, method: str, params: Mapping[str, Any]) -> Operation:
        """The recording of a request; a tool call is used up by it.

        Raises:
            NeverRecordedError: There is none.
            DifferentArgumentsError: There is one of that tool, with other arguments.
            ExhaustedError: There was one, and it was used already.
            OutOfOrderError: There is one, and others have to come before it.
        """
        params = self._redacted(method, params)
        key = self._key(method, params)
        recorded = self.tape.keyed.get(key, ())
        turn = self._turns.get(key, 0)
        if method != CALL and recorded:
            turn = min(turn, len(recorded) - 1)
        if turn >= len(recorded) or not self._is_due(recorded[turn]):
            error = self._miss(method, params, recorded)
            self.misses.append(error)
            raise error
        self._turns[key] = turn + 1
        self._played.add(recorded[turn].line)
        return recorded[turn]

    def all_of(self, method: str, params: Mapping[str, Any]) -> list[Operation]:
        """All recordings of a request, whether they were played or not; none of them is used up.

        Raises:
            CassetteError: There is none, as `find` says it.
        """
        params = self._redacted(method, params)
        recorded = self.tape.keyed.get(self.tape.matching.key(method, params), [])
        if not recorded:
            raise self._miss(method, params, recorded)
        return recorded

    def give_back(self, method: str, params: Mapping[str, Any]) -> None:
        """Let the recording that answered a tool call last answer another: nobody got that answer."""
        key = self.tape.matching.key(method, self._redacted(method, params))
        turn = self._turns.get(key, 0)
        if method == CALL and turn:
            self._turns[key] = turn - 1
            self._played.discard(self.tape.keyed[key][turn - 1].line)

    def knows(self, method: str) -> bool:
        """Whether anything of a method was recorded."""
        return bool(self.tape.of_method(method))

    def forgive(self, message: str) -> bool:
        """Take back a miss, since somebody else answered; whether there was one."""
        kept = [miss for miss in self.misses if str(miss) != message]
        forgiven = len(kept) < len(self.misses)
        self.misses[:] = kept
        return forgiven

    def unused(self) -> list[str]:
        """The recorded tool calls that nobody asked for."""
        calls = self.tape.of_method(CALL)
        return [_shown(each.method, each.params) for each in calls if each.line not in self._played]

    def _redacted(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.redactor is None:
            return params
        body = self.redactor.message({"method": method, "params": params, "id": 0}, answers=None)
        return as_object(body["params"])

    def _key(self, method: str, params: Mapping[str, Any]) -> str:
        """Under which the recordings of a request are kept, which is the user's to say."""
        matching = self.tape.matching
        if matching.same is None:
            return matching.key(method, params)
        name = str(params.get("name") or params.get("uri") or "")
        for key, (first, *_) in self.tape.keyed.items():
            is_left = method != CALL or self._turns.get(key, 0) < len(self.tape.keyed[key])
            if (
                is_left
                and (first.method, first.name) == (method, name)
                and matching.same(first.params, params)
            ):
                return key
        return ""

    def _is_due(self, operation: Operation) -> bool:
        return operation.method != CALL or not self._order or operation is self._next_in_order()

    def _next_in_order(self) -> Operation | None:
        return next((each for each in self._order if each.line not in self._played), None)

    def _miss(self, method: str, params: Mapping[str, Any], same: Sequence[Operation]) -> CassetteError:
        shown = _shown(method, params)
        begin = f"{self.tape.cassette.path.name} has no answer of {self.server}: {shown} was asked"
        cure = "record the session again, or correct the call"
        due = self._next_in_order()
        early = next((each for each in same if each.line not in self._played), None)
        if early is not None and due is not None:
            places = {each.line: place for place, each in enumerate(self._order, 1)}
            return OutOfOrderError(
                f"{begin} out of order: it was recorded as call {places[early.line]}, and now comes call "
                f"{places[due.line]}: {_shown(due.method, due.params)}; {cure}"
            )
        if same:
            return ExhaustedError(f"{begin} more often than it was recorded; {cure}")
        recorded = self.tape.of_method(method)
        if not recorded:
            return NeverRecordedError(f"{begin}, but nothing of the kind was recorded; {cure}")
        known = list(dict.fromkeys(_shown(each.method, each.params) for each in recorded))
        others = ", ".join(nearest(shown, known))
        same_tool = [each for each in recorded if each.name == params.get("name")] if method == CALL else []
        if not same_tool:
            return NeverRecordedError(f"{begin}, but was never recorded; recorded were: {others}; {cure}")
        by_text = {_shown(method, each.params): each for each in same_tool}
        likest = by_text[nearest(shown, by_text, limit=1)[0]]
        arguments = as_object(params.get("arguments"))
        from pytest_mcpflow.outcome import shortened

        pointer, was, now = first_difference(likest.arguments, arguments, "/arguments") or ("", None, None)
        return DifferentArgumentsError(
            f"{begin}, but was never recorded; recorded were: {others}; "
            f"at {pointer} was recorded {shortened(repr(was))}, and asked {shortened(repr(now))}; {cure}"
        )


def _check_one_server(cassette: Cassette) -> None:
    """A request does not say of which server it was asked, so that one would answer for another."""
    numbers: dict[str, list[int]] = {}
    for session in cassette.sessions:
        if session.server_name:  # one that did not say its name may be any of them
            numbers.setdefault(session.server_name, []).append(session.number)
    if len(numbers) > 1:
        path, (one, ones) = cassette.path.name, next(iter(numbers.items()))
        options = " ".join(f"--session {number}" for number in ones)
        raise CassetteError(
            f"{cassette.path} is a recording of {len(numbers)} servers, {', '.join(map(repr, numbers))}, each of which "
            f"would answer for the others; replay a cassette of one: mcpflow trim {path} -o ONE.jsonl {options} "
            f"keeps {one!r}, and mcpflow show {path} has the numbers of the others' sessions"
        )


@contextlib.contextmanager
def _no_garbage_collected() -> Generator[None]:
    """While a tape is read nothing becomes garbage in circles, and looking for it takes a tenth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _shown(method: str, params: Mapping[str, Any]) -> str:
    from pytest_mcpflow.outcome import (  # for errors only, which are not on the way in
        shortened,
        shown_arguments,
    )

    if method == CALL:
        return shortened(f"{params.get('name')}({shown_arguments(as_object(params.get('arguments')))})")
    return shortened(f"{method} {params.get('uri') or params.get('name') or ''}".strip())
