"""Whether what was said to a request is what was said to it before: on a tape and by a live server, or on two tapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_mcpflow.cassette.compare import differences
from pytest_mcpflow.cassette.drift import Change
from pytest_mcpflow.cassette.format import SERVER_INFO
from pytest_mcpflow.cassette.operations import (
    Disconnected,
    Failure,
    Http,
    Notice,
    Operation,
    Questions,
    Result,
    Silence,
)
from pytest_mcpflow.cassette.values import as_object
from pytest_mcpflow.outcome import shown_arguments

__all__ = [
    "Said",
    "changed_answer",
    "changed_handshake",
    "recorded",
    "server_info",
    "server_title",
    "shown",
]

PROGRESS = "notifications/progress"
ANY_TIME = frozenset({"ping", "roots/list"})
"""Questions that belong to no call, whenever they come."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a server said to one request.

    Args:
        response: An object with `result` or `error`; with `status` for an HTTP status, with `lost` for no answer.
        questions: What it asked on the way, each with `method` and `params`.
        has_progress: Whether it reported progress; `None` if whether it did so in time was chance.
    """

    response: Mapping[str, Any]
    questions: Sequence[Mapping[str, Any]] = ()
    has_progress: bool | None = False


def recorded(operation: Operation) -> Said:
    """What a tape says that was said."""
    steps = operation.steps
    # Some servers report their progress once more after the answer.
    late = any(notice.message.get("method") == PROGRESS for notice in operation.aftermath)
    return Said(
        response=_response(operation),
        questions=[each for step in steps if isinstance(step, Questions) for each in step.requests.values()],
        has_progress=None
        if late
        else any(isinstance(step, Notice) and step.message.get("method") == PROGRESS for step in steps),
    )


def shown(operation: Operation) -> str:
    """An operation on one line, as a person would write it."""
    if operation.method == "tools/call":
        return f"{operation.name}({shown_arguments(operation.arguments)})"
    return f"{operation.method} {operation.name}".strip()


def changed_answer(
    operation: Operation, new: Said, *, ignore: Sequence[str] = (), exact: bool = False
) -> list[Change]:
    """What is otherwise about the answer to a recorded operation, and about what came before it."""
    old = recorded(operation)
    before, now = _stripped(old.response), _stripped(new.response)
    pairs: list[tuple[object, object]] = [(_way(old, new), _way(new, old))]
    # Pointers lead into the result; where one was refused and the other was not, to which of them it was.
    pairs += (
        [(before[kind], now[kind]) for kind in before] if before.keys() == now.keys() else [(before, now)]
    )
    return [
        Change(shown(operation), each.pointer, each.old, each.new, operation.line)
        for one, other in pairs
        for each in differences(one, other, ignore=ignore, exact=exact)
    ]


def changed_handshake(
    operation: Operation, result: Mapping[str, Any], *, ignore: Sequence[str] = ()
) -> list[Change]:
    """What the server says otherwise about itself; another version is none of it."""
    found = differences(
        _handshake(as_object(_response(operation).get("result"))),
        _handshake(result),
        ignore=[*ignore, "/serverInfo/version"],
        exact=True,
        schema=True,
    )
    return [Change("handshake", each.pointer, each.old, each.new, operation.line) for each in found]


def server_info(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """The server's name and version, if a result gives them."""
    return as_object(result.get("serverInfo") or as_object(result.get("_meta")).get(SERVER_INFO))


def server_title(info: Mapping[str, Any]) -> str:
    """A server's name and version as a person would write them."""
    return " ".join(str(info[part]) for part in ("name", "version") if info.get(part))


def _response(operation: Operation) -> Mapping[str, Any]:
    match operation.outcome:
        case Result(body=body):
            return {"result": body}
        case Failure(error=error):
            return {"error": error}
        case Http(status=status):
            return {"status": status}
        case Disconnected():
            return {"lost": "the server went away"}
        case Silence():
            return {"lost": "the client gave up"}


def _stripped(response: Mapping[str, Any]) -> dict[str, Any]:
    kinds = {kind: response[kind] for kind in ("result", "error", "status", "lost") if kind in response}
    return kinds | ({"result": _without_stamp(kinds["result"])} if "result" in kinds else {})


def _way(said: Said, other: Said) -> dict[str, object]:
    """What came before an answer, as a document."""
    asked = _questions(said.questions)
    way: dict[str, object] = {"questions": asked} if asked else {}
    return way | ({"progress": "reported"} if said.has_progress and other.has_progress is not None else {})


def _questions(questions: Iterable[Mapping[str, Any]]) -> list[object]:
    return [
        {"method": each.get("method"), "params": _without(as_object(each.get("params")), "_meta")}
        for each in questions
        if each.get("method") not in ANY_TIME
    ]


def _handshake(result: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a handshake, with the server's name at one place in both eras."""
    return {**_without_stamp(result), "serverInfo": server_info(result)}


def _without_stamp(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """A result without the server's name and version, which stand on every result of 2026-07-28."""
    meta = as_object(body.get("_meta"))
    if SERVER_INFO not in meta:
        return body
    kept = _without(meta, SERVER_INFO)
    return _without(body, "_meta") | ({"_meta": kept} if kept else {})


def _without(members: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in members.items() if key != name}
