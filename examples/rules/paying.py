"""A scenario that has ready-made rules among its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from till import Pager, Till, settle

from pytest_mcpflow import Hub, Run, Scenario, invariant
from pytest_mcpflow.explore import AtMostOneEffect, FailuresAlerted


# region: scenario
@dataclass
class Checkout(Scenario):
    """An order is paid."""

    till: Till = field(default_factory=Till)
    pager: Pager = field(default_factory=Pager)

    async def workflow(self, hub: Hub) -> Mapping[str, object]:
        return await settle(hub)

    def expect(self, run: Run) -> None:
        assert run.result == {"success": True}

    @invariant
    def charged_once(self, run: Run) -> None:
        """No order is charged twice."""
        AtMostOneEffect("till.charge", by="order")(run, self.served())

    @invariant
    def nobody_waits_in_vain(self, run: Run) -> None:
        """Of an order that is not paid somebody hears."""
        FailuresAlerted("pager.page")(run, self.served())
        # endregion
