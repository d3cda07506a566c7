"""Context7's own server over the fake's libraries: prose, and refusals that are prose as well."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_mcpflow import Answered, Hub, Way, run
from pytest_mcpflow.fakes.context7 import Context7, Example, Library, Section
from pytest_mcpflow.fakes.real.context7_mcp import Context7MCP


def libraries(**settings: Any) -> Context7MCP:
    react = Library(
        "/facebook/react",
        "A library for user interfaces",
        {
            "18": [Section("Old", "https://react.dev/18", "Old hooks.")],
            "19": [
                Section("State", "https://react.dev/state", "Keep state with useState."),
                Section("Effects", "https://react.dev/effects", "Clean up with useEffect."),
            ],
        },
        [Example("effects", "Clean up", "https://react.dev/example", "useEffect(() => stop)")],
    )
    router = Library(
        "/remix/react-router", "Routes", {"7": [Section("Routes", "https://r.dev", "x")]}, trust=5.0
    )
    return Context7MCP(libraries={"react": react, "react-router": router}, **settings)


def ask(server: Context7, tool: str, **arguments: str) -> tuple[str, bool]:
    """The text of an answer, and whether it is one."""

    async def asked() -> tuple[str, bool]:
        async with Hub(way=Way.DIRECT) as hub:
            hub.serve(server, name="context7")
            text = (await hub.call_tool(f"context7.{tool}", arguments)).text
            assert isinstance(hub.transcript[0].outcome, Answered)
            return text, hub.transcript[0].ok

    return run(asked())


def test_a_name_is_resolved_to_ids_with_what_is_known_of_each() -> None:
    said, ok = ask(libraries(), "resolve-library-id", query="hooks", libraryName="react")

    assert ok
    assert said == (
        "Available Libraries:\n\n"
        "- Title: react\n- Context7-compatible library ID: /facebook/react\n"
        "- Description: A library for user interfaces\n- Code Snippets: 1\n- Source Reputation: High\n"
        "- Versions: /facebook/react/18, /facebook/react/19\n----------\n"
        "- Title: react-router\n- Context7-compatible library ID: /remix/react-router\n"
        "- Description: Routes\n- Code Snippets: 0\n- Source Reputation: Medium\n"
        "- Versions: /remix/react-router/7"
    )


def test_what_fits_the_query_comes_first() -> None:
    said, _ = ask(libraries(), "query-docs", libraryId="/facebook/react", query="useEffect clean up")

    titles = [line for line in said.splitlines() if line.startswith("### ")]
    assert titles == ["### Effects", "### State", "### Clean up"]
    assert "Source: https://react.dev/example\n\n```\nuseEffect(() => stop)\n```" in said


def test_a_version_is_part_of_the_id() -> None:
    said, _ = ask(libraries(), "query-docs", libraryId="/facebook/react/18", query="hooks")

    assert said == "### Old\n\nSource: https://react.dev/18\n\nOld hooks."


@pytest.mark.parametrize("library", ["/nobody/nothing", "/facebook/react/99", "react"])
def test_a_library_that_is_not_there_is_prose(library: str) -> None:
    said, ok = ask(libraries(), "query-docs", libraryId=library, query="x")

    assert (said, ok) == (
        "The library you are trying to access does not exist. Please try with a different library ID.",
        False,
    )


def test_a_search_that_finds_nothing_and_one_that_cannot_say_the_same() -> None:
    degraded = libraries()
    degraded.fail("search")

    nothing = ask(libraries(), "resolve-library-id", query="x", libraryName="zzz")
    assert nothing == ("No libraries found matching the provided name.", False)
    assert ask(degraded, "resolve-library-id", query="x", libraryName="react") == nothing


@pytest.mark.parametrize(
    ("has_key", "advice"), [(True, "Upgrade your plan"), (False, "Create a free API key")]
)
def test_over_the_limit_it_says_how_to_get_more(has_key: bool, advice: str) -> None:
    server = libraries(rate_limit=0, has_api_key=has_key, requests=[0.0])
    server.rate_limit = 1
    said, ok = ask(server, "query-docs", libraryId="/facebook/react", query="x")

    assert not ok
    assert said.startswith(f"Rate limited or quota exceeded. {advice}")


@pytest.mark.parametrize(("outage", "status"), [("server", 503), ("upstream", 502)])
def test_an_outage_is_prose_with_its_status(outage: Any, status: int) -> None:
    server = libraries()
    server.fail(outage)

    assert ask(server, "query-docs", libraryId="/facebook/react", query="x") == (
        f"Request failed with status {status}. Please try again later.",
        False,
    )
