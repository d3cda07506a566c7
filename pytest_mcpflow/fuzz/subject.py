"""What is fuzzed, in the same terms for a fake and for a server nobody here wrote."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pytest_mcpflow.fuzz.steps import Outcome, Step
from pytest_mcpflow.question import Answer, Question
from pytest_mcpflow.strategies.invalid import can_be_broken
from pytest_mcpflow.strategies.schemas import Document

__all__ = ["Answerer", "Offer", "Subject", "Target", "Tool"]

Answerer = Callable[[Question], Answer]


@dataclass(frozen=True)
class Tool:
    """A tool and what it promises."""

    name: str
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any] | None
    reads: bool
    idempotent: bool

    @cached_property
    def document(self) -> Document:
        return Document(self.input_schema)

    @cached_property
    def output(self) -> Document | None:
        return None if self.output_schema is None else Document(self.output_schema)

    @cached_property
    def can_be_broken(self) -> bool:
        return can_be_broken(self.document)


@dataclass(frozen=True)
class Offer:
    """All that can be asked of a server; `prompts` are the names of each one's arguments, with the required ones."""

    name: str
    tools: Mapping[str, Tool]
    resources: Sequence[str] = ()
    prompts: Mapping[str, Mapping[str, bool]] | None = None


class Subject(ABC):
    """A server in one session, from its initial state on."""

    is_fake = False
    can_wait = False

    @abstractmethod
    def now(self) -> float:
        """Seconds since the session began."""

    @abstractmethod
    def do(self, step: Step, answerer: Answerer) -> Outcome | None:
        """Make one step."""

    def initial_state(self) -> object:
        """The state at the beginning, whose names a client may know."""
        return None

    @abstractmethod
    def close(self) -> None:
        """End the session."""


@dataclass(frozen=True)
class Target:
    """What is fuzzed: what it offers, and how a session with it begins.

    `shows` is how it is written in the line that reproduces a failure, `known` are good values by the names of
    parameters.
    """

    offer: Offer
    begin: Callable[[], Subject]
    shows: str
    known: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])
