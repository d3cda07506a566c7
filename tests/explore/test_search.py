"""What an exploration finds in small workflows with planted bugs, and what it says where there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

import planted_bugs
import pytest

from pytest_mcpflow import Fake, Hub, Run, Scenario, Way
from pytest_mcpflow.explore import DEFAULT_KINDS, Exploration, Finding, Tactics, explore
from pytest_mcpflow.explore.swarm import Swarm
from pytest_mcpflow.faults.kind import FaultKind
from pytest_mcpflow.faults.lost import Delay, LoseReply
from pytest_mcpflow.faults.refused import Refuse
from pytest_mcpflow.verdict import Verdict


def found(exploration: Exploration) -> dict[str, Finding]:
    """The findings by their plans."""
    return {str(finding.plan): finding for finding in exploration.findings}


@pytest.mark.parametrize(
    ("scenario", "plan", "verdict"),
    [
        (planted_bugs.OrderedTwice, "shop.order#1=lose_reply", Verdict.FAILED_SILENTLY),
        (planted_bugs.HidesTwoFailures, "shop.order#1-2=refuse", Verdict.FAILED_SILENTLY),
        (planted_bugs.ForgetsAFollower, "backup.order#1-2=refuse", Verdict.FAILED_SILENTLY),
        (planted_bugs.WaitsForEver, "shop.order#1=lose_request", Verdict.HUNG),
        (planted_bugs.LeavesATask, "shop.order#1=refuse", Verdict.LEAKED),
    ],
    ids=lambda each: each.__name__ if isinstance(each, type) else "",
)
def test_a_bug_that_one_fault_shows_is_found_at_depth_one(
    scenario: type[Scenario], plan: str, verdict: Verdict
) -> None:
    findings = found(explore(None, scenario))

    assert findings[plan].judgement.verdict is verdict


def test_a_failing_recovery_of_a_recovery_is_found_as_three_faults() -> None:
    exploration = explore(None, planted_bugs.QuietChain, depth=3)

    assert [*found(exploration)] == ["shop.order#1=refuse, backup.order#1=refuse, pager.page#1=refuse"]


def test_servers_that_are_out_at_once_are_one_event_though_two_of_them_are_called_only_because_of_it() -> (
    None
):
    exploration = explore(None, planted_bugs.QuietChain)

    cells = {cell.site: cell.verdict for cell in exploration.cells if cell.kind == "refuse"}
    assert [*found(exploration)] == ["*.*#*=refuse"]
    assert cells["{shop,backup}.*#*"] is Verdict.DEGRADED
    assert "{backup,pager}.*#*" not in cells  # which are called in no run without other faults
    assert exploration.accounting.run == exploration.accounting.planned == len(exploration.cells)


def test_servers_that_are_out_at_once_are_no_second_finding_beside_faults_at_their_tools() -> None:
    exploration = explore(None, planted_bugs.RemembersTheWrongThing, depth=2)

    assert [*found(exploration)] == ["ledger.note#1=refuse, shop.order#1=lose_reply"]


@pytest.mark.parametrize("swarm", [False, True])
def test_a_second_try_among_calls_like_it_is_tried_before_all_pairs(swarm: bool) -> None:
    tactics = Tactics(swarm=swarm)

    exploration = explore(None, planted_bugs.PassesOverAShelf, depth=2, tactics=tactics, runs=100, findings=1)

    assert [*found(exploration)] == ["shelves.look#8-9=refuse"]


def test_two_faults_that_a_hidden_flag_connects_are_found() -> None:
    exploration = explore(None, planted_bugs.RemembersTheWrongThing, depth=2, findings=1)

    assert [*found(exploration)] == ["ledger.note#1=refuse, shop.order#1=lose_reply"]


@pytest.mark.parametrize("way", [Way.DIRECT, Way.MEMORY])
@pytest.mark.parametrize(
    ("scenario", "tool", "check"),
    [
        (planted_bugs.LostUpdate, "ledger.write", "expect"),
        (planted_bugs.TwoClients, "shop.order", "expect"),
        (planted_bugs.SwapsTheOrder, "ledger.write", "announces_what_is_there"),
    ],
    ids=["lost update", "two clients", "order"],
)
def test_a_race_of_two_calls_is_one_delay(scenario: type[Scenario], tool: str, check: str, way: Way) -> None:
    exploration = explore(None, scenario, way=way)

    races = [each for each in exploration.silent if check in each.checks and len(each.plan) == 1]
    kinds = {str(each.plan.faults[0].kind) for each in races if each.plan.faults[0].site == tool}
    assert kinds & {"delay(1)", "delay(2)"}, str(exploration)


def test_a_correct_workflow_is_proven_at_the_depth_that_was_exhausted() -> None:
    exploration = explore(None, planted_bugs.CarefulOrder, depth=2)

    assert exploration.proven, str(exploration)
    assert "proven for depth 2" in str(exploration)


def test_a_search_that_was_cut_short_proves_nothing() -> None:
    exploration = explore(None, planted_bugs.CarefulOrder, depth=2, runs=20)

    assert not exploration.proven
    assert "none found in" in str(exploration)
    assert exploration.accounting.not_reached + exploration.accounting.deferred > 0


@pytest.mark.parametrize(("runs", "findings"), [(20, None), (None, 1)])
def test_a_search_that_ends_early_says_that_it_does_not_know_all_plans(
    runs: int | None, findings: int | None
) -> None:
    cut = explore(None, planted_bugs.OrderedTwice, depth=2, runs=runs, findings=findings)
    whole = explore(None, planted_bugs.OrderedTwice, depth=2)

    assert cut.accounting.planned < whole.accounting.planned
    assert f"at least {cut.accounting.planned} plans of depth 2: " in str(cut)
    assert f"  {whole.accounting.planned} plans of depth 2: " in str(whole)


def test_every_single_fault_and_outage_has_a_cell() -> None:
    exploration = explore(None, planted_bugs.CarefulOrder)

    cells = {(cell.site, cell.kind): cell.verdict for cell in exploration.cells}
    assert cells["shop.order#1", "lose_reply"] is Verdict.RECOVERED
    assert cells["shop.order#*", "refuse"] is Verdict.DEGRADED
    assert len(cells) == len(exploration.cells) == exploration.accounting.run


def test_what_a_reader_may_lose_makes_no_difference_and_is_not_tried() -> None:
    exploration = explore(None, planted_bugs.HidesTwoFailures)

    reads = {cell.kind for cell in exploration.cells if cell.site == "shop.placed#1"}
    assert reads == {"refuse", "disconnect(before)", "lose_request", "delay", "delay(of=reply)"}


def test_the_same_seed_gives_the_same_exploration() -> None:
    one, other = (explore(None, planted_bugs.TwoClients, depth=2, runs=120, seed=7) for _ in range(2))

    assert one == other


def test_another_seed_draws_other_faults() -> None:
    one, other = (
        [
            Swarm(seed, DEFAULT_KINDS, [("shop.order", b"{}")] * 7).drawing(number).kinds
            for number in range(20)
        ]
        for seed in (1, 2)
    )

    assert one != other


@pytest.mark.parametrize(
    "scenario",
    [
        planted_bugs.CarefulOrder,
        planted_bugs.ForgetsAFollower,
        planted_bugs.HidesTwoFailures,
        planted_bugs.LostUpdate,
        planted_bugs.OrderedTwice,
        planted_bugs.PassesOverAShelf,
        planted_bugs.QuietChain,
    ],
)
def test_no_class_of_kinds_hides_a_failure(scenario: type[Scenario]) -> None:
    quick = explore(None, scenario, depth=2, tactics=Tactics(swarm=False))
    whole = explore(None, scenario, depth=2, tactics=Tactics(swarm=False, classes=False, effects=False))

    assert whole.accounting.collapsed == 0
    assert {(each.judgement.verdict, each.checks) for each in whole.findings} == {
        (each.judgement.verdict, each.checks) for each in quick.findings
    }


def test_classes_are_counted_as_the_plans_they_stand_for() -> None:
    quick = explore(None, planted_bugs.QuietChain, depth=3, tactics=Tactics(swarm=False))
    whole = explore(None, planted_bugs.QuietChain, depth=3, tactics=Tactics(swarm=False, classes=False))

    assert quick.accounting.planned == whole.accounting.planned == whole.accounting.run
    assert quick.accounting.run < whole.accounting.run / 2
    assert any(each.plans for each in quick.accounting.classes)


@pytest.mark.parametrize(
    ("scenario", "kinds"),
    [
        (planted_bugs.CarefulOrder, DEFAULT_KINDS),
        (planted_bugs.HidesTwoFailures, DEFAULT_KINDS),
        (planted_bugs.RemembersTheWrongThing, (Refuse(), LoseReply())),
    ],
)
def test_a_kind_at_a_call_and_all_later_ones_is_counted_where_another_plan_stands_for_it(
    scenario: type[Scenario], kinds: Sequence[FaultKind]
) -> None:
    quick = explore(None, scenario, depth=2, kinds=kinds)
    whole = explore(None, scenario, depth=2, kinds=kinds, tactics=Tactics(classes=False))

    assert quick.accounting.planned == whole.accounting.planned


@pytest.mark.parametrize("classes", [True, False])
@pytest.mark.parametrize(
    ("kinds", "plan"),
    [
        ((Refuse(), Delay()), "shop.placed#1-2=refuse"),
        ((Delay(), Refuse()), "shop.placed#1-2=delay(1)"),
    ],
)
def test_no_order_of_kinds_hides_what_one_of_them_does_from_a_call_on(
    kinds: Sequence[FaultKind], plan: str, classes: bool
) -> None:
    async def looks_thrice(hub: Hub) -> int:
        seen = 0
        for _ in range(3):
            with suppress(Exception):  # refused, or given up
                await hub.call_tool("shop.placed", timeout=1)
                seen += 1
        return seen

    def missed_once(run: Run, _: Mapping[str, Fake]) -> None:
        assert run.result != 1

    exploration = explore(
        looks_thrice,
        lambda: {"shop": planted_bugs.Shop()},
        expect=missed_once,
        kinds=kinds,
        tactics=Tactics(classes=classes),
    )

    assert [*found(exploration)] == [plan]


def test_a_finding_says_the_command_that_repeats_it() -> None:
    finding = explore(None, planted_bugs.OrderedTwice).findings[0]

    assert "--mcp-plan shop.order#1=lose_reply" in finding.judgement.reproduce.replace("'", "")


def test_an_explanation_says_which_kinds_do_it_and_which_do_not() -> None:
    finding = explore(None, planted_bugs.OrderedTwice).findings[0]

    assert finding.explanation == (
        "shop.order#1: also with disconnect, late; not with refuse, disconnect(before), lose_request, delay",
    )


def test_an_explanation_of_several_faults_says_how_it_ends_without_each() -> None:
    exploration = explore(None, planted_bugs.QuietChain, depth=3)

    assert exploration.findings[0].explanation[0] == (
        "each of the 3 faults is needed: without shop.order#1=refuse it is passed; "
        "without backup.order#1=refuse it is recovered; without pager.page#1=refuse it is degraded"
    )


def test_faults_are_drawn_by_chance_only_where_a_search_may_stop_early() -> None:
    assert explore(None, planted_bugs.QuietChain, depth=2).accounting.swarm == 0
    assert explore(None, planted_bugs.QuietChain, depth=2, runs=40).accounting.swarm > 0


def test_a_caller_that_soon_gives_up_is_overtaken_within_its_limit() -> None:
    async def take_two(hub: Hub) -> None:
        async def take(after: float) -> None:
            await asyncio.sleep(after)
            balance = (await hub.call_tool("ledger.read", timeout=5))["result"]
            await hub.call_tool("ledger.write", {"balance": balance + 1}, timeout=5)

        await asyncio.gather(take(0), take(0.5))

    def adds_up(_: Run, world: Mapping[str, Fake]) -> None:
        ledger = world["ledger"]
        assert isinstance(ledger, planted_bugs.Ledger)
        assert ledger.balance == 2

    exploration = explore(take_two, lambda: [planted_bugs.Ledger()], kinds=[Delay()], expect=adds_up)

    assert [str(finding.plan) for finding in exploration.findings] == ["ledger.write#1=delay(1)"]
