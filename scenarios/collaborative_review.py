"""A pull request reviewed by three agents, who find, merge, fix, look again, and only then approve."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from pytest_mcpflow import Hub, Run, Scenario, invariant
from pytest_mcpflow.scenarios._collaborative_review_world import ProposedPayments, open_blockers, sources
from pytest_mcpflow.scenarios._review_workflow import (
    AGENTS,
    DOCS,
    HISTORY,
    NUMBER,
    PAYMENTS,
    REPOSITORY,
    Remark,
    ReviewReport,
    Team,
)
from pytest_mcpflow.scenarios._rules import lacking, ran_in_order, succeeded

__all__ = ["CollaborativeReview", "Remark", "ReviewReport"]

REVIEWS_SAY = {
    "security-agent": (
        "input validation is present",
        "API key comes from the environment",
        "missing rate limiting",
    ),
    "performance-agent": (
        "N+1 query in the order history",
        "payment provider are async",
        "could cache the user's",
    ),
    "quality-agent": (
        "95% test coverage",
        "missing error handling for network failures",
        "needs API documentation",
    ),
}
"""What each perspective finds by itself, good and bad."""


@dataclass
class CollaborativeReview(ProposedPayments, Scenario):
    """Review the payment processing of pull request 45, for security, performance and quality, and fix what is found.

    The pull request's branch is `feature/payments` of `shop/api`, whose clone is on the desktop.
    """

    tags = ("agents", "review")

    async def workflow(self, hub: Hub) -> ReviewReport:
        return await Team(hub).run()

    def expect(self, run: Run) -> None:
        [pull] = self.hosting.repositories[REPOSITORY].pull_requests
        reviews = {(review.author, review.event): review for review in pull.reviews}
        assert {*reviews} == {
            *((f"{agent}-agent", verdict) for agent in AGENTS for verdict in ("REQUEST_CHANGES", "APPROVE")),
            ("team-agent", "COMMENT"),
        }
        comments = reviews["team-agent", "COMMENT"].comments
        assert [(each.path, each.line, each.body) for each in comments] == [
            (HISTORY, 4, "N+1 query in the order history"),
            (PAYMENTS, 2, "missing rate limiting"),
            (PAYMENTS, 6, "the provider's error reaches the client"),
            (PAYMENTS, 2, "needs API documentation"),
            (PAYMENTS, 5, "could cache the user's payment methods"),
        ]
        alone = {
            author: review.body for (author, event), review in reviews.items() if event == "REQUEST_CHANGES"
        }
        assert lacking(alone, REVIEWS_SAY) == []
        report = run.result
        assert [each.by for each in report.remarks if each.topic == "network"] == [("security", "quality")]
        assert [each.topic for each in report.remarks if not each.blocking] == ["docs", "cache"]
        assert report.good == (
            "95% test coverage",
            "calls of the payment provider are async",
            "input validation is present",
            "the API key comes from the environment",
        )
        assert open_blockers(self.proposed()) == []
        assert "POST /payments" in self.proposed()[DOCS]
        assert report.fixed == ("N+1", "rate limit", "network", "docs")
        assert self.hosting.get_pull_request("shop", "api", NUMBER).mergeable
        assert not pull.merged
        assert report.approved_by == AGENTS
        assert report.success
        assert [sent.message for sent in self.people.notifications] == [
            "#45 is approved by security, performance, quality"
        ]
        assert ran_in_order(self.desktop, ("npm test -- --coverage", 0), ("npm test", 0))
        # Independently: nobody waits for another's review before beginning with its own.
        assert len({each.at for each in run.calls("get_pull_request_files")[: len(AGENTS)]}) == 1

    @invariant
    def never_approved_while_a_blocking_finding_is_open(self, run: Run) -> None:
        """Whoever is late or gone, nobody approves what must not go to production."""
        assert self.approved_while_open == []

    @invariant
    def nobody_is_left_out(self, run: Run) -> None:
        """An approval comes after reviews from all three perspectives."""
        for pull in self.hosting.repositories[REPOSITORY].pull_requests:
            events = [review.event for review in pull.reviews]
            first = events.index("APPROVE") if "APPROVE" in events else 0
            before = {review.author for review in pull.reviews[:first]}
            assert "APPROVE" not in events or before >= {f"{agent}-agent" for agent in AGENTS}

    @invariant
    def nothing_is_said_twice(self, run: Run) -> None:
        """Nobody asks twice for the same review, and the feedback of the team has no finding twice."""
        posted = [each.arguments for each in run.effects("create_pull_request_review")]
        said = Counter((each.get("author"), each["event"], each.get("body")) for each in posted)
        assert not said or max(said.values()) == 1
        for review in posted:
            remarks: list[dict[str, Any]] = review.get("comments") or []
            lines = [(each["path"], each["line"], each["body"]) for each in remarks]
            assert len(lines) == len(set(lines))

    @invariant
    def what_is_pushed_was_tested(self, run: Run) -> None:
        """The branch on GitHub holds sources with which all tests passed."""
        assert sources(self.proposed()) in map(sources, self.tested)

    @invariant
    def success_is_an_approved_pull_request(self, run: Run) -> None:
        """Success is only told when the rules of the base branch are met."""
        if succeeded(run.result):
            assert self.hosting.get_pull_request("shop", "api", NUMBER).mergeable
