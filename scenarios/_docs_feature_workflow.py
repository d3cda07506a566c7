"""From a question to a plan, by way of a search, the documentation of its best match, and examples."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_mcpflow import CallResult
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._documentation import real_answer

__all__ = ["PLAN", "QUERY", "FeatureResearch", "research"]

QUERY, TOPIC, PLAN = "fastapi authentication", "middleware", "docs/plans/authentication.md"


@dataclass(frozen=True)
class FeatureResearch:
    """What the research found, and the plan that follows from it.

    Args:
        libraries: Names, the best match first; the plan is for that one.
        documentation, examples: Where what the plan cites is found.
        cautions: What makes the plan less certain.
    """

    success: bool
    libraries: tuple[str, ...] = ()
    version: str | None = None
    documentation: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    implementation_plan: str | None = None
    error: str | None = None


async def research(desk: Desk) -> FeatureResearch:
    """Find the library, read about it, and write the plan.

    Raises:
        RuntimeError: Nothing real was found.
    """
    found = await real_answer(desk, "context7_search_libraries", {"query": QUERY, "limit": 10})
    if not found["libraries"]:
        raise RuntimeError(f"no library was found ({found['warning'] or 'the search works'})")
    names = tuple(match["name"] for match in found["libraries"])
    wanted = {"library": names[0], "version": "latest"}
    documentation = await real_answer(desk, "context7_get_documentation", wanted)
    wanted = {"library": names[0], "topic": TOPIC, "limit": 5}
    examples = await real_answer(desk, "context7_get_examples", wanted)
    sections = [each for each in documentation["sections"] if _is_about_it(each)]
    if not sections and not examples["examples"]:
        raise RuntimeError(f"nothing about it is documented for {names[0]} {documentation['version']}")
    steps = [f"Follow {each['title']}: {each['url']}" for each in sections]
    steps += [f"Adapt {each['title']}: {each['url']}" for each in examples["examples"]]
    cautions = tuple(dict.fromkeys(map(_caution, filter(_is_old, (documentation, examples)))))
    plan = "\n".join(
        [
            f"# {QUERY}, with {names[0]} {documentation['version']}",
            "",
            *(f"{number}. {step}" for number, step in enumerate(steps, 1)),
            "",
            *cautions,
            f"Considered: {', '.join(names[1:])}",
            "",
        ]
    )
    await desk.write(PLAN, plan)
    return FeatureResearch(
        success=True,
        libraries=names,
        version=documentation["version"],
        documentation=tuple(each["url"] for each in sections),
        examples=tuple(each["url"] for each in examples["examples"]),
        cautions=cautions,
        implementation_plan=plan,
    )


def _is_about_it(section: dict[str, str]) -> bool:
    text = f"{section['title']} {section['text']}".casefold()
    return any(word in text for word in (*QUERY.split(), TOPIC))


def _is_old(answer: CallResult) -> bool:
    return bool(answer["stale"])


def _caution(answer: CallResult) -> str:
    return f"Caution: from a copy of {answer['fetched_at']}; {answer['warning']}"
