"""What a recorded client gives a server: its answers to questions, and secrets that are on no tape."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pytest_mcpflow.cassette.compare import differences
from pytest_mcpflow.cassette.format import as_object
from pytest_mcpflow.cassette.operations import Operation, Questions
from pytest_mcpflow.cassette.writer import Redacting

__all__ = ["Given", "GivenTo", "Secrets"]

PLACEHOLDER = re.compile(r"\[REDACTED:[\w-]+:\w+\]")
METHOD_NOT_FOUND = -32601


@dataclass(eq=False, slots=True)
class _Asked:
    """A recorded question and its answer, an object with `result` or `error`; empty if it was left unanswered."""

    key: str
    question: Mapping[str, Any]
    answer: Mapping[str, Any]
    is_used: bool = False


class Given:
    """The answers of one session's client.

    Args:
        recorded: The operations of the session.
    """

    def __init__(self, recorded: Iterable[Operation]) -> None:
        self._by_line = {operation.line: _asked_in(operation) for operation in recorded}

    def to(self, operation: Operation) -> GivenTo:
        """The answers for one operation."""
        return GivenTo(self._by_line[operation.line], self.spare)

    def spare(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """An answer to what is asked elsewhere than when it was recorded, like the roots after a handshake."""
        if question["method"] == "ping":
            return {"result": {}}
        everywhere = [asked for entries in self._by_line.values() for asked in entries if asked.answer]
        found = _nearest(question, everywhere, key="")
        if found is None or (question["method"] != "roots/list" and not _is_same(question, found.question)):
            return {"error": {"code": METHOD_NOT_FOUND, "message": "the cassette has no answer to this"}}
        return found.answer


class GivenTo:
    """The answers for one operation; each is given once."""

    def __init__(self, asked: Sequence[_Asked], spare: Any) -> None:
        self._asked, self._spare = asked, spare

    def answer(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """An object with `result` or `error`."""
        found = _nearest(question, [each for each in self._asked if not each.is_used], key="")
        if found is None or not found.answer:
            return cast("Mapping[str, Any]", self._spare(question))
        found.is_used = True
        return found.answer

    def response(self, key: str, question: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What a question of an `InputRequiredResult` is answered with; `None` to leave it unanswered."""
        found = _nearest(question, [each for each in self._asked if not each.is_used], key=key)
        if found is None:
            return None
        found.is_used = True
        return cast("Mapping[str, Any] | None", found.answer.get("result"))


class Secrets:
    """Between a tape without secrets and a server that needs them.

    A placeholder in what the client sends is replaced where an environment variable holds what it stands for. What the
    server answers goes through the same redaction as the tape did.

    Args:
        redactor: The redaction of the tape; `None` if there was none.
        values: What the placeholders may stand for.
    """

    def __init__(self, redactor: Redacting | None, values: Iterable[str]) -> None:
        self._redactor = redactor
        self._known = dict[str, str]()
        for value in values if redactor is not None else ():
            placeholder = redactor.text(value) if redactor is not None else ""
            if PLACEHOLDER.fullmatch(placeholder):
                self._known[placeholder] = value

    def missing_from(self, document: object) -> bool:
        """Whether a document holds a placeholder for something that nobody knows."""
        if self._redactor is None:
            return False
        return any(
            found not in self._known for text in _texts(document) for found in PLACEHOLDER.findall(text)
        )

    def put_back(self, document: object) -> object:
        """The document with what its placeholders stand for."""
        if isinstance(document, str):
            return PLACEHOLDER.sub(lambda found: self._known.get(found[0], found[0]), document)
        if isinstance(document, Mapping):
            members = cast("Mapping[str, object]", document)
            return {name: self.put_back(value) for name, value in members.items()}
        if isinstance(document, list):
            return [self.put_back(item) for item in cast("list[object]", document)]
        return document

    def take_out(self, response: Mapping[str, Any], *, answers: str) -> Mapping[str, Any]:
        """A live response as it would be on the tape."""
        return response if self._redactor is None else self._redactor.message(response, answers=answers)


def _asked_in(operation: Operation) -> list[_Asked]:
    return [
        _Asked(key, request, as_object(step.answers.get(key)))
        for step in operation.steps
        if isinstance(step, Questions)
        for key, request in step.requests.items()
    ]


def _nearest(question: Mapping[str, Any], asked: Iterable[_Asked], *, key: str) -> _Asked | None:
    """The recorded question that is most like a live one: the same words count more than the same key."""
    candidates = [each for each in asked if each.question.get("method") == question.get("method")]
    return max(
        candidates,
        key=lambda each: (_is_same(question, each.question), each.key == key),
        default=None,
    )


def _is_same(question: Mapping[str, Any], recorded: Mapping[str, Any]) -> bool:
    return not differences(recorded.get("params"), question.get("params"), ignore=["/_meta"])


def _texts(document: object) -> Iterable[str]:
    todo: list[object] = [document]
    while todo:
        here = todo.pop()
        if isinstance(here, str):
            yield here
        elif isinstance(here, Mapping):
            todo += cast("Mapping[str, object]", here).values()
        elif isinstance(here, list | tuple):
            todo += cast("Sequence[object]", here)
