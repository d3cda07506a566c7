"""The matrix: one row for calls that came out alike, one column for each kind, and never more than 80 columns."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mcpflow.report.matrix import collapsed, matrix, overview
from pytest_mcpflow.report.pinned import pinned_file
from pytest_mcpflow.report.resilience import (
    Cell,
    Check,
    Collapsed,
    Finding,
    Pinned,
    Resilience,
    from_json,
    to_json,
)

VERDICTS = ["recovered", "degraded", "failed loudly", "failed silently", "hung", "leaked", "passed"]
EXPLORED = Resilience(
    name="trip",
    way="direct",
    era="2026-07-28",
    seed=0,
    depth=1,
    runs=9,
    seconds=0.5,
    claim="none found",
    accounting="8 plans: 8 run",
    is_proven=False,
)


def cell(site: str, kind: str, verdict: str = "recovered", excuse: str = "") -> Cell:
    return Cell(site=site, kind=kind, verdict=verdict, plan=f"{site}={kind}", excuse=excuse)


def lines_of(*cells: Cell) -> list[str]:
    return matrix(replace(EXPLORED, cells=cells))


def test_a_mark_stands_below_the_name_of_its_kind() -> None:
    lines = lines_of(cell("hotel.book#1", "refuse"), cell("hotel.book#1", "lose_reply", "failed silently"))

    name, other, row = lines[:3]
    assert name.endswith("refuse")
    assert row[len(name) - 1] == "."
    assert other.endswith("lose_reply |")
    assert row[len(other) - 3] == "S"


def test_kinds_stand_in_the_order_of_the_reference_and_ones_own_last() -> None:
    kinds = ["bank_holiday", "stale", "delay(60)", "delay", "lose_request"]

    lines = lines_of(*(cell("hotel.book#1", kind) for kind in kinds))

    shown = [line.replace("|", "").strip() for line in lines[:5]]
    assert shown == ["bank_holiday", "stale", "delay(60)", "delay", "lose_request"]


def test_successive_calls_that_came_out_alike_are_one_row() -> None:
    cells = [
        cell(f"hotel.book#{n}", "refuse", "degraded" if n == 3 else "recovered") for n in (1, 2, 3, 4, 5)
    ]

    assert [line.split() for line in lines_of(*cells)[1:4]] == [
        ["hotel.book#1-2", "."],
        ["hotel.book#3", "d"],
        ["hotel.book#4-5", "."],
    ]


def test_more_kinds_than_fit_are_in_further_tables_with_their_own_marks() -> None:
    kinds = [f"kind_{number:02}" for number in range(20)]
    cells = [cell("hotel.book#1", kind, "recovered" if kind < "kind_18" else "hung") for kind in kinds]

    rows = [line.split()[1:] for line in lines_of(*cells) if line.startswith("hotel.book#1")]

    assert rows == [["."] * 18, ["H", "H"]]


def test_calls_with_one_between_that_was_not_tried_are_no_row_together() -> None:
    rows = [line.split()[0] for line in lines_of(*(cell(f"hotel.book#{n}", "refuse") for n in (1, 3)))[1:3]]

    assert rows == ["hotel.book#1", "hotel.book#3"]


def test_whatever_lasts_is_in_rows_of_its_own_after_single_calls() -> None:
    sites = ["hotel.book#*", "hotel.book#2+", "hotel.book#3+", "hotel.book#1"]

    rows = [line.split()[0] for line in lines_of(*(cell(site, "refuse") for site in sites))[1:4]]

    assert rows == ["hotel.book#1", "hotel.book#2+..3+", "hotel.book#*"]


def test_what_was_not_tried_is_blank_and_the_legend_says_so() -> None:
    lines = lines_of(cell("hotel.book#1", "refuse"), cell("hotel.list#1", "stale"))

    assert lines[2].split() == ["hotel.book#1", "."]
    assert "blank: not tried" in lines[-1]


def test_the_legend_names_what_is_there_and_nothing_else() -> None:
    assert lines_of(cell("hotel.book#1", "refuse", "hung"))[-1] == "H hung"


def test_what_is_excused_is_a_small_letter_with_its_reason() -> None:
    lines = lines_of(
        cell("hotel.book#1", "refuse", "failed silently", "they call back"),
        cell("hotel.book#2", "refuse", "failed silently", "they call back"),
    )

    assert lines[1].split() == ["hotel.book#1-2", "s"]
    assert lines[-1] == "hotel.book#1=refuse and 1 more: they call back"


def test_an_excuse_that_was_not_needed_is_named() -> None:
    lines = matrix(replace(EXPLORED, unmet=("hotel.book#1=refuse (accepted)",)))

    assert lines == ["does not occur any more: hotel.book#1=refuse (accepted)"]


def test_of_many_entries_that_do_not_occur_the_first_are_shown_and_the_rest_counted() -> None:
    lines = matrix(replace(EXPLORED, unmet=tuple(f"a.x#{number}=late" for number in range(100_000))))

    assert lines[0] == "does not occur any more: a.x#0=late"
    assert lines[10:] == ["and 99990 more that do not occur any more"]


@given(
    servers=st.lists(st.text("abcdefgh-", min_size=1, max_size=40), min_size=1, max_size=4, unique=True),
    kinds=st.lists(st.text("abcdefgh_()0", min_size=1, max_size=30), min_size=1, max_size=40, unique=True),
    data=st.data(),
)
def test_no_line_is_wider_than_80_columns_and_no_mark_is_lost(
    servers: list[str], kinds: list[str], data: st.DataObject
) -> None:
    sites = [f"{server}.tool#{n}" for server in servers for n in (1, 2)]
    verdicts = st.sampled_from(VERDICTS)
    cells = [cell(site, kind, data.draw(verdicts)) for site, kind in product(sites, kinds)]

    lines = lines_of(*cells)

    assert max(map(len, lines)) <= 80
    rows = [line for line in lines if "#" in line.split(" ")[0]]
    shown = "".join(line.rpartition("#")[2].partition(" ")[2].replace(" ", "") for line in rows)
    assert set(shown) == {matrix_mark(each.verdict) for each in cells}


def matrix_mark(verdict: str) -> str:
    return dict(zip(VERDICTS, ".dlSHK-", strict=True))[verdict]


def test_the_overview_counts_verdicts_and_fits_80_columns() -> None:
    cells = (cell("hotel.book#1", "refuse"), cell("hotel.book#1", "late", "failed silently"))
    long = replace(EXPLORED, name="tests/test_booking.py::" + "x" * 90, cells=cells)

    lines = overview([replace(EXPLORED, cells=cells), long])

    assert lines[0].split() == ["depth", "runs", ".", "S"]
    assert lines[1].split() == ["trip", "1", "9", "1", "1"]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("pinned", [None, Pinned(imports=("import pytest",), source="def test_it(): ...\n")])
def test_data_reads_back_as_what_was_written(pinned: Pinned | None) -> None:
    check = Check(name="one_room", claim="Nobody pays twice.", why="2 rooms")
    finding = Finding(
        plan="hotel.book#1=late",
        found_as="hotel.book#1=late, hotel.book#2=late",
        verdict="failed silently",
        broken=(check,),
        explanation=("it takes late",),
        reproduce="pytest",
        block="trip failed",
        pinned=pinned,
    )
    explored = replace(EXPLORED, cells=(cell("a.b#1", "late"),), findings=(finding,), unmet=("gone",))

    assert from_json(to_json(explored)) == explored


def test_a_test_that_pins_what_was_found_twice_is_written_once() -> None:
    pinned = Pinned(imports=("import pytest",), source="def test_it() -> None: ...\n")
    finding = Finding(
        plan="a.b#1=late",
        found_as="a.b#1=late",
        verdict="hung",
        broken=(),
        explanation=(),
        reproduce="pytest",
        block="trip hung",
        pinned=pinned,
    )
    explored = replace(EXPLORED, findings=(finding,))

    assert pinned_file([explored, explored]).count("def test_it") == 1


def test_a_reader_skips_what_a_later_version_adds() -> None:
    data = to_json(EXPLORED) | {"new": 1}

    assert from_json(data) == EXPLORED


def test_where_all_is_shown_there_are_no_more() -> None:
    classes = [Collapsed(site="a.b#1", kind="refuse", like=(f"kind{n}",), plans=1) for n in range(5)]
    unmet = [f"hung under a.b#{number}=late" for number in range(10)]
    explored = replace(EXPLORED, classes=tuple(classes), unmet=tuple(unmet))

    assert not [line for line in (*collapsed(explored), *matrix(explored)) if line.startswith("and ")]


def test_a_verdict_that_a_later_version_knows_is_a_question() -> None:
    assert lines_of(cell("a.b#1", "late", "unheard of"))[1] == "a.b#1 ?"


def test_one_workflow_on_two_transports_is_told_apart() -> None:
    lines = overview([EXPLORED, replace(EXPLORED, way="memory")])

    assert [line.partition("  ")[0] for line in lines[1:3]] == [
        "trip [direct, 2026-07-28]",
        "trip [memory, 2026-07-28]",
    ]


def test_classes_that_spared_plans_are_a_few_lines_the_most_plans_first() -> None:
    classes = [
        Collapsed(site=f"hotel.book#{n}", kind=kind, like=("late", kind * 9), plans=plans)
        for kind, plans in (
            ("a", 1),
            ("b", 0),
            ("cc", 9),
            ("d", 2),
            ("e", 3),
            ("f" * 9, 4),
            ("g", 5),
            ("h", 6),
        )
        for n in (1, 2)
    ]

    lines = [*collapsed(replace(EXPLORED, classes=tuple(classes)))]

    assert lines[0] == "cc stands for cccccccccccccccccc, late at hotel.book#1 and 1 more"
    assert lines[-1] == "and 2 more of such classes, which --json has"
    assert [line[0] for line in lines[:-1]] == ["c", "h", "g", "f", "e"]
    assert max(map(len, lines)) <= 80


def test_without_plans_to_spare_there_is_no_line_of_classes() -> None:
    assert [*collapsed(EXPLORED)] == []


@given(
    st.lists(st.text("ab[]:/", min_size=1, max_size=70), min_size=2, max_size=5, unique=True),
    st.text("ab", max_size=70),
)
def test_no_two_workflows_have_the_same_row(beginnings: list[str], end: str) -> None:
    names = [f"{each}{end}" for each in beginnings]

    rows = [
        line[:46] for line in overview([replace(EXPLORED, name=name) for name in names])[1 : len(names) + 1]
    ]

    assert len({*rows}) == len(names)


def test_what_tells_two_tests_apart_is_not_cut_off() -> None:
    values = "[a-long-value-and-another-one-and-another-one]"
    names = [f"tests/test_trip.py::test_{what}_{values}" for what in ("books_once", "pays_once")]

    rows = overview([replace(EXPLORED, name=name) for name in names])[1:3]

    assert [row.split()[0] for row in rows] == [
        "tests/test_trip.py::test_book..",
        "tests/test_trip.py::test_pay..",
    ]
