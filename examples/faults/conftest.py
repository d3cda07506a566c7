"""A kind of fault of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pytest_mcpflow import Effect, FaultedCall, FaultKind


@dataclass(frozen=True)
class BankHoliday(FaultKind, effect=Effect.NONE, sees="bank holiday"):
    """The bank takes no orders for some days. Level: call."""

    days: float = 1

    async def happen(self, call: FaultedCall) -> dict[str, Any]:
        call.from_now_on(closed, seconds=self.days * 86_400, whole_server=False)
        return closed(call)


def closed(call: FaultedCall) -> dict[str, Any]:
    return call.refusal("the bank is closed")


def pytest_mcpflow_faults() -> list[type[FaultKind]]:
    return [BankHoliday]
