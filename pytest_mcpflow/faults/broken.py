"""Faults in which a connection breaks or a server goes down."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from pytest_mcpflow.faults.call import FaultedCall
from pytest_mcpflow.faults.kind import Effect, FaultKind, check_seconds
from pytest_mcpflow.schema import RawResult

__all__ = ["Crash", "Disconnect", "Outage", "Restart"]

SOON = 0.5
"""Seconds after which a server has done what it was at when the connection broke."""


@dataclass(frozen=True)
class Disconnect(FaultKind):
    """The connection breaks in this call; the next call has a new one. Level: call.

    Seen with restarts of proxies and with idle limits. The caller sees at once that the connection is closed.

    Args:
        when: `before` the request is out (no effect), `during` its execution (the effect follows half a second
            later), or `after` it, before the answer is out.
    """

    when: Literal["before", "during", "after"] = "after"

    @property
    def effect(self) -> Effect:
        return {"before": Effect.NONE, "during": Effect.LATE, "after": Effect.APPLIED}[self.when]

    @property
    def sees(self) -> str:
        return f"connection closed {self.when} execution"

    async def happen(self, call: FaultedCall) -> RawResult:
        if self.when == "during":
            call.deliver_later(SOON)
        elif self.when == "after":
            with suppress(Exception):  # a refusal is lost with the connection
                await call.deliver()
        raise call.closed()


@dataclass(frozen=True)
class Crash(FaultKind):
    """The server dies in this call and stays down: all its later requests fail, too. Level: call.

    Seen with out-of-memory kills and bugs. The caller sees that the connection is closed.

    Args:
        when: `before` it did what was asked, or `after` that, before it answered.
    """

    when: Literal["before", "after"] = "before"

    @property
    def effect(self) -> Effect:
        return Effect.NONE if self.when == "before" else Effect.APPLIED

    @property
    def sees(self) -> str:
        return "server down"

    async def happen(self, call: FaultedCall) -> RawResult:
        if self.when == "after":
            with suppress(Exception):  # a refusal is lost with the server
                await call.deliver()
        call.from_now_on(_down, seconds=None, whole_server=True)
        return _down(call)


@dataclass(frozen=True)
class Restart(FaultKind, remembers=True):
    """The server dies in this call and is back after `seconds`. Level: call.

    Seen with deployments and supervisors. Meanwhile all its requests fail: the connection is closed.

    Args:
        seconds: How long it is down.
        memory: `kept`, as with state on a disk, or `lost`: it is back where it was when the run began (fakes only).
        when: `before` it did what was asked, or `after` that, before it answered.
    """

    seconds: float = 5.0
    memory: Literal["kept", "lost"] = "kept"
    when: Literal["before", "after"] = "before"

    def __post_init__(self) -> None:
        check_seconds(self.seconds)

    @property
    def effect(self) -> Effect:
        return Effect.NONE if self.when == "before" else Effect.APPLIED

    @property
    def sees(self) -> str:
        return "server restarts" if self.memory == "kept" else "server restarts without its memory"

    @property
    def needs_fake(self) -> bool:
        return self.memory == "lost"

    async def happen(self, call: FaultedCall) -> RawResult:
        if self.needs_fake and call.fake is None:
            call.does_not_apply()
            return await call.deliver()
        if self.when == "after":
            with suppress(Exception):  # a refusal is lost with the server
                await call.deliver()
        if self.memory == "lost":
            call.forget_everything()
        call.from_now_on(_down, seconds=self.seconds, whole_server=True)
        return _down(call)


@dataclass(frozen=True)
class Outage(FaultKind, effect=Effect.NONE, sees="server unreachable"):
    """From this call on the server cannot be reached for `seconds`. Level: call.

    Seen with network partitions and failing zones. The caller sees that the connection is closed; the server
    itself knows nothing of it.
    """

    seconds: float = 60.0

    def __post_init__(self) -> None:
        check_seconds(self.seconds)

    async def happen(self, call: FaultedCall) -> RawResult:
        call.from_now_on(_down, seconds=self.seconds, whole_server=True)
        return _down(call)


def _down(call: FaultedCall) -> RawResult:
    raise call.closed()
