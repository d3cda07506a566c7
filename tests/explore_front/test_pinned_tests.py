"""`--mcp-write-test` of marked tests: tests that fail as the exploration did, until the workflow is corrected."""

from __future__ import annotations

import pytest
from chaos_project import HASTY, HEAD, example_in, marked, ran


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a hotel and two ways to book."""
    return example_in(pytester)


SYNC = """
def test_it(mcpflow):
    hotel = mcpflow.serve(Hotel())
    mcpflow.run(book_hastily(mcpflow))
    assert len(hotel.booked) <= 1
"""

METHOD = """
class TestBooking:
    @pytest.mark.mcp_chaos
    @pytest.mark.parametrize("rooms", [1])
    async def test_it(self, mcpflow, rooms):
        hotel = mcpflow.serve(Hotel())
        await book_hastily(mcpflow)
        assert len(hotel.booked) <= rooms
"""


@pytest.mark.parametrize(
    "test",
    [f"@pytest.mark.mcp_chaos{HASTY}", f"@pytest.mark.mcp_chaos{SYNC}", METHOD],
    ids=["async", "sync", "method"],
)
def test_a_pinned_test_fails_for_the_same_reason_and_passes_when_that_is_gone(
    project: pytest.Pytester, test: str
) -> None:
    project.makepyfile(test_it=HEAD + test)
    found = ran(project, "test_it.py", "--mcp-write-test=test_pinned.py")
    pinned = ran(project, "test_pinned.py")
    project.makepyfile(test_it=(HEAD + test).replace("hastily", "carefully"))
    corrected = ran(project, "test_pinned.py")

    found.assert_outcomes(failed=1)
    pinned.assert_outcomes(failed=1)
    pinned.stdout.fnmatch_lines(
        ["test_it*_survives_* failed silently under*", "*test_it.py:*: assert 2 <= 1"]
    )
    corrected.assert_outcomes(passed=1)


LATE_IN_THE_YEAR = """
from datetime import UTC, datetime

pytestmark = pytest.mark.mcpflow(protocol="2025-11-25")

@pytest.mark.mcpflow(starts_at="2026-12-24T23:59:50Z")
@pytest.mark.mcp_chaos
async def test_it(mcpflow):
    assert mcpflow.era == "2025-11-25"
    assert (mcpflow.way, mcpflow.seed) == ("memory", 7)
    hotel = mcpflow.serve(Hotel())
    month = datetime.now(UTC).month
    await book_hastily(mcpflow)
    if month == 12:
        assert len(hotel.booked) <= 1
"""

TWO_TRIES = """
@pytest.mark.mcpflow(faults="hotel.book#1=refuse")
class TestBooking:
    @pytest.mark.mcp_chaos(kinds=["lose_reply"])
    async def test_it(self, mcpflow):
        hotel = mcpflow.serve(Hotel())
        await book_hastily(mcpflow)
        if "overloaded" in str(mcpflow.transcript):
            assert len(hotel.booked) <= 1
"""

OF_A_CASE = """
@pytest.mark.mcp_chaos
@pytest.mark.parametrize(
    "month", [pytest.param(12, marks=pytest.mark.mcpflow(starts_at="2026-12-24T23:59:50Z"))]
)
async def test_it(mcpflow, month):
    from datetime import UTC, datetime
    hotel = mcpflow.serve(Hotel())
    is_late = datetime.now(UTC).month == month
    await book_hastily(mcpflow)
    if is_late:
        assert len(hotel.booked) <= 1
"""


@pytest.mark.parametrize("test", [LATE_IN_THE_YEAR, TWO_TRIES, OF_A_CASE], ids=["file", "class", "case"])
def test_a_pinned_test_keeps_what_the_other_marker_says_of_the_explored_one(
    project: pytest.Pytester, test: str
) -> None:
    project.makepyfile(test_it=HEAD + test)
    options = ("--mcp-transport=memory", "--mcp-seed=7")
    found = ran(project, "test_it.py", "--mcp-write-test=test_pinned.py", *options)
    pinned = ran(project, "test_pinned.py")
    project.makepyfile(test_it=(HEAD + test).replace("hastily", "carefully"))
    corrected = ran(project, "test_pinned.py")

    found.assert_outcomes(failed=1)
    pinned.assert_outcomes(failed=1)
    pinned.stdout.fnmatch_lines(["test_it*_survives_* failed silently under*", "*assert 2 <= 1"])
    corrected.assert_outcomes(passed=1)


OBJECTS = """
@pytest.mark.mcp_chaos
@pytest.mark.parametrize("limits", [{"rooms": 1}])
@pytest.mark.parametrize(
    ("book", "name"), [(book_carefully, "no"), pytest.param(book_hastily, "yes", id="in a hurry")]
)
async def test_it(mcpflow, book, name, limits):
    hotel = mcpflow.serve(Hotel())
    await book(mcpflow)
    assert len(hotel.booked) <= limits["rooms"]
"""

INDIRECT = """
@pytest.mark.mcp_chaos
@pytest.mark.parametrize("rooms", [1, 5], indirect=True)
@pytest.mark.parametrize("book", [book_hastily], indirect=True)
@pytest.mark.usefixtures("hurry")
async def test_it(mcpflow, rooms, book):
    import os
    hotel = mcpflow.serve(Hotel())
    await book(mcpflow)
    assert len(hotel.booked) <= rooms or not os.environ.get("HURRY")
"""

CONFTEST = """
import pytest

@pytest.fixture(params=[3, 4])
def rooms(request):
    return request.param + 0

@pytest.fixture
def book(request):
    return lambda hub: request.param(hub)

@pytest.fixture
def hurry(monkeypatch):
    monkeypatch.setenv("HURRY", "yes")
"""


@pytest.mark.parametrize(("test", "passed"), [(OBJECTS, 1), (INDIRECT, 1)], ids=["objects", "indirect"])
def test_a_pinned_test_has_the_values_of_the_set_that_was_explored(
    project: pytest.Pytester, test: str, passed: int
) -> None:
    project.makeconftest(CONFTEST)
    project.makepyfile(test_it=HEAD + test)
    found = ran(project, "test_it.py", "--mcp-write-test=test_pinned.py")
    pinned = ran(project, "test_pinned.py")
    booking = project.path / "booking.py"
    text = booking.read_text(encoding="utf-8")
    booking.write_text(text.replace('"Ada"}', '"Ada", "reference": "trip-7"}'), encoding="utf-8")
    corrected = ran(project, "test_pinned.py")

    found.assert_outcomes(passed=passed, failed=1)
    pinned.assert_outcomes(failed=1)
    pinned.stdout.fnmatch_lines(["test_it*_survives_* failed *", "*assert *2 <= 1*"])
    corrected.assert_outcomes(passed=1)


OF_A_CLASS = """
class TestIt:
    @pytest.fixture
    def rooms(self):
        return 1

    @pytest.mark.mcp_chaos
    async def test_it(self, mcpflow, rooms):
        hotel = mcpflow.serve(Hotel())
        await book_hastily(mcpflow)
        assert len(hotel.booked) <= rooms
"""

PLAYBACK = """
from pytest_mcpflow import Playback

@pytest.mark.mcp_chaos
@pytest.mark.parametrize(
    "rooms", [pytest.param(1, marks=pytest.mark.mcpflow(playback=Playback(timing=True)))]
)
async def test_it(mcpflow, rooms):
    hotel = mcpflow.serve(Hotel())
    await book_hastily(mcpflow)
    assert len(hotel.booked) <= rooms
"""

SET_UP = """
def setup_function(function):
    function.rooms = 1

@pytest.mark.mcp_chaos
async def test_it(mcpflow):
    hotel = mcpflow.serve(Hotel())
    await book_hastily(mcpflow)
    assert len(hotel.booked) <= test_it.rooms
"""

GENERATED = """
def pytest_generate_tests(metafunc):
    metafunc.parametrize("book", [book_hastily])

@pytest.mark.mcp_chaos
async def test_it(mcpflow, book):
    hotel = mcpflow.serve(Hotel())
    await book(mcpflow)
    assert len(hotel.booked) <= 1
"""


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        (OF_A_CLASS, "it has the fixture 'rooms' of TestIt alone, * move that into a conftest.py"),
        (PLAYBACK, "its marker `mcpflow(playback=...)` is not its own; *"),
        (SET_UP, "it has setup_function of test_it.py alone, *"),
        (GENERATED, "its parameter 'book' has a value that has no literal form *"),
    ],
    ids=["fixture", "playback", "setup", "value"],
)
def test_what_no_other_file_can_call_is_not_pinned_and_that_is_said(
    project: pytest.Pytester, test: str, reason: str
) -> None:
    project.makepyfile(test_it=HEAD + test)

    found = ran(project, "test_it.py", "--mcp-write-test=test_pinned.py")

    said = " ".join(line.strip() for line in found.outlines)
    pytest.LineMatcher([said]).fnmatch_lines(
        [f"*no test written of test_it.py::* under hotel.book#1=lose_reply: {reason}*"]
    )
    assert not (project.path / "test_pinned.py").exists()


def test_a_pinned_test_draws_as_the_exploration_did(project: pytest.Pytester) -> None:
    marker = 'plans=["hotel.book#1=late~0.5"]'  # which happens with the seed 1, and not with 0
    marked(project, HASTY, marker=marker).assert_outcomes(passed=1)

    marked(project, HASTY, "--mcp-write-test=test_pinned.py", "--mcp-seed=1", marker=marker)

    ran(project, "test_pinned.py").assert_outcomes(failed=1)
