"""Plans as values and as text."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mcpflow import FaultPlanError
from pytest_mcpflow.faults import Fault, FaultKind, FaultPlan
from pytest_mcpflow.faults.catalogue import KINDS, kinds_with
from pytest_mcpflow.faults.kind import Effect, arguments_of
from pytest_mcpflow.faults.lost import Delay, LoseReply
from pytest_mcpflow.faults.plan import chance
from pytest_mcpflow.faults.refused import RateLimit, Refuse
from pytest_mcpflow.transcript import alternatives

PLAIN = st.from_regex(r"[A-Za-z][A-Za-z0-9_.*/\-]{0,12}", fullmatch=True)
CHOICES = st.lists(PLAIN, min_size=1, max_size=3).map(lambda names: f"{{{','.join(names)}}}")
NAMES = PLAIN | st.lists(PLAIN | CHOICES, min_size=1, max_size=3).map("".join)
NUMBERS = st.floats(0, 1e9, allow_nan=False) | st.integers(0, 10_000).map(float)


NARROWER = {
    ("clock_jump", "seconds"): NUMBERS | NUMBERS.map(float.__neg__),
    ("partial", "keep"): st.integers(0, 99).map(float),
    ("progress_stall", "after"): st.integers(0, 99).map(float),
    ("status", "code"): st.integers(400, 599).map(float),
    ("status", "retry_after"): st.integers(0, 10_000).map(float),
}
"""Arguments that cannot be any number from 0 on."""


def _argument(accepted: Any) -> st.SearchStrategy[Any]:
    if accepted is float:
        return NUMBERS
    return st.text(max_size=20) if accepted is str else st.sampled_from(accepted)


@st.composite
def kinds(draw: st.DrawFn) -> FaultKind:
    kind = draw(st.sampled_from([*KINDS.values()]))
    values = {
        name: draw(NARROWER.get((kind.name, name), _argument(accepted)))
        for name, accepted in arguments_of(kind).items()
    }
    chosen = draw(st.sets(st.sampled_from([*values]))) if values else set[str]()
    return kind(**{name: values[name] for name in chosen})


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    first = draw(st.integers(1, 50))
    since = draw(NUMBERS)
    return Fault(
        site=draw(NAMES),
        kind=draw(kinds()),
        first=first,
        last=draw(st.none() | st.integers(first, 99)),
        since=since,
        until=draw(st.just(math.inf) | st.floats(since, 2e9)),
        probability=draw(st.floats(0, 1, exclude_min=True)),
    )


@given(st.lists(faults(), max_size=4), st.integers())
def test_a_plan_reads_back_from_its_text(parts: list[Fault], seed: int) -> None:
    plan = FaultPlan(tuple(parts), seed)

    assert FaultPlan.parse(str(plan), seed=seed) == plan


@given(st.text(max_size=60))
def test_any_text_is_a_plan_or_an_error_that_points_into_it(text: str) -> None:
    try:
        plan = FaultPlan.parse(text)
    except FaultPlanError as error:
        arrow = str(error).splitlines()[-1]
    else:
        arrow = "^" if FaultPlan.parse(str(plan)) == plan else "another plan"

    assert arrow.strip() == "^"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("k.apply#2=refuse", Fault("k.apply", Refuse(), 2, 2)),
        ("k.apply=refuse", Fault("k.apply", Refuse())),
        ("k.apply#*=refuse", Fault("k.apply", Refuse())),
        ("k.apply#3+=refuse", Fault("k.apply", Refuse(), 3)),
        ("k.apply#3-5=refuse", Fault("k.apply", Refuse(), 3, 5)),
        ("k.*#1=refuse", Fault("k.*", Refuse(), 1, 1)),
        ("apply#1=refuse", Fault("apply", Refuse(), 1, 1)),
        ("{k,d}.*=refuse", Fault("{k,d}.*", Refuse())),
        (" { k , d }.{apply,get} # 1 = refuse", Fault("{k,d}.{apply,get}", Refuse(), 1, 1)),
        ("k.apply=delay(30)", Fault("k.apply", Delay(30))),
        ("k.apply=delay(30, reply)", Fault("k.apply", Delay(30, "reply"))),
        ("k.apply=delay(of=reply)", Fault("k.apply", Delay(of="reply"))),
        ("k.apply=rate_limit(retry_after=5)", Fault("k.apply", RateLimit(5))),
        ("k.apply=lose_reply@[30,90]", Fault("k.apply", LoseReply(), since=30, until=90)),
        ("k.apply=lose_reply@[30,]", Fault("k.apply", LoseReply(), since=30)),
        ("k.apply=refuse~0.25", Fault("k.apply", Refuse(), probability=0.25)),
        (" k.apply # 2 = refuse @ [ 1 , 2 ] ~ 0.5 ", Fault("k.apply", Refuse(), 2, 2, 1, 2, 0.5)),
    ],
)
def test_the_text_of_one_fault(text: str, fault: Fault) -> None:
    assert FaultPlan.parse(text).faults == (fault,)


def test_elements_stand_between_commas_in_the_order_in_which_they_count() -> None:
    plan = FaultPlan.parse("kubernetes.kubectl_apply#1=lose_reply, communication-hub.send_alert#*=timeout(9)")

    assert [fault.site for fault in plan.faults] == [
        "kubernetes.kubectl_apply",
        "communication-hub.send_alert",
    ]
    assert str(plan) == "kubernetes.kubectl_apply#1=lose_reply, communication-hub.send_alert#*=timeout(9)"


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("k.apply#1=refus", 10, "unknown kind 'refus'; nearest: refuse, "),
        ("k.apply#1", 9, "expected = before the kind of fault"),
        ("k.apply#x=refuse", 8, "expected the number of a call, or * for all"),
        ("k.apply#0=refuse", 7, "calls of a tool are counted from 1, got #0"),
        ("k.apply#4-2=refuse", 7, "#4-2 holds no call"),
        ("k.apply=delay(x)", 14, "expected a number for seconds"),
        ("k.apply=delay(3, answer)", 17, "of is request or reply, not 'answer'"),
        ("k.apply=delay(3, for=4)", 17, "unknown argument 'for'; delay takes seconds, of"),
        ("k.apply=delay(3, seconds=4)", 17, "seconds is there twice"),
        ("k.apply=delay(1, reply, 2)", 24, "delay takes seconds, of"),
        ("k.apply=delay(-1)", 8, "delay: seconds is a number of seconds from 0 on, got -1"),
        ("k.apply=refuse(1)", 15, "refuse takes no arguments"),
        ("k.apply=refuse@[9,3]", 14, "no time lies from 9 s to 3 s"),
        ("k.apply=refuse@9", 15, "expected [ at the beginning of a window"),
        ("k.apply=refuse~2", 14, "a probability is above 0 and up to 1, got 2"),
        ("k.apply=refuse k.get=hang", 15, "expected , between elements of a plan"),
        ("{k,d.*#1=refuse", 6, "expected , or } in a choice of names, `{one,other}`"),
        ("{k,}.*=refuse", 3, "expected a name in a choice, `{one,other}`"),
        ("{}.*=refuse", 1, "expected a name in a choice, `{one,other}`"),
        ("{k,{d}}.*=refuse", 3, "expected a name in a choice, `{one,other}`"),
        ("k}.*=refuse", 1, "expected = before the kind of fault"),
        ("{k,d} .*=refuse", 6, "expected = before the kind of fault"),
        ("k.apply=refuse,", 15, "expected a call site, `server.tool`"),
        ("=refuse", 0, "expected a call site, `server.tool`"),
        ("k.apply=partial(1e999)", 16, "expected a number for keep that a float can hold"),
        ("k.apply=progress_stall(-1)", 8, "progress_stall: after is a number of reports from 0 on, got -1"),
        (
            "k.apply=status(503, 1.5)",
            8,
            "status: retry_after is a whole number of seconds from 0 on, got 1.5",
        ),
        (f"k.apply#{'9' * 12}=refuse", 8, "the number of a call has 9 digits at most, got 12"),
        (f"k.apply#2-{'9' * 30}=refuse", 10, "the number of a call has 9 digits at most, got 30"),
    ],
)
def test_an_error_points_at_the_character_and_says_what_belongs_there(
    text: str, column: int, says: str
) -> None:
    with pytest.raises(FaultPlanError) as raised:
        FaultPlan.parse(text)

    message, shown, arrow = str(raised.value).splitlines()
    assert says in message
    assert shown == f"  {text}".rstrip()
    assert arrow == " " * (2 + column) + "^"


def test_a_long_plan_is_shown_around_the_mistake() -> None:
    text = ", ".join(f"server.tool{number}#1=refuse" for number in range(20)) + ", server.last=nothing"

    with pytest.raises(FaultPlanError) as raised:
        FaultPlan.parse(text)

    _, shown, arrow = str(raised.value).splitlines()
    assert shown.startswith("  ...")
    assert shown[arrow.index("^") :] == "nothing"


@given(faults(), st.integers(0, 99), st.integers(1, 60))
def test_chance_depends_on_seed_site_rule_and_occurrence_only(fault: Fault, seed: int, number: int) -> None:
    once = fault.concerns("k", "apply", number, at=fault.since, seed=seed)
    again = Fault(**{each.name: getattr(fault, each.name) for each in fields(fault)})

    assert again.concerns("k", "apply", number, at=fault.since, seed=seed) is once


def test_about_as_many_calls_go_wrong_as_the_probability_says() -> None:
    fault = Fault("k.apply", Refuse(), probability=0.3)

    wrong = sum(fault.concerns("k", "apply", number, at=0, seed=1) for number in range(1, 2001))

    assert 540 < wrong < 660


def test_another_seed_is_another_choice() -> None:
    numbers = [chance(seed, "k", "apply", "rule", 1) for seed in range(50)]

    assert len({*numbers}) == 50
    assert all(0 <= number < 1 for number in numbers)


def test_a_window_holds_both_its_ends() -> None:
    fault = Fault("k.apply", Refuse(), since=30, until=90)

    assert [fault.concerns("k", "apply", 1, at=at, seed=0) for at in (29.9, 30, 90, 90.1)] == [
        False,
        True,
        True,
        False,
    ]


def test_a_plan_grows_and_shrinks_as_a_value() -> None:
    plan = FaultPlan.parse("k.apply#1=refuse")
    more = plan.with_fault(Fault("k.get", LoseReply(), 2, 2))

    assert str(more) == "k.apply#1=refuse, k.get#2=lose_reply"
    assert more.without(more.faults[0]) == FaultPlan.parse("k.get#2=lose_reply")
    assert (len(plan), len(more), bool(FaultPlan())) == (1, 2, False)


def test_a_kind_of_ones_own_is_named_in_snake_case_and_takes_arguments() -> None:
    from dataclasses import dataclass

    from pytest_mcpflow.faults import FaultedCall

    @dataclass(frozen=True)
    class BadMood(FaultKind, effect=Effect.NONE, sees="sent away"):
        """The server is in a bad mood. Level: call."""

        words: str = "come back"

        async def happen(self, call: FaultedCall) -> dict[str, Any]:
            return call.refusal(self.words)

    plan = FaultPlan.parse('k.apply=bad_mood("go, now")', kinds=kinds_with([BadMood]))

    assert plan.faults[0].kind == BadMood("go, now")
    assert str(plan) == 'k.apply#*=bad_mood("go, now")'


def test_two_kinds_of_one_name_are_refused() -> None:
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Other(Refuse):
        """Another. Level: call."""

        name = "refuse"

    with pytest.raises(FaultPlanError, match="two kinds of fault are named 'refuse'"):
        kinds_with([Other])


@pytest.mark.parametrize("site", ["{a,b}" * 40, "{a,b}" * 4000, f"{{{','.join('a' * 2000)}}}.*"])
def test_choices_that_multiply_are_refused_at_once(site: str) -> None:
    with pytest.raises(
        FaultPlanError, match=r"a site cannot have so many choices: '\{a,.*more than 1,000 names"
    ):
        FaultPlan.parse(f"shop.sell=refuse, {site}=refuse")


def test_choices_in_one_site_stand_for_each_with_each() -> None:
    assert alternatives("{a,b}.{c,d}") == ("a.c", "a.d", "b.c", "b.d")
