"""Faults in which the server answers, and says no."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pytest_mcpflow.faults.call import FaultedCall
from pytest_mcpflow.faults.kind import Effect, FaultKind, check_seconds
from pytest_mcpflow.schema import RawResult

__all__ = ["AuthExpired", "Error", "RateLimit", "Refuse"]


@dataclass(frozen=True)
class Refuse(FaultKind, effect=Effect.NONE, sees="overloaded"):
    """The server refuses and does nothing: 503 Service Unavailable. Level: call.

    Seen with overload and maintenance.
    """

    async def happen(self, call: FaultedCall) -> RawResult:
        return call.refusal("503 Service Unavailable")


@dataclass(frozen=True)
class Error(FaultKind, effect=Effect.NONE, sees="service error"):
    """The service fails inside and does nothing, in its own words (`service_error` of its fake). Level: call.

    Args:
        message: Other words than the service's own.
    """

    message: str = ""

    async def happen(self, call: FaultedCall) -> RawResult:
        own = call.fake.service_error if call.fake is not None else "500 Internal Server Error"
        return call.refusal(self.message or own)


@dataclass(frozen=True)
class RateLimit(FaultKind, effect=Effect.NONE, sees="rate limited"):
    """The service counts calls: this one, and all of the tool for `retry_after` seconds, are refused. Level: call.

    Seen with every public API: 429 Too Many Requests, with the seconds to wait in the message.
    """

    retry_after: float = 30.0

    def __post_init__(self) -> None:
        check_seconds(self.retry_after, "retry_after")

    async def happen(self, call: FaultedCall) -> RawResult:
        until = call.now + self.retry_after

        def answer(call: FaultedCall) -> RawResult:
            left = min(self.retry_after, _rounded_up(until - call.now))
            return call.refusal(f"429 Too Many Requests: retry after {left:g} seconds")

        call.from_now_on(answer, seconds=self.retry_after, whole_server=False)
        return answer(call)


def _rounded_up(seconds: float) -> float:
    """To milliseconds, so that whoever waits for so long has waited enough."""
    return math.ceil(round(seconds * 1000, 3)) / 1000


@dataclass(frozen=True)
class AuthExpired(FaultKind, effect=Effect.NONE, sees="credentials expired"):
    """The credentials of this server run out: this call and all of its later ones are refused. Level: call.

    Seen in every run that is longer than a token lives.

    Args:
        renewed_after: Seconds until there are new ones; never by default.
    """

    renewed_after: float = math.inf

    def __post_init__(self) -> None:
        if self.renewed_after != math.inf:
            check_seconds(self.renewed_after, "renewed_after")

    async def happen(self, call: FaultedCall) -> RawResult:
        forever = self.renewed_after == math.inf
        call.from_now_on(_expired, seconds=None if forever else self.renewed_after, whole_server=True)
        return _expired(call)


def _expired(call: FaultedCall) -> RawResult:
    return call.refusal("401 Unauthorized: the access token has expired")
