"""Verifying: what a live server does otherwise than its cassette is found, put in its place, and nothing else is."""

from __future__ import annotations

import asyncio
import difflib
import os
import re
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.server import MCPServer
from mcp.types import (
    CallToolRequest,
    CallToolRequestParams,
    EmptyResult,
)
from weather_station import READS, found, record, station

from pytest_mcpflow import CassetteError, Era
from pytest_mcpflow.cassette.columns import columns
from pytest_mcpflow.cassette.compare import MISSING
from pytest_mcpflow.cassette.drift import Change, Drift, Skipped
from pytest_mcpflow.cassette.operations import Result, operations
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.redaction import Redactor
from pytest_mcpflow.cassette.verify import verify

each_era = pytest.mark.parametrize("era", list(Era))


@pytest.fixture
def tape(tmp_path: Path, era: Era) -> Path:
    return record(tmp_path / "tape.jsonl", era, station())


def check(cassette: Path, *changes: str, **options: Any) -> Drift:
    return asyncio.run(verify(cassette, station(*changes), **options))


@each_era
def test_an_unchanged_server_has_not_drifted(tape: Path, era: Era) -> None:
    drift = check(tape)

    assert not drift
    assert drift.skipped == ()
    assert drift.compared == 13


WHERE = {
    "description": ("schemas", [("tool temperature", "/description")]),
    "schema": (
        "schemas",
        [("tool temperature", "/inputSchema/properties/unit"), ("tool temperature", "/inputSchema/title")],
    ),
    "structured": (
        "answers",
        [
            ("temperature(city='Oslo')", "/content/0/text/celsius"),
            ("temperature(city='Oslo')", "/structuredContent/celsius"),
        ],
    ),
    "text": ("answers", [("motto()", "/content/0/text")]),
    "json": ("answers", [("report(city='Oslo')", "/content/0/text/wind")]),
    "error": ("answers", [("motto()", "/content/0/text"), ("motto()", "/isError")]),
    "silent": ("answers", [("measure()", "/progress")]),
    "question": ("answers", [("christen()", "/questions/0/params/message")]),
    "resource": ("answers", [("resources/read weather://history", "/contents/0/text")]),
    "prompt": ("answers", [("prompts/get small_talk", "/messages/0/content/text")]),
    "added": ("tools", [("tool sun", "")]),
    "removed": ("tools", [("tool moon", "")]),
}


@each_era
@pytest.mark.parametrize("change", WHERE)
def test_each_change_is_found_in_its_section(tape: Path, change: str) -> None:
    section, expected = WHERE[change]
    drift = check(tape, change)

    assert bool(drift)
    assert [entry for entry in found(getattr(drift, section)) if "town" not in entry[0]] == expected
    others = {"tools", "schemas", "answers"} - {section}
    # A tool that is gone answers otherwise, and one with another signature refuses in other words.
    consequences = {"removed": {"moon()"}, "schema": {"temperature(town='Oslo')"}}.get(change, set[str]())
    assert {each.subject for other in others for each in getattr(drift, other)} == consequences


@each_era
def test_another_version_is_a_note_and_no_drift(tape: Path) -> None:
    drift = check(tape, "version")

    assert not drift
    assert drift.notes == ("its version was 1 when it was recorded and is 2",)
    assert drift.server == "weather-station 2"


@each_era
def test_what_is_volatile_counts_when_asked_for(tape: Path) -> None:
    pointers = {pointer for _, pointer in found(check(tape, exact=True).answers)}

    assert pointers == {
        "/content/0/text/measured_at",
        "/structuredContent/measured_at",
        "/content/0/text/now",
        "/content/0/text/id",
    }


@each_era
def test_what_is_ignored_is_no_drift(tape: Path) -> None:
    assert check(
        tape, "structured", ignore=["/structuredContent/celsius", "/content/*/text/celsius"]
    ) == check(tape)
    assert found(check(tape, "structured", ignore=["/content"]).answers) == [
        ("temperature(city='Oslo')", "/structuredContent/celsius")
    ]


@each_era
def test_updating_writes_what_changed_and_then_nothing_differs(tape: Path) -> None:
    changes = ("description", "text", "question", "added", "silent")
    before = tape.read_text(encoding="utf-8").splitlines()
    tape.chmod(0o640)

    assert check(tape, *changes, update=True)
    after = tape.read_text(encoding="utf-8").splitlines()

    assert not check(tape, *changes)
    assert oct(tape.stat().st_mode)[-3:] == "640"
    assert [path.name for path in tape.parent.iterdir()] == [tape.name]
    compared = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    replaced = sorted(
        {line for tag, low, high, *_ in compared if tag != "equal" for line in before[low:high]}
    )
    # The listing, the motto, the steps that are gone, and the dialogue of the christening; nothing else.
    assert all(
        re.search('tools/list|"tools":|Rain or shine|progress|Which name|Ada|state-1', each)
        for each in replaced
    )
    assert not [each for each in replaced if "Oslo" in each]


@each_era
def test_updating_from_a_server_that_has_not_changed_changes_no_byte(tape: Path) -> None:
    before = tape.read_bytes()

    assert not check(tape, update=True)
    assert tape.read_bytes() == before


@each_era
def test_an_updated_tape_is_numbered_as_if_it_had_been_recorded(tape: Path, era: Era, tmp_path: Path) -> None:
    changed = record(tmp_path / "changed.jsonl", era, station("question", "prompt"))

    check(tape, "question", "prompt", update=True)

    def stable(path: Path) -> list[str]:
        volatile = r"[0-9a-f]{32}|\d{4}-\d\d-\d\dT[^\"\\]*|\d{10}\.\d+"
        return re.sub(volatile, "", path.read_text(encoding="utf-8")).splitlines()

    assert stable(tape) == stable(changed)


async def demolishing(client: Client) -> None:
    await client.list_tools()
    await client.call_tool("motto", {})
    await client.call_tool("demolish", {})
    await client.call_tool("tinker", {})


@each_era
def test_what_may_destroy_is_not_called_and_is_named(
    tmp_path: Path, era: Era, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tape = record(tmp_path / "tape.jsonl", era, station("harmless"), demolishing)

    drift = check(tape)

    assert not (tmp_path / "demolished").exists()
    assert not drift
    assert [(each.subject, each.why) for each in drift.skipped] == [
        ("demolish()", "it says destructiveHint; --allow-destructive calls it"),
        (
            "tinker()",
            "it does not say readOnlyHint or destructiveHint: false, so by the protocol it is destructive; "
            "--allow-destructive calls it",
        ),
    ]
    assert "demolish()" in str(drift)


@each_era
def test_what_may_destroy_is_called_when_allowed_by_name(
    tmp_path: Path, era: Era, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tape = record(tmp_path / "tape.jsonl", era, station("harmless"), demolishing)

    assert [each.subject for each in check(tape, allow=["tink*"]).skipped] == ["demolish()"]
    assert not (tmp_path / "demolished").exists()
    assert check(tape, allow=["*"]).skipped == ()
    assert (tmp_path / "demolished").exists()


@each_era
def test_a_tool_that_is_gone_is_drift_even_if_the_client_never_listed_it(tmp_path: Path, era: Era) -> None:
    tape = record(tmp_path / "tape.jsonl", era, station(), lambda client: call(client, "moon"))
    drift = check(tape, "removed")
    [skipped] = drift.skipped

    assert drift.tools == (Change("tool moon", "", {"name": "moon"}, MISSING, skipped.line),)
    assert skipped.why == "the server lists no such tool; --allow-destructive calls it nevertheless"


@each_era
def test_a_tool_that_is_gone_counts_once_however_often_it_was_called_and_listed(
    tmp_path: Path, era: Era
) -> None:
    def shop(*tools: str) -> MCPServer:
        server = MCPServer("shop", log_level="ERROR")
        for name in tools:
            server.add_tool(lambda: "done", name=name, description=f"One of {len(tools)}.")
        return server

    async def call_and_list(client: Client) -> None:
        for _ in range(2):
            await call(client, "sell")
            await client.list_tools()

    tape = tmp_path / "tape.jsonl"
    for server in (shop("sell"), shop("sell", "buy")):
        record(tape, era, server, call_and_list)

    drift = asyncio.run(verify(tape, shop("buy")))

    assert sorted(found(drift.tools)) == [("tool buy", ""), ("tool sell", "")]
    assert f"{drift}".endswith("; drift: tools 2, schemas 1, answers 0")


async def call(client: Client, tool: str) -> None:
    # Unlike `Client.call_tool`, this does not list the tools by itself.
    request = CallToolRequest(params=CallToolRequestParams(name=tool, arguments={}))
    await client.session.send_request(request, EmptyResult)


def test_a_session_can_be_chosen(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    record(tape, Era.HANDSHAKE, station(), demolishing_nothing)
    record(tape, Era.STATELESS, station("text"), demolishing_nothing)

    assert not check(tape, sessions=[1])
    assert found(check(tape, sessions=[2]).answers) == [("motto()", "/content/0/text")]
    assert found(check(tape).answers) == [("motto()", "/content/0/text")]
    with pytest.raises(CassetteError, match="has no session 3; it has 1, 2"):
        check(tape, sessions=[3])
    with pytest.raises(ValueError, match="a transport serves one session, and these are 1, 2"):
        asyncio.run(verify(tape, stdio_client(StdioServerParameters(command="never-started"))))


async def demolishing_nothing(client: Client) -> None:
    await client.list_tools()
    await client.call_tool("motto", {})


def test_a_report_escapes_what_a_server_says_and_shows_a_limited_number() -> None:
    changes = tuple(
        Change(f"tool {number}\x1b[2J", "/x", "a" * 500, {"b": "\x1b]0;"}) for number in range(30)
    )
    drift = Drift(
        cassette="t.jsonl",
        server="evil\x1b[31m",
        compared=30,
        answers=changes,
        skipped=(Skipped("f()\n", "why", 3),),
    )

    assert "\x1b" not in str(drift)
    assert all(columns(line) <= 80 for line in str(drift).splitlines())
    assert "  and 10 more\n" in str(drift)


def vault(*, says: str) -> MCPServer:
    server = MCPServer("vault", log_level="ERROR")

    @server.tool(annotations=READS, structured_output=False)
    def unlock(password: str) -> str:
        """Give out what is inside."""
        return f"token {says}" if password == KEY else "wrong password"

    return server


KEY, TOKEN, OTHER_TOKEN = "open-" + "sesame-4711", "ghp_" + "a1B2" * 9, "ghp_" + "z9Y8" * 9


async def unlocking(client: Client) -> None:
    await client.call_tool("unlock", {"password": KEY})


@each_era
def test_a_redacted_tape_verifies_where_the_environment_holds_its_secrets(
    tmp_path: Path, era: Era, monkeypatch: pytest.MonkeyPatch
) -> None:
    tape = record(tmp_path / "tape.jsonl", era, vault(says=TOKEN), unlocking, redactor=Redactor())
    assert KEY not in (recorded := tape.read_text(encoding="utf-8"))
    assert TOKEN not in recorded

    unknown = asyncio.run(verify(tape, vault(says=TOKEN)))
    monkeypatch.setenv("ANY_NAME", KEY)
    known = asyncio.run(verify(tape, vault(says=TOKEN)))
    renewed = asyncio.run(verify(tape, vault(says=OTHER_TOKEN)))
    without = asyncio.run(verify(tape, vault(says="none"), update=True))

    assert [each.why for each in unknown.skipped] == [
        "it sent a secret that is not on the tape, and no environment variable holds it"
    ]
    assert (bool(known), known.skipped, bool(renewed)) == (False, (), False)
    [change] = without.answers
    assert re.fullmatch(r"unlock\(password='\[REDACTED:[a-z]+:[0-9a-f]{8}\]'\)", change.subject)
    assert KEY not in tape.read_text(encoding="utf-8")
    assert not asyncio.run(verify(tape, vault(says="none")))


def test_a_tape_redacted_by_other_rules_is_not_updated(tmp_path: Path) -> None:
    other = Redactor(entropy=False)
    tape = record(tmp_path / "tape.jsonl", Era.HANDSHAKE, station(), demolishing_nothing, redactor=other)

    assert check(tape).notes == ("it was redacted by other rules than these, and secrets may count as drift",)
    assert check(tape, redactor=other).notes == ()
    with pytest.raises(CassetteError, match="redacted by other rules"):
        check(tape, update=True)


def counter(*, step: int = 1, secret: bool = False) -> MCPServer:
    """A server whose calls belong together by an id that it makes up."""
    server = MCPServer("counter", log_level="ERROR")
    counts: dict[str, int] = {}

    @server.tool(annotations=READS)
    def begin() -> dict[str, str]:
        """Begin to count."""
        made_up = f"ghp_{os.urandom(18).hex()}" if secret else os.urandom(12).hex()
        counts[made_up] = 0
        return {"counter": made_up, "say": f"Ask with {made_up}!"}

    @server.tool(annotations=READS, structured_output=False)
    def count(counter: str) -> str:
        """Count on."""
        counts[counter] += step
        return f"{counter} is at {counts[counter]}"

    return server


async def counting(client: Client) -> None:
    begun = await client.call_tool("begin", {})
    assert begun.structured_content is not None
    for _ in range(2):
        await client.call_tool("count", {"counter": begun.structured_content["counter"]})


@each_era
@pytest.mark.parametrize("secret", [False, True])
def test_ids_that_the_live_server_makes_up_are_sent_back_to_it(
    tmp_path: Path, era: Era, secret: bool
) -> None:
    redactor = Redactor() if secret else None
    tape = record(tmp_path / "tape.jsonl", era, counter(secret=secret), counting, redactor=redactor)

    same = asyncio.run(verify(tape, counter(secret=secret)))
    other = asyncio.run(verify(tape, counter(secret=secret, step=2), update=True))

    assert (bool(same), same.skipped) == (False, ()), str(same)
    assert [each.pointer for each in other.answers] == ["/content/0/text", "/content/0/text"]
    assert not asyncio.run(verify(tape, counter(secret=secret, step=2)))
    # On the updated tape, the calls still ask with the id that the first one was answered with.
    [session] = read_cassette(tape).sessions
    calls = [each for each in operations(session) if each.method == "tools/call"]
    outcome = calls[0].outcome
    assert isinstance(outcome, Result)
    made_up = outcome.body["structuredContent"]["counter"]
    assert [each.arguments for each in calls[1:]] == [{"counter": made_up}] * 2
