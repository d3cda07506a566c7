from __future__ import annotations

import pytest
from payments import Bank, pay

from pytest_mcpflow import Hub


# region: one
async def test_a_lost_answer_pays_once(mcpflow: Hub) -> None:
    bank = mcpflow.serve(Bank())
    mcpflow.fail("bank.pay#1=lose_reply")

    assert await pay(mcpflow, "invoice-7")

    assert bank.paid == ["invoice-7"]
    assert str(mcpflow.transcript[0].fault) == "effect applied, reply lost"
    # endregion


# region: each
@pytest.mark.parametrize(
    "kind", ["refuse", "error", "lose_request", "lose_reply", "disconnect", "rate_limit(5)"]
)
async def test_the_invoice_is_never_paid_twice(mcpflow: Hub, kind: str) -> None:
    bank = mcpflow.serve(Bank())
    mcpflow.fail(f"bank.pay#1={kind}")

    said = await pay(mcpflow, "invoice-7")

    assert bank.paid == (["invoice-7"] if said else [])
    # endregion


# region: marker
@pytest.mark.mcpflow(faults="bank.pay#1=lose_request, bank.list_paid#1=hang", faults_must_happen=True)
async def test_nothing_is_repeated_where_nobody_knows(mcpflow: Hub) -> None:
    bank = mcpflow.serve(Bank())

    assert not await pay(mcpflow, "invoice-7")

    assert bank.paid == []
    # endregion


# region: late
async def test_a_request_that_comes_after_the_look_pays_a_second_time(mcpflow: Hub) -> None:
    bank = mcpflow.serve(Bank())
    mcpflow.fail("bank.pay#1=late(5)")

    await pay(mcpflow, "invoice-7")
    await mcpflow.faults.settle()  # wait until everything late has arrived

    assert bank.paid == ["invoice-7", "invoice-7"]
    # endregion


# region: together
async def test_nobody_is_paid_while_no_bank_is_in_reach(mcpflow: Hub) -> None:
    banks = [mcpflow.serve(Bank()), mcpflow.serve(Bank(), name="savings-bank")]
    mcpflow.fail("{bank,savings-bank}.*=disconnect(before)@[0,60]")

    paid = await pay(mcpflow, "invoice-7") or await pay(mcpflow, "invoice-7", bank="savings-bank")

    assert not paid
    assert [bank.paid for bank in banks] == [[], []]
    # endregion


# region: change
async def test_an_invoice_may_be_withdrawn_meanwhile(mcpflow: Hub) -> None:
    bank = mcpflow.serve(Bank())
    mcpflow.faults.define_change("withdrawn", bank.open.clear)
    mcpflow.fail("bank.pay#1=refuse, bank.list_paid#1=change(withdrawn)")

    assert not await pay(mcpflow, "invoice-7")

    assert bank.paid == []
    # endregion


# region: own
async def test_a_bank_holiday_is_too_long_to_wait_for(mcpflow: Hub) -> None:
    mcpflow.serve(Bank())
    mcpflow.fail("bank.pay#1=bank_holiday(2)")

    assert not await pay(mcpflow, "invoice-7")
    # endregion
