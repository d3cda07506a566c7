"""Reference workflows whose servers say no in other ways than the protocol means it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from mcp import MCPError
from planned import Fault, plan_text
from single_faults import reference

from pytest_mcpflow import ErrorStyle, Hub, Scenario, ToolError, Transcript, Way, run
from pytest_mcpflow.catalogue import Catalogue, builtin_scenarios
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.scenario import world_of
from pytest_mcpflow.scenarios._careful import Careful
from pytest_mcpflow.scenarios._plain_answers import UnclearAnswerError, plain_answer, refusal_of
from pytest_mcpflow.scenarios.deployment_chain import DeploymentChain
from pytest_mcpflow.verdict import Verdict, judge

SCENARIOS = {each.name: each for each in Catalogue(builtin_scenarios())}
OTHER_STYLES = [style for style in ErrorStyle if style is not ErrorStyle.IS_ERROR]
"""What every exploration tries is `is_error`."""
NOTICE = {"message": "Release 2 is out", "channels": ["slack"]}


def in_style(scenario: type[Scenario], style: ErrorStyle) -> Scenario:
    """A new world whose servers all say no in this style."""
    world = scenario()
    for fake in world_of(world).values():
        fake.error_style = style
    return world


def verdicts(scenario: type[Scenario], style: ErrorStyle) -> dict[str, Verdict]:
    """How the workflow ends when the first call of each tool is refused, by tool; `""` is without a refusal."""
    # What a server does not offer has neither an effect nor an answer, and no plan can name it.
    offered = [each for each in reference(scenario).transcript if each.effect is not None or each.ok]
    sites = sorted({each.site for each in offered})
    plans = {"": "", **{site: plan_text({f"{site}#1": Fault.REFUSE}) for site in sites}}
    return {
        site: judge(in_style(scenario, style), way=Way.DIRECT, plan=plan).verdict
        for site, plan in plans.items()
    }


@pytest.mark.parametrize("style", OTHER_STYLES)
@pytest.mark.parametrize("name", SCENARIOS)
def test_no_refusal_is_hidden_in_any_style(name: str, style: ErrorStyle) -> None:
    bad = {site: verdict for site, verdict in verdicts(SCENARIOS[name], style).items() if not verdict.is_good}

    assert bad == {}


@pytest.mark.parametrize("style", ErrorStyle)
def test_a_release_recovers_from_a_refusal_in_any_style(style: ErrorStyle) -> None:
    """Also of its broadcast, after which nothing uses the receipt."""
    found = verdicts(DeploymentChain, style)

    assert found.pop("") is Verdict.PASSED
    assert len(found) == 6
    assert {*found.values()} == {Verdict.RECOVERED}


@pytest.mark.parametrize(
    ("style", "error"),
    [
        (ErrorStyle.IS_ERROR, ToolError),
        (ErrorStyle.SAYS_NO, ToolError),
        (ErrorStyle.PROTOCOL, UnclearAnswerError),
        (ErrorStyle.PROSE, UnclearAnswerError),
    ],
)
@pytest.mark.parametrize("way", [Way.DIRECT, Way.MEMORY])
def test_a_refusal_is_one_error_with_the_words_of_the_service(
    style: ErrorStyle, error: type[ToolError], way: Way
) -> None:
    async def refused() -> tuple[ToolError, Transcript]:
        async with Hub(way=way) as hub:
            hub.serve(CommunicationHub(error_style=style))
            hub.fail("communication-hub.send_notification#1=refuse")
            with pytest.raises(ToolError) as caught:
                await plain_answer(hub, "communication-hub.send_notification", NOTICE)
            return caught.value, hub.transcript

    caught, transcript = run(refused())

    assert type(caught) is error
    assert caught.message == refusal_of(transcript[0])
    assert str(caught).startswith("communication-hub.send_notification: ")


def test_a_tool_that_answers_in_text_is_not_taken_for_one_that_refuses() -> None:
    async def read() -> object:
        async with Hub() as hub:
            hub.serve(DesktopCommander(files={"README.md": "success: false"}, error_style=ErrorStyle.PROSE))
            return (await plain_answer(hub, "desktop-commander.read_file", {"path": "README.md"}))["result"]

    assert run(read()) == "success: false"


@pytest.mark.parametrize(("style", "sent"), [(ErrorStyle.SAYS_NO, 2), (ErrorStyle.PROSE, 1)])
def test_what_must_not_be_done_twice_is_repeated_only_after_a_clear_refusal(
    style: ErrorStyle, sent: int
) -> None:
    async def insist() -> int:
        async with Hub() as hub:
            hub.serve(CommunicationHub(error_style=style))
            hub.fail("communication-hub.send_notification#1=refuse")
            with suppress(UnclearAnswerError):
                await Careful(hub).insist("communication-hub.send_notification", NOTICE)
            return len(hub.transcript)

    assert run(insist()) == sent


def test_a_lost_answer_is_no_refusal() -> None:
    async def lost() -> tuple[int, str | None]:
        async with Hub() as hub:
            hub.serve(CommunicationHub())
            hub.fail("communication-hub.send_notification#1=lose_reply")
            with pytest.raises(MCPError) as caught:
                await plain_answer(hub, "communication-hub.send_notification", NOTICE, timeout=5)
            return caught.value.code, refusal_of(hub.transcript[0])

    assert run(lost()) == (-32001, None)
