"""How the body of a marked test can end besides passing and failing, in one session."""

from __future__ import annotations

import pytest
from chaos_project import block_of, example_in, ran, reproduced

TESTS = """
import asyncio
import pytest
from booking import Hotel

CACHE = {}
book = ("hotel.book", {"guest": "Ada"})

@pytest.mark.mcp_chaos
async def test_cancelled(mcpflow):
    mcpflow.serve(Hotel())
    heartbeat = asyncio.create_task(asyncio.sleep(3600))
    try:
        await mcpflow.call_tool(*book, timeout=5)
    except Exception:
        heartbeat.cancel()
        await heartbeat

@pytest.mark.mcp_chaos
async def test_skipped(mcpflow):
    mcpflow.serve(Hotel())
    try:
        await mcpflow.call_tool(*book, timeout=5)
    except Exception:
        pytest.skip("no hotel")

@pytest.mark.mcp_chaos
async def test_worker(mcpflow):
    hotel = mcpflow.serve(Hotel())
    await asyncio.wait([asyncio.create_task(mcpflow.call_tool(*book, timeout=5))])
    assert hotel.booked

@pytest.mark.mcp_chaos
async def test_cached(mcpflow):
    mcpflow.serve(Hotel())
    if "room" not in CACHE:
        CACHE["room"] = await mcpflow.call_tool(*book, timeout=5)
    await mcpflow.call_tool(*book, timeout=5)
"""


def test_however_the_body_of_a_marked_test_ends_each_plan_has_a_verdict(pytester: pytest.Pytester) -> None:
    project = example_in(pytester)
    project.makepyfile(test_it=TESTS)

    result = ran(project, "test_it.py", "-p", "no:randomly")
    skipped = block_of(result, "test_skipped")
    again = reproduced(project, skipped)

    result.assert_outcomes(passed=1, failed=3)  # nothing is skipped, and nothing stops at a fault
    assert skipped[0] == "test_skipped failed silently under  hotel.book#1=refuse"
    result.stdout.fnmatch_lines(
        ["*Skipped: no hotel: skipped because of a fault*", "only the first run has call 2: *hotel.book*"]
    )
    result.stdout.no_fnmatch_line("*Captured log*")
    again.assert_outcomes(failed=1)


RACE = """
import asyncio
import pytest
from booking import Hotel

@pytest.mark.mcp_chaos(kinds=["delay"])
async def test_race(mcpflow):
    hotel = mcpflow.serve(Hotel())

    async def book(guest, after):
        await asyncio.sleep(after)
        await mcpflow.call_tool("hotel.book", {"guest": guest}, timeout=60)
        booked.append(guest)

    booked = []
    await asyncio.gather(book("Ada", 0), book("Bob", 7))
    assert booked == ["Ada", "Bob"]

@pytest.mark.mcp_chaos(kinds=["delay"])
async def test_hurry(mcpflow):
    hotel = mcpflow.serve(Hotel())

    async def book(guest, after):
        await asyncio.sleep(after)
        async with asyncio.timeout(3):
            await mcpflow.call_tool("hotel.book", {"guest": guest})
        booked.append(guest)

    booked = []
    await asyncio.gather(book("Ada", 0), book("Bob", 0.5))
    assert booked == ["Ada", "Bob"]
"""


def test_calls_of_a_marked_test_are_delayed_by_as_much_as_lets_its_other_tasks_overtake_them(
    pytester: pytest.Pytester,
) -> None:
    project = example_in(pytester)
    project.makepyfile(test_it=RACE)

    result = ran(project, "test_it.py")
    hurry = block_of(result, "test_hurry")

    assert block_of(result, "test_race")[0] == "test_race failed silently under  hotel.book#1=delay(10)"
    assert hurry[0] == "test_hurry failed silently under  hotel.book#1=delay(1)"
    reproduced(project, hurry).assert_outcomes(failed=1)
