"""From many faults to few, in large steps."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from pytest_mcpflow import Fault
from pytest_mcpflow.explore.fewer import fewer, joined
from pytest_mcpflow.explore.observe import Observation, Seen
from pytest_mcpflow.faults import FaultPlan
from pytest_mcpflow.faults.lost import LoseReply
from pytest_mcpflow.faults.refused import Refuse
from pytest_mcpflow.performance import Verdict

NAMES = ("shop.order", "shop.cancel", "mail.send")


def hit(faults: Sequence[Fault], site: str, number: int) -> str:
    """What happens to a call."""
    server, _, tool = site.partition(".")
    found = (each.kind for each in faults if each.concerns(server, tool, number, at=0.0, seed=0))
    return str(next(found, ""))


def ran(calls: Sequence[tuple[str, int, bytes]]) -> Observation:
    """A run of calls, each with its tool, its number and its arguments."""
    made = tuple(Seen(site, n, 1, 0.0, 0.0, True, True, 0, (), asked, asked) for site, n, asked in calls)
    return Observation(FaultPlan(), Verdict.FAILED_SILENTLY, (), made, b"", b"", 0.0)


@st.composite
def some_faults(draw: st.DrawFn) -> Fault:
    """A fault of a few calls, or of all from one on."""
    first, more = draw(st.integers(1, 6)), draw(st.sampled_from([0, 0, 0, 1, None]))
    kind = draw(st.sampled_from([Refuse(), LoseReply()]))
    return Fault(draw(st.sampled_from(NAMES)), kind, first, None if more is None else first + more)


plans = st.lists(some_faults(), max_size=8, unique=True)


@given(plans)
def test_joined_faults_let_the_same_calls_go_wrong(faults: list[Fault]) -> None:
    together = joined(tuple(faults))

    assert len(together) <= len(faults)
    for site in NAMES:
        for number in range(1, 12):
            assert hit(together, site, number) == hit(faults, site, number)


@given(st.data())
def test_what_is_left_is_what_the_failure_needs(data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.integers(1, 40), min_size=1, max_size=20, unique=True).map(sorted))
    needed = data.draw(st.lists(st.sampled_from(numbers), min_size=1, max_size=3, unique=True))
    kinds = [Refuse(), LoseReply()]
    faults = tuple(Fault("shop.order", kinds[index % 2], n, n) for index, n in enumerate(numbers))
    seen = ran([("shop.order", n, str(n).encode()) for n in range(1, 41)])

    left = fewer(faults, seen, lambda plan: all(hit(plan, "shop.order", n) for n in needed))

    assert {n for n in range(1, 41) if hit(left, "shop.order", n)} == {*needed}


def test_one_fault_of_sixty_four_is_found_in_a_dozen_runs() -> None:
    faults = tuple(Fault("shop.order", [Refuse(), LoseReply()][n % 2], n, n) for n in range(1, 65))
    seen = ran([("shop.order", n, str(n).encode()) for n in range(1, 65)])
    asked: list[tuple[Fault, ...]] = []

    def fails(plan: tuple[Fault, ...]) -> bool:
        asked.append(plan)
        return bool(hit(plan, "shop.order", 41))

    left = fewer(faults, seen, fails)

    assert [each.first for each in left] == [41]
    assert len(asked) <= 12


def test_later_calls_count_from_before_where_nothing_is_tried_again() -> None:
    faults = (Fault("shop.order", Refuse(), 1, 1), Fault("shop.order", LoseReply(), 3, 3))
    tried_twice = ran([("shop.order", 1, b"tea"), ("shop.order", 2, b"tea"), ("shop.order", 3, b"cake")])

    left = fewer(faults, tried_twice, lambda plan: plan == (Fault("shop.order", LoseReply(), 2, 2),))

    assert [str(each) for each in left] == ["shop.order#2=lose_reply"]
