"""A call that goes wrong, as its kind of fault sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

from pydantic_core import ValidationError, from_json, to_json

from pytest_mcpflow.faults.kind import Effect
from pytest_mcpflow.faults.plan import Fault, chance
from pytest_mcpflow.journal import Entry, Progress, Send
from pytest_mcpflow.notices import Reordering, reorderings
from pytest_mcpflow.orders import Order
from pytest_mcpflow.outcome import Injected
from pytest_mcpflow.refusal import allows_refusal, as_said, output_schema, refusal
from pytest_mcpflow.schema import RawResult, ToolSpec

if TYPE_CHECKING:
    from pytest_mcpflow.fake import Fake
    from pytest_mcpflow.faults.injector import Injector
    from pytest_mcpflow.members import Member
    from pytest_mcpflow.question import Answer, Question

__all__ = ["Answering", "FaultedCall", "NextRound"]

T = TypeVar("T")
CONNECTION_CLOSED, INVALID_PARAMS, REQUEST_TIMEOUT = -32000, -32602, -32001


class Answering(Protocol):
    """What a call gets while the aftermath of a fault lasts: a result, or the error it raises."""

    def __call__(self, call: FaultedCall, /) -> RawResult: ...


class NextRound(BaseException):
    """The server asks before it answers. Not an `Exception`, so that no kind takes it for a lost answer."""

    def __init__(self, result: RawResult) -> None:
        super().__init__("a question")
        self.result = result


class FaultedCall:
    """What a kind of fault may do with the call that goes wrong.

    A call in which the server asks a question may take several rounds; the kind is then asked in each, and sees
    only in the last one that something was delivered.
    """

    def __init__(
        self, injector: Injector, member: Member, entry: Entry, fault: Fault, *, number: int, seed: int
    ) -> None:
        self.entry, self.fault, self.number = entry, fault, number
        self.timeout: float | None = None
        self.on_progress: Progress | None = None
        self.answering: Answering | None = None
        self._order: Order | None = None
        self._injector, self._member, self._seed = injector, member, seed
        self._send: Send | None = None
        self._given_up: list[Callable[[], None]] = []
        self._heard: list[Exception] = []
        self._rounds = self._applied = 0
        self._late = self._is_sent = False

    # The call

    @property
    def server(self) -> str:
        return self.entry.server

    @property
    def tool(self) -> str:
        return self.entry.name

    @property
    def arguments(self) -> dict[str, Any]:
        """A copy of what the caller sent."""
        arguments: dict[str, Any] = from_json(self.entry.arguments)
        return arguments

    @property
    def fake(self) -> Fake | None:
        """The fake behind the server, if it is one."""
        return self._member.fake

    @property
    def spec(self) -> ToolSpec | None:
        """What is known of the tool, where a fake stands behind it."""
        return (self._member.tools or {}).get(self.tool)

    @property
    def now(self) -> float:
        """Seconds since the run began."""
        return self._injector.clock.now()

    @property
    def spoils(self) -> str | None:
        return None if self._order is None else self._order.key

    @property
    def is_first_round(self) -> bool:
        return self._rounds == 1

    def chance(self, salt: str = "") -> float:
        """A number from 0 to 1 which depends on the plan's seed and this call site only."""
        return chance(self._seed, self.server, self.tool, str(self.fault), self.number, salt)

    # On its way

    async def deliver(
        self, *, arguments: Mapping[str, Any] | None = None, on_progress: Progress | None = None
    ) -> RawResult:
        """Let the server do it, and return its answer.

        Args:
            arguments: In place of the caller's.
            on_progress: In place of the caller's.
        """
        assert self._send is not None
        self._is_sent = True
        try:
            result = await self._send(arguments, on_progress or self.on_progress)
        except Exception as error:
            self._heard.append(error)
            raise
        if result.get("resultType") == "input_required":
            raise NextRound(result)
        return result

    async def deliver_again(self) -> None:
        """Let the server do it once more; nobody hears the answer, and its questions are answered as before."""
        asked = self.entry.asked
        given = iter([each.answer for each in asked])

        async def same(question: Question) -> Answer:
            return next(given, None)

        self.answer_questions(same)
        with suppress(Exception):
            await self.deliver()
        self.entry.asked = asked

    async def nothing(self) -> NoReturn:
        """Wait for what never comes: until the caller gives up."""
        await asyncio.get_running_loop().create_future()
        raise AssertionError("unreachable")

    def detached(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Let something go on, whether the caller waits for it or not."""
        return self._injector.keep(asyncio.create_task(work, name=f"{self.fault} goes on"))

    def deliver_later(self, after: float) -> None:
        """Let the server do it `after` seconds from now, when nobody waits for the answer any more."""
        self.entry.abandoned = True
        if not self._injector.is_closed:  # a call that is given up because the run is over arrives nowhere
            self.detached(self._deliver_later(after))

    async def _deliver_later(self, after: float) -> None:
        await asyncio.sleep(after)
        assert self._send is not None
        with suppress(Exception):  # nobody is there to hear of it
            await self._send(None, None)

    @contextmanager
    def notices_reordered(self) -> Generator[None]:
        """Let what a fake tells meanwhile swap places: log messages of this call, and changes that it announces."""
        if self.fake is None:
            yield
            return
        going_on = reorderings(self.fake)
        reordering = going_on[self.entry.key] = Reordering(self.does_apply)
        try:
            yield
        finally:
            del going_on[self.entry.key]
            reordering.end()

    def when_given_up(self, action: Callable[[], None]) -> None:
        """Do something at the moment at which the caller gives up: by its time limit, or by cancelling."""
        self._given_up.append(action)

    def spoil(self, order: str) -> None:
        """Have the answer to what is delivered next spoilt on the wire, see `pytest_mcpflow.serve.tamper`.

        Nothing goes wrong where there is no wire of that kind, nor before whoever sees the bytes has obeyed.
        """
        if self.is_first_round:
            self.does_not_apply()
        if not self._injector.reaches_wire(self.fault.kind, self._member):
            return
        self._order = self._member.behind.orders.give(order, self.does_apply)
        self.when_given_up(self._order.give_up)
        self._injector.spoilt.add(self.server)

    # What the caller gets

    def refusal(self, message: str) -> RawResult:
        """The tool refuses, with these words, in the way in which its fake says no.

        Raises:
            MCPError: That way is an error of the protocol.
        """
        if self.fake is None or self.entry.method != "tools/call":
            return refusal(message)
        return as_said(self.fake, refusal(message), marked=True)

    def error(self, code: int, message: str) -> Exception:
        """An error of the protocol."""
        from mcp import MCPError  # only when needed: a run on the direct way never loads the SDK

        return MCPError(code, message)

    def closed(self) -> Exception:
        """What a client raises when its connection breaks."""
        return self.error(CONNECTION_CLOSED, "Connection closed")

    def timed_out(self) -> Exception:
        """What a client raises when nothing came in time."""
        return self.error(REQUEST_TIMEOUT, "Request 'tools/call' timed out")

    # Further than this call

    def does_not_apply(self) -> None:
        """Nothing goes wrong with this call after all; `does_apply` takes that back."""
        if self.entry.fault is not None:
            self.entry.fault = None
            self._injector.fired[self.fault] -= 1

    def does_apply(self) -> None:
        """The fault happens; said by itself of every call that goes wrong."""
        if self.entry.fault is None:
            self.entry.fault = self.told
            self._injector.fired[self.fault] += 1

    def from_now_on(self, answering: Answering, *, seconds: float | None, whole_server: bool) -> None:
        """Let all calls of this tool, or of its server, end this way.

        Args:
            answering: How.
            seconds: For how long; for the rest of the run if `None`.
            whole_server: Whether all of the server's requests end this way.
        """
        until = None if seconds is None else self.now + seconds
        tool = None if whole_server else self.tool
        self._injector.begin_aftermath(self, answering, tool=tool, until=until)

    def forget_everything(self) -> None:
        """Put the fake back to where it was when the run began."""
        beginning = self._injector.beginnings.get(self.server)
        if self.fake is not None and beginning is not None:
            again = deepcopy(beginning)
            for each in fields(again):
                setattr(self.fake, each.name, getattr(again, each.name))

    @property
    def earlier(self) -> Fake | None:
        """The fake as it was before the last change, if there was one."""
        return self._injector.earlier.get(self.server)

    def change_world(self, name: str) -> None:
        """Make a change that the hub knows by name."""
        self._injector.changes[name]()

    def answer_questions(self, answer: Callable[[Question], Awaitable[Answer]]) -> None:
        """Let questions of the server in this call be answered by this, and not by the test."""
        self.entry.answerer = answer

    # For those who carry calls

    async def go_wrong(
        self, send: Send, /, *, timeout: float | None, on_progress: Progress | None
    ) -> RawResult:
        """Let it happen; what comes back, or is raised, is what the caller gets."""
        self._send, self.timeout, self.on_progress = send, timeout, on_progress
        self._rounds += 1
        if self.is_first_round:
            self.does_apply()
            if self.fake is not None and self.entry.effect is None:
                self.entry.effect = False
        try:
            return await self._happen()
        except NextRound as asked:
            return asked.result
        except asyncio.CancelledError:
            self.entry.abandoned = True
            actions, self._given_up = self._given_up, []
            for act in actions:
                act()
            raise

    async def _happen(self) -> RawResult:
        try:
            if self.answering is not None:
                result = self.answering(self)
            else:
                result = await self.fault.kind.happen(self)
            _hold_to_be_answer(result)
        except Exception as error:
            if not self._is_meant(error):
                self._injector.mistakes.append((self.fault.kind, error))
            raise
        return result

    def _is_meant(self, error: Exception) -> bool:
        """Whether an error is one that a caller can get, and no mistake of the kind."""
        return hasattr(error, "code") or isinstance(error, TimeoutError) or error in self._heard

    def check(self, result: Mapping[str, Any], /) -> None:
        """Hold an answer against the tool's output schema, as the SDK's client does, and in the same words everywhere.

        Raises:
            RuntimeError: It breaks the schema.
        """
        spec = self.spec
        is_question = result.get("resultType") == "input_required"
        if spec is None or spec.returns is None or is_question or result.get("isError"):
            return
        if self.fake is None or output_schema(self.fake, spec.output_schema) is None:
            return
        if "structuredContent" not in result:
            raise RuntimeError(f"Tool {self.tool} has an output schema but did not return structured content")
        structured = result["structuredContent"]
        if allows_refusal(self.fake, structured):
            return
        said = f"Invalid structured content returned by tool {self.tool}"
        if spec.wraps and {*structured} != {"result"}:
            raise RuntimeError(f"{said}: result expected, not {', '.join(structured)}")
        try:
            spec.returns.validate_json(
                to_json(structured["result"] if spec.wraps else structured), strict=True
            )
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = "".join(f"/{step}" for step in first["loc"])
            raise RuntimeError(f"{said}: {f'at {where}: ' if where else ''}{first['msg']}") from error

    def took_effect(self) -> None:
        """The world has changed by this call."""
        self._applied += 1
        self._late = self.entry.until is not None

    def is_over(self) -> None:
        """Nothing can come of it any more: what is told of it stays, and the call can be forgotten."""
        self._given_up.clear()
        if self.entry.fault is not None:
            self.entry.fault = partial(_as_it_was, self.told())

    def told(self) -> Injected:
        """What a transcript says of it."""
        return Injected(str(self.fault), self._effect_words(), self.fault.kind.sees)

    def _effect_words(self) -> str:
        effect = self.fault.kind.effect
        if self.fake is None or self.spec is None:
            if effect is Effect.NONE and self._is_sent and self.spoils is None:
                effect = Effect.APPLIED  # what it does then is the server's to know
            return _DELIVERED[effect]
        if self.spec.mark.reads:
            return ""
        if not self._applied:
            return "no effect"
        if self._late:
            return "effect applied late"
        if effect is Effect.PARTIAL:
            return "effect applied in part"
        return "effect applied" if self._applied == 1 else "effect applied twice"


def _as_it_was(told: Injected) -> Injected:
    return told


def _hold_to_be_answer(result: object) -> None:
    if not isinstance(result, dict):
        raise TypeError(f"it returned {result!r}, which is no answer of a tool")


_DELIVERED = {
    Effect.NONE: "not delivered",
    Effect.APPLIED: "delivered",
    Effect.TWICE: "delivered twice",
    Effect.LATE: "delivered late",
    Effect.PARTIAL: "delivered in part",
}
"""What is said where nobody knows whether the world changed."""
