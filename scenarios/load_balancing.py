"""Requests are spread over three servers in turn, by weight and by speed, before and after one of them dies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Interaction, Run, invariant
from pytest_mcpflow.fakes.context7 import Context7, Outage
from pytest_mcpflow.scenarios._coordinator import Coordinator, is_servers_failure
from pytest_mcpflow.scenarios._cross_server import CrossServer
from pytest_mcpflow.scenarios._documentation import SEARCH, documentation_server
from pytest_mcpflow.scenarios._load_trials import (
    ANNOUNCED,
    MAX_FAILS,
    PAUSE_SECONDS,
    REQUESTS,
    WEIGHTS,
    LoadReport,
    Trials,
)

__all__ = ["LoadBalancing", "LoadReport"]


FAST, MIDDLE, SLOW = 13 / 128, 22 / 128, 33 / 128
"""No two answers come at the same instant, nor with a request: the next server never depends on their order."""


def _server(seconds: float, *outages: Outage) -> Context7:
    server = documentation_server(context7_search_libraries=seconds)
    server.outages += outages
    return server


@dataclass
class LoadBalancing(CrossServer):
    """Spread searches over three documentation servers: in turn, 3:2:1 by weight, and by how fast they answer.

    The servers take about 0.1, 0.17 and 0.26 seconds. The second one is taken down after a minute; then the other
    two share its part, and it gets no more calls.
    """

    tags = ("coordination",)

    context7: Context7 = field(default_factory=lambda: _server(FAST))
    context7_2: Context7 = field(default_factory=lambda: _server(MIDDLE, Outage("server", PAUSE_SECONDS)))
    context7_3: Context7 = field(default_factory=lambda: _server(SLOW))

    async def workflow(self, hub: Hub) -> LoadReport:
        return await Trials(hub, Coordinator(hub, WEIGHTS, max_fails=MAX_FAILS)).run()

    def expect(self, run: Run) -> None:
        answered = {trial: _answered(run, trial) for trial in REQUESTS}
        assert {trial: sum(counts.values()) for trial, counts in answered.items()} == REQUESTS
        _assert_shares(answered["round-robin"], dict.fromkeys(WEIGHTS, 1))
        _assert_shares(answered["weighted"], WEIGHTS)
        fast, middle, slow = (answered["performance"].get(server, 0) for server in WEIGHTS)
        assert fast > middle > slow
        living = {server: weight for server, weight in WEIGHTS.items() if server != ANNOUNCED}
        _assert_shares(answered["round-robin of two"], dict.fromkeys(living, 1))
        _assert_shares(answered["weighted of two"], living)
        assert {each.name for each in run.transcript} == {"context7_search_libraries"}
        assert [each.arguments for each in run.transcript] == [SEARCH] * len(run.transcript)
        assert self.people.alerts == []
        report: LoadReport = run.result
        assert (report.success, report.unanswered) == (True, 0)
        assert report.shares == answered
        assert list(report.dead) == [ANNOUNCED]

    @invariant
    def a_dead_server_gets_no_more_calls(self, run: Run) -> None:
        """After two failures in a row, nothing is sent to a server any more."""
        for server, died_at in _deaths(run).items():
            assert [each.call for each in run.calls(f"{server}.*") if each.at > died_at] == []

    @invariant
    def shares_are_kept(self, run: Run) -> None:
        """In each trial the calls since the last death are within one call of what is each living server's share."""
        # By place and not by time: a refusal takes none, so that the next call begins at the instant of a death.
        place = {id(each): number for number, each in enumerate(run.transcript)}
        for trial in REQUESTS:
            calls = run.transcript.in_context(trial)
            if trial == "performance" or not calls:
                continue
            fatal = {place[id(call)]: server for server, call in _fatal_calls(run).items()}
            first, last = place[id(calls[0])], place[id(calls[-1])]
            since = max([at for at in fatal if first <= at <= last], default=-1)
            living = [server for server in WEIGHTS if server not in {fatal[at] for at in fatal if at <= last}]
            weights = {server: WEIGHTS[server] if trial.startswith("weighted") else 1 for server in living}
            _assert_shares(Counter(each.server for each in calls if place[id(each)] > since), weights)

    @invariant
    def no_request_is_lost_unsaid(self, run: Run) -> None:
        """Success is only claimed when every request of every trial was answered."""
        if isinstance(run.result, LoadReport) and run.result.success:
            assert {trial: sum(_answered(run, trial).values()) for trial in REQUESTS} == REQUESTS


def _answered(run: Run, trial: str) -> dict[str, int]:
    return dict(Counter(each.server for each in run.transcript.in_context(trial) if each.ok))


def _assert_shares(counts: Mapping[str, int], weights: Mapping[str, int]) -> None:
    total, weight = sum(counts.values()), sum(weights.values())
    for server in {*counts, *weights}:
        ideal = total * weights.get(server, 0) / weight
        assert abs(counts.get(server, 0) - ideal) <= 1, f"{server}: {counts} for {weights}"


def _deaths(run: Run) -> dict[str, float]:
    """When each server had failed twice in a row."""
    return {server: _end(call) for server, call in _fatal_calls(run).items()}


def _fatal_calls(run: Run) -> dict[str, Interaction]:
    """The call of each server with which it had failed twice in a row."""
    fatal: dict[str, Interaction] = {}
    for server in WEIGHTS:
        fails = 0
        ended = [each for each in run.calls(f"{server}.*") if each.until is not None]
        for each in sorted(ended, key=_end):
            fails = 0 if each.ok else fails + is_servers_failure(each)
            if fails == MAX_FAILS:
                fatal.setdefault(server, each)
    return fatal


def _end(interaction: Interaction) -> float:
    return interaction.until or 0.0
