"""`--mcp-chaos` with `--mcp-scenario`: what fails, what a failure says, and what excuses it."""

from __future__ import annotations

from pathlib import Path

import pytest
from chaos_project import EXAMPLE, block_of, example_in, ran, reproduced, verdicts_of_junit

from pytest_mcpflow import FaultPlan
from pytest_mcpflow.report.explored import Accepted

TRIP = ("--mcp-scenario=trip", "--mcp-chaos=1")


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with the scenarios `trip` and `trip-by-phone`."""
    return example_in(pytester)


def replace_in(project: pytest.Pytester, file: str, old: str, new: str) -> None:
    path = project.path / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_failure_is_one_block_that_fits_a_terminal(project: pytest.Pytester) -> None:
    result = ran(project, *TRIP)

    result.assert_outcomes(failed=1)
    block = block_of(result, "trip")
    assert len(block) <= 25
    assert max(map(len, block[:-1])) <= 80
    assert block[0] == "trip failed silently under  hotel.book#1=lose_reply"
    assert 'broken: one_room - "Nobody pays for two rooms."' in block


def test_the_command_of_a_failure_fails_for_the_same_reason(project: pytest.Pytester) -> None:
    block = block_of(ran(project, *TRIP), "trip")

    again = reproduced(project, block)

    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(['broken: one_room - "Nobody pays for two rooms."'])


def test_the_summary_has_the_matrix_and_an_honest_account(project: pytest.Pytester) -> None:
    result = ran(project, *TRIP)

    result.stdout.fnmatch_lines(
        [
            "*= MCP resilience =*",
            "trip [[]direct[]]",
            "*lose_reply*",
            "hotel.book#1 *S*",
            "*S failed silently*",
            "* plans of depth 1: * run",
            "*at depth 1",
        ]
    )


def test_a_workflow_that_stands_it_passes_and_the_summary_says_how_far(project: pytest.Pytester) -> None:
    result = ran(project, *TRIP, "--mcp-workflow=trip=booking:book_carefully")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["proven for depth 1: *"])


def test_a_budget_that_is_used_up_proves_nothing(project: pytest.Pytester) -> None:
    result = ran(project, *TRIP, "--mcp-workflow=trip=booking:book_carefully", "--mcp-chaos-runs=5")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*not reached*", "none found in * runs at depth 1, which is no proof"])


def test_the_scenario_says_how_many_faults_unless_the_command_line_does(project: pytest.Pytester) -> None:
    said = ran(project, "--mcp-scenario=trip-by-phone", "--mcp-chaos")
    asked = ran(project, "--mcp-scenario=trip-by-phone", "--mcp-chaos=1")

    said.stdout.fnmatch_lines(["* plans of depth 2: *"])
    asked.stdout.fnmatch_lines(["* plans of depth 1: *"])


def test_a_scenario_says_what_can_go_wrong_and_what_it_accepts(project: pytest.Pytester) -> None:
    replace_in(
        project,
        "trip.py",
        'faults = ("refuse", "disconnect", "delay(60)")',
        'faults = ("refuse", "disconnect")',
    )

    result = ran(project, "--mcp-scenario=trip-by-phone", "--mcp-chaos=1")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["*disconnect", "*refuse |", "hotel.book#1 . s", "*: the hotel calls back and *"]
    )
    result.stdout.no_fnmatch_line("*lose_reply*")


def test_what_is_like_something_accepted_and_is_not_fails(project: pytest.Pytester) -> None:
    result = ran(project, "--mcp-scenario=trip-by-phone", "--mcp-chaos=1")

    result.assert_outcomes(failed=1)
    assert block_of(result, "trip-by-phone")[0].endswith("under  hotel.book#1=delay(60)")


def test_an_acceptance_that_is_not_needed_is_named(project: pytest.Pytester) -> None:
    replace_in(project, "trip.py", '"hotel.book#*=disconnect"', '"hotel.book#1=disconnect(before)"')

    result = ran(project, "--mcp-scenario=trip-by-phone", "--mcp-chaos=1")

    result.stdout.fnmatch_lines(["does not occur any more: hotel.book#1=disconnect(before) (accepted)"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '"hotel.book#*=disconnect"',
            '"hotel.book"',
            "*TripByPhone.accepts: expected = before the kind of fault",
        ),
        (
            '"hotel.book#*=disconnect"',
            '"a.b=refuse, a.c=refuse"',
            "*TripByPhone.accepts: * has to be one fault*",
        ),
        (
            '"hotel.book#*=disconnect"',
            '"hotel.bok#*=disconnect"',
            "*TripByPhone.accepts: 'hotel.bok#[*]=disconnect': no server of its world has 'hotel.bok'; * hotel.book",
        ),
        ('"refuse", "disc', '"refuze", "disc', "*TripByPhone.faults: *'refuze'*refuse*"),
    ],
)
def test_what_a_scenario_says_wrongly_is_found_before_anything_runs(
    project: pytest.Pytester, old: str, new: str, message: str
) -> None:
    replace_in(project, "trip.py", old, new)

    result = ran(project, "--mcp-scenario=trip-by-phone", "--mcp-chaos=1")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_kinds_can_be_named(project: pytest.Pytester) -> None:
    result = ran(project, *TRIP, "--mcp-chaos-kind=refuse", "--mcp-chaos-kind=rate_limit(60)")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*rate_limit(60)", "*refuse |", "hotel.book#1 *"])


def test_the_ini_file_can_say_all_that_lasts(project: pytest.Pytester) -> None:
    replace_in(
        project,
        "pytest.ini",
        "mcp_scenarios = trip.py\n",
        "mcp_scenarios = trip.py\nmcp_chaos_kinds =\n    refuse\n    late\nmcp_chaos_runs = 900\n"
        "mcp_chaos_seconds = 9.5\nmcp_chaos_baseline = known.txt\n",
    )
    (project.path / "known.txt").write_text(
        "[trip]\nfailed silently under hotel.book#1=late\nhung under hotel.book#1=late\n", encoding="utf-8"
    )

    result = ran(project, *TRIP)

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["*late |", "hotel.book#1 s .", "does not occur any more: hung under hotel.book#1=late (baseline)"]
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--mcp-chaos=0"], "*'0' is no number of faults from 1 on*"),
        (
            ["--mcp-chaos", "trip.py"],
            "*'trip.py' is no number of faults*where something else follows, write --mcp-chaos=1",
        ),
        (["--mcp-chaos=1", "--mcp-plan=hotel.book=refuse"], "*use one of them*"),
        (["--mcp-chaos=1", "--mcp-chaos-runs=none"], "*'none' is no number from 1 on*"),
        (["--mcp-chaos=1", "--mcp-chaos-seconds=-1"], "*'-1' is no number of seconds above 0*"),
        (["--mcp-chaos=1", "--mcp-chaos-kind=refuze"], "*--mcp-chaos-kind: *'refuze'*refuse*"),
        (["--mcp-chaos=1", "--mcp-chaos-update"], "*--mcp-chaos-update needs the file to write*"),
        (
            ["--mcp-chaos=1", "--mcp-chaos-update", "--mcp-chaos-baseline=trip.py/known.txt"],
            "*trip.py/known.txt cannot be written: *; name another file*",
        ),
        (
            ["--mcp-chaos=1", "--mcp-chaos-baseline=no.txt"],
            "*there is no baseline *no.txt; *--mcp-chaos-update*",
        ),
        (
            ["--mcp-chaos=1", "--mcp-write-test=trip.py"],
            "*trip.py exists and was not written by pytest-mcpflow*",
        ),
        (["--mcp-chaos=1", "--mcp-write-test=new.txt"], "*new.txt is none; name one*"),
        (
            ["--mcp-chaos=1", "-o", "mcp_chaos_seconds=nan"],
            "*mcp_chaos_seconds is a number above 0, got 'nan'*",
        ),
        (["--mcp-chaos=1", "-o", "mcp_chaos_runs=many"], "*mcp_chaos_runs is a number above 0, got 'many'*"),
    ],
)
def test_what_cannot_be_asked_is_a_usage_error(
    project: pytest.Pytester, options: list[str], message: str
) -> None:
    result = ran(project, "--mcp-scenario=trip", *options)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_a_workflow_that_fails_without_any_fault_is_an_error_and_no_finding(project: pytest.Pytester) -> None:
    replace_in(project, "trip.py", '"room": "12"', '"room": "99"')

    result = ran(project, *TRIP)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["ExplorationError: trip *without any fault*"])


def test_when_nothing_was_explored_that_is_said(project: pytest.Pytester) -> None:
    project.makepyfile(test_it="def test_it(): pass")

    result = ran(project, "--mcp-chaos=1")

    result.stdout.fnmatch_lines(["nothing was explored: name scenarios with --mcp-scenario, *"])


def test_options_that_explore_nothing_by_themselves_say_so(project: pytest.Pytester) -> None:
    project.makepyfile(test_it="def test_it(): pass")

    result = ran(project, "--mcp-chaos-runs=5", "--mcp-chaos-update", "--mcp-chaos-baseline=known.txt")
    wrong = ran(project, "--mcp-chaos-update")

    result.stdout.fnmatch_lines(
        [
            "nothing was explored, so that --mcp-chaos-runs and --mcp-chaos-baseline and",
            "  --mcp-chaos-update did nothing; add --mcp-chaos to *",
        ]
    )
    assert wrong.ret == pytest.ExitCode.USAGE_ERROR


# Known failures


def test_a_known_failure_fails_nothing_and_a_new_one_does(project: pytest.Pytester) -> None:
    file = project.path / "known.txt"
    options = (*TRIP, "--mcp-chaos-baseline=known.txt")

    ran(project, *options, "--mcp-chaos-update").assert_outcomes(passed=1)
    written = file.read_text(encoding="utf-8")
    known = ran(project, *options)
    file.write_text(written.replace("failed silently under hotel.book#1=late\n", ""), encoding="utf-8")
    new = ran(project, *options)

    assert "failed silently under hotel.book#1=late\n" in written
    known.assert_outcomes(passed=1)
    known.stdout.fnmatch_lines(["*: known (baseline)"])
    new.assert_outcomes(failed=1)
    assert block_of(new, "trip")[0].endswith("under  hotel.book#1=late")


# Several processes


def test_workers_share_scenarios_and_say_the_same(project: pytest.Pytester) -> None:
    options = (
        "--mcp-scenario=travel",
        "--mcp-chaos=1",
        "--mcp-chaos-baseline=known.txt",
        "--mcp-chaos-update",
    )
    alone = ran(project, *options, "-p", "no:xdist", "--junitxml=alone.xml")
    written = (project.path / "known.txt").read_text(encoding="utf-8")
    (project.path / "known.txt").unlink()
    shared = project.runpytest_subprocess(*options, "-n", "2", "-p", "no:asyncio", "--junitxml=shared.xml")

    assert resilience(shared) == resilience(alone)
    assert max(len(line) for line in resilience(alone) if "/" not in line) <= 80
    assert verdicts_of_junit(project.path / "shared.xml") == verdicts_of_junit(project.path / "alone.xml")
    assert (project.path / "known.txt").read_text(encoding="utf-8") == written


def test_workers_share_a_deep_exploration_and_say_the_same(project: pytest.Pytester) -> None:
    options = ("--mcp-scenario=trip", "--mcp-chaos=2", "--mcp-chaos-baseline=known.txt", "--mcp-chaos-update")
    alone = ran(project, *options, "-p", "no:xdist")
    written = (project.path / "known.txt").read_text(encoding="utf-8")
    (project.path / "known.txt").unlink()

    shared = project.runpytest_subprocess(*options, "-n", "2", "-v", "-p", "no:asyncio")

    shared.assert_outcomes(passed=2)
    shared.stdout.fnmatch_lines_random(["*trip[[]direct-part-1-of-2]*", "*trip[[]direct-part-2-of-2]*"])
    assert resilience(shared) == resilience(alone)
    assert (project.path / "known.txt").read_text(encoding="utf-8") == written


def resilience(result: pytest.RunResult) -> list[str]:
    """What is said of explorations at the end."""
    lines = result.outlines
    return lines[lines.index(next(line for line in lines if "MCP resilience" in line)) : -1]


def test_junit_has_failures_and_claims(project: pytest.Pytester) -> None:
    ran(project, *TRIP, "--junitxml=it.xml")

    (verdict,) = verdicts_of_junit(Path(project.path / "it.xml")).values()
    assert verdict.startswith("failed: 1 failure")


def test_the_file_that_the_page_shows_is_what_is_written(project: pytest.Pytester) -> None:
    shown = (EXAMPLE / "known.txt").read_text(encoding="utf-8")
    (project.path / "known.txt").write_text(shown, encoding="utf-8")

    ran(project, *TRIP, "--mcp-chaos-baseline=known.txt", "--mcp-chaos-update")

    assert (project.path / "known.txt").read_text(encoding="utf-8") == shown


@pytest.mark.parametrize(
    ("plan", "is_covered"),
    [
        ("hotel.book#1=late", False),
        ("hotel.book#2=late", True),
        ("hotel.book#3+=late", True),
        ("hotel.book#*=late", False),
        ("hotel.book#2=lose_reply", False),
        ("hotel.list#2=late", False),
        ("hotel.list#1=refuse, hotel.book#2=late(3)", True),
    ],
)
def test_what_is_accepted_from_a_call_on_covers_no_earlier_one(plan: str, is_covered: bool) -> None:
    accepted = Accepted(FaultPlan.parse("hotel.book#2+=late").faults[0], "the hotel calls back")

    assert accepted.covers(FaultPlan.parse(plan)) is is_covered


def test_what_did_not_come_to_its_end_is_not_said_to_be_unasked(
    project: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    project.makepyfile(
        stopped="""
        async def stop(hub):
            raise KeyboardInterrupt
        """
    )
    options = ("--mcp-workflow=trip=stopped:stop", "-p", "no:randomly", "-p", "no:asyncio")

    result = project.inline_run(*TRIP, *options, no_reraise_ctrlc=True)  # pyright: ignore[reportUnknownMemberType]  # pytest leaves it untyped

    assert result.ret == pytest.ExitCode.INTERRUPTED
    said = pytest.LineMatcher(capsys.readouterr().out.splitlines())
    said.fnmatch_lines(["*= MCP resilience =*", "nothing was explored to its end"])


PRESSED = """
import signal
from booking import Hotel, book_carefully

runs = []

async def book(hub):
    runs.append(hub)
    if len(runs) == 7:
        signal.raise_signal(signal.SIGINT)
    return await book_carefully(hub)

async def test_booking(mcpflow):
    mcpflow.serve(Hotel())
    await book(mcpflow)
"""


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((*TRIP, "--mcp-workflow=trip=test_pressed:book", "--mcp-chaos-baseline=known.txt"), "trip"),
        (("test_pressed.py",), "test_pressed.py::test_booking"),
    ],
    ids=["scenario", "marked test"],
)
def test_ctrl_c_says_what_was_covered_and_shows_no_traceback(
    project: pytest.Pytester, arguments: tuple[str, ...], name: str
) -> None:
    marked = PRESSED.replace("async def test", "import pytest\n\n@pytest.mark.mcp_chaos\nasync def test")
    project.makepyfile(test_pressed=marked, test_later="def test_later(): pass")
    update = ["--mcp-chaos-update"] if name == "trip" else ["test_later.py"]

    result = project.runpytest_subprocess(*arguments, *update, "-p", "no:randomly", "-p", "no:asyncio")

    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [f"stopped: {name} in part, * of at least * plans", "*Interrupted: an exploration was stopped*"]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    assert result.stderr.lines == []
    assert not (project.path / "known.txt").exists()
