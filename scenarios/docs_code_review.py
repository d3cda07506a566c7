"""Code is held against the current documentation of the libraries it uses, and old copies are named as such."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Run, invariant
from pytest_mcpflow.fakes.context7 import Context7
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._cross_server import CrossServer, context_of
from pytest_mcpflow.scenarios._docs_review_workflow import (
    SNIPPETS,
    TOOLS,
    CodeReview,
    Finding,
    Review,
    place_of,
    review_all,
)
from pytest_mcpflow.scenarios._documentation import COPIED, documentation_server, really_said

__all__ = ["CodeReview", "DocsCodeReview", "Finding", "Review"]

CODE = {
    "src/main.py": (
        "from fastapi import FastAPI\n\napp = FastAPI()\n"
        'app.add_middleware(CORSMiddleware, allow_origins=["*"])\n\n\n'
        '@app.on_event("startup")\nasync def connect(): ...\n'
    ),
    "src/health.py": "from fastapi import APIRouter\n\nrouter = APIRouter()\n",
    "src/client.py": "import httpx\n\nclient = httpx.Client(proxies=PROXIES, timeout=None)\n",
}


@dataclass
class DocsCodeReview(CrossServer):
    """Review three files: hold each against its library's documentation and best practices.

    Reviews go to `reviews/`. The documentation of httpx cannot be fetched; there is a copy that is two hours old.
    """

    tags = ("docs", "review")

    context7: Context7 = field(
        default_factory=lambda: documentation_server(
            context7_get_documentation=2.0, context7_get_examples=1.0
        )
    )
    desktop: DesktopCommander = field(default_factory=lambda: DesktopCommander(files={**CODE}))

    async def workflow(self, hub: Hub) -> CodeReview:
        with context_of(hub, "docs-code-review") as context_id:
            return await review_all(Desk(hub, context_id=context_id))

    def expect(self, run: Run) -> None:
        fastapi, httpx = "https://fastapi.tiangolo.com", "https://www.python-httpx.org"
        assert {path: text for path, text in self.desktop.files.items() if path.startswith("reviews/")} == {
            "reviews/src-main.py.md": (
                "# src/main.py: changes requested\nHeld against fastapi 0.115.\n"
                f'- line 4: allow_origins=["*"]; use allow_origins=ORIGINS ({fastapi}/tutorial/cors/)\n'
                f"- line 7: @app.on_event; use lifespan= ({fastapi}/advanced/events/)\n"
            ),
            "reviews/src-health.py.md": "# src/health.py: passed\nHeld against fastapi 0.115.\n",
            "reviews/src-client.py.md": (
                "# src/client.py: changes requested\n"
                f"Held against httpx 0.28, stale: from a copy of {COPIED}.\n"
                f"- line 3: proxies=; use mounts= ({httpx}/advanced/proxies/)\n"
                f"- line 3: timeout=None; use timeout=10.0 ({httpx}/advanced/timeouts/)\n"
            ),
        }
        assert self.desktop.files.items() >= CODE.items()
        [told] = self.people.notifications
        assert told.message == (
            f"3 of 3 files reviewed: src/client.py: changes requested (stale: copy of {COPIED}); "
            "src/health.py: passed; src/main.py: changes requested"
        )
        assert self.people.alerts == []
        asked = {(each.name, *each.arguments.values()) for each in run.calls("context7.*")}
        assert asked == {
            *(("context7_get_documentation", library, "latest") for library in ("fastapi", "httpx")),
            *(("context7_get_examples", library, "best_practices", 5) for library in ("fastapi", "httpx")),
        }
        report: CodeReview = run.result
        assert (report.success, report.not_reviewed) == (True, {})
        assert [(each.path, each.verdict, each.copied_at) for each in report.reviews] == [
            ("src/main.py", "changes requested", None),
            ("src/health.py", "passed", None),
            ("src/client.py", "changes requested", COPIED),
        ]

    @invariant
    def old_copies_are_marked(self, run: Run) -> None:
        """A review that rests on an old copy says so, and people are told with its verdict."""
        for path, library in SNIPPETS.items():
            review = self._review(path)
            answers = [answer for tool in TOOLS for answer in really_said(run, tool, library)[-1:]]
            old = [str(answer["fetched_at"]) for answer in answers if answer["stale"]]
            if review and old:
                assert f"stale: from a copy of {old[0]}" in review
                told = [text for text in self.people.texts() if f"{path}: " in text and "reviewed:" in text]
                assert all(f"stale: copy of {old[0]}" in text for text in told)

    @invariant
    def nothing_passes_unchecked(self, run: Run) -> None:
        """There is a review only where documentation and best practices were both answered for the library."""
        for path, library in SNIPPETS.items():
            if self._review(path):
                assert all(really_said(run, tool, library) for tool in TOOLS)

    @invariant
    def what_is_advised_against_does_not_pass(self, run: Run) -> None:
        """No review passes code that the library's authors advise against."""
        for path in ("src/main.py", "src/client.py"):
            assert ": passed" not in self._review(path)

    @invariant
    def a_file_without_a_review_is_named(self, run: Run) -> None:
        """When the workflow is over, each file has its review or an alert, unless alerts do not get through."""
        alerts = run.calls("send_alert")
        if run.error is None and not (alerts and not alerts[-1].ok):
            unnamed = [path for path in SNIPPETS if not self._review(path)]
            assert [path for path in unnamed if not self.people.find(path, kind="alert")] == []

    def _review(self, path: str) -> str:
        return self.desktop.files.get(place_of(path), "")
