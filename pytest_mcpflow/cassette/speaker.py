"""A recorded server in conversation with one client, over whatever transport and in whatever era.

It is told each message of the client and says what goes back, and when. It has no task, no clock and no transport.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pytest_mcpflow.cassette.eras import HANDSHAKE, STATELESS, discovered, initialized, result_for
from pytest_mcpflow.cassette.format import PROTOCOL_VERSION, SERVER_INFO
from pytest_mcpflow.cassette.operations import (
    LISTEN,
    SUBSCRIPTION,
    Disconnected,
    Failure,
    Http,
    Notice,
    Operation,
    Questions,
    Result,
    Step,
)
from pytest_mcpflow.cassette.player import Player
from pytest_mcpflow.cassette.values import as_object
from pytest_mcpflow.errors import CassetteError

__all__ = ["Out", "Speaker"]

Json = Mapping[str, Any]
NOT_RECORDED, HTTP_ERROR = -32600, -32603
LOG_LEVEL = "io.modelcontextprotocol/logLevel"
EMPTY_ANSWERS = frozenset({"ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"})
"""What each server answers with an empty result, and a client of one era asks while one of the other does not."""
ABOUT_CHANGES = frozenset(
    {
        "notifications/tools/list_changed",
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
        "notifications/resources/updated",
    }
)


class Out(NamedTuple):
    """What goes to the client.

    Args:
        message: A JSON-RPC message; `None` where there is none, on HTTP or at the end of the connection.
        request: The client's request in whose answer it goes, over HTTP; `None` if it goes by itself.
        is_last: Whether nothing else follows in that answer.
        after: Seconds after the client's message, as recorded; 0 if that was not recorded.
        http: An HTTP answer in place of a message.
        hangs_up: Whether the server goes away now.
        is_fresh: Whether nobody else has any part of the message, so that its reader may change it.
    """

    message: Json | None = None
    request: object = None
    is_last: bool = False
    after: float = 0.0
    http: Http | None = None
    hangs_up: bool = False
    is_fresh: bool = False


@dataclass(eq=False)
class _Play:
    """An operation that is being played to the request of a client."""

    operation: Operation
    request: object
    meta: Json
    steps: Iterator[Step]
    since: float | None
    unanswered: set[object] = field(default_factory=set[object])
    is_answered: bool = False


class Speaker:
    """Answers one client from a tape.

    Args:
        player: What was recorded, and what of it is left.
        speaks_http: Whether an HTTP answer can be given as such, and not as an error.
    """

    def __init__(self, player: Player, *, speaks_http: bool = False) -> None:
        self._player, self._speaks_http = player, speaks_http
        self._era = HANDSHAKE
        self._questions: dict[object, _Play] = {}
        self._states: dict[str, _Play] = {}
        self._cancelled: set[object] = set()
        self._listening: dict[object, Json] = {}
        self._number = 0
        self._opening = _opening(player)
        self._offers: Json = {}
        self._is_open = False

    def receive(self, message: Json) -> list[Out]:
        """What goes back when the client sends a message."""
        method, request = message.get("method"), message.get("id")
        params = as_object(message.get("params"))
        if method is None:
            return self._go_on_after(request)
        if "id" not in message:
            if method == "notifications/cancelled":
                self._listening.pop(params.get("requestId"), None)
                self._cancelled.add(params.get("requestId"))
            return self._open() if method == "notifications/initialized" else []
        meta = as_object(params.get("_meta"))
        self._era = STATELESS if PROTOCOL_VERSION in meta or method == "server/discover" else HANDSHAKE
        if method == "initialize":
            self._offers = as_object(params.get("capabilities"))
            return self._answer(request, initialized(self._opening, asked=params.get("protocolVersion")))
        if method == "server/discover":
            return self._answer(request, discovered(self._opening))
        if method == LISTEN:
            return self._listen(request, params)
        if method in EMPTY_ANSWERS:
            return self._obey(method, params, request, meta)
        state = params.get("requestState")
        play = self._states.pop(state, None) if isinstance(state, str) else None
        if play is not None and play.operation.is_abandoned:
            return [
                self._error(
                    request, NOT_RECORDED, f"{method}: the answer to this question was never recorded"
                )
            ]
        if play is not None:
            play.request, play.meta = request, meta
            return list(self._perform(play))
        try:
            operation = self._player.find(str(method), params)
        except CassetteError as error:
            return [self._error(request, NOT_RECORDED, str(error))]
        return list(self._perform(_Play(operation, request, meta, iter(operation.steps), operation.at)))

    def _open(self) -> list[Out]:
        """What the server said and asked by itself once the connection was open; each client hears it once."""
        operation = None if self._is_open else self._player.handshake()
        self._is_open = True
        if operation is None:
            return []
        steps = (step for step in operation.unasked if isinstance(step, Notice) or self._is_offered(step))
        play = _Play(operation, None, {}, steps, operation.answered_at, is_answered=True)
        return list(self._perform(play))

    def _is_offered(self, step: Questions) -> bool:
        """Whether the client said that it answers such questions. In the stateless era nobody asks out of turn."""
        asked = (str(question.get("method")).partition("/")[0] for question in step.requests.values())
        return self._era == HANDSHAKE and all(kind in self._offers or kind == "ping" for kind in asked)

    def _obey(self, method: str, params: Json, request: object, meta: Json) -> list[Out]:
        """Answer what each server answers alike, as it was recorded if it was."""
        try:
            found = self._player.find_again(method, params)
        except CassetteError as error:
            return [self._error(request, NOT_RECORDED, str(error))]
        if found is None:
            return self._answer(request, {})
        operation, is_first = found
        play = _Play(operation, request, meta, iter(operation.steps if is_first else ()), operation.at)
        outs = list(self._perform(play))
        return outs if is_first else [out for out in outs if out.is_last]

    def _go_on_after(self, question: object) -> list[Out]:
        play = self._questions.pop(question, None)
        if play is None:
            return []
        play.unanswered.discard(question)
        return [] if play.unanswered else list(self._perform(play))

    def _perform(self, play: _Play) -> Iterator[Out]:
        """Play up to the outcome, or to questions that the client must answer first."""
        if play.request in self._cancelled:
            return
        for step in play.steps:
            after = self._after(play, step.at)
            if isinstance(step, Notice):
                yield from self._notice(step, play, after)
            elif self._era == STATELESS:
                yield self._ask_for_another_request(play, step, after)
                play.since = step.at
                return
            else:
                yield from self._ask(play, step, after)
                play.since = step.at
                return
        if not play.is_answered:
            yield from self._outcome(play)

    def _outcome(self, play: _Play) -> Iterator[Out]:
        operation = play.operation
        after = self._after(play, operation.answered_at)
        match operation.outcome:
            case Result(body):
                is_fresh = operation.era == self._era
                if not is_fresh:
                    body = result_for(self._era, operation.method, body, self._opening)
                yield self._answer(play.request, body, after=after, is_fresh=is_fresh)[0]
            case Failure(error):
                body = {"jsonrpc": "2.0", "id": play.request, "error": error}
                yield Out(body, play.request, is_last=True, after=after)
            case Http() as answer if self._speaks_http:
                yield Out(request=play.request, is_last=True, after=after, http=answer)
            case Http() as answer:
                data = {"status": answer.status, "headers": dict(answer.headers)}
                text = f"the server answered with HTTP status {answer.status}"
                yield self._error(play.request, HTTP_ERROR, text, data=data)._replace(after=after)
            case Disconnected():
                yield Out(request=play.request, is_last=True, after=after, hangs_up=True)
            case _:
                return  # the client gave up waiting, and will again
        for notice in operation.aftermath:
            for out in self._notice(notice, play, self._after(play, notice.at)):
                yield out._replace(request=None) if out.request == play.request else out

    def _notice(self, notice: Notice, play: _Play, after: float) -> Iterator[Out]:
        message = notice.message
        method, params = message["method"], as_object(message.get("params"))
        if method == "notifications/progress":
            token = play.meta.get("progressToken")
            if token is not None:
                rebound = {**message, "params": {**params, "progressToken": token}}
                yield Out(rebound, play.request, after=after)
        elif method in ABOUT_CHANGES:
            meta = {
                name: value for name, value in as_object(params.get("_meta")).items() if name != SUBSCRIPTION
            }
            plain = {name: value for name, value in params.items() if name != "_meta"}
            if self._era == HANDSHAKE:
                kept = {**plain, "_meta": meta} if meta else plain
                yield Out(_notification(method, kept), None, after=after)
            listening = self._listening.items() if self._era == STATELESS else ()
            for listener in (listener for listener, wanted in listening if _wants(wanted, method, params)):
                stamped = {**plain, "_meta": {**meta, SUBSCRIPTION: listener}}
                yield Out(_notification(method, stamped), listener, after=after)
        elif self._era == HANDSHAKE or method != "notifications/message" or LOG_LEVEL in play.meta:
            yield Out(message, play.request, after=after)

    def _ask(self, play: _Play, step: Questions, after: float) -> Iterator[Out]:
        """Questions of the handshake era: requests of the server, for which the call waits."""
        asked = list(step.requests.values())
        numbers = [f"replayed-{self._number + index}" for index in range(1, len(asked) + 1)]
        self._number += len(asked)
        play.unanswered = set(numbers)
        for number, question in zip(numbers, asked, strict=True):
            self._questions[number] = play
            yield Out({"jsonrpc": "2.0", "id": number, **question}, play.request, after=after)

    def _ask_for_another_request(self, play: _Play, step: Questions, after: float) -> Out:
        """Questions of the stateless era: the call ends, and the client makes another with the answers."""
        self._number += 1
        state = f"replayed-{self._number}"
        self._states[state] = play
        result = {
            "_meta": {SERVER_INFO: as_object(self._opening.get("serverInfo"))},
            "inputRequests": dict(step.requests),
            "requestState": state,
            "resultType": "input_required",
        }
        return self._answer(play.request, result, after=after)[0]

    def _listen(self, request: object, params: Json) -> list[Out]:
        """Open a stream of change notices; it is acknowledged and then stays open."""
        self._listening[request] = asked = as_object(params.get("notifications"))
        acknowledged = _notification(
            "notifications/subscriptions/acknowledged",
            {"_meta": {SUBSCRIPTION: request}, "notifications": asked},
        )
        return [Out(acknowledged, request), *self._open()]

    def _answer(
        self, request: object, result: Json, *, after: float = 0.0, is_fresh: bool = False
    ) -> list[Out]:
        if self._era == STATELESS and "resultType" not in result:
            result, is_fresh = result_for(STATELESS, "", result, self._opening), False
        body = {"jsonrpc": "2.0", "id": request, "result": result}
        return [Out(body, request, is_last=True, after=after, is_fresh=is_fresh)]

    def _error(self, request: object, code: int, text: str, *, data: object = None) -> Out:
        error = {"code": code, "message": text} | ({} if data is None else {"data": data})
        return Out({"jsonrpc": "2.0", "id": request, "error": error}, request, is_last=True)

    def _after(self, play: _Play, at: float | None) -> float:
        return 0.0 if at is None or play.since is None else max(0.0, (at - play.since) / 1000)


def _notification(method: str, params: Json) -> Json:
    return (
        {"jsonrpc": "2.0", "method": method, "params": params}
        if params
        else {"jsonrpc": "2.0", "method": method}
    )


def _wants(wanted: Json, method: str, params: Json) -> bool:
    """Whether a client listens to a change."""
    if method == "notifications/resources/updated":
        resources: object = wanted.get("resourceSubscriptions")
        return isinstance(resources, list) and params.get("uri") in resources
    kind = method.removeprefix("notifications/").removesuffix("/list_changed")
    return wanted.get(f"{kind}ListChanged") is True


def _opening(player: Player) -> Json:
    """What the server said of itself: to `initialize` or `server/discover`, or else on its answers."""
    for operation in player.tape.of_method("initialize", "server/discover"):
        if operation.is_complete and isinstance(operation.outcome, Result):
            return operation.outcome.body
    methods = {each.method.partition("/")[0] for group in player.tape.keyed.values() for each in group}
    offered = methods & {"tools", "resources", "prompts", "completion", "logging"}
    return {"capabilities": {name.replace("completion", "completions"): {} for name in sorted(offered)}}
