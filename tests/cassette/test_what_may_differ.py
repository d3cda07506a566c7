"""`Playback`: what of a request may differ from the recording, and what a user who goes wrong there is told."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from checkout import ROOT
from mcp import MCPError
from mcp.server import MCPServer
from tapes import ask, called, opened, say, write

from pytest_mcpflow import (
    CassetteError,
    DifferentArgumentsError,
    ExhaustedError,
    Hub,
    HubError,
    Playback,
)
from pytest_mcpflow.cassette.player import Player, Tape
from pytest_mcpflow.cli import main

NOW = Playback(ignore=["/arguments/now"])
Json = Mapping[str, Any]


def same_word(recorded: Json, live: Json) -> bool:
    return bool(recorded["arguments"]["q"].lower() == live["arguments"]["q"].lower())


def searches(path: Path, *words: str) -> Path:
    calls = [called(number, "search", {"q": word}, f"{number}") for number, word in enumerate(words, 1)]
    return write(path, [*opened(), *(said for call in calls for said in call)])


def search(player: Player, word: str) -> str:
    found = player.find("tools/call", {"name": "search", "arguments": {"q": word}})
    return str(found.arguments["q"])


def playing(path: Path, playback: Playback) -> Player:
    return Player(Tape.load(path, playback), "hand-made")


@pytest.mark.parametrize(
    ("playback", "said"),
    [
        (Playback(), "exact"),
        (Playback(ordered=True, timing=True), "exact, ordered, timing"),
        (
            Playback(ignore=["/arguments/a", "/arguments/b"], allow_unused=True),
            "ignore /arguments/a, ignore /arguments/b, allow_unused",
        ),
        (Playback(same=same_word), "same=same_word"),
    ],
)
def test_a_playback_says_itself_in_the_words_of_its_options(playback: Playback, said: str) -> None:
    assert str(playback) == said


def test_one_pointer_is_one_place_and_not_its_letters() -> None:
    assert Playback(ignore="/arguments/now") == NOW


@pytest.mark.parametrize(
    ("ignore", "live", "fits"),
    [
        ("/arguments/rows/*/id", {"rows": [{"id": 7, "n": 1}, {"id": 8, "n": 2}], "at": 0}, True),
        ("/arguments/rows/*/id", {"rows": [{"id": 7, "n": 1}, {"id": 8, "n": 3}], "at": 0}, False),
        ("/arguments/rows/*/id", {"rows": [{"id": 7, "n": 1}], "at": 0}, False),
        ("/arguments/rows/*", {"rows": [], "at": 0}, True),
        ("/arguments/*", {"something": "else"}, True),
        ("/arguments/rows/1/id", {"rows": [{"id": 1, "n": 1}, {"id": 8, "n": 2}], "at": 0}, True),
        ("/arguments/rows/1/id", {"rows": [{"id": 9, "n": 1}, {"id": 8, "n": 2}], "at": 0}, False),
        ("/arguments/rows/9/id", {"rows": [{"id": 1, "n": 1}, {"id": 2, "n": 2}], "at": 0}, True),
    ],
)
def test_a_star_stands_for_any_one_step(tmp_path: Path, ignore: str, live: Json, fits: bool) -> None:
    recorded = {"rows": [{"id": 1, "n": 1}, {"id": 2, "n": 2}], "at": 0}
    player = playing(write(tmp_path / "t.jsonl", called(1, "log", recorded, "")), Playback(ignore=[ignore]))
    asked = {"name": "log", "arguments": live}

    if fits:
        assert player.find("tools/call", asked).name == "log"
    else:
        with pytest.raises(DifferentArgumentsError):
            player.find("tools/call", asked)


def test_what_does_not_count_is_never_told_as_the_difference(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", called(1, "log", {"now": 1, "text": "x"}, ""))

    with pytest.raises(
        DifferentArgumentsError,
        match=r"t\.jsonl \(ignore /arguments/now\) has no answer .* at /arguments/text was recorded 'x', and asked 'y'"
        r".* or let that differ: Playback\(ignore=\['/arguments/text'\]\)",
    ):
        playing(path, NOW).find("tools/call", {"name": "log", "arguments": {"now": 2, "text": "y"}})


def test_recordings_that_the_user_takes_for_the_same_answer_in_the_order_of_the_tape(tmp_path: Path) -> None:
    path = searches(tmp_path / "t.jsonl", "tea", "Tea", "tea")

    for playback in (Playback(same=same_word), Playback(same=same_word, ordered=True)):
        player = playing(path, playback)
        assert [search(player, "TEA") for _ in range(3)] == ["tea", "Tea", "tea"]
        with pytest.raises(
            ExhaustedError, match=r"search\(q='TEA'\) was asked more often than it was recorded"
        ):
            search(player, "TEA")


def test_a_likeness_that_two_recordings_share_uses_up_each_once(tmp_path: Path) -> None:
    """Three words of which two pairs are alike: what one call used is not there for the other."""
    path = searches(tmp_path / "t.jsonl", "a", "ab", "b")

    def shares_a_letter(recorded: Json, live: Json) -> bool:
        return not {*recorded["arguments"]["q"]}.isdisjoint(live["arguments"]["q"])

    player = playing(path, Playback(same=shares_a_letter))

    assert [search(player, word) for word in ("b", "b", "a")] == ["ab", "b", "a"]


def test_the_user_is_asked_about_tools_resources_and_prompts_only_and_always_given_arguments(
    tmp_path: Path,
) -> None:
    asked: list[tuple[Json, Json]] = []

    def same(recorded: Json, live: Json) -> bool:
        asked.append((recorded, live))
        return True

    listed = ask(9, "tools/list", _meta={"progressToken": 1}), say(9, result={"tools": []})
    path = write(
        tmp_path / "t.jsonl",
        [*opened(), *listed, ask(1, "tools/call", name="now"), say(1, result={"content": []})],
    )
    player = playing(path, Playback(same=same))

    player.find("tools/list", {})
    player.find("tools/call", {"name": "now", "_meta": {"progressToken": 2}})

    assert asked == [({"name": "now", "arguments": {}}, {"name": "now", "arguments": {}})]


def test_a_comparison_that_fails_fails_the_test(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", [*opened(), *called(1, "look", {"at": "x"}, "")])
    hub = Hub()
    hub.replay(path, name="shop", playback=Playback(same=same_word))
    told = (
        r"same=same_word failed with KeyError: 'q', when it was asked whether look\(at='x'\) on t.jsonl and "
        r"look\(at='y'\) ask the same"
    )

    async def swallow() -> None:
        with pytest.raises(CassetteError, match=told):
            await hub.call_tool("shop.look", {"at": "y"})

    hub.run(swallow())
    with pytest.raises(CassetteError, match=told):
        hub.verify()


async def test_what_a_fault_lost_answers_the_next_call_under_a_comparison_of_ones_own(
    mcpflow: Hub, tmp_path: Path
) -> None:
    mcpflow.replay(
        searches(tmp_path / "t.jsonl", "tea"), name="shop", playback=Playback(same=same_word, ordered=True)
    )
    mcpflow.fail("shop.search#1=lose_reply")

    with pytest.raises(MCPError, match="imed out"):
        await mcpflow.call_tool("shop.search", {"q": "TEA"}, timeout=5.0)
    assert (await mcpflow.call_tool("shop.search", {"q": "Tea"})).text == "1"


@pytest.mark.parametrize("playback", [Playback(), Playback(ordered=True), NOW])
def test_a_hub_says_how_its_cassettes_answer_and_a_server_otherwise(
    tmp_path: Path, playback: Playback
) -> None:
    path = write(
        tmp_path / "t.jsonl",
        [*opened(), *called(1, "a", {"now": 1}, "a"), *called(2, "b", {"now": 1}, "b")],
    )

    async def ask_for_b(hub: Hub) -> str:
        return (await hub.call_tool("shop.b", {"now": 2})).text

    loose = Hub(playback=playback)
    loose.replay(path, name="shop", playback=NOW)
    assert loose.run(ask_for_b(loose)) == "b"
    hub = Hub(playback=playback)
    hub.replay(path, name="shop")
    if playback is NOW:
        assert hub.run(ask_for_b(hub)) == "b"
    else:
        with pytest.raises(CassetteError):
            hub.run(ask_for_b(hub))


TEST = """
import pytest
from mcp.server import MCPServer
from pytest_mcpflow import Hub, Playback

pytestmark = pytest.mark.mcpflow(playback=Playback(ignore=["/arguments/now"]))
SERVER = MCPServer("clock", log_level="ERROR")

@SERVER.tool()
def tell(now: int, zone: str) -> str:
    return zone

async def ask(mcpflow, now, zone="UTC", **more):
    mcpflow.use(SERVER, cassette="clock.jsonl", **more)
    return (await mcpflow.call_tool("clock.tell", {"now": now, "zone": zone})).text

async def test_by_the_file(mcpflow):
    assert await ask(mcpflow, NOW) == "UTC"

@pytest.mark.mcpflow(starts_at="2026-05-05")
async def test_that_says_something_else_in_its_own_marker(mcpflow):
    assert await ask(mcpflow, NOW) == "UTC"

@pytest.mark.mcpflow(playback=Playback())
async def test_that_says_it_otherwise(mcpflow):
    assert await ask(mcpflow, NOW) == "UTC"

async def test_of_which_the_server_is_strict(mcpflow):
    assert await ask(mcpflow, NOW, playback=Playback()) == "UTC"

async def test_that_differs_elsewhere(mcpflow):
    await ask(mcpflow, NOW, zone="CET")
"""


def test_a_file_a_test_and_a_server_say_what_may_differ(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    (pytester.path / "test_it.py").write_text(TEST.replace("NOW", "1"), encoding="utf-8")
    pytester.runpytest_inprocess(
        "--mcp-record=once", "-p", "no:asyncio", "test_it.py::test_by_the_file"
    ).assert_outcomes(passed=1)
    recorded = (pytester.path / "clock.jsonl").read_bytes()
    (pytester.path / "test_it.py").write_text(TEST.replace("NOW", "2"), encoding="utf-8")

    result = pytester.runpytest_inprocess("-p", "no:asyncio")

    result.assert_outcomes(passed=2, failed=3)
    result.stdout.fnmatch_lines_random(
        [
            "FAILED*test_that_says_it_otherwise*",
            "FAILED*test_of_which_the_server_is_strict*",
            "FAILED*test_that_differs_elsewhere*",
            "*clock.jsonl has no answer of clock*at /arguments/now was recorded 1, and asked 2*",
            "*clock.jsonl (ignore /arguments/now) has no answer*at /arguments/zone was recorded 'UTC', and*",
        ]
    )
    assert (pytester.path / "clock.jsonl").read_bytes() == recorded


@pytest.mark.parametrize("wrong", ["'exact'", "dict(ignore=['/arguments/now'])"])
def test_a_marker_whose_playback_is_none_is_a_usage_error(pytester: pytest.Pytester, wrong: str) -> None:
    pytester.makepyfile(f"import pytest\n@pytest.mark.mcpflow(playback={wrong})\ndef test_it(mcpflow): ...\n")

    result = pytester.runpytest_inprocess("-p", "no:asyncio")

    result.stdout.fnmatch_lines(["*@pytest.mark.mcpflow: playback is a Playback(...), got *"])


def test_a_playback_without_a_cassette_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        HubError, match=r"playback=\.\.\.\) says how a cassette answers, and names none; give it a"
    ):
        Hub().use(MCPServer("clock"), playback=NOW)


@pytest.mark.parametrize(
    ("same", "said"),
    [
        ("parcels:nothing", "no function at --same 'parcels:nothing': AttributeError"),
        ("nowhere:same", "no function at --same 'nowhere:same': ModuleNotFoundError"),
        ("parcels:__doc__", "--same 'parcels:__doc__' is a str, which is no function"),
    ],
)
def test_a_comparison_that_is_not_there_is_said_before_anything_is_served(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], same: str, said: str
) -> None:
    monkeypatch.chdir(ROOT / "examples" / "matched")
    monkeypatch.setattr(sys, "path", [*sys.path])

    assert main(["serve", "cassettes/shipping.jsonl", "--same", same]) == 2
    assert said in capsys.readouterr().err
