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

from pytest_mcpflow.cassette.format import Cassette, Frame, Session
from pytest_mcpflow.cassette.matching import CALL, request_key, significant
from pytest_mcpflow.cassette.operations import Assembler, Failure, Operation, Result
from pytest_mcpflow.cassette.playback import Playback, SameRequest
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.values import as_object
from pytest_mcpflow.errors import CassetteError

if TYPE_CHECKING:
    from pytest_mcpflow.cassette.writer import Redacting

__all__ = ["CALL", "Player", "Tape"]


@dataclass(frozen=True)
class Tape:
    """A cassette, ready to be played: how it answers, and its operations by what was asked."""

    cassette: Cassette
    playback: Playback
    keyed: Mapping[str, list[Operation]]

    @classmethod
    def load(cls, path: Path, playback: Playback | None = None) -> Tape:
        """Read a cassette in one pass.

        Raises:
            CassetteError: The file is missing or broken, its sessions are of different servers, or it is to take as
                long as it took, and does not know how long that was.
        """
        playback = playback or Playback()
        ignore = playback.ignore
        assemblers: dict[int, Assembler] = {}
        keyed: dict[str, list[Operation]] = {}

        def visit(frame: Frame, data: Mapping[str, Any]) -> None:
            assembler = assemblers.get(frame.session)
            if assembler is None:
                assembler = assemblers[frame.session] = Assembler()
            begun = assembler.add(frame, data)
            if begun is not None:
                key = request_key(begun.method, as_object(data["message"].get("params")), ignore)
                keyed.setdefault(key, []).append(begun)

        with _no_garbage_collected():
            cassette = read_cassette(path, visit)
        _check_one_server(cassette)
        if playback.timing:
            _check_timed(cassette, assemblers)
        cut_off = False  # the recorder was killed before it knew what became of them
        for session in cassette.sessions:
            era = session.era
            for operation in assemblers[session.number].operations:
                operation.era = era
                cut_off = cut_off or not operation.is_complete
        if cut_off:
            complete = {key: [each for each in found if each.is_complete] for key, found in keyed.items()}
            keyed = {key: found for key, found in complete.items() if found}
        return cls(cassette, playback, keyed)

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
        cure: What to do about a request without an answer.
        misses: What was asked and had no answer, as the errors that the test fails with.
    """

    tape: Tape
    server: str
    redactor: Redacting | None = None
    cure: str = "record the session again, or correct the call"
    misses: list[CassetteError] = field(default_factory=list[CassetteError])

    def __post_init__(self) -> None:
        self._turns: dict[str, int] = {}
        """How many recordings of a key were played already."""
        self._played: set[int] = set()
        """The lines of the tool calls that were played."""
        self._order = self.tape.of_method(CALL) if self.tape.playback.ordered else []
        self._turn = 0
        """How many of them were played before the first that was not."""
        self._by_name: dict[tuple[str, str], list[Operation]] = {}
        self._connections = 0

    def find(self, method: str, params: Mapping[str, Any]) -> Operation:
        """The recording of a request; a tool call is used up by it.

        Raises:
            NeverRecordedError: There is none.
            DifferentArgumentsError: There is one of that tool, with other arguments.
            ExhaustedError: There was one, and it was used already.
            OutOfOrderError: There is one, and others have to come before it.
            CassetteError: The user's own comparison failed.
        """
        params = self._redacted(method, params)
        try:
            key, recorded = self._alike(method, params, first_left=method == CALL)
        except CassetteError as failed:
            self.misses.append(failed)
            raise
        if key is None:
            turn = next(
                (turn for turn, each in enumerate(recorded) if each.line not in self._played), len(recorded)
            )
        else:
            turn = self._turns.get(key, 0)
        if method != CALL and recorded:
            turn = min(turn, len(recorded) - 1)
        if turn >= len(recorded) or not self._is_due(recorded[turn]):
            error = self._miss(method, params, recorded)
            self.misses.append(error)
            raise error
        if key is not None:
            self._turns[key] = turn + 1
        self._played.add(recorded[turn].line)
        return recorded[turn]

    def find_again(self, method: str, params: Mapping[str, Any]) -> tuple[Operation, bool] | None:
        """The recorded answer to what most servers answer alike, and whether it is given for the first time.

        Returns:
            `None` if this was never recorded, or without an answer.

        Raises:
            CassetteError: As `find`, where such requests were recorded and only ever refused.
        """
        key = request_key(method, self._redacted(method, params), self.tape.playback.ignore)
        recorded = self.tape.keyed.get(key, ())
        if not recorded:
            outcomes = [each.outcome for each in self.tape.of_method(method)]
            if outcomes and all(isinstance(each, Failure) for each in outcomes):
                self.find(method, params)
            return None
        turn = self._turns.get(key, 0)
        self._turns[key] = turn + 1
        found = recorded[min(turn, len(recorded) - 1)]
        return (found, turn < len(recorded)) if isinstance(found.outcome, Result | Failure) else None

    def handshake(self) -> Operation | None:
        """How the next connection was opened; the last one as often as there are more."""
        opened = [
            each
            for each in self.tape.of_method("initialize", "server/discover")
            if isinstance(each.outcome, Result)
        ]
        self._connections += 1
        return opened[min(self._connections, len(opened)) - 1] if opened else None

    def all_of(self, method: str, params: Mapping[str, Any]) -> list[Operation]:
        """All recordings of a request, whether they were played or not; none of them is used up.

        Raises:
            CassetteError: There is none, as `find` says it.
        """
        params = self._redacted(method, params)
        recorded = self.tape.keyed.get(request_key(method, params, self.tape.playback.ignore), [])
        if not recorded:
            raise self._miss(method, params, recorded)
        return recorded

    def give_back(self, method: str, params: Mapping[str, Any]) -> None:
        """Let the recording that answered a tool call last answer another: nobody got that answer."""
        key, recorded = self._alike(method, self._redacted(method, params))
        played = [each for each in recorded if each.line in self._played]
        if method == CALL and played:
            self._played.discard(played[-1].line)
            self._turn = 0
            if key is not None:
                self._turns[key] -= 1

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
        from pytest_mcpflow.cassette.miss import shown

        calls = self.tape.of_method(CALL)
        return [shown(each.method, each.params) for each in calls if each.line not in self._played]

    def _redacted(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.redactor is None:
            return params
        body = self.redactor.message({"method": method, "params": params, "id": 0}, answers=None)
        return as_object(body["params"])

    def _alike(
        self, method: str, params: Mapping[str, Any], *, first_left: bool = False
    ) -> tuple[str | None, Sequence[Operation]]:
        """The recordings of what asks the same, in the order of the tape, and under which key their turns are counted.

        There is no key where the user says what asks the same: of three requests, two pairs may be alike and one not.
        `first_left` asks then for no others where one is left to be played, since each comparison takes time.

        Raises:
            CassetteError: The user's own comparison failed.
        """
        playback = self.tape.playback
        name = str(params.get("name") or params.get("uri") or "")
        if playback.same is None or not name:
            key = request_key(method, params, playback.ignore)
            return key, self.tape.keyed.get(key, ())
        if not self._by_name:
            for each in sorted((each for group in self.tape.keyed.values() for each in group), key=_line):
                self._by_name.setdefault((each.method, each.name), []).append(each)
        live = self._question(method, params)
        recorded = self._by_name.get((method, name), [])
        left = [each for each in recorded if each.line not in self._played] if first_left else []
        first = next((each for each in left if self._is_same(playback.same, each, live)), None)
        if first is not None:
            return None, [first]
        return None, [each for each in recorded if self._is_same(playback.same, each, live)]

    def _is_same(self, same: SameRequest, recorded: Operation, live: Mapping[str, Any]) -> bool:
        was = self._question(recorded.method, recorded.params)
        try:
            return same(was, live)
        except Exception as error:  # anything may come from a function of the user's
            from pytest_mcpflow.cassette.miss import shown

            raise CassetteError(
                f"{self.tape.playback} failed with {type(error).__name__}: {error}, when it was asked whether "
                f"{shown(recorded.method, was)} on {self.tape.cassette.path.name} and "
                f"{shown(recorded.method, live)} ask the same; let it answer for each request that it is given"
            ) from error

    def _question(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a comparison of the user's is given of a request, which always has arguments."""
        asked: dict[str, Any] = {"arguments": {}}
        return asked | dict(significant(method, params, self.tape.playback.ignore))

    def _is_due(self, operation: Operation) -> bool:
        return operation.method != CALL or not self._order or operation is self._next_in_order()

    def _next_in_order(self) -> Operation | None:
        while self._turn < len(self._order) and self._order[self._turn].line in self._played:
            self._turn += 1
        return self._order[self._turn] if self._turn < len(self._order) else None

    def _miss(self, method: str, params: Mapping[str, Any], same: Sequence[Operation]) -> CassetteError:
        from pytest_mcpflow.cassette.miss import Miss

        miss = Miss(self.tape, self.server, method, params, self.cure)
        due = self._next_in_order()
        early = next((each for each in same if each.line not in self._played), None)
        if early is not None and due is not None:
            places = {each.line: place for place, each in enumerate(self._order, 1)}
            return miss.out_of_order(places[early.line], due, places[due.line])
        return miss.exhausted() if same else miss.never_recorded()


def _check_timed(cassette: Cassette, assemblers: Mapping[int, Assembler]) -> None:
    """A session without times would be answered at once, as if that had been recorded."""
    for session in cassette.sessions:
        assembler = assemblers[session.number]
        if assembler.operations and not assembler.has_times:
            raise CassetteError(
                f"{cassette.path}:{session.line} does not say when the messages of session "
                f"{session.number} came, so that it cannot take as long as it took; record it again with times "
                "(pytest --mcp-record=rewrite --mcp-record-timing, or mcpflow record --timing), or replay it "
                "without timing"
            )


def _check_one_server(cassette: Cassette) -> None:
    """A request does not say of which server it was asked, so that one would answer for another."""
    servers: dict[str, list[Session]] = {}
    for session in cassette.sessions:
        if session.server_name:  # one that did not say its name may be any of them
            servers.setdefault(session.server_name, []).append(session)
    if len(servers) > 1:
        path, ((one, ones), (_, others), *_) = cassette.path.name, servers.items()
        options = " ".join(f"--session {session.number}" for session in ones)
        raise CassetteError(
            f"{cassette.path}:{others[0].line} begins another server's session, and the cassette is a recording of "
            f"{len(servers)} servers, {', '.join(map(repr, servers))}, each of which "
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


def _line(operation: Operation) -> int:
    return operation.line
