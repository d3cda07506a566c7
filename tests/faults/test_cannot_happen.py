"""Faults that cannot happen to the server they name are refused before the run, and never told as having happened."""

from __future__ import annotations

import pytest
from stall import Shop

from pytest_mcpflow import FaultPlanError, Hub


def test_the_error_points_at_the_fault_and_not_at_one_whose_text_holds_it() -> None:
    hub = Hub(virtual_time=True)
    hub.serve(Shop(), name="workshop")
    hub.fail("workshop.sell#1=refuse, shop.sell#1=refuse")

    with pytest.raises(FaultPlanError) as raised:
        hub.faults.check()

    _, shown, arrow = str(raised.value).splitlines()
    assert shown[arrow.index("^") :] == "shop.sell#1=refuse"
