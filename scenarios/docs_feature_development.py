"""A feature is planned from live documentation: what is found is cited, and nothing else."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field

from pytest_mcpflow import Answered, Hub, Run, invariant
from pytest_mcpflow.fakes.context7 import Context7
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._cross_server import CrossServer, context_of
from pytest_mcpflow.scenarios._docs_feature_workflow import PLAN, QUERY, FeatureResearch, research
from pytest_mcpflow.scenarios._documentation import answer_of, documentation_server, really_said

__all__ = ["DocsFeatureDevelopment", "FeatureResearch"]

URL = re.compile(r"https://[^\s)'\"]+")


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
                return await research(desk)
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
            searches = [answer_of(each) for each in run.calls("context7_search_libraries")]
            found = [
                (match["name"], match["versions"])
                for answer in searches
                if answer.get("source") in ("live", "cache")
                for match in answer["libraries"]
            ]
            assert any(name == library and version in versions for name, versions in found)
            assert really_said(run, "context7_get_documentation", library)

    @invariant
    def what_is_old_is_marked(self, run: Run) -> None:
        """A plan that rests on an old copy says so."""
        if PLAN in self.desktop.files:
            plan = self.desktop.files[PLAN]
            library = plan.splitlines()[0].split()[-2]
            for tool in ("context7_get_documentation", "context7_get_examples"):
                answers = really_said(run, tool, library)
                if answers and answers[-1]["stale"]:
                    assert f"Caution: from a copy of {answers[-1]['fetched_at']}" in plan
