from __future__ import annotations

from collections.abc import Mapping

from paying import Checkout
from till import settle, settle_hastily, world

from pytest_mcpflow import Fake, Run
from pytest_mcpflow.explore import (
    AtMostOneEffect,
    BoundedRetries,
    FailuresAlerted,
    NoCallAfter,
    NoSecrets,
    OnlyTools,
    explore,
)

# region: explore
RULES = [
    AtMostOneEffect("till.charge", by="order"),
    BoundedRetries(2, "till.*"),
    FailuresAlerted("pager.page"),
    NoCallAfter(3600),
    NoSecrets(),
    OnlyTools(("till.*", "pager.page")),
]


def is_paid(run: Run, world: Mapping[str, Fake]) -> None:
    assert run.result == {"success": True}


def test_no_single_fault_breaks_a_rule() -> None:
    exploration = explore(settle, world, expect=is_paid, invariants=RULES)

    assert exploration.proven, exploration.findings


def test_who_tries_again_blindly_charges_twice() -> None:
    exploration = explore(settle_hastily, world, expect=is_paid, invariants=RULES)

    assert "AtMostOneEffect" in exploration.findings[0].checks
    # endregion


def test_the_scenario_keeps_its_rules_and_notices_who_does_not() -> None:
    assert explore(None, Checkout).proven
    assert "charged_once" in explore(settle_hastily, Checkout).findings[0].checks
