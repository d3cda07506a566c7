"""What a kind of fault is: its effect on the world, what the caller sees, and its arguments in a plan's text."""

from __future__ import annotations

import json
import math
import re
from abc import ABC, abstractmethod
from dataclasses import MISSING, Field, dataclass, fields
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from pytest_mcpflow.ways import Way

if TYPE_CHECKING:
    from pytest_mcpflow.faults.call import FaultedCall
    from pytest_mcpflow.schema import RawResult, ToolSpec

__all__ = ["Argument", "Effect", "FaultKind", "Level", "arguments_of", "check_seconds", "number_text"]

Argument = float | str


class Effect(StrEnum):
    """What a fault leaves of a call's effect on the world."""

    NONE = "none"
    """The call never happened."""
    APPLIED = "applied"
    """It happened as it should."""
    TWICE = "twice"
    """It happened two times."""
    LATE = "late"
    """It happened after the caller had stopped waiting."""
    PARTIAL = "partial"
    """It happened in part."""


class Level(StrEnum):
    """Where a fault is made."""

    CALL = "call"
    """Above the transport: the same on every way."""
    WIRE = "wire"
    """On the bytes of a transport: only where there are any."""


@dataclass(frozen=True)
class FaultKind(ABC):
    """A kind of fault. Subclass it as a frozen dataclass; its fields are its arguments in a plan's text.

        @dataclass(frozen=True)
        class Unwilling(FaultKind, effect=Effect.NONE, sees="sent away"):
            \"\"\"The server is in a bad mood. Level: call.\"\"\"

            words: str = "come back tomorrow"

            async def happen(self, call: FaultedCall) -> RawResult:
                return call.refusal(self.words)

    A field is a `float` (seconds, mostly), a `str`, or a `Literal` of words, and has a default.

    Args of the class:
        effect: What is left of the call's effect.
        sees: What the caller sees, in the words of a transcript.
        level: Where the fault is made.
        remembers: Whether it needs earlier states of the fakes.
        ways: The ways on which it can be made; on all of them if there are none.
    """

    name: ClassVar[str]
    """What a plan's text calls it, by default the class name in snake case."""
    level: ClassVar[Level] = Level.CALL
    remembers: ClassVar[bool] = False
    ways: ClassVar[tuple[Way, ...]] = ()
    _effect: ClassVar[Effect] = Effect.NONE
    _sees: ClassVar[str] = ""

    def __init_subclass__(
        cls,
        *,
        effect: Effect = Effect.NONE,
        sees: str = "",
        level: Level = Level.CALL,
        remembers: bool = False,
        ways: tuple[Way, ...] = (),
    ) -> None:
        super().__init_subclass__()
        if "name" not in cls.__dict__:
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
        cls._effect, cls._sees, cls.level, cls.remembers = effect, sees, level, remembers
        cls.ways = ways

    @property
    def effect(self) -> Effect:
        """What is left of the call's effect on the world."""
        return self._effect

    @property
    def sees(self) -> str:
        """What the caller sees, in the words of a transcript: `reply lost`."""
        return self._sees

    @abstractmethod
    async def happen(self, call: FaultedCall) -> RawResult:
        """Let the call go wrong, and return what the caller gets, or raise it."""

    @property
    def needs_change(self) -> str | None:
        """The change of the world it makes, by the name it was given with `hub.faults.define_change`."""
        return None

    @property
    def needs_fake(self) -> bool:
        """Whether it can happen to a fake only, because it looks at the server's state or changes it."""
        return False

    def objection(self, spec: ToolSpec) -> str | None:
        """Why this cannot happen to a tool, or `None` if it can; asked before the run."""
        return None

    def __str__(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:
        """As a plan's text has it; asked for with each call that goes wrong."""
        shown: list[str] = []
        skipped = False
        for each in fields(self):
            value = getattr(self, each.name)
            if value == each.default:
                skipped = True
            else:
                shown.append(f"{each.name}={_text(value)}" if skipped else _text(value))
        return f"{self.name}({', '.join(shown)})" if shown else self.name


def arguments_of(kind: type[FaultKind]) -> dict[str, Any]:
    """The arguments of a kind, in order, with what each may be: `float`, `str`, or a tuple of words.

    Raises:
        TypeError: A field is of another type, or has no default, so that no plan could name it.
    """
    hints = get_type_hints(kind)
    return {each.name: _accepted(kind, each, hints[each.name]) for each in fields(kind)}


def _accepted(kind: type[FaultKind], each: Field[Any], hint: Any) -> Any:
    where = f"{kind.__module__}.{kind.__qualname__}.{each.name}"
    if each.default is MISSING:
        raise TypeError(f"{where} needs a default: a plan's text may leave every argument out")
    if get_origin(hint) is Literal and all(isinstance(word, str) for word in get_args(hint)):
        return get_args(hint)
    if hint in (float, str):
        return hint
    raise TypeError(f"{where} is {hint}; an argument of a fault is a float, a str, or a Literal of words")


def number_text(value: float) -> str:
    """A number as a plan's text has it, which reads back as the same number."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _text(value: Argument) -> str:
    if isinstance(value, str):
        return value if _WORD.fullmatch(value) else json.dumps(value)
    return number_text(value)


def check_seconds(value: float, what: str = "seconds") -> None:
    """Check a duration.

    Raises:
        ValueError: It is negative or not finite.
    """
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{what} is a number of seconds from 0 on, got {value:g}")
