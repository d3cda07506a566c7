"""A cassette in a hub: with faults laid over it, in its recorded time, in either era, and with a client of the test."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from conversation import Everything
from mcp import MCPError
from tapes import ask, called, opened, say, tell, write

from pytest_mcpflow import (
    CassetteError,
    Era,
    Hub,
    OutOfOrderError,
    Playback,
    RecordMode,
    UnusedRecordingError,
)
from pytest_mcpflow.cassette.values import dump
from pytest_mcpflow.server import serve_fake

CALL = ("hand-made.get", {"n": 1})


def tape(path: Path) -> Path:
    return write(path / "t.jsonl", [*opened(), *called(1, "get", {"n": 1}, "one")])


@pytest.mark.parametrize(
    "kind", ["lose_request", "lose_reply", "late(2)", "refuse", "disconnect(after)", "duplicate"]
)
async def test_a_retry_after_a_fault_is_answered(mcpflow: Hub, tmp_path: Path, kind: str) -> None:
    mcpflow.replay(tape(tmp_path))
    mcpflow.fail(f"hand-made.get#1={kind}")

    if kind == "duplicate":
        assert (await mcpflow.call_tool(*CALL, timeout=1)).text == "one"
    else:
        with pytest.raises(Exception, match=r"timed out|503|Connection closed"):
            await mcpflow.call_tool(*CALL, timeout=1)
        await mcpflow.faults.settle()
        assert (await mcpflow.call_tool(*CALL, timeout=1)).text == "one"


def test_a_delayed_answer_is_used_up(tmp_path: Path) -> None:
    async def twice() -> None:
        async with hub:
            await hub.call_tool(*CALL)
            assert hub.clock.now() == 5
            await hub.call_tool(*CALL)

    hub = Hub()
    hub.replay(tape(tmp_path))
    hub.fail("hand-made.get#1=delay(5)")

    with pytest.raises(CassetteError, match="more often than it was recorded"):
        hub.run(twice())


def test_a_call_before_its_turn_is_told_from_one_that_was_never_recorded(tmp_path: Path) -> None:
    hub = Hub()
    path = write(
        tmp_path / "t.jsonl", [*opened(), *called(1, "get", {"n": 0}, "0"), *called(2, "get", {"n": 1}, "1")]
    )
    hub.replay(path, playback=Playback(ordered=True))

    with pytest.raises(OutOfOrderError, match=r"recorded as call 2, and now comes call 1: get\(n=0\)"):
        hub.run(hub.call_tool(*CALL))


@pytest.mark.parametrize("era", list(Era))
async def test_answers_take_the_time_that_they_took(mcpflow: Hub, tmp_path: Path, era: Era) -> None:
    request, answer = called(1, "slow", {}, "done", progressToken="p")
    path = write(
        tmp_path / "t.jsonl",
        [*opened(), request, tell("notifications/progress", progressToken="p", progress=1)],
    )
    lines = path.read_bytes().splitlines(keepends=True)
    answered = {"kind": "message", "session": 1, "from": answer[0], "message": answer[1]}
    times = [dump({"kind": "timing", "session": 1, "ms": ms}) for ms in (1000, 4000, 31000)]
    path.write_bytes(
        b"".join([*lines[:-3], lines[-3], times[0], lines[-2], times[1], dump(answered), times[2]])
    )
    heard: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        heard.append(mcpflow.clock.now())

    mcpflow.replay(path, name="slow", era=era, playback=Playback(timing=True))

    result = await mcpflow.call_tool("slow.slow", on_progress=note)

    assert result.text == "done"
    assert (heard, mcpflow.clock.now()) == ([3.0], 30.0)


async def test_a_status_that_the_sdk_would_hide_is_told(mcpflow: Hub, tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", [*opened(), ask(1, "tools/call", name="get", arguments={"n": 1})])
    lines = path.read_bytes().splitlines(keepends=True)
    limited = {"request": 1, "status": 429, "headers": {"retry-after": "7"}, "body": "slow down"}
    path.write_bytes(b"".join([*lines[:-1], dump({"kind": "http", "session": 1, **limited}), lines[-1]]))
    mcpflow.replay(path, name="hand-made")

    with pytest.raises(MCPError, match="HTTP status 429") as caught:
        await mcpflow.call_tool(*CALL)

    assert caught.value.data == {"status": 429, "headers": {"retry-after": "7"}}


def test_what_was_never_asked_for_fails_the_test(tmp_path: Path) -> None:
    hub = Hub()
    hub.replay(tape(tmp_path))

    with pytest.raises(UnusedRecordingError, match=r"1 recorded calls were never made, .* get\(n=1\)"):
        hub.verify(calls_expected=False)


async def test_the_list_may_be_asked_for_in_the_other_era(mcpflow: Hub, tmp_path: Path) -> None:
    listing = {"tools": [{"name": "get", "inputSchema": {"type": "object"}}]}
    path = write(tmp_path / "t.jsonl", [*opened(), ask(1, "tools/list"), say(1, result=listing)])
    mcpflow.replay(path, name="listed", era=Era.STATELESS)

    client = await mcpflow.client("listed")

    assert [tool.name for tool in (await client.list_tools()).tools] == ["get"]
    assert client.protocol_version == "2026-07-28"


def test_a_secret_is_not_on_the_tape_and_still_finds_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)  # where nothing is recorded
    token, password = "ghp_" + "a1B2" * 9, "-".join(["very", "hidden", "words"])
    monkeypatch.setenv("SHOP_PASSWORD", password)
    tape = tmp_path / "secret.jsonl"

    async def log_in(mode: RecordMode, password: str) -> list[str]:
        async with Hub(record=mode) as hub:
            hub.use(serve_fake(Everything()), name="everything", cassette=tape)
            said = [
                await hub.call_tool("everything.echo", {"message": word})
                for word in (token, f"pw {password}")
            ]
            hub.verify()
            return [result.text for result in said]

    live = Hub().run(log_in(RecordMode.ONCE, password))
    text = tape.read_text(encoding="utf-8")
    monkeypatch.setenv("SHOP_PASSWORD", "another-one-in-ci")
    replayed = Hub().run(log_in(RecordMode.NONE, "another-one-in-ci"))

    assert live == [f"Echo: {token}", f"Echo: pw {password}"]
    assert token not in text
    assert password not in text
    assert all("[REDACTED:" in answer for answer in replayed)
    assert stat.S_IMODE(tape.stat().st_mode) == 0o600
