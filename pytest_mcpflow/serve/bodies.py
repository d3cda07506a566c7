"""Bodies of HTTP responses: where in them the answer to a request is, and what becomes of it when it is spoilt.

A body is one message, or a stream of events with a message each, in which a server may log, tell of progress and ask
something before it answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from pytest_mcpflow.serve.sse import EventSplitter

if TYPE_CHECKING:
    from mcp_types import RequestId

__all__ = ["has_answer", "pieces_of", "torn"]

PIECES = 5
"""In how many an answer drips."""


class _Message(BaseModel):
    """What tells answers from other messages. No objects are made of the result, which may be long."""

    id: int | str | None = None
    method: str | None = None
    error: object = None


def has_answer(part: bytes, request_id: RequestId, *, is_stream: bool) -> bool:
    """Whether a part of a body answers a request: all of it, or whole events of a stream."""
    messages = [event.data for event in EventSplitter().feed(part)] if is_stream else [part]
    return any(_answers(each, request_id) for each in messages)


def _answers(data: bytes, request_id: RequestId) -> bool:
    try:
        message = _Message.model_validate_json(data)
    except ValidationError:
        return False
    if message.id is None:
        return message.error is not None  # a server may refuse before it has read the id
    # A client takes the answer to "7" for that to 7, too.
    return message.method is None and str(message.id) == str(request_id)


def torn(answer: bytes) -> bytes:
    """The first half of an answer, and the end of the event that it is."""
    kept = answer.rstrip()
    return kept[: len(kept) // 2] + answer[len(kept) :]


def pieces_of(answer: bytes) -> list[bytes]:
    """An answer as it drips."""
    size = max(1, len(answer) // PIECES)
    return [answer[n * size : (n + 1) * size] for n in range(PIECES - 1)] + [answer[(PIECES - 1) * size :]]
