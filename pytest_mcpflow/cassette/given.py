"""What a recorded client gives a server: its answers to questions, and secrets that are on no tape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pytest_mcpflow.cassette.compare import differences
from pytest_mcpflow.cassette.operations import Operation, Questions
from pytest_mcpflow.cassette.redaction.placeholder import PLACEHOLDER, digest, placeholder
from pytest_mcpflow.cassette.values import as_object
from pytest_mcpflow.cassette.writer import Redacting

__all__ = ["Asked", "Given", "GivenTo", "Secrets"]

METHOD_NOT_FOUND = -32601


@dataclass(eq=False, slots=True)
class Asked:
    """A recorded question and its answer, an object with `result` or `error`; empty if it was left unanswered."""

    key: str
    question: Mapping[str, Any]
    answer: Mapping[str, Any]
    is_used: bool = False


class Given:
    """The answers of one session's client.

    Args:
        recorded: The operations of the session.
        secrets: What was taken out of the answers, and of the questions by which they are found.
    """

    def __init__(self, recorded: Iterable[Operation], secrets: Secrets) -> None:
        self._by_line = {operation.line: _asked_in(operation) for operation in recorded}
        self._secrets = secrets

    def to(self, operation: Operation) -> GivenTo:
        """The answers for one operation."""
        return GivenTo(self, self._by_line[operation.line])

    def spare(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """An answer to what is asked elsewhere than when it was recorded, like the roots after a handshake."""
        if question["method"] == "ping":
            return {"result": {}}
        everywhere = [asked for entries in self._by_line.values() for asked in entries if asked.answer]
        found = self.nearest(question, everywhere)
        if found is None or not (question["method"] == "roots/list" or self._is_same(question, found)):
            return {"error": {"code": METHOD_NOT_FOUND, "message": "the cassette has no answer to this"}}
        return self.sent(found)

    def nearest(self, question: Mapping[str, Any], asked: Iterable[Asked], *, key: str = "") -> Asked | None:
        """The recorded question that is most like a live one: the same words count more than the same key."""
        candidates = [each for each in asked if each.question.get("method") == question["method"]]
        likeness = [(self._is_same(question, each), each.key == key) for each in candidates]
        return candidates[likeness.index(max(likeness))] if candidates else None

    def sent(self, asked: Asked) -> Mapping[str, Any]:
        """A recorded answer as the client sends it."""
        return as_object(self._secrets.put_back(asked.answer))

    def _is_same(self, question: Mapping[str, Any], asked: Asked) -> bool:
        live = self._secrets.take_out(question).get("params")
        return not differences(asked.question.get("params"), live, ignore=["/_meta"])


class GivenTo:
    """The answers for one operation; each is given once."""

    def __init__(self, given: Given, asked: Sequence[Asked]) -> None:
        self._given, self._asked = given, asked

    def answer(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """An object with `result` or `error`."""
        found = self._take(question)
        return self._given.sent(found) if found and found.answer else self._given.spare(question)

    def response(self, key: str, question: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What a question of an `InputRequiredResult` is answered with; `None` to leave it unanswered."""
        found = self._take(question, key=key)
        return self._given.sent(found).get("result") if found else None

    def _take(self, question: Mapping[str, Any], *, key: str = "") -> Asked | None:
        found = self._given.nearest(question, [each for each in self._asked if not each.is_used], key=key)
        if found is not None:
            found.is_used = True
        return found


class Secrets:
    """Between a tape without secrets and a server that needs them.

    A placeholder in what the client sends is replaced where an environment variable holds what it stands for. What the
    server answers goes through the same redaction as the tape did.

    Args:
        redactor: The redaction of the tape; `None` if there was none.
        environment: What the placeholders may stand for.
    """

    def __init__(self, redactor: Redacting | None, environment: Mapping[str, str]) -> None:
        self._redactor = redactor
        self._by_variable = {placeholder("env", name): value for name, value in environment.items()}
        self._by_hash = {digest(value): value for value in environment.values()}

    def missing_from(self, document: object) -> bool:
        """Whether a document holds a placeholder for something that nobody knows."""
        if self._redactor is None:
            return False
        return any(
            self._secret(found) == found for text in _texts(document) for found in PLACEHOLDER.findall(text)
        )

    def put_back(self, document: object) -> object:
        """The document with what its placeholders stand for."""
        if self._redactor is None:
            return document
        if isinstance(document, str):
            return PLACEHOLDER.sub(lambda found: self._secret(found[0]), document)
        if isinstance(document, Mapping):
            members = cast("Mapping[str, object]", document)
            return {name: self.put_back(value) for name, value in members.items()}
        if isinstance(document, list):
            return [self.put_back(item) for item in cast("list[object]", document)]
        return document

    def take_out(self, message: Mapping[str, Any], *, answers: str | None = None) -> Mapping[str, Any]:
        """A live message as it would be on the tape; a response goes with the method that it answers."""
        return message if self._redactor is None else self._redactor.message(message, answers=answers)

    def _secret(self, found: str) -> str:
        """What a placeholder stands for; itself if nobody knows."""
        return self._by_variable.get(found) or self._by_hash.get(found[-9:-1], found)


def _asked_in(operation: Operation) -> list[Asked]:
    return [
        Asked(key, request, as_object(step.answers.get(key)))
        for step in operation.steps
        if isinstance(step, Questions)
        for key, request in step.requests.items()
    ]


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
