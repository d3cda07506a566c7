"""What a client may do to a server, and what came of it, as values; a sequence of them as text that reads back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pytest_mcpflow.errors import FuzzError
from pytest_mcpflow.outcome import shortened, shown_arguments, shown_value
from pytest_mcpflow.question import Answer

__all__ = [
    "Answered",
    "CallTool",
    "Crashed",
    "GetPrompt",
    "Happened",
    "Outcome",
    "ReadResource",
    "Refused",
    "Step",
    "Unfinished",
    "Wait",
    "steps_from_text",
    "text_of",
]


@dataclass(frozen=True)
class CallTool:
    """A tool is called; `answers` are what its questions are answered with, in turn, `None` declines."""

    tool: str
    arguments: Mapping[str, Any]
    answers: tuple[Answer, ...] = ()

    def __str__(self) -> str:
        answers = f", answering {', '.join(map(repr, self.answers))}" if self.answers else ""
        return f"{self.tool}({shown_arguments(self.arguments)}){answers}"


@dataclass(frozen=True)
class ReadResource:
    """A resource is read."""

    uri: str

    def __str__(self) -> str:
        return f"read {self.uri}"


@dataclass(frozen=True)
class GetPrompt:
    """A prompt is asked for."""

    prompt: str
    arguments: Mapping[str, str]

    def __str__(self) -> str:
        return f"prompt {self.prompt}({shown_arguments(self.arguments)})"


@dataclass(frozen=True)
class Wait:
    """Nothing happens for some seconds of virtual time."""

    seconds: float

    def __str__(self) -> str:
        return f"wait {self.seconds:g} s"


Step = CallTool | ReadResource | GetPrompt | Wait


@dataclass(frozen=True)
class Answered:
    """The server answered with this value: structured content, or the text where there is none."""

    value: Any

    def __str__(self) -> str:
        return shown_value(self.value)


@dataclass(frozen=True)
class Refused:
    """The server refused in its own words; `as_invalid` because of the arguments' form."""

    message: str
    as_invalid: bool = False

    def __str__(self) -> str:
        return f"refused: {shortened(self.message)}"


@dataclass(frozen=True)
class Crashed:
    """There is no answer, but an exception, an internal error, or the end of the connection."""

    message: str
    cause: BaseException | None = None

    def __str__(self) -> str:
        return f"crashed: {shortened(self.message)}"


@dataclass(frozen=True)
class Unfinished:
    """The server still worked on it when patience ended, after so many seconds."""

    seconds: float

    def __str__(self) -> str:
        return f"unfinished after {self.seconds:g} s"


Outcome = Answered | Refused | Crashed | Unfinished


@dataclass(frozen=True)
class Happened:
    """A step, when it was made (seconds since the beginning), and what came of it (`None` for waiting).

    It is made `again` to see whether it can be repeated.
    """

    at: float
    step: Step
    outcome: Outcome | None
    again: bool = False

    def __str__(self) -> str:
        end = "" if self.outcome is None else f" -> {self.outcome}"
        return f"t={self.at:7.1f}  {'again: ' if self.again else ''}{self.step}{end}"


def text_of(steps: Sequence[Step]) -> str:
    """The steps as one line of JSON."""
    return json.dumps([_plain(step) for step in steps])


def _plain(step: Step) -> dict[str, Any]:
    match step:
        case CallTool():
            plain: dict[str, Any] = {"call": step.tool, "with": step.arguments}
            return {**plain, "answers": step.answers} if step.answers else plain
        case ReadResource():
            return {"read": step.uri}
        case GetPrompt():
            return {"prompt": step.prompt, "with": step.arguments}
        case Wait():
            return {"wait": step.seconds}


def steps_from_text(text: str) -> list[Step]:
    """Read what `text_of` wrote.

    Raises:
        FuzzError: It is no such text.
    """
    try:
        plain: object = json.loads(text)
    except ValueError as error:
        raise FuzzError(
            f"replay= is what a failure printed, and this is no JSON: {error}; got {shortened(text)}"
        ) from None
    if not isinstance(plain, list):
        raise FuzzError(f"replay= is a list of steps, got {shown_value(plain)}")
    return [_step(each) for each in cast("list[object]", plain)]


def _step(plain: object) -> Step:
    match plain:
        case {"call": str(tool), "with": dict()}:
            given = cast("dict[str, Any]", plain)
            return CallTool(tool, given["with"], tuple(given.get("answers", ())))
        case {"read": str(uri)}:
            return ReadResource(uri)
        case {"prompt": str(prompt), "with": dict()}:
            return GetPrompt(prompt, cast("dict[str, Any]", plain)["with"])
        case {"wait": int() | float() as seconds}:
            return Wait(seconds)
        case _:
            raise FuzzError(
                f"{shown_value(plain)} is no step; a step has `call` and `with`, `read`, `prompt` and `with`, or `wait`"
            )
