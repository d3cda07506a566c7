"""Pay an invoice once, whatever becomes of the answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from pytest_mcpflow import Fake, FakeError, Hub, tool


class UnknownInvoice(FakeError):
    """There is no such invoice."""


@dataclass
class Bank(Fake):
    """A bank that pays invoices."""

    service_error = "E-17: ledger locked"
    open: list[str] = field(default_factory=lambda: ["invoice-7"])
    paid: list[str] = field(default_factory=list[str])

    @tool(reads=True)
    def list_paid(self) -> list[str]:
        """List what was paid."""
        return self.paid

    @tool(idempotent=False)
    def pay(self, invoice: str) -> str:
        """Pay an invoice."""
        if invoice not in self.open:
            raise UnknownInvoice(f"no open invoice {invoice}")
        self.paid.append(invoice)
        return "paid"


async def pay(hub: Hub, invoice: str, *, bank: str = "bank") -> bool:
    """Pay, and after a failure look before trying again."""
    for pause in (1, 2, 4):
        try:
            await hub.call_tool(f"{bank}.pay", {"invoice": invoice}, timeout=30)
        except Exception:
            await asyncio.sleep(pause)
        else:
            return True
        try:
            paid = await hub.call_tool(f"{bank}.list_paid", timeout=30)
        except Exception:
            return False  # nobody knows, so nothing is repeated
        if invoice in paid["result"]:
            return True
    return False
