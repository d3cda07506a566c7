"""Fakes: a stateful MCP server in memory, written as a dataclass.

    @dataclass
    class Counter(Fake):
        \"\"\"Counts.\"\"\"

        value: int = 0

        @tool(idempotent=False)
        def add(self, amount: int = 1) -> int:
            \"\"\"Add to the counter and return its new value.\"\"\"
            self.value += amount
            return self.value

Fields are the state. The name, signature and docstring of a `@tool` method are its MCP contract. Plain
methods are what only a test may do. Exceptions derived from `FakeError` are what the service would say.
This module imports neither mcp nor pydantic, so a fake costs nothing to import.
"""

from __future__ import annotations

import copy
import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeVar, cast

from pytest_mcpflow.clock import Clock, ManualClock

if TYPE_CHECKING:
    from pytest_mcpflow.cassette.recording import Recording
    from pytest_mcpflow.cassette.redaction import Rule

__all__ = [
    "Call",
    "Change",
    "Declined",
    "ErrorStyle",
    "Fake",
    "FakeError",
    "LogLevel",
    "Omittable",
    "Readable",
    "Verbatim",
    "prompt",
    "resource",
    "tool",
]

NONE: frozenset[str] = frozenset()
F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
OMITTABLE = object()
Omittable = Annotated[T | None, OMITTABLE]
"""An argument that may be left out but not be null, as most real servers have it: `tail: Omittable[int] = None`."""
LogLevel = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]


class ErrorStyle(StrEnum):
    """How a server says no. Real ones do it in these four ways; `mcpflow serve --errors` takes the values."""

    PROTOCOL = "protocol"
    """With an error of the protocol: -32603, or -32602 where the arguments are wrong."""

    IS_ERROR = "is-error"
    """With a result that has `is_error` and the service's words, as the protocol means it."""

    SAYS_NO = "says-no"
    """With a success whose content says no: `{"success": false, "error": "..."}`."""

    PROSE = "prose"
    """With a success whose text is the service's words. Such a tool cannot have an output schema."""


class FakeError(Exception):
    """What the service says when it refuses; the client hears it in the fake's `ErrorStyle`.

    A method that raises it must leave the state as it was.
    """

    style: ErrorStyle | None = None
    """How this refusal is said, for a server that says some in one way and others in another."""


class Declined(FakeError):
    """The person (or model) a tool asked did not say yes."""


@dataclass(frozen=True, slots=True)
class ToolMark:
    """What `@tool` promises about a method; sent to clients as tool annotations."""

    reads: bool = False
    destroys: bool = False
    idempotent: bool = False
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ResourceMark:
    uri: str
    mime_type: str


@dataclass(frozen=True, slots=True)
class PromptMark:
    pass


Mark = ToolMark | ResourceMark | PromptMark


@dataclass(frozen=True, slots=True)
class Verbatim:
    """What a method returns in place of a value, if it has the whole result already: `content`, `isError`, ..."""

    result: dict[str, Any]


class Readable(ABC):
    """A result whose text is not the JSON of its structured content."""

    @abstractmethod
    def as_text(self) -> str:
        """The text that goes with the structured content."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something a subscribed client should hear of: a changed list, or one changed resource by its `uri`."""

    of: Literal["tools", "prompts", "resources", "resource"]
    uri: str = ""


def tool(
    *, reads: bool = False, destroys: bool = False, idempotent: bool = False, name: str | None = None
) -> Callable[[F], F]:
    """Make a method a tool.

    Args:
        reads: It never changes the state (`readOnlyHint`).
        destroys: It can remove or overwrite what cannot be had back (`destructiveHint`).
        idempotent: Calling it twice with the same arguments leaves the state as after once (`idempotentHint`).
        name: What clients call it, where that is no name for a method (`get-env`); by default the method's name.
    """
    return _marked(ToolMark(reads, destroys, idempotent, name))


def resource(uri: str, *, mime_type: str = "text/plain") -> Callable[[F], F]:
    """Make a method a resource. `{name}` in the URI is a parameter of the method, which makes it a template.

    The method returns `str`, `bytes`, or anything JSON (sent as text).
    """
    return _marked(ResourceMark(uri, mime_type))


def prompt() -> Callable[[F], F]:
    """Make a method a prompt; its parameters, all `str`, are the prompt's arguments and it returns the text."""
    return _marked(PromptMark())


def _marked(mark: Mark) -> Callable[[F], F]:
    def decorate(method: F) -> F:
        setattr(method, MARK_ATTRIBUTE, mark)
        return method

    return decorate


MARK_ATTRIBUTE = "__mcpflow_mark__"
TAPE_ATTRIBUTE = "_tape"
"""Where a fake made of a tape has what it offers; see `schema.OfTape`."""


class Call(ABC):
    """What a tool may do while it runs, besides changing state.

    A tool that declares a parameter of this type is handed one; clients do not see the parameter. Such a
    tool is `async def`. Everything before a question must leave the state alone, since protocol 2026-07-28
    asks by ending the call and running it again with the answer; the fake fails loudly when it does not.
    """

    @abstractmethod
    async def progress(self, done: float, *, total: float | None = None, message: str | None = None) -> None:
        """Tell the caller how far the call is, if the caller asked to be told."""

    @abstractmethod
    async def log(self, message: str, *, level: LogLevel = "info") -> None:
        """Send the client a log message."""

    @abstractmethod
    async def elicit(self, question: str, answer: type[T]) -> T:
        """Ask the person at the client; `answer` is a dataclass with fields of `str`, `bool`, `int` or `float`.

        Raises:
            Declined: The person said no, or closed the question.
        """

    @abstractmethod
    async def sample(self, prompt: str, *, max_tokens: int = 1000) -> str:
        """Ask the client's model and return its text.

        Raises:
            Declined: The client refused.
        """


@dataclass
class Fake:
    """A service in memory. Subclass it as a dataclass; see the module's docstring.

    Args:
        seed: Decides ids that look random; two fakes of one seed issue the same ids.
        issued: How many ids of each kind were given out.
        takes: Seconds that a tool takes before it does anything, by its name; the others answer at once.
        error_style: How it says no, in place of `service_error_style`. Change it before a client connects.
    """

    service: ClassVar[str]
    """The server name, by default the class name in kebab case (`S3Storage` is `s3-storage`)."""

    service_error: ClassVar[str] = "500 Internal Server Error"
    """What the service says when it fails inside; the fault `error` lets it."""

    service_error_style: ClassVar[ErrorStyle] = ErrorStyle.IS_ERROR
    """How the server of this service says no."""

    structured: ClassVar[bool] = True
    """Whether answers have structured content and tools an output schema; otherwise there is only text, JSON in it."""

    _withdrawn: ClassVar[frozenset[str]] = NONE
    in_place_of: ClassVar[type[Fake] | None] = None
    """The class whose state this one has, and whose tools, resources and prompts it does not offer."""

    seed: int = field(default=0, kw_only=True, repr=False, compare=False)
    issued: dict[str, int] = field(default_factory=dict[str, int], kw_only=True, repr=False, compare=False)
    takes: dict[str, float] = field(default_factory=dict[str, float], kw_only=True, repr=False, compare=False)
    error_style: ErrorStyle | None = field(default=None, kw_only=True, repr=False, compare=False)

    def __init_subclass__(cls, *, in_place_of: type[Fake] | None = None) -> None:
        """Name the service.

        Args:
            in_place_of: A base class whose state the class has, but whose tools, resources and prompts it does not
                offer: it has others of its own.
        """
        super().__init_subclass__()
        if in_place_of is not None:
            cls.in_place_of = in_place_of
        if "service" not in cls.__dict__:
            cls.service = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def over(cls, fake: Fake) -> Self:
        """Another server of the same service in front of the state of `fake`: what one changes, the other has.

        Raises:
            TypeError: This class is not in place of that of `fake`.
        """
        if cls.in_place_of is None or not isinstance(fake, cls.in_place_of):
            raise TypeError(f"{cls.__name__} is not declared in_place_of={type(fake).__name__}")
        front = object.__new__(cls)
        for name, value in vars(cls()).items():
            fake.__dict__.setdefault(name, value)
        front.__dict__ = fake.__dict__
        return front

    @classmethod
    def from_tape(
        cls, tape: str | Path, *, steady: Collection[str] = (), redaction: Sequence[Rule] = ()
    ) -> Self:
        """Make a fake of the server on a tape.

        Its tools are listed as they were recorded, whether there is a method for them or not. A tool without a method
        is answered as recorded if the server says that it only reads (`readOnlyHint`), as long as the fake's state is
        what it was in the beginning; so are resources and prompts. Where an answer would be a guess, the test fails.

        Args:
            tape: The cassette.
            steady: Patterns of tools, URIs and prompts whose recorded answers are right whatever the state is.
            redaction: What was taken out of the tape besides secrets.

        Raises:
            CassetteError: The tape is missing or broken, or does not list the server's tools.
            FakeDefinitionError: A method is not like the recorded tool.
        """
        from pytest_mcpflow.cassette.taped import fake_from_tape  # the one import of a higher room, see there

        return fake_from_tape(cls, tape, steady=steady, redaction=redaction)

    def begin_with(self, recording: Recording) -> None:
        """Fill the fields of a fake made of a tape with what was recorded. By default they stay as they are."""

    @property
    def is_as_recorded(self) -> bool:
        """Whether the state of a fake made of a tape is what it was in the beginning; otherwise `False`."""
        return TAPE_ATTRIBUTE in self.__dict__ and self.__dict__[TAPE_ATTRIBUTE].beginning == self

    @property
    def style_of_errors(self) -> ErrorStyle:
        """How it says no."""
        return self.error_style or self.service_error_style

    def refusal_as_data(self, message: str) -> Mapping[str, bool | str]:
        """A refusal as the content of a success, for `ErrorStyle.SAYS_NO`; each value `False` or a text."""
        return {"success": False, "error": message}

    @property
    def clock(self) -> Clock:
        """The time this fake sees: the hub's, or a `ManualClock` at zero when no hub serves it."""
        if "_clock" not in self.__dict__:  # and no setdefault(), which would make one at each look
            self.__dict__["_clock"] = ManualClock()
        return cast("Clock", self.__dict__["_clock"])

    @clock.setter
    def clock(self, clock: Clock) -> None:
        self.__dict__["_clock"] = clock

    def new_id(self, prefix: str) -> str:
        """The next id of a counted kind: `INC-1`, `INC-2`, ..."""
        return f"{prefix}-{self._next(prefix)}"

    def new_hex(self, length: int, *, kind: str = "id") -> str:
        """The next id that looks random, `length` hexadecimal digits (at most 64), decided by the seed."""
        text = f"{self.seed}/{self.service}/{kind}/{self._next(kind)}"
        return hashlib.sha256(text.encode()).hexdigest()[:length]

    def _next(self, kind: str) -> int:
        self.issued[kind] = number = self.issued.get(kind, 0) + 1
        return number

    @property
    def withdrawn(self) -> frozenset[str]:
        """The tools that are not offered at the moment."""
        return self._withdrawn

    def withdraw(self, tool_name: str) -> None:
        """Stop offering a tool, as a server does that reloads its configuration; clients are told."""
        self.__dict__["_withdrawn"] = self.withdrawn | {tool_name}
        self.announce(Change("tools"))

    def offer(self, tool_name: str) -> None:
        """Offer a withdrawn tool again; clients are told."""
        self.__dict__["_withdrawn"] = self.withdrawn - {tool_name}
        self.announce(Change("tools"))

    def announce(self, change: Change) -> None:
        """Tell every subscribed client of a change."""
        for listener in tuple(self._listeners):
            listener(change)

    def on_change(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call `listener` for each change until the returned function is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @property
    def _listeners(self) -> list[Callable[[Change], None]]:
        return cast("list[Callable[[Change], None]]", self.__dict__.setdefault("_change_listeners", []))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copy the state; a copy is not served and nobody listens to it."""
        twin = object.__new__(type(self))
        memo[id(self)] = twin
        for each in fields(self):
            setattr(twin, each.name, copy.deepcopy(getattr(self, each.name), memo))
        twin.clock = self.clock
        twin.__dict__["_withdrawn"] = self.withdrawn
        twin.take_tape_of(self)
        return twin

    def take_tape_of(self, other: Fake) -> None:
        """Offer what `other` does, if that was made of a tape; for copies that are made field by field."""
        for name in (TAPE_ATTRIBUTE, "service"):
            if name in other.__dict__:
                self.__dict__[name] = other.__dict__[name]
