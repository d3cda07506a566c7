"""The baseline file: sorted, readable, and the same after it was read and written again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mcpflow.chaos.baseline import Baseline, KnownFailure
from pytest_mcpflow.errors import ExplorationError
from pytest_mcpflow.faults.catalogue import KINDS
from pytest_mcpflow.report.resilience import Cell, Finding, Resilience

PLANS = st.from_regex(
    r"[a-z.-]{3,20}#[1-9]=[a-z_]{3,9}(, [a-z.]{3,9}#[1-9]\+=delay\([0-9]\))?", fullmatch=True
)
FAILURES = st.builds(
    KnownFailure,
    PLANS,
    st.sampled_from(["failed silently", "hung", "leaked"]),
    st.lists(st.from_regex(r"# [a-z:= ]{0,20}[a-z]", fullmatch=True), max_size=2).map(tuple),
)
NAMES = st.sampled_from(["trip", "tests/test_it.py::test_it[a b]", "x-1"])
BASELINES = st.dictionaries(NAMES, st.frozensets(FAILURES, min_size=1), max_size=3).map(Baseline)


def explored(*bad: tuple[str, str], name: str = "trip") -> Resilience:
    cells = tuple(Cell(site="a.b#1", kind="x", verdict=verdict, plan=plan) for plan, verdict in bad)
    return Resilience(
        name=name,
        way="direct",
        era="2026-07-28",
        seed=0,
        depth=1,
        runs=1,
        seconds=0,
        claim="",
        accounting="",
        is_proven=False,
        cells=cells,
    )


@given(BASELINES)
def test_what_is_written_reads_back(tmp_path_factory: pytest.TempPathFactory, baseline: Baseline) -> None:
    file = tmp_path_factory.mktemp("baseline") / "of" / "ours" / "known.txt"

    baseline.write(file)

    assert Baseline.read(file) == baseline
    assert str(Baseline.read(file)) == str(baseline)


def test_the_file_is_sorted_by_name_and_plan() -> None:
    baseline = Baseline().updated(
        [
            explored(("b.x#1=late", "hung"), ("a.x#1=late", "hung")),
            explored(("c.x#1=late", "leaked"), name="arrival"),
        ]
    )

    assert [line for line in str(baseline).splitlines() if line and not line.startswith("#")] == [
        "[arrival]",
        "leaked under c.x#1=late",
        "[trip]",
        "hung under a.x#1=late",
        "hung under b.x#1=late",
    ]


def test_a_comment_stays_with_its_failure_and_goes_with_it(tmp_path: Path) -> None:
    file = tmp_path / "known.txt"
    file.write_text(
        "[trip]\n# soon\nhung under a.x#1=late\n# never\nhung under b.x#1=late\n", encoding="utf-8"
    )

    Baseline.read(file).updated([explored(("a.x#1=late", "hung"))]).write(file)

    text = file.read_text(encoding="utf-8")
    assert "# soon\nhung under a.x#1=late\n" in text
    assert "# never" not in text


@pytest.mark.parametrize("between", ["\n", "[trip]\n", "leaked under a.x#1=late\n"])
def test_a_comment_belongs_to_the_line_below_it_alone(tmp_path: Path, between: str) -> None:
    file = tmp_path / "known.txt"
    file.write_text(f"[trip]\n# of something else\n{between}hung under a.x#1=late\n", encoding="utf-8")

    entries = {each.verdict: each.comments for each in Baseline.read(file).known["trip"]}

    assert entries["hung"] == ()


def test_workflows_that_were_not_explored_keep_their_failures() -> None:
    known = Baseline().updated(
        [explored(("a.x#1=late", "hung")), explored(("a.x#1=late", "hung"), name="other")]
    )

    assert known.updated([explored()]).knows("other", "a.x#1=late", "hung")
    assert not known.updated([explored()]).knows("trip", "a.x#1=late", "hung")


def test_the_same_workflow_on_two_transports_is_known_by_both() -> None:
    known = Baseline().updated([explored(("a.x#1=late", "hung")), explored(("b.x#1=late", "hung"))])

    assert known.knows("trip", "a.x#1=late", "hung")
    assert known.knows("trip", "b.x#1=late", "hung")


@pytest.mark.parametrize(
    ("name", "plan", "verdict"),
    [("other", "a.x#1=late", "hung"), ("trip", "a.x#2=late", "hung"), ("trip", "a.x#1=late", "leaked")],
)
def test_another_workflow_plan_or_verdict_is_not_known(name: str, plan: str, verdict: str) -> None:
    assert not Baseline().updated([explored(("a.x#1=late", "hung"))]).knows(name, plan, verdict)


def test_what_does_not_occur_any_more_is_named() -> None:
    known = Baseline().updated([explored(("a.x#1=late", "hung"), ("b.x#1=late", "hung"))])

    assert known.without_the_gone(explored(("a.x#1=late", "hung"))).unmet == (
        "hung under b.x#1=late (baseline)",
    )


def test_what_a_scenario_accepts_is_not_written_down() -> None:
    accepted = Finding(plan="a.x#1=late", found_as="a.x#1=late", verdict="hung", excuse="a reason")
    each = explored()

    assert Baseline().updated([replace(each, findings=(accepted,))]) == Baseline()


@pytest.mark.parametrize("line", ["hung under a.x#1=late", "[trip]\nhung a.x#1=late", "[trip]\nwhat?"])
def test_a_line_that_is_none_of_it_is_an_error_that_says_which(tmp_path: Path, line: str) -> None:
    file = tmp_path / "known.txt"
    file.write_text(line, encoding="utf-8")

    with pytest.raises(
        ExplorationError, match=r"known.txt: cannot read .* an entry reads `VERDICT under PLAN`"
    ):
        Baseline.read(file)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("hang under a.x#1=late", "there is no verdict 'hang' that could be known; nearest: hung"),
        ("recovered under a.x#1=late", "there is no verdict 'recovered' that could be known"),
        ("hung under a.x#1=lat", "unknown kind 'lat'; nearest: late"),
        ("hung under schedule 3b", "expected = before the kind of fault"),
    ],
)
def test_what_is_misspelt_is_an_error(tmp_path: Path, line: str, says: str) -> None:
    file = tmp_path / "known.txt"
    file.write_text(f"[trip]\n{line}\nleaked under schedule 17\n", encoding="utf-8")

    with pytest.raises(ExplorationError) as raised:
        Baseline.read(file).check(KINDS)

    assert f"[trip], {line!r}: {says}" in str(raised.value)


def test_a_missing_file_is_an_error_that_says_how_to_write_it(tmp_path: Path) -> None:
    with pytest.raises(ExplorationError, match=r"there is no baseline .* --mcp-chaos-update"):
        Baseline.read(tmp_path / "known.txt")


def test_a_file_may_begin_with_the_mark_that_some_editors_write(tmp_path: Path) -> None:
    (tmp_path / "known.txt").write_text("[trip]\nhung under a.x#1=late\n", encoding="utf-8-sig")

    assert Baseline.read(tmp_path / "known.txt").knows("trip", "a.x#1=late", "hung")


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "known.txt").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ExplorationError, match="cannot be read"):
        Baseline.read(tmp_path / "known.txt")
