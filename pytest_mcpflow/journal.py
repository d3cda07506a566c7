"""The one place where interactions are written down, whatever way they take.

Everything is kept as JSON bytes: cheap to write, and nothing that a workflow changes afterwards can change it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic_core import from_json, to_json

from pytest_mcpflow.clock import Clock
from pytest_mcpflow.outcome import Answered, Asked, Cancelled, Failed, Injected, Outcome, Pending, Refused
from pytest_mcpflow.question import Answer, Question
from pytest_mcpflow.refusal import take_mark
from pytest_mcpflow.transcript import Interaction

__all__ = ["Entry", "Faults", "GoingWrong", "Journal", "Progress", "Send"]


class Progress(Protocol):
    """Is told how far a call is."""

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None: ...


class Send(Protocol):
    """Sends a request on its way; the arguments are the caller's unless others are given."""

    def __call__(
        self, arguments: Mapping[str, Any] | None, on_progress: Progress | None, /
    ) -> Awaitable[dict[str, Any]]: ...


@dataclass
class Entry:
    """An interaction while it is being written.

    `key` names it on the wire. `crash` is what the fake raised and no service would say; `unanswered` is why a
    question of the server got no answer. Either reaches the caller as itself. `fault` says what goes wrong with
    it, and `answerer` answers questions in place of the test. A call is `abandoned` when its caller has given up,
    `is_sent` when the request is on its way, and `is_between_rounds` while the server waits for an answer of the
    client, and no request is under way. The service `says_no` though the protocol says success.

    It has no slots: what most calls never set costs nothing as a default of the class.
    """

    key: str
    at: float
    server: str
    method: str
    name: str
    arguments: bytes
    context_id: str | None
    until: float | None = field(default=None, init=False)
    outcome: Outcome | None = field(default=None, init=False)
    result: bytes | None = field(default=None, init=False)
    effect: bool | None = field(default=None, init=False)
    crash: BaseException | None = field(default=None, init=False)
    unanswered: BaseException | None = field(default=None, init=False)
    asked: tuple[Asked, ...] = field(default=(), init=False)
    fault: Callable[[], Injected] | None = field(default=None, init=False)
    answerer: Callable[[Question], Awaitable[Answer]] | None = field(default=None, init=False)
    abandoned: bool = field(default=False, init=False)
    is_sent: bool = field(default=False, init=False)
    is_between_rounds: bool = field(default=False, init=False)
    says_no: bool = field(default=False, init=False)

    @property
    def is_settled(self) -> bool:
        """Whether nothing about it can change any more, so that it may be frozen as well later."""
        return self.until is not None and self.fault is None and not self.abandoned

    def freeze(self) -> Interaction:
        return Interaction(
            at=self.at,
            until=self.until,
            server=self.server,
            name=self.name,
            arguments=from_json(self.arguments),
            outcome=self._outcome(),
            effect=self.effect,
            method=self.method,
            context_id=self.context_id,
            asked=self.asked,
            fault=None if self.fault is None else self.fault(),
        )

    def _outcome(self) -> Outcome:
        if self.result is not None:
            return outcome_of(from_json(self.result), says_no=self.says_no)
        return self.outcome or Pending()


class GoingWrong(Protocol):
    """A call that goes wrong, for those who carry it.

    `spoils` is the key of the order how the answer is to be spoilt on the wire, see `orders`.
    """

    @property
    def spoils(self) -> str | None: ...

    async def go_wrong(
        self, send: Send, /, *, timeout: float | None, on_progress: Progress | None
    ) -> dict[str, Any]:
        """What the caller gets."""
        ...

    def check(self, result: Mapping[str, Any], /) -> None:
        """Raise what a client raises of an answer that breaks its schema."""


class Faults(Protocol):
    """What makes calls go wrong, for those who carry them."""

    def arm(self, entry: Entry, /) -> None:
        """A tool is called."""

    def about(self, entry: Entry, /) -> GoingWrong | None:
        """The call as one that goes wrong, if it does."""

    def took_effect(self, entry: Entry, /) -> None:
        """A call has changed the world."""


class Journal:
    """Opens and closes entries; an entry is closed once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.entries: list[Entry] = []
        self.faults: Faults | None = None

    def open(
        self,
        server: str,
        method: str,
        name: str,
        arguments: Mapping[str, Any],
        *,
        context_id: str | None = None,
    ) -> Entry:
        """Begin an interaction; `name` is that of a tool or a prompt, the URI of a resource, or nothing.

        Raises:
            ValueError: The arguments are not JSON.
        """
        key, at = str(len(self.entries) + 1), self._clock.now()
        entry = Entry(key, at, server, method, name, to_json(arguments), context_id)
        if self.faults is not None and method == "tools/call":
            self.faults.arm(entry)
        self.entries.append(entry)
        return entry

    def close(self, entry: Entry, result: dict[str, Any]) -> None:
        """The server answered: `result` is the protocol's result object as JSON values."""
        if "_meta" in result:
            entry.says_no = take_mark(result)
        entry.until = self._clock.now()
        entry.result = to_json(result)

    def fail(self, entry: Entry, error: BaseException) -> None:
        """There was no answer."""
        if entry.until is not None:
            return
        entry.until = self._clock.now()
        cause = entry.unanswered or error  # one era has the server pass it on, as an error of its own
        code = getattr(cause, "code", None)
        message = str(cause) or type(cause).__name__
        entry.outcome = Failed(message, code if isinstance(code, int) else None)

    def cancel(self, entry: Entry) -> None:
        """The workflow gave up."""
        if entry.until is not None:
            return
        entry.until = self._clock.now()
        entry.outcome = Cancelled()

    def find(self, key: str | None) -> Entry | None:
        """The entry of a key that came back from the wire."""
        number = int(key) if key is not None and key.isdigit() else 0
        return self.entries[number - 1] if 0 < number <= len(self.entries) else None

    def latest_open(self, server: str) -> Entry | None:
        """The interaction with a server that began last and has no outcome yet, or was given up while it went on."""
        latest = [each for each in reversed(self.entries) if each.server == server]
        running = next((each for each in latest if each.until is None), None)
        return running or next((each for each in latest if each.abandoned), None)


def outcome_of(result: Mapping[str, Any], *, says_no: bool = False) -> Outcome:
    """What a result says: structured content first, else its text, else the whole object."""
    text = "\n".join(block["text"] for block in result.get("content") or () if block.get("type") == "text")
    if result.get("isError"):
        return Refused(text)
    if result.get("structuredContent") is not None:
        return Answered(result["structuredContent"], says_no)
    if "content" in result:
        return Answered(text if text or not result["content"] else result["content"], says_no)
    return Answered({key: value for key, value in result.items() if key not in _ENVELOPE})


_ENVELOPE = frozenset({"_meta", "cacheScope", "resultType", "ttlMs"})
"""What protocol 2026-07-28 adds to each result; left out so that both eras leave one transcript."""
