"""Rules that come with the explorer, each broken and kept."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import planted_bugs
import pytest

import pytest_mcpflow.explore
from pytest_mcpflow import ExplorationError, Fake, Hub, LeakedError
from pytest_mcpflow.errors import UnknownNameError
from pytest_mcpflow.explore import (
    AtMostOneEffect,
    BoundedRetries,
    Check,
    Compensated,
    FailuresAlerted,
    NoCallAfter,
    NoSecrets,
    OnceHealed,
    OnlyTools,
    Released,
    Rule,
    UnlessFaulted,
    explore,
)
from pytest_mcpflow.explore.subject import Subject
from pytest_mcpflow.faults.plan import FaultPlan
from pytest_mcpflow.faults.refused import Refuse
from pytest_mcpflow.performance import Verdict
from pytest_mcpflow.scenario import Run

TEA = {"item": "tea"}
ONE_TEXT: Any = "shop.*"  # not what the types say


def world() -> list[Fake]:
    return [planted_bugs.Shop(), planted_bugs.Backup(), planted_bugs.Pager()]


async def order(hub: Hub) -> Any:
    """Order, twice if need be, and cancel what failed; page somebody."""
    with suppress(Exception):
        await hub.call_tool("shop.order", TEA, timeout=10)
        return {"success": True}
    await asyncio.sleep(60)
    with suppress(Exception):
        await hub.call_tool("shop.order", TEA, timeout=10)
        return {"success": True}
    with suppress(Exception):
        await hub.call_tool("shop.cancel", TEA, timeout=10)
    with suppress(Exception):
        await hub.call_tool("pager.page", {"text": "no tea, call +1 555 0100"}, timeout=10)
    return {"success": False}


def broken(plan: str, *rules: Check) -> Sequence[str]:
    """What does not hold under a plan, without what the workflow itself raised."""
    judgement = Subject(world, order, invariants=rules).judge(FaultPlan.parse(plan))
    return [f"{each.check}: {each.why}" for each in judgement.broken if each.check != "workflow"]


def test_an_intent_is_carried_out_once() -> None:
    rule = AtMostOneEffect("shop.order")

    assert broken("shop.order#1=refuse", rule) == []
    [told] = broken("shop.order#1=lose_reply", rule)
    assert told.startswith('AtMostOneEffect: shop.order {"item":"tea"}: 2 effects, at most 1 allowed')


def test_an_intent_may_be_named_by_one_argument_and_a_request_that_came_twice_counts_twice() -> None:
    assert broken("shop.order#1=duplicate", AtMostOneEffect("shop.order", by="item")) != []


def test_of_what_breaks_a_rule_three_are_told_and_the_rest_is_counted() -> None:
    [told] = broken("shop.order#*=refuse", OnlyTools(("backup.*",)))
    assert told.count("is not among backup.*") == 3
    assert told.endswith(" and 1 more")


def test_of_servers_that_are_no_fakes_nobody_knows_the_arguments() -> None:
    judgement = Subject(world, order).judge(FaultPlan())
    run = Run(None, None, judgement.transcript, 0.0)

    AtMostOneEffect("shop.order", by="key")(run, {})
    with pytest.raises(UnknownNameError, match=r"argument of shop\.order"):
        AtMostOneEffect("shop.order", by="key")(run, {"shop": planted_bugs.Shop()})


def test_retries_are_bounded() -> None:
    assert broken("shop.order#1=refuse", BoundedRetries(2)) == []
    assert broken("shop.order#1=refuse", BoundedRetries(1, "shop.*")) != []


def test_nothing_is_begun_after_the_deadline() -> None:
    assert broken("shop.order#1=refuse", NoCallAfter(60)) == []
    assert broken("shop.order#1=lose_request", NoCallAfter(60)) != []


def test_only_declared_tools_are_called() -> None:
    rule = OnlyTools(("shop.*",))

    assert broken("", rule) == []
    assert broken("shop.order#*=refuse", rule) != []


@pytest.mark.parametrize(("texts", "holds"), [((), True), (("555 0100",), False)])
def test_no_secret_is_sent(texts: tuple[str, ...], holds: bool) -> None:
    assert (broken("shop.order#*=refuse", NoSecrets(texts)) == []) is holds


def test_what_a_recording_would_redact_is_a_secret() -> None:
    async def tells(hub: Hub) -> None:
        await hub.call_tool("pager.page", {"text": "Authorization: Bearer " + "a1B2c3D4" * 5})

    judgement = Subject(world, tells, invariants=(NoSecrets(),)).judge(FaultPlan())

    assert [each.check for each in judgement.broken] == ["NoSecrets"]


def test_of_a_failure_somebody_is_told_unless_nobody_could_be() -> None:
    assert broken("shop.order#*=refuse", FailuresAlerted("pager.page")) == []
    assert broken("shop.order#*=refuse", FailuresAlerted("backup.order")) != []
    assert (
        broken("shop.order#*=refuse", FailuresAlerted("shop.cancel")) != []
    )  # which the shop refuses itself
    assert broken("shop.order#*=refuse, pager.page#*=refuse", FailuresAlerted("pager.page")) == []


def test_what_was_done_is_undone_when_the_run_fails() -> None:
    rule = Compensated("shop.order", "shop.cancel", by="item")

    assert broken("", rule) == []
    assert broken("shop.order#1=refuse, shop.order#2=lose_reply", rule) == []
    assert broken("shop.order#*=lose_reply", rule) != []
    assert broken("shop.order#*=lose_reply, shop.cancel#1=refuse", rule) == []


def test_what_was_taken_is_given_back() -> None:
    assert broken("", Released("shop.order", "shop.cancel", by="item")) != []
    assert (
        broken(
            "shop.order#1=refuse, shop.order#2=lose_reply", Released("shop.order", "shop.cancel", by="item")
        )
        == []
    )


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (AtMostOneEffect("shop.order", by="itme"), "unknown argument of shop.order 'itme'; there is: "),
        (
            Compensated("shop.order", "shop.cancle", by="item"),
            "unknown tool 'shop.cancle'; nearest: shop.cancel",
        ),
        (Compensated("shop.order", "shop.cancel", by="itme"), "unknown argument of shop.order 'itme'"),
        (
            Released("shop.order", "pager.page", by="item"),
            "unknown argument of pager.page 'item'; there is: text",
        ),
        (FailuresAlerted("pager.pgae"), "unknown tool 'pager.pgae'"),
        (UnlessFaulted(OnlyTools(("*",)), ("shop.oder",)), "unknown tool 'shop.oder'"),
    ],
)
def test_a_rule_with_a_misspelt_name_is_an_error_and_never_holds_of_everything(rule: Rule, told: str) -> None:
    with pytest.raises(ExplorationError, match=re.escape(told)):
        explore(order, world, invariants=[rule])


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: BoundedRetries(0), "from 1 on, got 0"),
        (lambda: NoCallAfter(float("nan")), "got nan"),
        (lambda: OnlyTools(ONE_TEXT), r"declared is a tuple of texts, got 'shop.*'; write ('shop.*',)"),
        (lambda: UnlessFaulted(OnlyTools(("*",)), ONE_TEXT), "patterns is a tuple of texts"),
        (lambda: NoSecrets(("",)), "texts has an empty text"),
    ],
)
def test_a_rule_that_would_hold_of_everything_or_nothing_cannot_be_made(
    make: Callable[[], Rule], told: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(told)):
        make()


def test_every_rule_is_on_the_page_of_rules() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/rules.md").read_text(encoding="utf-8")
    rules = [
        each
        for each in vars(pytest_mcpflow.explore).values()
        if isinstance(each, type) and issubclass(each, Rule)
    ]
    described = [rule.__name__ for rule in rules if rule is not Rule and f"| `{rule.__name__}(" in page]

    assert len(rules) > 10
    assert described == [rule.__name__ for rule in rules if rule is not Rule]


def test_a_rule_may_hold_unless_a_tool_went_wrong() -> None:
    rule = UnlessFaulted(AtMostOneEffect("shop.order"), ("shop.order",))

    assert broken("shop.order#1=lose_reply", rule) == []
    assert rule.claim == "No intent of shop.order is carried out twice. (unless shop.order went wrong)"


def test_a_rule_may_hold_once_all_works_again() -> None:
    rule = OnceHealed(AtMostOneEffect("shop.order"))

    assert broken("shop.order#1=lose_reply", rule) != []
    assert broken("shop.order#*=lose_reply", rule) == []


@pytest.mark.parametrize("closes", [True, False])
def test_a_context_that_is_open_after_the_run_is_leaked_by_name(closes: bool) -> None:
    async def order_in_a_context(hub: Hub) -> None:
        context = hub.create_context("tea-time")
        try:
            await hub.call_tool("shop.order", TEA, context.id, timeout=10)
        except Exception:
            if closes:
                del hub.contexts[context.id]
            raise
        del hub.contexts[context.id]

    judgement = Subject(world, order_in_a_context).judge(FaultPlan.parse("shop.order#1=refuse"))

    assert judgement.verdict is (Verdict.FAILED_LOUDLY if closes else Verdict.LEAKED)
    told = [each.why for each in judgement.broken if each.check == "leaked"]
    assert told == (
        [] if closes else ["context 'tea-time' is still open; delete it from hub.contexts in a finally"]
    )


@dataclass
class InASharedContext(planted_bugs.OrderedTwice):
    """Whose context the scenario opens, for all that it runs."""

    def connect(self, hub: Hub) -> None:
        super().connect(hub)
        hub.create_context("shared")


def test_a_context_that_was_there_before_the_workflow_is_not_leaked_by_it() -> None:
    judgement = Subject(InASharedContext).judge(FaultPlan())

    assert judgement.verdict is Verdict.PASSED


@dataclass(frozen=True)
class NothingIsKept(Rule):
    """A rule of a user."""

    leaks = True

    @property
    def claim(self) -> str:
        return "Nothing is kept."

    def wrong(self, run: Run, world: Mapping[str, Fake], /) -> Iterable[str]:
        return [] if run.error is None else ["the tea"]


def keeps_nothing(run: Run, world: Mapping[str, Fake]) -> None:
    if run.error is not None:
        raise LeakedError("the tea was kept")


HELD: tuple[Check, ...] = (
    Released("shop.order", "shop.cancel", by="item"),
    NothingIsKept(),
    UnlessFaulted(NothingIsKept(), ("pager.*",)),
    keeps_nothing,
)


@pytest.mark.parametrize("check", HELD, ids=["Released", "own rule", "UnlessFaulted", "own check"])
def test_what_is_not_given_back_is_leaked(check: Check) -> None:
    async def keeps_what_it_took(hub: Hub) -> None:
        await hub.call_tool("shop.order", TEA, timeout=10)
        await hub.call_tool("pager.page", {"text": "tea!"}, timeout=10)
        await hub.call_tool("shop.cancel", TEA, timeout=10)

    exploration = explore(keeps_what_it_took, world, kinds=[Refuse()], invariants=[check])

    kept = [each for each in exploration.findings if each.judgement.verdict is Verdict.LEAKED]
    assert kept == list(exploration.findings) != []


def test_what_is_kept_in_a_run_that_fails_silently_is_the_lesser_evil() -> None:
    async def hides_what_it_keeps(hub: Hub) -> None:
        with suppress(Exception):
            await hub.call_tool("shop.order", TEA, timeout=10)

    def is_told(run: Run, world: Mapping[str, Fake]) -> None:
        assert run.error is not None

    keeps = Released("shop.order", "shop.cancel", by="item")
    subject = Subject(world, hides_what_it_keeps, invariants=(keeps, is_told))

    assert subject.judge(FaultPlan.parse("shop.order#1=lose_reply")).verdict is Verdict.FAILED_SILENTLY
