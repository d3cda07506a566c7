"""The fake Context7: what is live, what is a copy, what is made up, and what is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_mcpflow import Fake, FakeError, Hub, ManualClock, ToolError, run
from pytest_mcpflow.fakes.context7 import Context7, Example, Library, Outage, Section
from pytest_mcpflow.schema import contract_of

SECURITY = Section("Security", "https://fastapi.example/security", "OAuth2 with scopes.")
NEWER = Section("Security", "https://fastapi.example/next/security", "OAuth2, simpler.")
TIMING = Example("middleware", "Timing", "https://fastapi.example/timing", "@app.middleware('http')")
HOSTS = Example("middleware", "Hosts", "https://fastapi.example/hosts", "TrustedHostMiddleware")


def index() -> Context7:
    return Context7(
        libraries={
            "fastapi": Library(
                "/fastapi/fastapi",
                "Web framework with authentication helpers",
                {"0.110": [SECURITY], "0.115": [NEWER]},
                [TIMING, HOSTS],
                trust=9.5,
            ),
            "authlib": Library("/authlib/authlib", "Authentication for FastAPI and others", {"1.3": []}),
            "numpy": Library("/numpy/numpy", "Arrays", {"2.0": []}),
        }
    )


def advance(fake: Fake, seconds: float) -> None:
    assert isinstance(fake.clock, ManualClock)
    fake.clock.advance(seconds)


def refused(fake: Context7, words: str, action: Callable[[], object]) -> None:
    before = copy.deepcopy(fake)
    with pytest.raises(FakeError, match=words):
        action()
    assert fake == before


def test_a_search_ranks_by_words_then_by_trust() -> None:
    found = index().context7_search_libraries("fastapi authentication")

    assert [match.name for match in found.libraries] == ["fastapi", "authlib"]
    assert found.libraries[0].versions == ["0.110", "0.115"]
    assert (found.source, found.stale, found.warning) == ("live", False, None)


def test_a_limit_shortens_the_list_and_not_the_total() -> None:
    found = index().context7_search_libraries("fastapi", limit=1)
    shown = index().context7_get_examples("fastapi", "middleware", limit=1)

    assert (len(found.libraries), found.total) == (1, 2)
    assert (shown.examples, shown.total) == ([TIMING], 2)


def test_the_latest_documentation_is_that_of_the_newest_version() -> None:
    fake = index()

    assert fake.context7_get_documentation("fastapi").version == "0.115"
    assert fake.context7_get_documentation("/fastapi/fastapi", "0.110").sections == [SECURITY]


def test_what_there_is_not_is_refused_by_name() -> None:
    fake = index()
    refused(
        fake, "404 Not Found: there is no library 'flask'", lambda: fake.context7_get_documentation("flask")
    )
    refused(
        fake,
        r"no version 9 \(there is: 0\.110, 0\.115\)",
        lambda: fake.context7_get_documentation("fastapi", "9"),
    )
    refused(fake, "400 Bad Request: query is empty", lambda: fake.context7_search_libraries("  "))
    refused(fake, "between 1 and 50, got 0", lambda: fake.context7_search_libraries("fastapi", 0))
    refused(fake, "between 1 and 50, got 51", lambda: fake.context7_get_examples("fastapi", "x", 51))


def test_a_kept_copy_is_served_while_it_is_fresh() -> None:
    fake = index()
    first = fake.context7_get_documentation("fastapi")
    fake.libraries["fastapi"].documentation["0.116"] = []
    advance(fake, 299)
    second = fake.context7_get_documentation("fastapi")
    advance(fake, 1)
    third = fake.context7_get_documentation("fastapi")

    assert (second.source, second.stale, second.version) == ("cache", False, "0.115")
    assert second.fetched_at == first.fetched_at == "2026-01-01T00:00:00Z"
    assert (third.source, third.version, third.fetched_at) == ("live", "0.116", "2026-01-01T00:05:00Z")


def test_an_old_copy_is_served_as_stale_when_nothing_can_be_fetched() -> None:
    fake = index()
    fake.keep_documentation("fastapi", "0.110", [SECURITY], at=-7200)
    fake.keep_examples("fastapi", "middleware", [TIMING], at=-7200)
    fake.fail("upstream")
    old, shown = (
        fake.context7_get_documentation("fastapi"),
        fake.context7_get_examples("fastapi", "middleware"),
    )

    assert (old.version, old.source, old.stale, old.fetched_at) == (
        "0.110",
        "cache",
        True,
        "2025-12-31T22:00:00Z",
    )
    assert old.warning == "could not be fetched anew: this copy is 7200 s old"
    assert (shown.examples, shown.stale) == ([TIMING], True)
    refused(fake, "502 Bad Gateway", lambda: fake.context7_get_documentation("numpy"))


def test_one_library_may_be_out_of_reach_alone() -> None:
    fake = index()
    fake.libraries["numpy"].reachable = False

    refused(fake, "no copy is kept", lambda: fake.context7_get_documentation("numpy"))
    assert fake.context7_get_documentation("fastapi").source == "live"


def test_a_degraded_search_finds_nothing_says_so_and_is_not_kept() -> None:
    fake = index()
    fake.outages.append(Outage("search", 0.0, 10.0))
    degraded = fake.context7_search_libraries("fastapi")
    advance(fake, 10)

    assert (degraded.libraries, degraded.total) == ([], 0)
    assert degraded.warning == "the search index is degraded: libraries are missing"
    assert len(fake.context7_search_libraries("fastapi").libraries) == 2


def test_without_a_key_everything_is_made_up_and_says_so() -> None:
    fake = index()
    fake.has_api_key = False
    answers = (
        fake.context7_search_libraries("fastapi"),
        fake.context7_get_documentation("fastapi"),
        fake.context7_get_examples("flask", "routing"),
    )

    assert {answer.source for answer in answers} == {"mock"}
    assert {answer.warning for answer in answers} == {"no API key is set: this answer is made up"}
    assert answers[0].libraries[0].name not in fake.libraries


def test_a_server_that_is_down_refuses_until_it_is_back() -> None:
    fake = index()
    fake.fail()
    refused(fake, "^503 Service Unavailable$", lambda: fake.context7_search_libraries("fastapi"))
    fake.recover()

    assert fake.context7_search_libraries("fastapi").success


def test_the_hundred_and_first_request_of_a_minute_waits_for_the_first_to_be_a_minute_old() -> None:
    fake = index()
    for _ in range(100):
        fake.context7_search_libraries("fastapi")
        advance(fake, 0.125)
    refused(
        fake,
        "429 Too Many Requests: 100 .* after 48 seconds",
        lambda: fake.context7_search_libraries("fastapi"),
    )
    advance(fake, 47.25)
    refused(fake, "retry after 1 seconds", lambda: fake.context7_search_libraries("fastapi"))
    advance(fake, 0.25)

    assert fake.context7_search_libraries("fastapi").success


def test_servers_of_one_key_share_its_quota() -> None:
    first, second = index(), index()
    first.rate_limit = second.rate_limit = 2
    second.requests = first.requests
    for server in (first, second):
        server.context7_search_libraries("fastapi")

    refused(first, "429 Too Many Requests", lambda: first.context7_search_libraries("fastapi"))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 20), min_size=1, max_size=60), st.integers(1, 10))
def test_no_minute_has_more_requests_than_the_limit(pauses: list[float], limit: int) -> None:
    fake, admitted = index(), list[float]()
    fake.rate_limit = limit
    for pause in pauses:
        advance(fake, pause)
        try:
            fake.context7_search_libraries("fastapi")
        except FakeError:
            continue
        admitted.append(fake.clock.now())

    assert all(sum(at - 60 < other <= at for other in admitted) <= limit for at in admitted)


def test_every_tool_only_reads() -> None:
    assert all(spec.mark.reads for spec in contract_of(Context7).tools.values())
    fake = index()
    fake.context7_search_libraries("fastapi")
    fake.context7_get_documentation("fastapi")
    assert fake == index()


def test_a_client_may_leave_out_limits_and_version() -> None:
    async def ask() -> None:
        async with Hub() as hub:
            hub.serve(index())
            found = await hub.call_tool("context7.context7_search_libraries", {"query": "numpy"})
            assert found["libraries"][0]["id"] == "/numpy/numpy"
            assert (await hub.call_tool("context7.context7_get_documentation", {"library": "numpy"}))[
                "version"
            ] == "2.0"
            with pytest.raises(ToolError, match="404 Not Found"):
                await hub.call_tool(
                    "context7.context7_get_examples", {"library": "flask", "topic": "routing"}
                )

    run(ask())
