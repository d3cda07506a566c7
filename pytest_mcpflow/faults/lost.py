"""Faults of delivery: messages that get lost, come late, or come twice."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from pytest_mcpflow.faults.call import FaultedCall
from pytest_mcpflow.faults.kind import Effect, FaultKind, check_seconds
from pytest_mcpflow.schema import RawResult

__all__ = ["Delay", "Duplicate", "Hang", "Jitter", "Late", "LoseReply", "LoseRequest", "Timeout"]


@dataclass(frozen=True)
class LoseRequest(FaultKind, effect=Effect.NONE, sees="request lost"):
    """The request never reaches the server; the caller waits until its time limit. Level: call.

    Seen with dropped packets, a proxy that restarts, a message put into a queue that nobody reads.
    """

    async def happen(self, call: FaultedCall) -> RawResult:
        return await call.nothing()


@dataclass(frozen=True)
class LoseReply(FaultKind, effect=Effect.APPLIED, sees="reply lost"):
    """The server does it and the answer never arrives; the caller waits until its time limit. Level: call.

    Seen with a connection that breaks on the way back, a load balancer with a short idle limit, a server that
    is shut down right after it committed. Also a refusal is lost.
    """

    async def happen(self, call: FaultedCall) -> RawResult:
        with suppress(Exception):
            await call.deliver()
        return await call.nothing()


@dataclass(frozen=True)
class Late(FaultKind, effect=Effect.LATE, sees="reply lost"):
    """The request reaches the server when the caller has given up: `after` seconds later. Level: call.

    Seen with retransmissions, full queues and paused processes: the effect appears between the caller's time
    limit and its next look. The caller gives up by its time limit or by cancelling; one that never does waits
    for ever.
    """

    after: float = 0.5

    def __post_init__(self) -> None:
        check_seconds(self.after, "after")

    async def happen(self, call: FaultedCall) -> RawResult:
        call.when_given_up(lambda: call.deliver_later(self.after))
        return await call.nothing()


@dataclass(frozen=True)
class Duplicate(FaultKind, effect=Effect.TWICE, sees="request delivered twice"):
    """The request reaches the server twice; the caller gets the first answer. Level: call.

    Seen with HTTP proxies that repeat a request, and with queues that deliver at least once.
    """

    async def happen(self, call: FaultedCall) -> RawResult:
        answer = await call.deliver()
        await call.deliver_again()
        return answer


@dataclass(frozen=True)
class Delay(FaultKind, effect=Effect.APPLIED):
    """The request, or the reply, takes `seconds` longer. Level: call.

    Seen on any network; as an element of a plan it makes two concurrent calls swap places. A delayed request
    arrives also when the caller has given up meanwhile.
    """

    seconds: float = 5.0
    of: Literal["request", "reply"] = "request"

    def __post_init__(self) -> None:
        check_seconds(self.seconds)

    @property
    def sees(self) -> str:
        return f"{self.of} delayed by {self.seconds:g} s"

    async def happen(self, call: FaultedCall) -> RawResult:
        if self.of == "reply":
            answer = await call.deliver()
            await asyncio.sleep(self.seconds)
            return answer
        return await arrive_later(call, self.seconds)


@dataclass(frozen=True)
class Jitter(FaultKind, effect=Effect.APPLIED):
    """The request takes up to `seconds` longer, by chance. Level: call.

    Seen on any network. How much longer depends on the plan's seed and the call site only.
    """

    seconds: float = 1.0

    def __post_init__(self) -> None:
        check_seconds(self.seconds)

    @property
    def sees(self) -> str:
        return f"request delayed by up to {self.seconds:g} s"

    async def happen(self, call: FaultedCall) -> RawResult:
        return await arrive_later(call, self.seconds * call.chance("jitter"))


@dataclass(frozen=True)
class Timeout(FaultKind, effect=Effect.NONE):
    """Nobody answers for `seconds`, and then whoever is in between reports a time-out. Level: call.

    Seen with gateways (HTTP 504) and client libraries that have a time limit of their own. The request does
    not reach the server. A caller whose own limit is shorter sees that one.
    """

    seconds: float = 30.0

    def __post_init__(self) -> None:
        check_seconds(self.seconds)

    @property
    def sees(self) -> str:
        return f"timed out after {self.seconds:g} s"

    async def happen(self, call: FaultedCall) -> RawResult:
        await asyncio.sleep(self.seconds)
        raise call.timed_out()


@dataclass(frozen=True)
class Hang(FaultKind, effect=Effect.NONE, sees="no answer"):
    """The server takes the request and does nothing with it; the caller waits until its time limit. Level: call.

    Seen with exhausted thread pools and connection pools, and with deadlocks in the server.
    """

    async def happen(self, call: FaultedCall) -> RawResult:
        return await call.nothing()


async def arrive_later(call: FaultedCall, seconds: float) -> RawResult:
    """Deliver after a while, whether the caller is still there then or not."""
    if call.is_first_round:
        arrives_at = call.now + seconds
        has_arrived = False

        def arrive_nonetheless() -> None:
            if not has_arrived:
                call.deliver_later(arrives_at - call.now)

        call.when_given_up(arrive_nonetheless)
        await asyncio.sleep(seconds)
        has_arrived = True
    return await call.deliver()
