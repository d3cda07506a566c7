"""The promises that every server makes, and a promise that was broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pytest_mcpflow.fuzz.steps import Happened

__all__ = ["Broken", "Law"]


class Law(StrEnum):
    """A promise; the value is how messages and `laws=` name it."""

    NO_CRASH = "valid calls never crash"
    """What the schema allows is answered or refused, with no internal error and no end of the connection."""

    SCHEMA = "what the schema allows is not refused as invalid"
    """A tool's input schema says the truth (fakes only: other servers may refuse a value in any words)."""

    OUTPUT = "answers match the output schema"
    """The structured content of an answer is what the tool's output schema says."""

    INVALID = "invalid arguments are refused"
    """What the input schema does not allow is answered with an error. A server that is no fake may read a value that is
    written as another type, "7" for 7, as the SDK's `MCPServer` does."""

    INVALID_CHANGES = "invalid arguments change nothing"
    """A call that breaks the input schema leaves the state as it was."""

    READS = "reads change nothing"
    """Tools that promise to read only, resources and prompts leave the state as it was."""

    IDEMPOTENT = "idempotent calls can be repeated"
    """The same call twice leaves the state as after once, for tools that promise it."""

    ERRORS = "errors change nothing"
    """A call that is refused leaves the state as it was."""

    STATE = "the state survives copying and saving"
    """A deep copy, and what is loaded from saved JSON, are equal and go on alike (fakes only)."""


@dataclass(frozen=True)
class Broken:
    """A promise that was broken: which, by what (a tool, a resource), in which way, after which steps."""

    law: Law
    by: str
    why: Sequence[str]
    happened: Sequence[Happened]
    cause: BaseException | None = None

    @property
    def kind(self) -> tuple[Law, str, str]:
        """What has to stay the same while a sequence of steps is made shorter."""
        return self.law, self.by, "" if self.cause is None else type(self.cause).__name__
