"""`@pytest.mark.mcp_chaos`: a test's own body under every plan, whoever runs async tests."""

from __future__ import annotations

import re

import pytest
from chaos_project import HASTY, HEAD, block_of, example_in, marked, ran, reproduced


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a hotel and two ways to book."""
    return example_in(pytester)


@pytest.mark.parametrize(
    ("decorators", "options"),
    [
        pytest.param("", (), id="no other plugin"),
        pytest.param("\n@pytest.mark.asyncio", ("-o", "asyncio_mode=strict"), id="pytest-asyncio strict"),
        pytest.param("", ("-o", "asyncio_mode=auto"), id="pytest-asyncio auto"),
        pytest.param(
            "\n@pytest.mark.anyio\n@pytest.mark.parametrize('anyio_backend', ['asyncio'])", (), id="anyio"
        ),
    ],
)
def test_an_async_test_is_explored_whoever_runs_it(
    project: pytest.Pytester, decorators: str, options: tuple[str, ...]
) -> None:
    body = HASTY.replace("(mcpflow)", "(mcpflow, anyio_backend)", 1) if "anyio" in decorators else HASTY
    result = marked(project, decorators + body, *options)

    result.assert_outcomes(failed=1)
    name = "test_it[asyncio]" if "anyio" in decorators else "test_it"
    assert block_of(result, name)[0] == f"{name} failed silently under  hotel.book#1=lose_reply"


SYNC = """
def test_it(mcpflow):
    hotel = mcpflow.serve(Hotel())
    mcpflow.run(book_hastily(mcpflow))
    assert len(hotel.booked) <= 1
"""


def test_a_test_that_is_not_async_is_explored_too(project: pytest.Pytester) -> None:
    result = marked(project, SYNC)

    result.assert_outcomes(failed=1)
    assert block_of(result, "test_it")[0].endswith("under  hotel.book#1=lose_reply")


def test_a_failure_says_where_fits_a_terminal_and_can_be_repeated(project: pytest.Pytester) -> None:
    result = marked(project, HASTY)
    block = block_of(result, "test_it")
    again = reproduced(project, block)

    result.stdout.no_fnmatch_line("*- MCP transcript -*")  # of whichever run was the last one
    assert len(block) <= 25
    assert max(map(len, block[:-1])) <= 80
    assert any(re.search(r"test_it.py:\d+: assert 2 <= 1", line) for line in block)
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["E * assert 2 <= 1", "test_it.py:*: AssertionError"])
    again.stdout.no_fnmatch_line("*concerned no call*")


def test_a_careful_test_passes_at_depth_two(project: pytest.Pytester) -> None:
    result = marked(project, HASTY.replace("hastily", "carefully"), marker="depth=2")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*plans of depth 2*"])


def test_an_error_that_gets_out_is_loud_enough(project: pytest.Pytester) -> None:
    test = """
async def test_it(mcpflow):
    mcpflow.serve(Hotel())
    await mcpflow.call_tool("hotel.book", {"guest": "Ada"}, timeout=5)
"""
    result = marked(project, test)

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["hotel.book#1 * l*", "*l failed loudly*"])


def test_the_repetition_of_a_loud_failure_passes(project: pytest.Pytester) -> None:
    test = """
async def test_it(mcpflow):
    mcpflow.serve(Hotel())
    await mcpflow.call_tool("hotel.book", {"guest": "Ada"}, timeout=5)
"""
    marked(project, test, "--mcp-plan=hotel.book#1=refuse").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "waiting",
    [
        'await mcpflow.call_tool("hotel.book", {"guest": "Ada"})',
        'await asyncio.gather(mcpflow.call_tool("hotel.book", {"guest": "Ada"}))',
    ],
)
def test_a_test_that_waits_for_ever_hangs(project: pytest.Pytester, waiting: str) -> None:
    result = marked(project, f"\nasync def test_it(mcpflow):\n    mcpflow.serve(Hotel())\n    {waiting}\n")

    result.assert_outcomes(failed=1)
    assert block_of(result, "test_it")[0] == "test_it hung under  hotel.book#1=lose_request"


def test_a_test_that_goes_on_for_ever_hangs(project: pytest.Pytester) -> None:
    test = """
async def test_it(mcpflow):
    hotel = mcpflow.serve(Hotel())
    while not hotel.booked:
        try:
            await mcpflow.call_tool("hotel.book", {"guest": "Ada"}, timeout=3600)
        except Exception:
            await asyncio.sleep(86400)
"""
    result = marked(project, test, "--mcp-plan=hotel.book=refuse")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*DeadlinePassedError: not done after 604800 s*"])


def test_an_assertion_in_a_group_of_tasks_is_one_too(project: pytest.Pytester) -> None:
    test = """
async def test_it(mcpflow):
    hotel = mcpflow.serve(Hotel())
    async with asyncio.TaskGroup() as group:
        group.create_task(check(mcpflow, hotel))

async def check(mcpflow, hotel):
    await book_hastily(mcpflow)
    assert len(hotel.booked) <= 1
"""
    result = marked(project, test)

    assert block_of(result, "test_it")[0].endswith("failed silently under  hotel.book#1=lose_reply")


def test_a_test_that_fails_without_faults_fails_as_any_test_does(project: pytest.Pytester) -> None:
    result = marked(project, HASTY.replace("<= 1", "== 3"))

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E * assert 1 == 3"])
    result.stdout.no_fnmatch_line("reproduce: *")


def test_each_set_of_parameters_is_explored(project: pytest.Pytester) -> None:
    test = """
@pytest.mark.parametrize("book", [book_hastily, book_carefully])
async def test_it(mcpflow, book):
    hotel = mcpflow.serve(Hotel())
    await book(mcpflow)
    assert len(hotel.booked) <= 1
"""
    marked(project, test).assert_outcomes(passed=1, failed=1)


def test_the_marker_names_kinds_and_the_command_line_decides(project: pytest.Pytester) -> None:
    of_marker = marked(project, HASTY, marker="kinds=['refuse'], depth=2")
    of_command = marked(project, HASTY, "--mcp-chaos-kind=late", "--mcp-chaos=1", marker="kinds=['refuse']")

    of_marker.assert_outcomes(passed=1)
    of_marker.stdout.fnmatch_lines(["*plans of depth 2*"])
    assert block_of(of_command, "test_it")[0].endswith("hotel.book#1=late")


def test_plans_that_are_named_are_run_and_no_others(project: pytest.Pytester) -> None:
    good = marked(project, HASTY, marker="plans=['hotel.book#1=refuse', 'hotel.book#1=lose_request']")
    bad = marked(project, HASTY, marker="plans=['hotel.book#1=refuse', 'hotel.book#1=late']")

    good.assert_outcomes(passed=1)
    good.stdout.fnmatch_lines(["2 named plans run, and no others"])
    assert block_of(bad, "test_it")[0].endswith("hotel.book#1=late")


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        (
            "2",
            "*@pytest.mark.mcp_chaos: it takes keywords only (keywords: depth, *, schedules, plans)*",
        ),
        ("depht=2", "*.mcp_chaos: there is no keyword 'depht', nearest: depth, *(keywords: depth, *"),
        ("depth=0", "*depth is a whole number above 0, got 0*"),
        ("depth=1.5", "*depth is a whole number above 0, got 1.5*"),
        ("seconds=float('nan')", "*seconds is a number above 0, got nan*"),
        ("runs='all'", "*runs is a whole number above 0, got 'all'*"),
        ("kinds=['refuze']", "*'refuze'*refuse*"),
        ("plans=['hotel.book']", "*no plan of the ini file*"),
    ],
)
def test_a_marker_that_cannot_be_followed_is_found_before_anything_runs(
    project: pytest.Pytester, marker: str, message: str
) -> None:
    result = marked(project, HASTY, marker=marker)

    assert result.ret != 0
    (result.stdout if "mcp_chaos" in str(result.stdout) else result.stderr).fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*1 passed*")


PREPARED = """
@pytest.fixture
def hotel(mcpflow):
    return mcpflow.serve(Hotel())

@pytest.mark.mcp_chaos
async def test_it(mcpflow, hotel):
    await book_hastily(mcpflow)
"""


def test_servers_of_a_fixture_are_refused(project: pytest.Pytester) -> None:
    project.makepyfile(test_it=HEAD + PREPARED)

    result = ran(project, "test_it.py")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["a fixture has added servers to the hub of this test (hotel), *"])


def test_a_body_that_calls_nothing_is_refused(project: pytest.Pytester) -> None:
    result = marked(project, "\nasync def test_it(mcpflow):\n    mcpflow.serve(Hotel())\n")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*no server was called, though the test has hotel*"])


def test_a_marked_test_without_the_fixture_is_refused(project: pytest.Pytester) -> None:
    result = marked(project, "\ndef test_it():\n    pass\n")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*mcp_chaos explores tests that use the fixture mcpflow*"])


def test_real_time_is_refused(project: pytest.Pytester) -> None:
    result = marked(project, "\n@pytest.mark.mcpflow(virtual_time=False)" + HASTY)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["an exploration runs in virtual time, *only run under plans*--mcp-plan"])
    result.stdout.no_fnmatch_line("*take virtual_time=False*")


def test_a_real_server_is_refused_with_all_that_is_to_be_done(project: pytest.Pytester) -> None:
    test = """
async def test_it(mcpflow):
    mcpflow.use("http://127.0.0.1:9/mcp", name="hotel")
    await mcpflow.call_tool("hotel.book", {"guest": "Ada"}, timeout=5)
"""
    result = marked(project, test)
    heeded = test.lstrip().replace(
        "async", '@pytest.mark.mcpflow(virtual_time=False, faults="*.*=refuse")\nasync'
    )
    project.makepyfile(test_it=HEAD + heeded)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "VirtualTimeError: *outside of this process*. But what needs real time*take mcp_chaos from the test*"
        ]
    )
    ran(project, "test_it.py").stdout.no_fnmatch_line("*VirtualTimeError*")


def test_known_failures_of_tests_are_known_by_their_node_ids(project: pytest.Pytester) -> None:
    options = ("--mcp-chaos-baseline=known.txt",)

    marked(project, HASTY, *options, "--mcp-chaos-update").assert_outcomes(passed=1)
    known = marked(project, HASTY, *options)

    known.assert_outcomes(passed=1)
    text = (project.path / "known.txt").read_text(encoding="utf-8")
    assert "\n[test_it.py::test_it]\n" in text
    assert "failed silently under hotel.book#1=lose_reply\n" in text


def test_faults_of_the_other_marker_happen_in_each_run(project: pytest.Pytester) -> None:
    test = """
@pytest.mark.mcpflow(faults="hotel.book#1=refuse")
async def test_it(mcpflow):
    hotel = mcpflow.serve(Hotel())
    await book_hastily(mcpflow)
    assert len(hotel.booked) <= 1
"""
    result = marked(project, test, marker="kinds=['lose_reply']")

    refused, *rest = [line for line in block_of(result, "test_it") if "hotel.book(" in line]
    assert "overloaded" in refused
    assert any("reply lost" in line for line in rest)
    result.stdout.no_fnmatch_line("*concerned no call*")


CAREFUL = HASTY.replace("book_hastily(mcpflow)", "book_carefully(mcpflow)")


def test_the_depth_of_the_command_line_decides_before_the_markers(project: pytest.Pytester) -> None:
    result = marked(project, CAREFUL, "--mcp-chaos=2", marker="depth=1")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["proven for depth 2: *"])


def test_a_baseline_that_is_to_be_written_needs_a_file(project: pytest.Pytester) -> None:
    result = marked(project, CAREFUL, "--mcp-chaos-update")

    said = f"{result.stdout}{result.stderr}"
    assert "--mcp-chaos-update needs the file to write: --mcp-chaos-baseline FILE" in said
    assert result.ret == pytest.ExitCode.USAGE_ERROR
