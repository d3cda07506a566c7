"""Failing over when more fails than was planned: attempts are limited, and a mail is sent once or not at all."""

from __future__ import annotations

import pytest
from hidden_faults import dead_tools_hidden, faults_hidden, steps_unnoticed
from mutants.failover import MUTANTS
from planned import Fault
from single_faults import faulted

from pytest_mcpflow import ArgumentError, ServerStartError, ToolError
from pytest_mcpflow.scenario import invariants_of
from pytest_mcpflow.scenarios._coordinator import is_servers_fault
from pytest_mcpflow.scenarios._cross_server import CrossServer
from pytest_mcpflow.scenarios.failover import Failover

MAIL = "communication-hub-2.send_notification"
LOOK = "communication-hub-2.list_messages"


def mails(scenario: Failover) -> list[int]:
    """How many mails each gateway delivered."""
    gateways = (scenario.people, scenario.communication_hub_2, scenario.communication_hub_3)
    return [sum(bool(sent.delivered_to) for sent in gateway.notifications) for gateway in gateways]


@pytest.mark.parametrize("fault", Fault)
def test_no_failing_call_goes_unnoticed(fault: Fault) -> None:
    assert faults_hidden(Failover, fault) == []
    assert dead_tools_hidden(Failover, fault) == []


def test_a_server_that_refuses_costs_no_time_and_one_that_is_silent_thirty_seconds() -> None:
    run = faulted(Failover(), {})

    searches = run.judgement.transcript.calls("context7_search_libraries")
    assert [(each.at, each.until) for each in searches] == [(0.0, 0.0), (0.0, 30.0), (30.0, 30.0)]
    refused, silent = run.result.dead.values()
    assert refused.endswith("503 Service Unavailable")
    assert "timed out" in silent


@pytest.mark.parametrize("fault", [Fault.LOSE_REPLY, Fault.LATE])
def test_a_mail_whose_answer_is_lost_is_found_sent_and_not_sent_by_the_next_gateway(fault: Fault) -> None:
    run = faulted(Failover(), {MAIL: fault})

    assert run.is_as_documented, run.judgement.broken
    assert mails(run.scenario) == [0, 1, 0]


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.LOSE_REQUEST])
def test_a_mail_that_was_not_sent_is_sent_by_the_next_gateway(fault: Fault) -> None:
    run = faulted(Failover(), {MAIL: fault})

    assert run.is_as_documented, run.judgement.broken
    assert run.result.notice_sent_by == "communication-hub-3"
    assert mails(run.scenario) == [0, 0, 1]


@pytest.mark.parametrize(("fault", "sent"), [(Fault.LOSE_REPLY, 1), (Fault.LOSE_REQUEST, 0)])
def test_a_gateway_that_does_not_say_what_it_did_ends_the_attempts(fault: Fault, sent: int) -> None:
    run = faulted(Failover(), {MAIL: fault, LOOK: Fault.REFUSE})

    assert mails(run.scenario) == [0, sent, 0]
    assert not run.result.success
    assert "whether communication-hub-2 has mailed is not known" in run.scenario.people.alerts[0].message
    assert run.silence is None


def test_three_dead_servers_are_the_end_and_nobody_is_mailed() -> None:
    run = faulted(Failover(), {"context7-3.*": Fault.LOSE_REQUEST})

    assert list(run.result.dead) == ["context7", "context7-2", "context7-3"]
    assert "0 of 3 servers are left" in run.result.error
    assert mails(run.scenario) == [0, 0, 0]
    assert run.scenario.people.alerts[-1].message == "dead: context7, context7-2, context7-3"


def test_a_quota_that_is_used_up_is_no_reason_to_say_that_nothing_is_documented() -> None:
    scenario = Failover()
    scenario.context7_3.rate_limit = 2
    run = faulted(scenario, {})

    assert "429 Too Many Requests" in run.result.error
    assert mails(run.scenario) == [0, 0, 0]
    assert run.silence is None


@pytest.mark.parametrize(
    ("error", "passed_on"),
    [
        (ToolError("s", "t", "500 Internal Server Error"), True),
        (ToolError("s", "t", "502 Bad Gateway"), True),
        (ToolError("s", "t", "503 Service Unavailable"), True),
        (TimeoutError(), True),
        (ConnectionResetError(), True),
        (ServerStartError("gone"), True),
        (ToolError("s", "t", "404 Not Found"), False),
        (ToolError("s", "t", "429 Too Many Requests"), False),
        (ArgumentError("s", "t", "Invalid arguments for t"), False),
    ],
)
def test_what_another_server_could_do_better_is_passed_on(error: Exception, passed_on: bool) -> None:
    assert is_servers_fault(error) is passed_on


def test_only_the_attempt_that_mails_nothing_could_be_left_out_unnoticed() -> None:
    [attempt] = steps_unnoticed(Failover)

    assert "communication-hub.send_notification" in attempt
    assert "success=False" in attempt


def test_every_rule_has_a_way_that_breaks_it() -> None:
    of_its_own = {rule.name for rule in invariants_of(Failover())} - {*vars(CrossServer)}

    assert of_its_own <= {check for _, check in MUTANTS.values()}
