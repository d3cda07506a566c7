"""The breaker by itself, and the board when calls fail that nobody planned to fail."""

from __future__ import annotations

import asyncio

import pytest
from planned import Fault
from single_faults import faulted, silent_under, usual_report

from pytest_mcpflow import UnknownNameError, run
from pytest_mcpflow.scenarios._breaker import Breaker, CircuitOpenError, Rules
from pytest_mcpflow.scenarios.circuit_breaker import GET, CircuitBreaker


@pytest.mark.parametrize("fault", Fault)
def test_no_single_fault_goes_unnoticed(fault: Fault) -> None:
    """The board itself says what it saw at another time, or not at all."""
    assert silent_under(CircuitBreaker, fault, report_tells=True) == []


def test_a_cluster_that_never_answers_gets_one_call_a_minute_and_the_board_says_so() -> None:
    ended = faulted(CircuitBreaker(), {GET: Fault.LOSE_REQUEST})

    assert [each.at for each in ended.judgement.transcript if each.site == GET] == [
        0,
        0,
        0,
        80,
        160,
        240,
        320,
        400,
    ]
    assert not ended.result.success
    assert ended.scenario.people.alerts[0].message == "Circuit mcp_kubernetes_kubectl_get is open since t=5"


def test_an_alert_that_does_not_get_through_is_named_in_the_result() -> None:
    ended = faulted(CircuitBreaker(), {"send_alert": Fault.LOSE_REQUEST})

    assert not ended.result.success
    assert "Circuit mcp_kubernetes_kubectl_get is open since t=60.5" in ended.result.untold
    assert len(ended.result.sights) == len(usual_report(CircuitBreaker).sights)


async def sent(breaker: Breaker, outcomes: str) -> str:
    """Send calls that succeed (`.`), fail (`x`) or ask for what is not there (`?`); `-` is one that was not sent."""

    async def act(outcome: str) -> str:
        if outcome == "x":
            raise ConnectionError
        if outcome == "?":
            raise UnknownNameError("tool", "server.tool", ())
        return outcome

    seen = ""
    for outcome in outcomes:
        try:
            seen += await breaker.call(lambda: act(outcome))  # noqa: B023 - awaited at once
        except CircuitOpenError:
            seen += "-"
        except (ConnectionError, UnknownNameError):
            seen += outcome
    return seen


def breaker() -> Breaker:
    def tell_nobody(name: str, state: str) -> None:
        """The tests look at calls, not at messages."""

    return Breaker("mcp_server_tool", Rules(), tell_nobody)


@pytest.mark.parametrize(
    ("outcomes", "seen"),
    [
        ("xxx...", "xxx---"),
        ("xx.xx.", "xx.xx-"),
        ("x.x.x.", "x.x.x-"),
        (".x.x..x", ".x.x..x"),
        ("..........x.x.x.x.x.", "..........x.x.x.x.x-"),
        ("???????xx.", "???????xx."),
        ("xx?x.", "xx?x-"),
    ],
    ids=[
        "three in a row",
        "more than half",
        "half of five",
        "less than half",
        "half of the last ten",
        "excluded",
        "in between",
    ],
)
def test_a_circuit_opens_after_three_failures_in_a_row_or_half_of_five(outcomes: str, seen: str) -> None:
    assert run(sent(breaker(), outcomes)) == seen


@pytest.mark.parametrize(
    ("probe", "later"),
    [(".", "...xx."), ("x", "------"), ("?", "?...xx")],
    ids=["answered", "failed", "excluded"],
)
def test_after_a_minute_one_call_decides(probe: str, later: str) -> None:
    async def body() -> str:
        subject = breaker()
        await sent(subject, "xxx")
        await asyncio.sleep(59.9)
        assert await sent(subject, ".") == "-"
        await asyncio.sleep(0.1)
        assert await sent(subject, probe) == probe
        return await sent(subject, "?...xx" if probe == "?" else "...xx.")

    assert run(body()) == later


def test_a_probe_that_is_cancelled_makes_room_for_the_next() -> None:
    async def body() -> str:
        subject = breaker()
        await sent(subject, "xxx")
        await asyncio.sleep(60)
        probe = asyncio.create_task(subject.call(asyncio.Event().wait))
        await asyncio.sleep(1)
        assert await sent(subject, ".") == "-"
        probe.cancel()
        await asyncio.wait([probe])
        return await sent(subject, "...")

    assert run(body()) == "..."


def test_a_late_failure_of_a_call_made_before_does_not_open_the_circuit_again() -> None:
    async def fail_late() -> None:
        await asyncio.sleep(61)
        raise ConnectionError

    async def body() -> str:
        subject = breaker()
        late = asyncio.create_task(subject.call(fail_late))
        await asyncio.sleep(0)
        await sent(subject, "xxx")
        await asyncio.sleep(60.5)
        probe = asyncio.create_task(subject.call(lambda: asyncio.sleep(5)))
        await asyncio.wait([late])
        await probe
        assert late.exception() is not None
        return await sent(subject, "xx.")

    assert run(body()) == "xx."
