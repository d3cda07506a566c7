"""The communication hub's approvals: who was asked, what they decided, and that a decision stands."""

from __future__ import annotations

import asyncio

import pytest

from pytest_mcpflow import Answer, Era, Hub, Question, ToolError, Way, run
from pytest_mcpflow.fakes.communication_hub import Approval, CommunicationHub

ASK = ("communication-hub.request_approval", {"question": "Ship it?", "approver": "qa"})


def served(
    answer: Answer, *, way: Way = Way.DIRECT, era: Era = Era.STATELESS
) -> tuple[Hub, CommunicationHub]:
    hub = Hub(way=way, era=era, virtual_time=True)
    people = hub.serve(CommunicationHub())

    def decide(question: Question) -> Answer:
        return answer

    hub.answer_with(decide)
    return hub, people


@pytest.mark.parametrize("way", [Way.DIRECT, Way.MEMORY])
@pytest.mark.parametrize("era", Era)
def test_a_decision_is_answered_and_kept(way: Way, era: Era) -> None:
    hub, people = served({"approve": True, "reason": "looks good"}, way=way, era=era)

    async def ask() -> None:
        async with hub:
            answer = await hub.call_tool(*ASK)
            assert (answer["approved"], answer["reason"]) == (True, "looks good")

    run(ask())

    assert people.approvals == [Approval("Ship it?", "qa", True, "looks good", 0.0)]


def test_a_decided_question_is_not_asked_again() -> None:
    hub, people = served({"approve": False, "reason": "not today"})

    async def ask_again() -> None:
        first, second = await hub.call_tool(*ASK), await hub.call_tool(*ASK)
        assert dict(first) == dict(second)

    hub.run(ask_again())

    assert [len(each.asked) for each in hub.transcript] == [1, 0]
    assert len(people.approvals) == 1


def test_a_question_asked_twice_at_a_time_is_decided_once() -> None:
    hub, people = served({"approve": True, "reason": "fine"})

    async def ask_twice() -> None:
        first, second = await asyncio.gather(hub.call_tool(*ASK), hub.call_tool(*ASK))
        assert dict(first) == dict(second)

    hub.run(ask_twice())

    assert len(people.approvals) == 1


def test_another_approver_decides_anew() -> None:
    hub, people = served({"approve": True, "reason": "fine"})

    async def ask_both() -> None:
        await hub.call_tool(*ASK)
        await hub.call_tool(ASK[0], {**ASK[1], "approver": "lead"})

    hub.run(ask_both())

    assert [each.approver for each in people.approvals] == ["qa", "lead"]


def test_not_to_answer_is_to_say_no() -> None:
    hub, people = served(None)

    async def ask() -> None:
        assert not (await hub.call_tool(*ASK))["approved"]

    hub.run(ask())

    assert [each.approved for each in people.approvals] == [False]


def test_an_empty_question_is_refused() -> None:
    hub, people = served({"approve": True, "reason": ""})

    async def ask() -> None:
        with pytest.raises(ToolError, match="the question is empty"):
            await hub.call_tool(ASK[0], {**ASK[1], "question": "  "})

    hub.run(ask())

    assert people.approvals == []
