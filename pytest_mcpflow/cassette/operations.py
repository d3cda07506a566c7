"""What a client asked and all that came of it, whatever the era and however the messages of others lay in between.

A request of the client, the notifications on the way, the server's questions with their answers, and the outcome are
one operation, also where protocol 2026-07-28 needs several requests for it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from pytest_mcpflow.cassette.format import Frame, Session
from pytest_mcpflow.cassette.values import as_object

__all__ = [
    "LISTEN",
    "SUBSCRIPTION",
    "Assembler",
    "Disconnected",
    "Failure",
    "Http",
    "Notice",
    "Operation",
    "Outcome",
    "Questions",
    "Result",
    "Silence",
    "Step",
    "operations",
]

SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
LISTEN = "subscriptions/listen"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification of the server. `at` is when it came, in milliseconds since the session began, if that is known."""

    message: Mapping[str, Any]
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Questions:
    """What the server asked at once, by the server's keys, and what the client answered: results or errors."""

    requests: Mapping[str, Mapping[str, Any]]
    answers: Mapping[str, Mapping[str, Any]]
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The server answered: `body` is the result object."""

    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """The server answered with a JSON-RPC error: code, message and perhaps data."""

    error: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Http:
    """An HTTP answer that was no JSON-RPC."""

    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Silence:
    """The client gave up: it cancelled the request, or left, before there was an answer."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The server went away before there was an answer."""


Step: TypeAlias = Notice | Questions
Outcome: TypeAlias = Result | Failure | Http | Silence | Disconnected

_Role = Literal["request", "notice", "later", "ask", "reply", "rounds", "answer", "http"]


_Part: TypeAlias = tuple[_Role, Frame]
"""A frame of an operation, and what it is in it."""


@dataclass(slots=True, eq=False)
class Operation:
    """A request of the client and what came of it. What it says is decoded when it is asked for.

    Args:
        session: The number of the session.
        line: The line of the request.
        method: What was asked, `tools/call` for a tool.
        era: The protocol era it was recorded in.
        is_complete: Whether the tape knows what became of it: not where a recorder was killed in the middle.
    """

    session: int
    line: int
    method: str
    era: str = ""
    is_complete: bool = False
    _parts: list[_Part] = field(default_factory=list[_Part], repr=False)
    _times: dict[int, float] = field(default_factory=dict[int, float], repr=False)
    _lost: Silence | Disconnected | None = None

    @property
    def params(self) -> Mapping[str, Any]:
        """As the first request had them."""
        return as_object(self._parts[0][1].message.body.get("params"))

    @property
    def name(self) -> str:
        """The tool, prompt or resource that was asked for; empty where the method says it all."""
        params = self.params
        return str(params.get("name") or params.get("uri") or "")

    @property
    def arguments(self) -> Mapping[str, Any]:
        return as_object(self.params.get("arguments"))

    @property
    def token(self) -> object:
        """The progress token under which progress was recorded."""
        return as_object(self.params.get("_meta")).get("progressToken")

    @property
    def at(self) -> float | None:
        """When it was asked, in milliseconds since the session began, if that is known."""
        return self._times.get(self.line)

    @property
    def answered_at(self) -> float | None:
        """When the outcome came."""
        if not self._times:
            return None
        ends = [frame.line for role, frame in self._parts if role in ("answer", "http")]
        return self._times.get(ends[-1]) if ends else None

    @property
    def lines(self) -> list[int]:
        """The lines of all that belongs to it, in order."""
        return [frame.line for _, frame in self._parts]

    @property
    def last_line(self) -> int:
        """The line of the outcome; where there is none, of the request."""
        ends = [frame.line for role, frame in self._parts if role in ("answer", "http")]
        return ends[-1] if ends else self.line

    @property
    def is_abandoned(self) -> bool:
        """Whether the client left a question of the server unanswered and never came back."""
        return self._lost is None and self._parts[-1][0] == "rounds"

    @property
    def steps(self) -> list[Step]:
        """What happened before the outcome."""
        return self._steps("notice", "ask", "rounds")

    @property
    def aftermath(self) -> list[Notice]:
        """The notifications that came after the outcome and before anything else was asked."""
        return [step for step in self._steps("later") if isinstance(step, Notice)]

    @property
    def unasked(self) -> list[Step]:
        """What the server said and asked around the outcome, in the order of the tape."""
        return self._steps("notice", "ask", "later")

    @property
    def outcome(self) -> Outcome:
        for role, frame in reversed(self._parts):
            if role == "answer":
                body = frame.data["message"]
                return (
                    Failure(as_object(body["error"]))
                    if "error" in body
                    else Result(as_object(body["result"]))
                )
            if role == "http":
                data = frame.data
                headers = {name: str(value) for name, value in as_object(data.get("headers")).items()}
                return Http(data["status"], headers, data.get("body", ""))
        return self._lost or Silence()

    def _lose(self, how: Silence | Disconnected) -> None:
        self._lost, self.is_complete = how, True

    def _steps(self, *roles: _Role) -> list[Step]:
        parts = [part for part in self._parts if part[0] in roles]  # the others need not be decoded
        if not parts:
            return []
        steps: list[Step] = []
        replies = {
            frame.message.body["id"]: frame.message.body for role, frame in self._parts if role == "reply"
        }
        responses = self._responses()
        nothing: Mapping[str, Any] = {}
        for role, frame in parts:
            body = frame.message.body
            at = self._times.get(frame.line)
            if role in ("notice", "later"):
                steps.append(Notice(body, at))
            elif role == "ask":
                key = str(body["id"])
                asked = {"method": body["method"], "params": as_object(body.get("params"))}
                answer = replies.get(body["id"])
                steps.append(Questions({key: asked}, {} if answer is None else {key: answer}, at))
            else:
                requests = {
                    key: as_object(request)
                    for key, request in as_object(as_object(body.get("result")).get("inputRequests")).items()
                }
                given = next(responses, nothing)
                answers = {key: {"result": given[key]} for key in requests if key in given}
                steps.append(Questions(requests, answers, at))
        return steps

    def _responses(self) -> Iterator[Mapping[str, Any]]:
        """What the client's second, third, ... request answered."""
        for role, frame in self._parts[1:]:
            if role == "request":
                yield as_object(as_object(frame.message.body.get("params")).get("inputResponses"))


class Assembler:
    """Sorts the frames of one session into operations, in a single pass and without keeping what they say."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self._open: dict[object, Operation] = {}
        self._asked: dict[object, Operation] = {}
        self._states: dict[object, Operation] = {}
        self._tokens: dict[object, Operation] = {}
        self._times: dict[int, float] = {}
        self._last: Operation | None = None
        self._line = 0

    @property
    def has_times(self) -> bool:
        """Whether it is known when messages came."""
        return bool(self._times)

    def add(self, frame: Frame, data: Mapping[str, Any]) -> Operation | None:
        """Take the next frame; the operation that it begins, if it does."""
        if frame.kind == "timing":
            self._times[self._line] = data["ms"]
            return None
        if frame.kind != "opened":  # it is written in one piece with the answer that it is about
            self._line = frame.line
        if frame.kind == "message":
            if data["from"] == "client":
                return self._from_client(frame, data["message"])
            self._from_server(frame, data["message"])
        elif frame.kind == "http":
            self._end(data.get("request"), "http", frame)
        elif frame.kind == "cut":
            # An answer may still come on another stream, if it was the client that left this one.
            self._lose(self._open.get(_hashable(data.get("request"))), data)
        elif frame.kind == "end":
            for operation in self._open.values():
                self._lose(operation, data)
            self._open.clear()
        return None

    def _lose(self, operation: Operation | None, data: Mapping[str, Any]) -> None:
        if operation is not None and operation._lost is None:  # pyright: ignore[reportPrivateUsage]
            operation._lose(Disconnected() if data.get("by") == "server" else Silence())  # pyright: ignore[reportPrivateUsage]

    def _from_client(self, frame: Frame, body: Mapping[str, Any]) -> Operation | None:
        method, number = body.get("method"), body.get("id")
        if method is None:
            operation = self._asked.pop(number, None)
            if operation is not None:
                _add(operation, "reply", frame)
            return None
        params = as_object(body.get("params"))
        if number is None:
            if method == "notifications/cancelled":
                given_up = self._open.pop(_hashable(params.get("requestId")), None)
                if given_up is not None:
                    given_up._lose(Silence())  # pyright: ignore[reportPrivateUsage]
            return None
        state = params.get("requestState")
        operation = self._states.pop(state, None) if isinstance(state, str) else None
        begun = None
        if operation is None or operation.method != method:
            request: list[_Part] = [("request", frame)]
            begun = operation = Operation(
                *(frame.session, frame.line, sys.intern(method), "", False), request, self._times
            )
            self.operations.append(operation)
        else:
            _add(operation, "request", frame)
        self._open[number] = operation
        if "_meta" in params:
            token = as_object(params["_meta"]).get("progressToken")
            if token is not None:
                self._tokens[_hashable(token)] = operation
        if method != LISTEN:
            self._last = operation
        return begun

    def _from_server(self, frame: Frame, body: Mapping[str, Any]) -> None:
        method = body.get("method")
        if method is None:
            operation = self._open.pop(body.get("id"), None)
            if operation is not None:
                result = as_object(body.get("result"))
                needs_input = result.get("resultType") == "input_required"
                if needs_input:
                    self._states[_hashable(result.get("requestState"))] = operation
                _add(operation, "rounds" if needs_input else "answer", frame)
                operation.is_complete = True
            return
        if "id" in body:
            operation = self._current()
            if operation is not None:
                _add(operation, "ask", frame)
                self._asked[body["id"]] = operation
            return
        params = as_object(body.get("params"))
        if method == "notifications/progress":
            operation = self._tokens.get(_hashable(params.get("progressToken")))
        elif method == "notifications/subscriptions/acknowledged":
            operation = self._open.get(_hashable(as_object(params.get("_meta")).get(SUBSCRIPTION)))
        else:
            operation = self._current()
        if operation is not None:
            _add(operation, "notice" if operation in self._open.values() else "later", frame)

    def _current(self) -> Operation | None:
        """What an unaddressed message of the server most likely belongs to: the last thing asked."""
        waiting = [operation for operation in self._open.values() if operation.method != LISTEN]
        return waiting[-1] if waiting else self._last

    def _end(self, number: object, role: _Role, frame: Frame) -> None:
        operation = self._open.pop(_hashable(number), None)
        if operation is not None:
            _add(operation, role, frame)
            operation.is_complete = True


def _add(operation: Operation, role: _Role, frame: Frame) -> None:
    operation._parts.append((role, frame))  # pyright: ignore[reportPrivateUsage]


def _hashable(value: object) -> object:
    """Ids and tokens are numbers or texts; what a hostile tape has in their place is nobody's."""
    return value if isinstance(value, int | str) else None


def operations(session: Session) -> list[Operation]:
    """The operations of a session, in the order in which they were begun; those without an end included."""
    assembler = Assembler()
    for frame in session.frames:
        assembler.add(frame, frame.data)
    for operation in assembler.operations:
        operation.era = session.era
    return assembler.operations
