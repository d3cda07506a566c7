"""Wrong research, and the check of the scenario that must say so."""

from __future__ import annotations

from typing import Any

from tampering import Send, Tamper, answer, tampered

from pytest_mcpflow import CallResult, Hub, ToolError, Workflow
from pytest_mcpflow.scenarios.docs_feature_development import DocsFeatureDevelopment, FeatureResearch

__all__ = ["MUTANTS"]

FASTAPI = {"name": "fastapi", "versions": ["0.115"]}


async def believe_in_a_library(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Goes on with the library it knows by heart when the search finds none."""
    if name.endswith("search_libraries"):
        found = await send(name, {**arguments, "query": "quantum toaster"})
        return answer({**found, "libraries": found["libraries"] or [FASTAPI]})
    return await send(name, arguments)


async def fill_in_the_gaps(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Adds an example that nobody has shown."""
    result = await send(name, arguments)
    if name.endswith("get_examples"):
        made_up = {
            "topic": "middleware",
            "title": "Sessions",
            "url": "https://fastapi.tiangolo.com/sessions/",
        }
        return answer({**result, "examples": [*result["examples"], made_up]})
    return result


async def skip_the_documentation(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Plans for a version of which it has read nothing."""
    if name.endswith("get_documentation"):
        unread: dict[str, Any] = {
            "source": "live",
            "stale": False,
            "warning": None,
            "sections": [],
            "version": "0.115",
        }
        return answer(unread)
    return await send(name, arguments)


async def hide_the_age(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Plans with httpx, of which there is an old copy only, and does not say so."""
    if name.endswith("search_libraries"):
        return await send(name, {**arguments, "query": "http client"})
    if name.endswith("get_documentation"):
        about = [{"title": "Middleware", "text": "", "url": "https://www.python-httpx.org/advanced/proxies/"}]
        return answer({**await send(name, arguments), "stale": False, "sections": about})
    result = await send(name, arguments)
    return answer({**result, "stale": False}) if name.endswith("get_examples") else result


async def give_up_unheard(hub: Hub) -> FeatureResearch:
    """Says in its result that nothing was found, and tells nobody."""
    try:
        await hub.call_tool("context7.context7_get_documentation", {"library": "quantum-toaster"})
    except ToolError as error:
        return FeatureResearch(success=False, error=str(error))
    raise AssertionError("there is no such library")


def _of(tamper: Tamper) -> Workflow:
    return tampered(DocsFeatureDevelopment().workflow, tamper)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "believe in a library": (_of(believe_in_a_library), "no_library_is_invented"),
    "fill in the gaps": (_of(fill_in_the_gaps), "cites_only_what_was_returned"),
    "skip the documentation": (_of(skip_the_documentation), "no_library_is_invented"),
    "hide the age": (_of(hide_the_age), "what_is_old_is_marked"),
    "give up unheard": (give_up_unheard, "a_failure_is_heard"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
