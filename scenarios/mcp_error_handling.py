"""Quotas, outages and refusals in one session: each is repeated, replaced or reported, and counted."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Interaction, Run, invariant
from pytest_mcpflow.fakes.context7 import Context7
from pytest_mcpflow.fakes.droplet_executor import Database, DropletExecutor, Host
from pytest_mcpflow.fakes.utility import Climate, Utility
from pytest_mcpflow.scenarios._cross_server import CrossServer, context_of, said
from pytest_mcpflow.scenarios._documentation import documentation_server
from pytest_mcpflow.scenarios._error_handling_workflow import (
    DATABASE,
    HELLO,
    LONG,
    Health,
    Session,
    SessionReport,
)
from pytest_mcpflow.scenarios._plain_answers import refusal_of
from pytest_mcpflow.scenarios._repetitions_as_seen import repetitions, requests_of_session, retry_after
from pytest_mcpflow.scenarios._retry_manager import RetryManager

__all__ = ["Health", "McpErrorHandling", "SessionReport"]

MAX_RETRIES, BACKOFF_FACTOR, MAX_BACKOFF = 3, 2.0, 60.0


def _without_quota() -> Context7:
    server = documentation_server()
    server.requests = [-10.0] * server.rate_limit
    return server


def _without_weather() -> Utility:
    return Utility(cities={"London": Climate(11.0, "rain", 82)}, weather_available=False, weather_back_at=2.0)


@dataclass
class McpErrorHandling(CrossServer):
    """Serve five requests while the quota is used up for 50 seconds and the weather is away for two.

    One request has a message that is too long, one is about a library that does not exist.
    """

    tags = ("resilience",)

    context7: Context7 = field(default_factory=_without_quota)
    utility: Utility = field(default_factory=_without_weather)
    hosts: DropletExecutor = field(
        default_factory=lambda: DropletExecutor(hosts={"tools-1": Host(databases={DATABASE: Database()})})
    )

    async def workflow(self, hub: Hub) -> SessionReport:
        retries = RetryManager(
            max_retries=MAX_RETRIES, backoff_factor=BACKOFF_FACTOR, max_backoff=MAX_BACKOFF
        )
        with context_of(hub, "mcp-error-handling") as context_id:
            return await Session(hub, context_id, retries).run()

    def expect(self, run: Run) -> None:
        report: SessionReport = run.result
        assert (report.success, report.active_connections) == (True, 0)
        assert report.operations == {
            "search": "answered",
            "examples": "refused: 404 Not Found: there is no library 'flask'; search with context7_search_libraries",
            "weather": "answered",
            "hello": "answered",
            "long message": "answered, shortened",
        }
        assert not report.before.services["context7"]
        assert (report.before.status, report.before.version) == (_status(report.before), "0.1.0")
        assert report.before.timestamp < report.after.timestamp
        assert report.after.services == {"context7": True, "database": True}
        assert (report.after.status, report.after.version) == ("healthy", "0.1.0")
        free_again = {each.at + retry_after(each) for each in run.calls("context7.*") if retry_after(each)}
        assert 50.0 in free_again
        assert [each.call for each in run.calls("context7.*") if each.ok and _end(each) < 50] == []
        [weather] = [each for each in run.calls("get_weather") if each.ok]
        assert _end(weather) >= 2
        echoed = [said(each) for each in run.calls("echo") if each.ok]
        assert {(each["message"], each["length"]) for each in echoed} == {(HELLO, 11), (LONG[:1000], 1000)}
        assert self.people.messages == []

    @invariant
    def counters_equal_the_transcript(self, run: Run) -> None:
        """Each attempt is counted once, by its tool and what became of it; no connection is left open."""
        if isinstance(run.result, SessionReport):
            assert run.result.requests == Counter((each.name, _status_of(each)) for each in run.transcript)
            for tool, seconds in run.result.seconds.items():
                assert math.isclose(
                    seconds, sum(each.seconds or 0.0 for each in run.calls(tool)), abs_tol=1e-6
                )
            told = {*run.result.exposition.splitlines()}
            for (tool, status), count in run.result.requests.items():
                assert f'mcp_requests_total{{tool_name="{tool}",status="{status}"}} {count}' in told
            for tool, count in Counter(each.name for each in run.transcript).items():
                assert f'mcp_request_duration_seconds_count{{tool_name="{tool}"}} {count}' in told
            assert "mcp_active_connections 0" in told

    @invariant
    def three_retries_at_most(self, run: Run) -> None:
        """No request of the session is sent more than four times."""
        for attempts in requests_of_session(run):
            assert len(attempts) <= 1 + MAX_RETRIES, attempts[0].call

    @invariant
    def pauses_grow(self, run: Run) -> None:
        """The n-th pause between two attempts lasts at least 2 to the n seconds, and never more than 60."""
        for number, failed, again in repetitions(run):
            pause = again.at - (failed.until or failed.at)
            assert BACKOFF_FACTOR**number - 1e-6 <= pause <= MAX_BACKOFF, again

    @invariant
    def nobody_knocks_before_the_quota_is_free(self, run: Run) -> None:
        """A request that was told when to come again does not come sooner."""
        for _, refused, again in repetitions(run):
            assert again.at >= refused.at + retry_after(refused), again

    @invariant
    def what_cannot_help_is_not_repeated(self, run: Run) -> None:
        """A request that the server calls wrong is not sent again as it is."""
        for _, failed, _ in repetitions(run):
            assert not failed.ok, failed.call
            assert not (refusal_of(failed) or "").startswith(("400", "404")), failed.call


def _end(interaction: Interaction) -> float:
    return interaction.until or 0.0


def _status_of(interaction: Interaction) -> str:
    return "success" if interaction.ok else "timeout" if refusal_of(interaction) is None else "error"


def _status(health: Health) -> str:
    return "degraded" if any(health.services.values()) else "unhealthy"
