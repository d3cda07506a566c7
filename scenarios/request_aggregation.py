"""One question about many libraries: fanned out over three servers, answered in the order it was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Run, ToolError, invariant
from pytest_mcpflow.fakes.context7 import Context7
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._coordinator import Coordinator, Served
from pytest_mcpflow.scenarios._cross_server import CrossServer, context_of
from pytest_mcpflow.scenarios._documentation import documentation_server, really_said

__all__ = ["LIBRARIES", "SERVERS", "Aggregate", "Documented", "RequestAggregation", "aggregated"]

LIBRARIES = ("fastapi", "numpy", "flask", "httpx", "authlib", "fastapi-users")
SERVERS = ("context7", "context7-2", "context7-3")
TOOL = "context7_get_documentation"


@dataclass(frozen=True)
class Documented:
    """What became of one request: the documented version of the library, or why there is none."""

    library: str
    version: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Aggregate:
    """What became of each request, in their order.

    Args:
        success: Every request was answered, or refused for a reason of its own, and people were told.
    """

    success: bool
    results: tuple[Documented, ...]

    @property
    def failed(self) -> dict[int, str]:
        """The errors by index."""
        return {index: each.error for index, each in enumerate(self.results) if each.error is not None}


@dataclass
class RequestAggregation(CrossServer):
    """Read the newest documentation of six libraries at the same time, and say what there is by index.

    The three servers take 3/8, 1/8 and 2/8 of a second, so answers come in another order than questions. One of
    the libraries is not documented.
    """

    tags = ("coordination",)

    context7: Context7 = field(default_factory=lambda: documentation_server(**{TOOL: 0.375}))
    context7_2: Context7 = field(default_factory=lambda: documentation_server(**{TOOL: 0.125}))
    context7_3: Context7 = field(default_factory=lambda: documentation_server(**{TOOL: 0.25}))

    async def workflow(self, hub: Hub) -> Aggregate:
        with context_of(hub, "request-aggregation") as context_id:
            pool = Coordinator(hub, dict.fromkeys(SERVERS, 1), context_id=context_id)
            return await aggregated(Desk(hub, context_id=context_id), pool)

    def expect(self, run: Run) -> None:
        requests = run.calls(TOOL)
        first = {each.arguments["library"]: each for each in reversed(requests)}
        assert [each.at for each in first.values()] == [0.0] * len(LIBRARIES)
        assert {each.server for each in requests} == set(SERVERS)
        [told] = self.people.notifications
        assert told.message.startswith(
            "5 of 6 libraries are documented; not documented: 2: flask (404 Not Found"
        )
        assert self.people.alerts == []
        report: Aggregate = run.result
        assert report.success
        assert [(each.library, each.version) for each in report.results] == [
            ("fastapi", "0.115"),
            ("numpy", "2.3"),
            ("flask", None),
            ("httpx", "0.28"),
            ("authlib", "1.3"),
            ("fastapi-users", "14.0"),
        ]
        assert list(report.failed) == [2]

    @invariant
    def results_are_in_the_order_of_the_questions(self, run: Run) -> None:
        """The n-th result is what a server said of the n-th library, whenever it said it."""
        if isinstance(run.result, Aggregate):
            assert [each.library for each in run.result.results] == list(LIBRARIES)
            for each in run.result.results:
                assert each.version is None or each.version in self._said(run, each.library)

    @invariant
    def each_failure_has_its_index(self, run: Run) -> None:
        """Exactly the libraries of which no server said anything are failures, each by its index."""
        if isinstance(run.result, Aggregate):
            silent = [index for index, library in enumerate(LIBRARIES) if not self._said(run, library)]
            assert list(run.result.failed) == silent

    @invariant
    def people_hear_of_each_failure(self, run: Run) -> None:
        """Every index without documentation is in a message, unless messages do not get through."""
        sent = run.calls("communication-hub.send_*")
        if not sent or sent[-1].ok:
            for index, library in enumerate(LIBRARIES):
                assert self._said(run, library) or self.people.find(f"{index}: {library} ("), library

    def _said(self, run: Run, library: str) -> list[str]:
        """The versions that were documented by answers which reached the workflow."""
        return [answer["version"] for answer in really_said(run, TOOL, library)]


async def aggregated(desk: Desk, pool: Coordinator) -> Aggregate:
    """Ask for all libraries at once, and tell people what there is."""
    answers = await pool.aggregate_request(TOOL, [{"library": library} for library in LIBRARIES])
    results = tuple(map(_documented, LIBRARIES, answers))
    report = Aggregate(success=True, results=results)
    failures = [f"{index}: {LIBRARIES[index]} ({why})" for index, why in report.failed.items()]
    summary = f"{len(results) - len(failures)} of {len(results)} libraries are documented"
    await desk.notify("; not documented: ".join([summary, *filter(None, [", ".join(failures)])]), "slack")
    problems = [*_unanswered(answers), *(f"not told: {each}" for each in desk.untold)]
    if problems:
        await desk.alert("; ".join([*problems, *failures]), severity="high")
    return Aggregate(not problems, results)


def _documented(library: str, answer: Served | Exception) -> Documented:
    if isinstance(answer, Exception):
        return Documented(library, error=str(answer).partition(": ")[2] or repr(answer))
    return Documented(answer.answer["library"], answer.answer["version"])


def _unanswered(answers: Sequence[Served | Exception]) -> list[str]:
    """What failed for no reason of its own."""
    refused = [isinstance(each, ToolError) and each.message.startswith("404") for each in answers]
    return [
        f"{index} has no answer"
        for index, answer in enumerate(answers)
        if isinstance(answer, Exception) and not refused[index]
    ]
