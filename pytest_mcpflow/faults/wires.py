"""Faults on the wire: what is no answer any more when it arrives. Only where there are bytes, on stdio and HTTP."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pytest_mcpflow.faults.call import FaultedCall
from pytest_mcpflow.faults.kind import Effect, FaultKind, Level, check_seconds
from pytest_mcpflow.schema import RawResult
from pytest_mcpflow.ways import Way

__all__ = ["BadJson", "ContentType", "Cut", "Drip", "Garbage", "HangUp", "Kill", "Status", "WrongId"]

ASK_TO_WAIT, WAIT = (429, 503), 30
"""The statuses that say by themselves after how many seconds a request may be made again."""


@dataclass(frozen=True)
class BadJson(
    FaultKind, effect=Effect.APPLIED, sees="answer is no JSON", level=Level.WIRE, ways=(Way.STDIO, Way.HTTP)
):
    """The answer breaks off in its middle and is no JSON. Level: wire, stdio and HTTP.

    Seen with full buffers and with servers that die while they write. On stdio a client cannot know whose answer it
    was, so the caller waits until its time limit; on HTTP it sees the error of the parser.
    """

    async def happen(self, call: FaultedCall) -> RawResult:
        return await _spoilt(call, "bad_json")


@dataclass(frozen=True)
class WrongId(
    FaultKind,
    effect=Effect.APPLIED,
    sees="answer to another request",
    level=Level.WIRE,
    ways=(Way.STDIO,),
):
    """The answer has the id of a request that was never made. Level: wire, stdio.

    Seen with servers that mix up their answers. The caller waits until its time limit.
    """

    async def happen(self, call: FaultedCall) -> RawResult:
        return await _spoilt(call, "wrong_id")


@dataclass(frozen=True)
class Garbage(
    FaultKind, effect=Effect.APPLIED, sees="lines that are no messages", level=Level.WIRE, ways=(Way.STDIO,)
):
    """Before the answer there are lines that are no messages. Level: wire, stdio.

    Seen with every server that prints to its standard output. Clients pass over them.
    """

    async def happen(self, call: FaultedCall) -> RawResult:
        return await _spoilt(call, "garbage")


@dataclass(frozen=True)
class HangUp(FaultKind, effect=Effect.APPLIED, sees="pipe closed", level=Level.WIRE, ways=(Way.STDIO,)):
    """The server closes its output in place of the answer; whoever connects again finds another. Level: wire, stdio.

    Seen with servers that fail while they write, and stay as a process. The caller sees at once that the connection is
    closed. If it gives up first, it closes then.
    """

    async def happen(self, call: FaultedCall) -> RawResult:
        return await _spoilt(call, "hang_up")


@dataclass(frozen=True)
class Kill(FaultKind, sees="process killed", level=Level.WIRE, ways=(Way.STDIO,)):
    """The server's process gets SIGKILL; whoever connects again finds another. Level: wire, stdio.

    Seen when the kernel is out of memory, and when a container is stopped. The caller sees at once that the connection
    is closed, as do all others that wait for an answer of this server.

    Args:
        when: `before` the request is written, so that it has no effect, or `after` the server has answered it; then
            also if the caller gives up before it has.
    """

    when: Literal["before", "after"] = "after"

    @property
    def effect(self) -> Effect:
        return Effect.NONE if self.when == "before" else Effect.APPLIED

    async def happen(self, call: FaultedCall) -> RawResult:
        return await _spoilt(call, f"kill {self.when}")


@dataclass(frozen=True)
class Status(FaultKind, effect=Effect.NONE, level=Level.WIRE, ways=(Way.HTTP,)):
    """Something in between answers in the server's place, with an HTTP status and a page. Level: wire, HTTP.

    Seen with proxies, gateways and login pages.

    Args:
        code: The status.
        retry_after: The whole seconds that the header of that name has; by default 30 for 429 and 503, and no such
            header for others.
    """

    code: float = 503
    retry_after: float = math.inf

    def __post_init__(self) -> None:
        if not float(self.code).is_integer() or not 400 <= self.code <= 599:
            raise ValueError(f"code is an HTTP status from 400 to 599, got {self.code:g}")
        if self.retry_after != math.inf and not (
            self.retry_after >= 0 and float(self.retry_after).is_integer()
        ):
            raise ValueError(f"retry_after is a whole number of seconds from 0 on, got {self.retry_after:g}")

    @property
    def sees(self) -> str:
        return f"HTTP status {self.code:g}"

    async def happen(self, call: FaultedCall) -> RawResult:
        seconds = self.retry_after
        if seconds == math.inf and self.code in ASK_TO_WAIT:
            seconds = WAIT
        said = "" if seconds == math.inf else f" {int(seconds)}"
        return await _spoilt(call, f"status {int(self.code)}{said}")


@dataclass(frozen=True)
class ContentType(
    FaultKind, effect=Effect.APPLIED, sees="wrong content type", level=Level.WIRE, ways=(Way.HTTP,)
):
    """The answer says that it is a page, `text/html`. Level: wire, HTTP.

    Seen with proxies that rewrite headers.
    """

    async def happen(self, call: FaultedCall) -> RawResult:
        return await _spoilt(call, "content_type")


@dataclass(frozen=True)
class Cut(FaultKind, effect=Effect.APPLIED, sees="answer cut off", level=Level.WIRE, ways=(Way.HTTP,)):
    """The connection ends in the middle of the answer. Level: wire, HTTP.

    Seen with proxies that have a limit for long answers.
    """

    async def happen(self, call: FaultedCall) -> RawResult:
        return await _spoilt(call, "cut")


@dataclass(frozen=True)
class Drip(FaultKind, effect=Effect.APPLIED, level=Level.WIRE, ways=(Way.HTTP,)):
    """The answer arrives whole, but in five pieces over `seconds`. Level: wire, HTTP.

    Seen with thin lines and with proxies that are overloaded. Each piece comes soon after the one before it, so a limit
    on silence does not help; one on the whole call does.
    """

    seconds: float = 20.0

    def __post_init__(self) -> None:
        check_seconds(self.seconds)

    @property
    def sees(self) -> str:
        return f"answer in pieces over {self.seconds:g} s"

    async def happen(self, call: FaultedCall) -> RawResult:
        return await _spoilt(call, f"drip {self.seconds!r}")


async def _spoilt(call: FaultedCall, order: str) -> RawResult:
    call.spoil(order)
    return await call.deliver()
