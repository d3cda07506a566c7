"""Whether what a live server said is what was recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_mcpflow.cassette.compare import differences
from pytest_mcpflow.cassette.drift import Change
from pytest_mcpflow.cassette.format import SERVER_INFO, as_object
from pytest_mcpflow.cassette.operations import Failure, Http, Notice, Operation, Questions, Result
from pytest_mcpflow.outcome import shown_arguments

__all__ = ["Said", "changed_answer", "changed_handshake", "server_info", "shown"]

PROGRESS = "notifications/progress"
ANY_TIME = frozenset({"ping", "roots/list"})
"""Questions that belong to no call, whenever they come."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a live server said to one operation.

    Args:
        response: An object with `result` or `error`.
        questions: What it asked on the way, each with `method` and `params`.
        has_progress: Whether it reported progress.
        status: The HTTP status of an answer that was no JSON-RPC.
    """

    response: Mapping[str, Any]
    questions: Sequence[Mapping[str, Any]] = ()
    has_progress: bool = False
    status: int | None = None


def shown(operation: Operation) -> str:
    """An operation on one line, as a person would write it."""
    if operation.method == "tools/call":
        return f"{operation.name}({shown_arguments(operation.arguments)})"
    return f"{operation.method} {operation.name}".strip()


def changed_answer(
    operation: Operation, said: Said, *, ignore: Sequence[str] = (), exact: bool = False
) -> list[Change]:
    """What became otherwise about the answer and about what came before it."""
    old, new = _recorded_outcome(operation.outcome), _live_outcome(said)
    on_the_way = (_recorded_way(operation), _live_way(operation, said))
    if old.keys() == new.keys():
        pairs = [on_the_way, *((old[kind], new[kind]) for kind in old)]
    else:
        pairs = [on_the_way, (old, new)]
    return [
        Change(shown(operation), each.pointer, each.old, each.new, operation.line)
        for before, now in pairs
        for each in differences(before, now, ignore=ignore, exact=exact)
    ]


def changed_handshake(
    operation: Operation, result: Mapping[str, Any], *, ignore: Sequence[str] = ()
) -> list[Change]:
    """What the server says otherwise about itself; another version is none of it."""
    outcome = operation.outcome
    found = differences(
        _handshake(outcome.body if isinstance(outcome, Result) else as_object(None)),
        _handshake(result),
        ignore=[*ignore, "/serverInfo/version"],
        exact=True,
        schema=True,
    )
    return [Change("handshake", each.pointer, each.old, each.new, operation.line) for each in found]


def server_info(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """The server's name and version, if a result gives them."""
    return as_object(result.get("serverInfo") or as_object(result.get("_meta")).get(SERVER_INFO))


def _recorded_outcome(outcome: object) -> dict[str, object]:
    match outcome:
        case Result(body=body):
            return {"result": _without_stamp(body)}
        case Failure(error=error):
            return {"error": error}
        case Http(status=status):
            return {"status": {"status": status}}
        case _:
            return {}


def _live_outcome(said: Said) -> dict[str, object]:
    if said.status is not None:
        return {"status": {"status": said.status}}
    if "error" in said.response:
        return {"error": said.response["error"]}
    return {"result": _without_stamp(as_object(said.response.get("result")))}


def _recorded_way(operation: Operation) -> dict[str, object]:
    steps = operation.steps
    asked = [request for step in steps if isinstance(step, Questions) for request in step.requests.values()]
    has_progress = any(isinstance(step, Notice) and step.message.get("method") == PROGRESS for step in steps)
    return _way(asked, has_progress)


def _live_way(operation: Operation, said: Said) -> dict[str, object]:
    # Some servers report their progress once more after the answer: then whether it came before is chance.
    late = any(notice.message.get("method") == PROGRESS for notice in operation.aftermath)
    recorded = _recorded_way(operation)
    return _way(said.questions, "progress" in recorded if late else said.has_progress)


def _way(questions: Iterable[Mapping[str, Any]], has_progress: bool) -> dict[str, object]:
    asked = [
        {"method": each.get("method"), "params": _without_meta(as_object(each.get("params")))}
        for each in questions
        if each.get("method") not in ANY_TIME
    ]
    way: dict[str, object] = {"questions": asked} if asked else {}
    return way | ({"progress": "reported"} if has_progress else {})


def _handshake(result: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a handshake, with the server's name at one place in both eras."""
    return {**_without_stamp(result), "serverInfo": server_info(result)}


def _without_stamp(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """A result without the server's name and version, which stand on every result of 2026-07-28."""
    meta = as_object(body.get("_meta"))
    if SERVER_INFO not in meta:
        return body
    kept = {name: value for name, value in meta.items() if name != SERVER_INFO}
    rest = {name: value for name, value in body.items() if name != "_meta"}
    return {**rest, "_meta": kept} if kept else rest


def _without_meta(params: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in params.items() if name != "_meta"}
