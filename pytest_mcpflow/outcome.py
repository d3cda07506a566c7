"""How an interaction ended, as values that print themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

__all__ = [
    "Answered",
    "Asked",
    "Cancelled",
    "Failed",
    "Injected",
    "Outcome",
    "Pending",
    "Refused",
    "shown_arguments",
    "shown_value",
]

WIDTH = 72
_PLAIN_NAME = re.compile(r"[\w$@.:/-]+")


@dataclass(frozen=True, slots=True)
class Answered:
    """The server answered with this value: structured content, or the text where there is none.

    Args:
        value: What the answer says.
        says_no: Whether the service refused, though the protocol says success (`ErrorStyle`); known of fakes only.
    """

    value: Any
    says_no: bool = False

    def __str__(self) -> str:
        return f"says no: {shown_value(self.value)}" if self.says_no else shown_value(self.value)


@dataclass(frozen=True, slots=True)
class Refused:
    """The server answered with `is_error`, in its own words."""

    message: str

    def __str__(self) -> str:
        return f"refused: {shortened(self.message)}"


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer: the protocol, the connection or a time limit failed. `code` is the JSON-RPC code, if any."""

    message: str
    code: int | None = None

    def __str__(self) -> str:
        return f"failed: {shortened(self.message)}" + ("" if self.code is None else f" ({self.code})")


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The workflow gave the call up before there was an outcome."""

    def __str__(self) -> str:
        return "cancelled"


@dataclass(frozen=True, slots=True)
class Pending:
    """There is no outcome yet."""

    def __str__(self) -> str:
        return "..."


Outcome = Answered | Refused | Failed | Cancelled | Pending


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the server in the middle of a call; `answer` is `None` where it was declined."""

    question: str
    answer: Any

    def __str__(self) -> str:
        return f"asked: {self.question} -> {'declined' if self.answer is None else shown_value(self.answer)}"


@dataclass(frozen=True, slots=True)
class Injected:
    """What was made to go wrong with an interaction.

    Args:
        rule: The element of the plan.
        effect: What is left of the effect, in words: `no effect`, `effect applied`, `effect applied late`; nothing
            for a call that only reads.
        seen: What the caller saw: `reply lost`.
    """

    rule: str
    effect: str
    seen: str

    def __str__(self) -> str:
        return f"{self.effect}, {self.seen}" if self.effect else self.seen


def shown_arguments(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{_shown_name(name)}={_shown(value)}" for name, value in arguments.items())


def shown_value(value: object) -> str:
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, object]", value)
        if set(entries) == {"result"}:
            return shown_value(entries["result"])
        return shortened("{" + shown_arguments(entries) + "}")
    return shortened(_shown(value))


def _shown_name(name: str) -> str:
    """A name as it is, but for those that would not be seen for one, such as an empty key."""
    return name if _PLAIN_NAME.fullmatch(name) else repr(name)


def shortened(text: str, width: int = WIDTH) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 3]}..."


def _shown(value: object) -> str:
    if isinstance(value, str):
        return repr(value if len(value) <= 48 else f"{value[:45]}...")
    if isinstance(value, list):
        items = cast("list[object]", value)
        if len(items) > 3:
            return f"[{_shown(items[0])}, ... {len(items)} items]"
    elif isinstance(value, Mapping):
        entries = cast("Mapping[str, object]", value)
        if len(entries) > 3:
            return f"{{... {len(entries)} entries}}"
    text: str = repr(value)  # pyright: ignore[reportUnknownArgumentType]  # anything has a repr
    return shortened(text, 60)
