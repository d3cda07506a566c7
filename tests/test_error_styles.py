"""The four ways in which servers say no: what a caller gets, and what a transcript says of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import pytest
from checkout import ROOT
from mcp import MCPError

from pytest_mcpflow import (
    Answered,
    ArgumentError,
    ErrorStyle,
    Failed,
    Fake,
    FakeError,
    Hub,
    Outcome,
    Refused,
    ToolError,
    Transcript,
    refused,
    run,
    tool,
)
from pytest_mcpflow.ways import Era, Way

CLOSED = "the library is closed on Sundays"
WRONG = "Invalid arguments for lend: title: required"
EVERYWHERE = [*product(Way, Era)]
everywhere = pytest.mark.parametrize(("way", "era"), EVERYWHERE, ids=lambda each: each.value)
every_style = pytest.mark.parametrize("style", ErrorStyle)


@dataclass
class Loan:
    title: str
    days: int
    next: Loan | None = None


@dataclass
class Library(Fake):
    """Lends books."""

    is_open: bool = False
    loans: list[Loan] = field(default_factory=list[Loan])

    @tool()
    def lend(self, title: str, days: int = 14) -> Loan:
        """Lend a book."""
        self._check()
        self.loans.append(Loan(title, days))
        return self.loans[-1]

    @tool(reads=True)
    def titles(self) -> list[str]:
        """List what is lent."""
        self._check()
        return [loan.title for loan in self.loans]

    @tool()
    def close(self) -> None:
        """Close for today."""
        self._check()
        self.is_open = False

    def _check(self) -> None:
        if not self.is_open:
            raise FakeError(CLOSED)


@dataclass
class Archive(Library):
    """Says no as Slack does, and answers in text."""

    service_error_style = ErrorStyle.SAYS_NO
    structured = False

    def refusal_as_data(self, message: str) -> Mapping[str, bool | str]:
        return {"ok": False, "error": message}


@dataclass
class Heard:
    """What a caller got: the answer or the error, and what the transcript says."""

    answer: dict[str, Any] | None
    error: tuple[str, str, int | None] | None
    transcript: Transcript

    @property
    def outcome(self) -> Outcome:
        return self.transcript[-1].outcome


def ask(
    fake: Library, name: str = "lend", *, way: Way, era: Era = Era.STATELESS, plan: str = "", **arguments: Any
) -> Heard:
    async def asked() -> Heard:
        async with Hub(way=way, era=era) as hub:
            hub.serve(fake, name="library")
            if plan:
                hub.fail(plan)
            try:
                answer = await hub.call_tool(f"library.{name}", arguments)
            except Exception as error:
                said = (type(error).__name__, str(error), getattr(error, "code", None))
                return Heard(None, said, hub.transcript)
            return Heard(dict(answer), None, hub.transcript)

    return run(asked())


def heard_by_styles(way: Way, era: Era, **arguments: Any) -> dict[ErrorStyle, Heard]:
    return {style: ask(Library(error_style=style), way=way, era=era, **arguments) for style in ErrorStyle}


@everywhere
def test_a_refusal_reaches_the_caller_as_the_style_says(way: Way, era: Era) -> None:
    heard = heard_by_styles(way, era, title="Emma")

    assert {style: each.error for style, each in heard.items()} == {
        ErrorStyle.PROTOCOL: ("MCPError", CLOSED, -32603),
        ErrorStyle.IS_ERROR: ("ToolError", f"library.lend: {CLOSED}", None),
        ErrorStyle.SAYS_NO: None,
        ErrorStyle.PROSE: None,
    }
    assert heard[ErrorStyle.SAYS_NO].answer == {"success": False, "error": CLOSED}
    assert heard[ErrorStyle.PROSE].answer == {"result": CLOSED}


@everywhere
def test_a_transcript_says_what_was_seen_and_that_it_was_a_refusal(way: Way, era: Era) -> None:
    heard = heard_by_styles(way, era, title="Emma")

    assert {style: each.outcome for style, each in heard.items()} == {
        ErrorStyle.PROTOCOL: Failed(CLOSED, -32603),
        ErrorStyle.IS_ERROR: Refused(CLOSED),
        ErrorStyle.SAYS_NO: Answered({"success": False, "error": CLOSED}, says_no=True),
        ErrorStyle.PROSE: Answered(CLOSED, says_no=True),
    }
    for each in heard.values():
        (call,) = each.transcript
        assert (call.ok, call.effect, len(each.transcript.failures())) == (False, False, 1)


@everywhere
def test_wrong_arguments_are_refused_in_the_same_style(way: Way, era: Era) -> None:
    heard = heard_by_styles(way, era)

    assert heard[ErrorStyle.PROTOCOL].error == ("MCPError", WRONG, -32602)
    assert heard[ErrorStyle.IS_ERROR].error == ("ArgumentError", f"library.lend: {WRONG}", None)
    assert heard[ErrorStyle.SAYS_NO].answer == {"success": False, "error": WRONG}
    assert heard[ErrorStyle.PROSE].answer == {"result": WRONG}


@everywhere
@every_style
def test_a_success_is_the_same_in_every_style(way: Way, era: Era, style: ErrorStyle) -> None:
    heard = ask(Library(is_open=True, error_style=style), way=way, era=era, title="Emma")

    assert heard.answer == {"title": "Emma", "days": 14, "next": None}
    assert (heard.transcript[0].ok, heard.transcript[0].effect) == (True, True)


@every_style
@pytest.mark.parametrize("name", ["titles", "close"])
def test_tools_with_other_results_say_no_in_the_same_words(name: str, style: ErrorStyle) -> None:
    heard = {way: ask(Library(error_style=style), name, way=way) for way in (Way.DIRECT, Way.MEMORY)}

    assert heard[Way.DIRECT].transcript == heard[Way.MEMORY].transcript
    assert CLOSED in str(heard[Way.DIRECT].outcome)


def test_the_words_can_be_looked_for_whatever_they_look_like() -> None:
    heard = heard_by_styles(Way.DIRECT, Era.STATELESS, title="Emma")
    found = {style for style, each in heard.items() if each.transcript == [refused("on Sundays")]}

    assert found == {ErrorStyle.IS_ERROR, ErrorStyle.SAYS_NO, ErrorStyle.PROSE}
    assert not any(each.transcript == [refused("on Mondays")] for each in heard.values())


def test_an_answer_that_says_no_is_printed_as_one() -> None:
    heard = ask(Library(error_style=ErrorStyle.PROSE), way=Way.DIRECT, title="Emma")

    assert str(heard.outcome) == f"says no: '{CLOSED}'"


async def _schemas(style: ErrorStyle) -> dict[str, Any]:
    async with Hub() as hub:
        hub.serve(Library(error_style=style))
        return {each.name: each.output_schema for each in await hub.list_tools()}


@pytest.mark.parametrize("style", [ErrorStyle.PROTOCOL, ErrorStyle.IS_ERROR])
def test_errors_need_no_place_in_an_output_schema(style: ErrorStyle) -> None:
    schemas = run(_schemas(style))

    assert schemas["titles"]["required"] == ["result"]
    assert schemas["lend"]["properties"].keys() == {"title", "days", "next"}


def test_a_success_that_says_no_has_a_place_in_the_output_schema() -> None:
    schemas = run(_schemas(ErrorStyle.SAYS_NO))
    no = {"success": {"const": False}, "error": {"type": "string"}}

    assert [schemas[name]["type"] for name in ("lend", "titles")] == ["object", "object"]
    assert [schemas[name]["anyOf"][1]["properties"] for name in ("lend", "titles")] == [no, no]
    assert "Loan" in schemas["lend"]["$defs"]


def test_prose_leaves_room_for_no_output_schema() -> None:
    assert set(run(_schemas(ErrorStyle.PROSE)).values()) == {None}


def test_a_class_says_how_its_service_refuses_and_an_object_may_say_otherwise() -> None:
    says_no = ask(Archive(), way=Way.MEMORY, title="Emma")
    raises = ask(Archive(error_style=ErrorStyle.PROTOCOL), way=Way.MEMORY, title="Emma")

    assert (says_no.answer, raises.answer) == ({"ok": False, "error": CLOSED}, None)


@pytest.mark.parametrize("way", [Way.DIRECT, Way.MEMORY])
def test_a_server_without_structured_content_answers_in_text_only(way: Way) -> None:
    async def asked() -> list[Any]:
        async with Hub(way=way) as hub:
            hub.serve(Archive(is_open=True), name="archive")
            lent = await hub.call_tool("archive.lend", {"title": "Emma"})
            await hub.call_tool("archive.close")
            no = await hub.call_tool("archive.titles")
            listed = {each.output_schema is None for each in await hub.list_tools()}
            return [lent.structured_content, lent["days"], no.structured_content, no["ok"], listed]

    assert run(asked()) == [None, 14, None, False, {True}]


@pytest.mark.parametrize("plan", ["refuse", "error", "rate_limit", "auth_expired"])
@every_style
def test_faults_in_which_a_service_says_no_follow_the_style(plan: str, style: ErrorStyle) -> None:
    heard = [
        ask(Library(is_open=True, error_style=style), way=way, plan=f"library.lend#1={plan}", title="Emma")
        for way in (Way.DIRECT, Way.MEMORY)
    ]
    kind = {
        ErrorStyle.PROTOCOL: Failed,
        ErrorStyle.IS_ERROR: Refused,
        ErrorStyle.SAYS_NO: Answered,
        ErrorStyle.PROSE: Answered,
    }

    assert heard[0].transcript == heard[1].transcript
    assert isinstance(heard[0].outcome, kind[style])
    assert not heard[0].transcript[0].ok


@pytest.mark.parametrize("plan", ["malformed", "malformed(how=empty)", "malformed(how=html)", "schema_drift"])
@every_style
@pytest.mark.parametrize("is_open", [True, False])
def test_a_spoilt_answer_is_seen_alike_without_a_protocol(
    plan: str, style: ErrorStyle, is_open: bool
) -> None:
    direct, memory = (
        ask(Library(is_open, error_style=style), way=way, plan=f"library.lend#1={plan}", title="Emma")
        for way in (Way.DIRECT, Way.MEMORY)
    )

    assert direct.transcript == memory.transcript
    assert (direct.answer, direct.error and direct.error[0]) == (
        memory.answer,
        memory.error and memory.error[0],
    )


def test_a_stale_read_of_a_time_of_refusals_refuses_in_the_same_style() -> None:
    async def asked(way: Way) -> tuple[Any, Outcome]:
        async with Hub(way=way) as hub:
            library = hub.serve(Library(is_open=True, error_style=ErrorStyle.PROSE))
            hub.fail("library.titles#1=stale")
            library.is_open = False
            await hub.call_tool("library.lend", {"title": "Emma"})
            library.is_open = True
            await hub.call_tool("library.lend", {"title": "Persuasion"})
            return dict(await hub.call_tool("library.titles")), hub.transcript[-1].outcome

    assert run(asked(Way.DIRECT)) == run(asked(Way.MEMORY))


def test_no_client_sees_the_mark_that_tells_a_hub_of_a_refusal() -> None:
    async def asked() -> list[Any]:
        async with Hub() as hub:
            hub.serve(Library(error_style=ErrorStyle.PROSE))
            ours = await hub.call_tool("library.titles")
            theirs = await (await hub.client("library")).call_tool("titles", {})
            return [ours.protocol.meta, theirs.meta, [each.outcome for each in hub.transcript]]

    no = Answered(CLOSED, says_no=True)
    metas = run(asked())
    assert "refusal" not in str(metas[:2])
    assert metas[2] == [no, no]


def test_errors_of_the_hub_stay_what_they_are() -> None:
    async def asked() -> None:
        async with Hub() as hub:
            hub.serve(Library())
            with pytest.raises(ToolError, match="closed on Sundays"):
                await hub.call_tool("library.titles")
            with pytest.raises(ArgumentError, match="title: required"):
                await hub.call_tool("library.lend")
            with pytest.raises(MCPError, match="Unknown tool: burn"):
                await (await hub.client("library")).call_tool("burn", {})

    run(asked())


@dataclass
class FullMemory(Fake):
    """What a recorded server offers, and no room."""

    @tool()
    def create_entities(self, entities: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
        """Keep them."""
        raise FakeError("no space left on device")


@pytest.mark.parametrize("way", [Way.DIRECT, Way.MEMORY])
@every_style
def test_a_fake_made_of_a_tape_says_no_in_every_style(style: ErrorStyle, way: Way) -> None:
    async def asked() -> Outcome:
        async with Hub(way=way) as hub:
            memory = FullMemory.from_tape(ROOT / "fixtures" / "tapes" / "memory.jsonl")
            memory.error_style = style
            hub.serve(memory, name="memory")
            with suppress(ToolError, MCPError):
                await hub.call_tool("memory.create_entities", {"entities": []})
            return hub.transcript[0].outcome

    outcome = run(asked())
    assert "no space left on device" in str(outcome)
    assert isinstance(outcome, Failed | Refused) or (isinstance(outcome, Answered) and outcome.says_no)


@dataclass
class Mixed(Fake):
    """Says one thing as an error, and another as if nothing were wrong."""

    structured = False

    @tool()
    def find(self, name: str) -> str:
        """Find a name."""
        if name == "nobody":
            raise Unnoticed("nobody was found")
        raise FakeError("the index is broken")


class Unnoticed(FakeError):
    style = ErrorStyle.PROSE


@pytest.mark.parametrize("way", [Way.DIRECT, Way.MEMORY])
def test_a_refusal_may_have_a_style_of_its_own(way: Way) -> None:
    async def asked(mixed: Mixed) -> list[Outcome]:
        async with Hub(way=way) as hub:
            hub.serve(mixed)
            for name in ("nobody", "somebody"):
                with suppress(ToolError):
                    await hub.call_tool("mixed.find", {"name": name})
            return [each.outcome for each in hub.transcript]

    broken = Refused("the index is broken")
    assert run(asked(Mixed())) == [Answered("nobody was found", says_no=True), broken]
    assert run(asked(Mixed(error_style=ErrorStyle.IS_ERROR))) == [Refused("nobody was found"), broken]
