"""Each promise that is broken on purpose is found, and told with the fewest calls that show it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from mcp.server import Server
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
)
from planted_promises import PLANTED, Ledger, library, lowlevel

from pytest_mcpflow import Fake, Law, LawBrokenError, mcpflow_fuzz, tool
from pytest_mcpflow.fuzz.looks import ProbedLook
from pytest_mcpflow.fuzz.steps import Answered, CallTool


def steps_of(broken: LawBrokenError) -> list[str]:
    return [step.get("call") or next(iter(step)) for step in json.loads(broken.replay)]


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_found_and_shown_by_the_fewest_calls(name: str) -> None:
    fake, law, steps = PLANTED[name]

    with pytest.raises(LawBrokenError) as caught:
        mcpflow_fuzz(fake, examples=300)

    assert caught.value.law == law
    assert steps_of(caught.value) == steps


def test_ids_in_answers_are_what_later_calls_ask_for() -> None:
    """Nobody guesses eight hexadecimal digits, so the calls are made of what the server said."""
    report = mcpflow_fuzz(Ledger(), examples=30, laws=[Law.READS])

    assert report.tools["cancel"].answered > 10


@pytest.mark.parametrize(
    ("change", "law", "steps"),
    [
        ("idempotent", Law.IDEMPOTENT, ["copies", "put"]),
        ("reads", Law.READS, ["titles", "copies"]),
        ("errors", Law.ERRORS, ["titles", "lend"]),
        ("crash", Law.NO_CRASH, ["lend"]),
    ],
)
def test_a_mistake_of_a_server_that_is_no_fake_is_seen_by_its_own_reads(
    change: str, law: Law, steps: Sequence[str]
) -> None:
    with pytest.raises(LawBrokenError) as caught:
        mcpflow_fuzz(partial(library, change), examples=60)

    assert caught.value.law == law
    assert sorted(steps_of(caught.value)) == sorted(steps)


@pytest.mark.parametrize(
    ("change", "law", "steps"),
    [
        ("crash", Law.NO_CRASH, ["roll"]),
        ("bug", Law.NO_CRASH, ["roll"]),
        ("hang", Law.NO_CRASH, ["roll"]),
        ("output", Law.OUTPUT, ["roll"]),
        ("careless", Law.INVALID, ["roll"]),
        ("disconnect", Law.NO_CRASH, ["roll"]),
    ],
)
def test_a_mistake_of_a_lowlevel_server_is_found(change: str, law: Law, steps: list[str]) -> None:
    with pytest.raises(LawBrokenError) as caught:
        mcpflow_fuzz(partial(lowlevel, change), examples=60, patience=0.2)

    assert caught.value.law == law
    assert steps_of(caught.value) == steps


def test_an_idempotent_tool_that_crashes_when_it_is_called_again_needs_one_step_to_be_shown() -> None:
    @dataclass
    class Door(Fake):
        """Opens once."""

        shut: int = 1

        @tool(idempotent=True)
        def open(self) -> int:
            """Open."""
            self.shut, width = 0, 90 // self.shut
            return width

    with pytest.raises(LawBrokenError, match="open: the second time: ZeroDivisionError"):
        mcpflow_fuzz(Door(), replay='[{"call": "open", "with": {}}]')


def test_answers_that_have_yet_to_settle_say_nothing_about_the_call_between() -> None:
    read = CallTool("now", {})
    answers = iter(["1", "2", "3", "3"])

    look = ProbedLook([read], lambda _: Answered(next(answers)))

    assert look.changes() == []


def test_tools_are_found_on_each_page_of_a_list() -> None:
    def listed(name: str, then: str | None) -> ListToolsResult:
        return ListToolsResult(tools=[Tool(name=name, input_schema={"type": "object"})], next_cursor=then)

    async def list_tools(_: Any, asked: PaginatedRequestParams | None) -> ListToolsResult:
        return listed("first", "2") if asked is None or asked.cursor is None else listed("second", None)

    async def call_tool(_: Any, asked: CallToolRequestParams) -> CallToolResult:
        return CallToolResult(content=[TextContent(type="text", text=asked.name)])

    report = mcpflow_fuzz(
        lambda: Server("paged", on_list_tools=list_tools, on_call_tool=call_tool), examples=3
    )

    assert [*report.tools] == ["first", "second"]


def test_a_crash_that_the_sdk_only_logs_is_told_with_what_was_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(LawBrokenError, match="lend: KeyError: ''") as caught:
        mcpflow_fuzz(partial(library, "crash", "logged"), examples=60)

    cause = caught.value.__cause__
    assert isinstance(cause, KeyError)
    assert cause.__traceback__ is not None
    assert cause.__traceback__.tb_frame.f_code.co_name == "lend"
    assert "Traceback" not in caplog.text  # of which there would be one for each time it crashed


def test_what_is_logged_besides_crashes_stays_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="mcp"):
        mcpflow_fuzz(partial(library, "logged"), examples=5, tools=["lend", "put"])

    assert "Tool 'lend' failed: " in caplog.text


def test_a_server_may_take_a_number_that_is_written_as_text() -> None:
    taken = '[{"call": "put", "with": {"title": "Emma", "copies": "7"}}]'

    assert mcpflow_fuzz(library, replay=taken).tools["put"].answered
    with pytest.raises(LawBrokenError, match="its input schema does not allow these arguments"):
        mcpflow_fuzz(partial(lowlevel, "careless"), replay='[{"call": "roll", "with": {"dice": "many"}}]')


@pytest.mark.parametrize("server", [library, lowlevel])
def test_a_server_without_a_mistake_keeps_its_promises(server: object) -> None:
    report = mcpflow_fuzz(server, examples=15, steps=10)  # type: ignore[arg-type]

    assert report.sessions == 15
    assert report.never_answered == ()
