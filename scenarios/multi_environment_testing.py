"""Three environments tested under load and in failover, within the quota that they share: one report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Interaction, Run, Transcript, invariant
from pytest_mcpflow.fakes.context7 import Context7
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.scenarios._cross_server import CrossServer
from pytest_mcpflow.scenarios._documentation import SEARCH, documentation_server
from pytest_mcpflow.scenarios._environment_trial import (
    CONCURRENT,
    DRILLS,
    ENVIRONMENTS,
    OVER,
    PER_MINUTE,
    REPORT,
    ROUNDS,
    EnvironmentReport,
    EnvironmentTrial,
    Percentiles,
    Quota,
    drill,
)
from pytest_mcpflow.scenarios._plain_answers import refusal_of

__all__ = ["EnvironmentReport", "MultiEnvironmentTesting", "Percentiles"]


@dataclass
class MultiEnvironmentTesting(CrossServer):
    """Test three servers with a hundred searches, ten at a time, and by taking them down one after the other.

    They take 1/8, 1/4 and 1/2 second and share one key, hence one quota of 100 requests a minute. Operators
    take down the servers that a notice names, and bring them back when they are told that the drill is over.
    """

    tags = ("coordination", "load")

    context7: Context7 = field(default_factory=lambda: documentation_server(context7_search_libraries=0.125))
    context7_2: Context7 = field(default_factory=lambda: documentation_server(context7_search_libraries=0.25))
    context7_3: Context7 = field(default_factory=lambda: documentation_server(context7_search_libraries=0.5))
    desktop: DesktopCommander = field(default_factory=DesktopCommander)

    def __post_init__(self) -> None:
        self.context7_2.requests = self.context7_3.requests = self.context7.requests

    def connect(self, hub: Hub) -> None:
        super().connect(hub)

        def operate(told: Interaction) -> None:
            """What operators do when they are told."""
            message = str(told.arguments["message"])
            named = message.partition("take down ")[2].split(", ")
            for name, server in self._servers().items():
                server.recover()
                if name in named:
                    server.fail("server")

        hub.on_effect("communication-hub.send_notification", operate)

    async def workflow(self, hub: Hub) -> EnvironmentReport:
        return await EnvironmentTrial(hub, Quota()).run()

    def expect(self, run: Run) -> None:
        report: EnvironmentReport = run.result
        assert (report.success, report.problems) == (True, ())
        load = self._load(run)
        assert len(load) == report.load.answered == ROUNDS * CONCURRENT == 100
        assert [each.arguments for each in load] == [SEARCH] * 100
        at_a_time = [sum(each.at <= other.at < (each.until or 0) for each in load) for other in load]
        assert max(at_a_time) == CONCURRENT == 10
        shares = Counter(ENVIRONMENTS[each.server] for each in load)
        passed_on = len(run.transcript.in_context("load")) - len(load)
        assert all(abs(count - 100 / 3) <= 1 + passed_on for count in shares.values())
        assert {name: found.answered for name, found in report.environments.items()} == shares
        assert (report.load.p50, report.load.p95) == (0.25, 0.5)
        assert report.failover == DRILLS
        assert [sent.message for sent in self.people.notifications] == [
            *(drill(down) for down in DRILLS if down),
            OVER,
        ]
        assert self.people.alerts == []
        text = self.desktop.files[REPORT].splitlines()
        assert f"Load, 10 at a time: {report.load}" in text
        assert [line for line in text if line.endswith("answers")] == [
            "- none down: context7 answers",
            "- context7 down: context7-2 answers",
            "- context7 and context7-2 down: context7-3 answers",
            "- context7 and context7-2 and context7-3 down: no server answers",
        ]

    @invariant
    def the_quota_is_honoured(self, run: Run) -> None:
        """In no minute are more than 100 requests sent, and no server has to say so."""
        sent = sorted(each.at for each in run.calls("context7*.*"))
        assert [at for at, later in zip(sent, sent[PER_MINUTE:], strict=False) if later - at < 60] == []
        refusals = [refusal_of(each) or "" for each in run.calls("context7*.*")]
        assert [refusal for refusal in refusals if f"{PER_MINUTE} requests per minute" in refusal] == []

    @invariant
    def the_report_is_true(self, run: Run) -> None:
        """Counts and percentiles are those of the calls that were answered under load."""
        if isinstance(run.result, EnvironmentReport):
            latency = self._load(run).latency()
            measured = (round(each, 3) for each in (latency.median, latency.p95, latency.longest))
            load = run.result.load
            assert load == Percentiles(latency.count, *measured)
            if REPORT in self.desktop.files:
                assert str(load) in self.desktop.files[REPORT]

    @invariant
    def no_drill_is_left_over(self, run: Run) -> None:
        """When all is over every server is up again, or an alert says what operators were not told."""
        down = [name for name, server in self._servers().items() if server.is_down]
        alerts = run.calls("send_alert")
        heard = self.people.find(OVER, kind="alert") or (alerts and not alerts[-1].ok)
        assert not down or heard, down

    def _servers(self) -> dict[str, Context7]:
        return dict(zip(ENVIRONMENTS, (self.context7, self.context7_2, self.context7_3), strict=True))

    def _load(self, run: Run) -> Transcript:
        """The answered calls of the load test."""
        load = run.transcript.in_context("load")
        return Transcript(each for each in load if each.ok)
