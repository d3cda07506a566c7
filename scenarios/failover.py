"""Servers that fail are replaced by the next one: freely for what reads, and with a look for what must happen once."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Interaction, Run, invariant
from pytest_mcpflow.fakes.communication_hub import CommunicationHub, Notification
from pytest_mcpflow.fakes.context7 import Context7, Outage
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._coordinator import PASSED_ON, Coordinator
from pytest_mcpflow.scenarios._cross_server import CrossServer, context_of
from pytest_mcpflow.scenarios._documentation import documentation_server
from pytest_mcpflow.scenarios._failover_workflow import (
    GATEWAYS,
    MAX_ATTEMPTS,
    SERVERS,
    TIMEOUT_SECONDS,
    FailoverReport,
    Reading,
)
from pytest_mcpflow.scenarios._plain_answers import refusal_of

__all__ = ["Failover", "FailoverReport"]


def _refusing() -> Context7:
    server = documentation_server()
    server.outages.append(Outage("server"))
    return server


def _without_mail() -> CommunicationHub:
    gateway = CommunicationHub()
    gateway.take_down("email")
    return gateway


@dataclass
class Failover(CrossServer):
    """Read about two libraries and mail the result, on servers of which two fail and one gateway cannot mail.

    `context7` refuses, `context7-2` does not answer within 30 seconds. Each request may be tried three times.
    The mail must be sent exactly once, by whichever of the three gateways can.
    """

    tags = ("coordination",)

    people: CommunicationHub = field(default_factory=_without_mail)
    communication_hub_2: CommunicationHub = field(default_factory=CommunicationHub)
    communication_hub_3: CommunicationHub = field(default_factory=CommunicationHub)
    context7: Context7 = field(default_factory=_refusing)
    context7_2: Context7 = field(default_factory=lambda: documentation_server(context7_search_libraries=60.0))
    context7_3: Context7 = field(default_factory=documentation_server)

    async def workflow(self, hub: Hub) -> FailoverReport:
        with context_of(hub, "failover") as context_id:
            pool = Coordinator(hub, SERVERS, max_fails=1, timeout=TIMEOUT_SECONDS, context_id=context_id)
            return await Reading(Desk(hub, context_id=context_id), pool).run()

    def expect(self, run: Run) -> None:
        [mail] = self._mails()
        assert mail.message == "fastapi 0.115: 3 sections; flask is not documented"
        assert mail.delivered_to == ["email"]
        assert all(sent.delivered_to == [] for sent in self.people.notifications)
        searches = run.calls("context7_search_libraries")
        assert [(each.server, each.ok) for each in searches] == [
            ("context7", False),
            ("context7-2", False),
            ("context7-3", True),
        ]
        assert searches.latency().longest <= TIMEOUT_SECONDS
        # What is known to be dead is not tried again.
        documentation = run.calls("context7_get_documentation")
        assert sorted((each.server, each.arguments["library"], each.ok) for each in documentation) == [
            ("context7-3", "fastapi", True),
            ("context7-3", "flask", False),
        ]
        [alert] = self.people.alerts
        assert (alert.severity, alert.message) == ("high", "dead: context7, context7-2")
        report: FailoverReport = run.result
        assert (report.success, report.error, report.not_documented) == (True, None, ("flask",))
        assert report.answered_by == {"fastapi authentication": "context7-3", "fastapi": "context7-3"}
        assert list(report.dead) == ["context7", "context7-2"]
        sent_by = run.calls("send_notification")[-1].server
        assert (report.notice_sent_by, sent_by in GATEWAYS[1:]) == (sent_by, True)

    @invariant
    def mailed_exactly_once(self, run: Run) -> None:
        """However answers are lost, the mail reaches people at most once, and once where success is claimed."""
        claimed = isinstance(run.result, FailoverReport) and run.result.success
        assert len(self._mails()) in ((1,) if claimed else (0, 1))

    @invariant
    def three_attempts_at_most(self, run: Run) -> None:
        """No request is sent more than three times, wherever to."""
        assert {
            count for count in Counter(map(_request, _requests(run))).values() if count > MAX_ATTEMPTS
        } == set()

    @invariant
    def the_next_server_is_asked(self, run: Run) -> None:
        """A request goes to one server after the other in their order, to none twice."""
        asked: defaultdict[str, list[str]] = defaultdict(list)
        for each in _requests(run):
            asked[_request(each)].append(each.server)
        for servers in asked.values():
            order = [*SERVERS, *GATEWAYS]
            assert [order.index(server) for server in servers] == sorted(
                {order.index(each) for each in servers}
            )

    @invariant
    def an_answer_is_not_shopped_around(self, run: Run) -> None:
        """A request that was answered, or refused for a reason of its own, is sent to no other server."""
        for earlier, later in itertools.combinations(run.calls("context7*.*"), 2):
            if _request(earlier) == _request(later):
                refusal = refusal_of(earlier)
                assert not earlier.ok, earlier.call
                assert not refusal or refusal.startswith(PASSED_ON), earlier.call

    def _mails(self) -> list[Notification]:
        gateways = (self.people, self.communication_hub_2, self.communication_hub_3)
        return [sent for gateway in gateways for sent in gateway.notifications if sent.delivered_to]


def _requests(run: Run) -> list[Interaction]:
    return [each for each in run.transcript if "context7" in each.server or each.name == "send_notification"]


def _request(interaction: Interaction) -> str:
    return f"{interaction.name} {interaction.arguments}"
