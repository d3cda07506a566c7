"""A feature is planned from live documentation: what is found is cited, and nothing else."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field

from pytest_mcpflow import Answered, CallResult, Hub, Run, invariant
from pytest_mcpflow.fakes.context7 import Context7
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._cross_server import CrossServer, context_of
from pytest_mcpflow.scenarios._documentation import documentation_server, real_answer

__all__ = ["DocsFeatureDevelopment", "FeatureResearch"]

QUERY, TOPIC, PLAN = "fastapi authentication", "middleware", "docs/plans/authentication.md"
URL = re.compile(r"https://[^\s)'\"]+")


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


@dataclass
class DocsFeatureDevelopment(CrossServer):
    """Plan authentication for a FastAPI service: find the library, read its documentation, take its examples.

    The plan goes to `docs/plans/authentication.md`. It may cite only what the documentation server has said.
    """

    tags = ("docs", "development")

    context7: Context7 = field(default_factory=documentation_server)
    desktop: DesktopCommander = field(default_factory=DesktopCommander)

    async def workflow(self, hub: Hub) -> FeatureResearch:
        with context_of(hub, "docs-feature-development") as context_id:
            desk = Desk(hub, context_id=context_id)
            try:
                return await _research(desk)
            except Exception as error:
                await desk.alert(f"No plan for {QUERY!r}: {error}", severity="medium")
                return FeatureResearch(success=False, error=str(error))

    def expect(self, run: Run) -> None:
        plan = self.desktop.files[PLAN]
        assert plan.splitlines() == [
            "# fastapi authentication, with fastapi 0.115",
            "",
            "1. Follow Security: https://fastapi.tiangolo.com/tutorial/security/",
            "2. Follow Middleware: https://fastapi.tiangolo.com/tutorial/middleware/",
            "3. Adapt Process time header: https://fastapi.tiangolo.com/tutorial/middleware/#create",
            "4. Adapt Trusted hosts: https://fastapi.tiangolo.com/advanced/middleware/#trusted",
            "",
            "Considered: fastapi-users, authlib",
        ]
        asked = {each.site.partition(".")[2]: dict(each.arguments) for each in run.transcript}
        assert asked == {
            "context7_search_libraries": {"query": "fastapi authentication", "limit": 10},
            "context7_get_documentation": {"library": "fastapi", "version": "latest"},
            "context7_get_examples": {"library": "fastapi", "topic": "middleware", "limit": 5},
            "write_file": {"path": PLAN, "content": plan},
        }
        for first, then in itertools.pairwise(asked):
            assert run.transcript.before(first, then)
        assert self.people.messages == []
        found: FeatureResearch = run.result
        assert (found.success, found.error, found.cautions) == (True, None, ())
        assert (found.libraries, found.version) == (("fastapi", "fastapi-users", "authlib"), "0.115")
        assert {*found.documentation, *found.examples} == set(URL.findall(plan))
        assert found.implementation_plan == plan

    @invariant
    def cites_only_what_was_returned(self, run: Run) -> None:
        """No address in the plan or the report is one that the documentation server did not send."""
        said = " ".join(
            str(each.outcome.value) for each in run.calls("context7.*") if isinstance(each.outcome, Answered)
        )
        cited = URL.findall(f"{self.desktop.files.get(PLAN, '')} {run.result!r}".replace("\\n", " "))
        assert [url for url in cited if url not in URL.findall(said)] == []

    @invariant
    def no_library_is_invented(self, run: Run) -> None:
        """A plan is for a library that a search found, in a version whose documentation was read."""
        if PLAN in self.desktop.files:
            library, version = self.desktop.files[PLAN].splitlines()[0].split()[-2:]
            found = [
                (match["name"], match["versions"])
                for each in run.calls("context7_search_libraries")
                if isinstance(each.outcome, Answered) and each.outcome.value["source"] != "mock"
                for match in each.outcome.value["libraries"]
            ]
            assert any(name == library and version in versions for name, versions in found)
            assert _answers(run, "context7_get_documentation", library)

    @invariant
    def what_is_old_is_marked(self, run: Run) -> None:
        """A plan that rests on an old copy says so."""
        if PLAN in self.desktop.files:
            plan = self.desktop.files[PLAN]
            library = plan.splitlines()[0].split()[-2]
            for tool in ("context7_get_documentation", "context7_get_examples"):
                answers = _answers(run, tool, library)
                if answers and answers[-1].value["stale"]:
                    assert f"Caution: from a copy of {answers[-1].value['fetched_at']}" in plan


def _answers(run: Run, tool: str, library: str) -> list[Answered]:
    """What was really said of a library."""
    return [
        each.outcome
        for each in run.calls(tool)
        if isinstance(each.outcome, Answered)
        and each.arguments["library"] == library
        and each.outcome.value["source"] != "mock"
    ]


async def _research(desk: Desk) -> FeatureResearch:
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
