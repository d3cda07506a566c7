from __future__ import annotations

import pytest
from till import Pager, Till, settle

from pytest_mcpflow import Hub, Run
from pytest_mcpflow.explore import AtMostOneEffect, BoundedRetries


# region: marker
@pytest.mark.mcp_chaos
async def test_an_order_is_charged_once_whatever_fails(mcpflow: Hub) -> None:
    world = {"till": mcpflow.serve(Till()), "pager": mcpflow.serve(Pager())}
    try:
        await settle(mcpflow)
    finally:
        await mcpflow.faults.settle()
        run = Run(None, None, mcpflow.transcript, mcpflow.clock.now())
        for rule in (AtMostOneEffect("till.charge", by="order"), BoundedRetries(2)):
            rule(run, world)
            # endregion
