"""Every fault is the same on every way and in both eras."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stall import WAYS, under

from pytest_mcpflow import Era, Way
from pytest_mcpflow.faults.catalogue import KINDS
from pytest_mcpflow.faults.kind import Level

VARIANTS = {
    "change": ["change(delivery)"],
    "crash": ["crash", "crash(after)"],
    "delay": ["delay(3)", "delay(30)", "delay(3, reply)", "delay(30, reply)"],
    "disconnect": ["disconnect(before)", "disconnect(during)", "disconnect"],
    "malformed": [
        f"malformed({how})" for how in ("empty", "unstructured", "wrong_type", "truncated", "huge", "html")
    ],
    "restart": ["restart(0)", "restart(memory=lost)", "restart(0, lost, after)"],
    "schema_drift": ["schema_drift", "schema_drift(added)"],
    "timeout": ["timeout(3)", "timeout"],
}
SITES = ["shop.count#2", "shop.sell#1", "shop.sell_all", "shop.sell_dearly", "shop.brew"]
PLANS = [
    plan
    for kind in KINDS.values()
    if kind.level is Level.CALL
    for plan in VARIANTS.get(kind.name, [kind.name])
]


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize(("way", "era"), [pair for pair in WAYS if pair[0] is not Way.DIRECT])
def test_a_fault_at_any_tool_is_the_same_on_every_way(way: Way, era: Era, plan: str) -> None:
    # The other ways start subprocesses and servers, so there each plan goes wrong at one tool after the other.
    sites = SITES if way is Way.MEMORY else [SITES[PLANS.index(plan) % len(SITES)]]
    for site in sites:
        if plan == "stale" and site != "shop.count#2":
            continue
        if plan == "partial" and site != "shop.sell_all":
            continue
        here, there = under(f"{site}={plan}"), under(f"{site}={plan}", way=way, era=era)

        assert there.transcript == here.transcript
        assert there.seen == here.seen
        assert there.shop == here.shop
        assert there.reports == here.reports


ELEMENTS = st.builds(
    "{}{}={}{}".format,
    st.sampled_from(["shop.count", "shop.sell", "shop.sell_dearly", "shop.brew", "shop.*", "*"]),
    st.sampled_from(["#1", "#2", "#1+", "#*"]),
    st.sampled_from([plan for plan in PLANS if plan not in ("partial", "stale")]),
    st.sampled_from(["", "~0.5", "@[0,10]", "@[4,]"]),
)


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ELEMENTS, min_size=2, max_size=4), st.integers(0, 3), st.sampled_from(Era))
def test_several_faults_together_are_the_same_on_every_way(elements: list[str], seed: int, era: Era) -> None:
    plan = ", ".join(elements)
    here, there = under(plan, seed=seed), under(plan, seed=seed, way=Way.MEMORY, era=era)

    assert str(there.transcript) == str(here.transcript)
    assert there.seen == here.seen
    assert there.shop == here.shop
