"""`mcpflow explore`: what it prints, its exit code, and the files that it writes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch

import pytest
from chaos_project import EXAMPLE, block_of, example_in, ran

from pytest_mcpflow.cli import main
from pytest_mcpflow.report.resilience import from_json


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    ret: int
    stdout: pytest.LineMatcher
    stderr: pytest.LineMatcher


Explore = Callable[..., Said]


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with the scenarios `trip` and `trip-by-phone`."""
    return example_in(pytester)


@pytest.fixture
def explored(project: pytest.Pytester, capfd: pytest.CaptureFixture[str]) -> Explore:
    """Runs `mcpflow explore` in the project, in this process, which has imported what takes long already."""

    def run(*arguments: str) -> Said:
        capfd.readouterr()
        code = main(["explore", *arguments])
        out, err = capfd.readouterr()
        return Said(code, pytest.LineMatcher(out.splitlines()), pytest.LineMatcher(err.splitlines()))

    return run


def test_it_prints_what_the_page_shows_and_the_exit_code_says_that_something_was_found(
    project: pytest.Pytester,
) -> None:
    result = project.run(sys.executable, "-m", "pytest_mcpflow", "explore", "trip")

    shown = (EXAMPLE / "explored.txt").read_text(encoding="utf-8").splitlines()
    # How pytest explains an assertion differs from one version to the next.
    said, expected = (
        [line for line in lines if not line.startswith(" " * 8)] for lines in (result.outlines, shown)
    )
    assert said == expected, "run `mcpflow explore trip > explored.txt` in examples/chaos"
    assert result.ret == 1
    assert len(block_of(result, "trip")) <= 25
    assert max(len(line) for line in result.outlines if not line.startswith("reproduce: ")) <= 80


def test_a_workflow_that_stands_it_ends_with_zero(explored: Explore) -> None:
    result = explored("trip", "--workflow=booking:book_carefully", "--depth=2")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["trip: proven for depth 2: *", "* plans of depth 2: *"])


def test_a_search_that_ends_early_says_what_it_left_and_what_was_collapsed_and_why(
    project: pytest.Pytester, explored: Explore
) -> None:
    result = explored("trip", "--depth=2", "--runs=40", "--json=data.json")

    (found,) = json.loads((project.path / "data.json").read_text(encoding="utf-8"))["explorations"]
    counts = found["counts"]
    assert counts["at_least"] is True
    assert counts["drawn"] > 0
    assert counts["not_reached"] + counts["deferred"] > 0
    assert counts["planned"] == sum(counts[each] for each in ("run", "collapsed", "deferred", "not_reached"))
    assert ("hotel.book#1", "lose_reply", ["disconnect", "late"]) in [
        (each["site"], each["kind"], each["like"]) for each in found["classes"]
    ]
    assert (found["part"], found["parts"]) == (1, 1)
    result.stdout.fnmatch_lines(
        [
            f"at least {counts['planned']} plans of depth 2: *",
            "lose_reply stands for disconnect, late at hotel.book#1",
        ]
    )
    assert max(len(line) for line in result.stdout.lines if not line.startswith("reproduce: ")) <= 80


def test_the_data_says_what_was_printed(project: pytest.Pytester, explored: Explore) -> None:
    result = explored("travel", "--depth=1", "--kind=refuse", "--kind=disconnect", "--json=out/data.json")

    document = json.loads((project.path / "out" / "data.json").read_text(encoding="utf-8"))
    trip, by_phone = map(from_json, document["explorations"])
    assert result.ret == 1
    assert document["format"] == 1
    assert {(cell.site, cell.kind): cell.verdict for cell in trip.cells} == {
        ("hotel.book#1", "refuse"): "recovered",
        ("hotel.book#1", "disconnect"): "failed silently",
        ("hotel.book#*", "refuse"): "degraded",
        ("hotel.book#*", "disconnect"): "failed silently",
    }
    assert [finding.plan for finding in trip.new] == ["hotel.book#1=disconnect"]
    assert [check.name for check in trip.new[0].broken] == ["expect", "one_room"]
    assert by_phone.new == ()
    assert {finding.excuse for finding in by_phone.findings} == {"the hotel calls back and cancels one"}
    result.stdout.fnmatch_lines([f"trip *1*{trip.runs} *", f"trip-by-phone *1*{by_phone.runs} *"])


def test_a_pinned_scenario_fails_for_the_same_reason_and_passes_when_that_is_gone(
    project: pytest.Pytester,
    explored: Explore,
) -> None:
    found = explored("trip", "--kind=lose_reply", "--write-test=test_pinned.py")
    pinned = ran(project, "test_pinned.py")
    corrected = ran(project, "test_pinned.py", "-o", "mcp_workflows=trip=booking:book_carefully")

    assert found.ret == 1
    pinned.assert_outcomes(failed=1)
    pinned.stdout.fnmatch_lines(["trip failed silently under *", "broken: one_room - *"])
    corrected.assert_outcomes(passed=1)


def test_a_pinned_scenario_keeps_its_workflow(project: pytest.Pytester, explored: Explore) -> None:
    explored("trip", "--kind=late", "--workflow=booking:book_hastily", "--write-test=test_pinned.py")

    result = ran(project, "test_pinned.py", "-o", "mcp_workflows=trip=booking:book_carefully")

    assert 'workflow="booking:book_hastily"' in (project.path / "test_pinned.py").read_text(encoding="utf-8")
    result.assert_outcomes(failed=1)


def test_a_pin_whose_plan_concerns_no_call_says_so(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_pinned="""
        from pytest_mcpflow import assert_survives

        def test_it(pytestconfig):
            assert_survives(pytestconfig, "trip", "hotel.book#9=late")
        """
    )

    result = ran(project, "test_pinned.py")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*never happened: hotel.book#9=late; correct the plan or take it out"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trap"], "*unknown scenario, tag or glob 'trap'; nearest: trip*"),
        (["trip", "--kind=stale"], "*none of these kinds of faults (stale) can happen to a call of trip *"),
        (["trip", "--kind=refuze"], "*--kind: *'refuze'*refuse*"),
        (["travel", "--workflow=booking:book_carefully"], "*there are several: trip, trip-by-phone*"),
        (["trip", "--workflow=booking:nobody"], "*there is no 'nobody'*"),
        (["trip", "--baseline=no.txt"], "*there is no baseline no.txt*"),
        (["trip", "--write-test=trip.py"], "*trip.py exists and was not written by pytest-mcpflow*"),
    ],
)
def test_what_cannot_be_asked_is_said_in_eighty_columns(
    explored: Explore, arguments: list[str], message: str
) -> None:
    result = explored(*arguments)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert fnmatch(" ".join(map(str.strip, result.stderr.lines)), message)
    assert max(len(line) for line in result.stderr.lines if "/" not in line) <= 80


@pytest.mark.parametrize(
    "option", ["--json=trip.py/data.json", "--json=.", "--write-test=trip.py/test_it.py"]
)
def test_a_file_that_cannot_be_written_is_said_before_anything_is_explored(
    project: pytest.Pytester, explored: Explore, option: str
) -> None:
    result = explored("trip", option)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: * cannot be written: *; name another file"])
    assert result.stdout.lines == []


def test_what_a_file_held_stays_until_there_is_something_to_write(
    project: pytest.Pytester, explored: Explore
) -> None:
    (project.path / "data.json").write_text("before", encoding="utf-8")

    assert explored("trap", "--json=data.json", "--write-test=test_pinned.py").ret == 4
    assert (project.path / "data.json").read_text(encoding="utf-8") == "before"
    assert not (project.path / "test_pinned.py").exists()


def test_known_failures_end_with_zero(project: pytest.Pytester, explored: Explore) -> None:
    (project.path / "known.txt").write_text(
        "[trip]\nfailed silently under hotel.book#1=late\nfailed silently under hotel.book#*=late\n",
        encoding="utf-8",
    )

    assert explored("trip", "--kind=late", "--baseline=known.txt").ret == 0


INTERRUPTED = """
import booking

runs = []


async def book_until_interrupted(hub):
    runs.append(hub)
    if len(runs) == 8:
        raise KeyboardInterrupt
    return await booking.book_carefully(hub)
"""


def test_who_stops_it_is_told_what_was_covered(project: pytest.Pytester, explored: Explore) -> None:
    project.makepyfile(interrupted=INTERRUPTED)

    result = explored("trip", "--workflow=interrupted:book_until_interrupted", "--json=data.json")

    (found,) = json.loads((project.path / "data.json").read_text(encoding="utf-8"))["explorations"]
    assert result.ret == 130
    result.stderr.fnmatch_lines(["interrupted: trip in part, 3 of at least * plans"])
    assert result.stderr.lines[-1].startswith("interrupted: ")
    assert (found["is_proven"], found["counts"]["run"]) == (False, 3)


def test_who_stops_it_before_anything_ran_is_told_so(project: pytest.Pytester, explored: Explore) -> None:
    project.makepyfile(interrupted=INTERRUPTED.replace("== 8", "== 1"))

    result = explored("trip", "--workflow=interrupted:book_until_interrupted")

    assert result.ret == 130
    assert result.stderr.lines == ["interrupted: nothing was covered so far"]
