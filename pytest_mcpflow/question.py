"""What a server may ask the client in the middle of a call, and how a test answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Answer", "Answerer", "Elicitation", "Question", "Sampling"]


@dataclass(frozen=True, slots=True)
class Elicitation:
    """A server asks the person: `message`, and the JSON Schema of the answer's fields."""

    server: str
    message: str
    schema: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.server} asks: {self.message} ({', '.join(self.schema.get('properties', {}))})"


@dataclass(frozen=True, slots=True)
class Sampling:
    """A server asks the client's model to complete `prompt` with at most `max_tokens` tokens."""

    server: str
    prompt: str
    max_tokens: int

    def __str__(self) -> str:
        return f"{self.server} asks the model: {self.prompt}"


Question = Elicitation | Sampling

Answer = Mapping[str, str | int | float | bool] | str | None
"""The fields of an elicitation, or the text of a sampling; `None` declines."""

Answerer = Callable[[Question], Answer | Awaitable[Answer]]
