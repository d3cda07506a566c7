"""Transcripts: what can be asked of them, what equals them, and their stable text."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from dirty_equals import IsPartialDict, IsStr
from hypothesis import given
from hypothesis import strategies as st

from pytest_mcpflow import (
    Answered,
    Cancelled,
    Failed,
    Hub,
    Interaction,
    Outcome,
    Pending,
    Refused,
    Transcript,
    UnknownNameError,
    Way,
    answered,
    refused,
    run,
    sent,
)
from pytest_mcpflow.diff import explain_difference
from pytest_mcpflow.fakes.docker import Docker
from pytest_mcpflow.fakes.kubernetes import Kubernetes
from pytest_mcpflow.outcome import Asked
from pytest_mcpflow.stable_text import stable_text


def call(
    site: str,
    at: float = 0.0,
    until: float | None = None,
    outcome: Outcome = Answered({"ok": True}),  # noqa: B008 - frozen
    *,
    method: str = "tools/call",
    **arguments: Any,
) -> Interaction:
    server, _, name = site.partition(".")
    return Interaction(at, at if until is None else until, server, name, arguments, outcome, method=method)


SCAN = call("scanner.scan", 0, 2, scope="full")
APPLY = call("cluster.apply", 2, 5, path="k8s/")
AGAIN = call("cluster.apply", 6, 7, Refused("no such path"), path="x/")
ALERT = call("people.send_alert", 8, severity="high", message="no such path")
LISTING = call("cluster.", method="tools/list")
EVERYTHING = Transcript([LISTING, SCAN, APPLY, AGAIN, ALERT])


def test_protocol_noise_is_hidden_unless_asked_for() -> None:
    assert (len(EVERYTHING), len(EVERYTHING.with_protocol())) == (4, 5)
    assert EVERYTHING.with_protocol()[0] is LISTING


def test_calls_are_found_by_server_and_tool() -> None:
    assert EVERYTHING.calls("cluster.apply") == [APPLY, AGAIN]
    assert EVERYTHING.calls("apply") == [APPLY, AGAIN]
    assert EVERYTHING.calls("*.s*") == [SCAN, ALERT]
    assert EVERYTHING.by_server("cluster") == EVERYTHING[1:3]
    assert EVERYTHING.calls("nothing") == []
    assert EVERYTHING.failures() == [AGAIN]


def test_patterns_that_name_nothing_are_errors_where_the_tools_are_known() -> None:
    known = Transcript([SCAN], is_known=lambda pattern: pattern == "scan", known=["scanner.scan"])
    assert known.calls("scan") == [SCAN]
    with pytest.raises(UnknownNameError, match=r"unknown tool 'scanned'; there is: scanner\.scan"):
        known.calls("scanned")
    with pytest.raises(UnknownNameError, match=r"unknown server 'scaner'; there is: scanner"):
        known.by_server("scaner")


def test_order_says_whether_and_why() -> None:
    assert EVERYTHING.before("scan", "apply")
    assert not EVERYTHING.before("apply", "scan")
    assert str(EVERYTHING.before("scan", "deploy")) == "scan before deploy: no, deploy was never called"
    overlapping = Transcript([call("a.x", 0, 5), call("b.y", 3, 4)])
    assert not overlapping.before("x", "y")
    assert "no, a.x() began at t=0 and ended at t=5, b.y() began at t=3" in str(overlapping.before("x", "y"))


def test_calls_at_one_instant_are_in_the_order_in_which_they_were_made() -> None:
    at_once = Transcript([call("a.x"), call("b.y")])
    assert at_once.before("x", "y")
    assert "no, b.y() was called at t=0, after a.x() at t=0" in str(at_once.before("y", "x"))
    again = Transcript([call("a.x"), call("b.y"), call("a.x")])  # the third equals the first
    assert not again.before("x", "y")


@pytest.mark.parametrize("way", [Way.DIRECT, Way.MEMORY])
@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_what_starts_together_overlaps_on_every_way_as_soon_as_it_takes_time(
    way: Way, seconds: float
) -> None:
    async def together() -> Transcript:
        async with Hub(way=way) as hub:
            hub.serve(Docker(takes={"docker_ps": seconds} if seconds else {}))
            hub.serve(Kubernetes())
            pods = {"resource_type": "pods"}
            await asyncio.gather(
                hub.call_tool("docker.docker_ps", {}), hub.call_tool("kubernetes.kubectl_get", pods)
            )
            return hub.transcript

    assert bool(run(together()).before("docker_ps", "kubectl_get")) is (seconds == 0)


def test_counts_and_values() -> None:
    assert EVERYTHING.counts() == {"scanner.scan": 1, "cluster.apply": 2, "people.send_alert": 1}
    assert EVERYTHING.calls("apply").by("path") == {"k8s/": 1, "x/": 1}


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=50))
def test_percentiles_are_nearest_ranks(seconds: list[int]) -> None:
    latency = Transcript([call("a.x", 0, each) for each in seconds]).latency()
    for percent, value in ((50, latency.median), (95, latency.p95)):
        assert value in seconds
        assert sum(each <= value for each in seconds) * 100 >= percent * len(seconds)
        assert sum(each < value for each in seconds) * 100 < percent * len(seconds)
    assert (latency.count, latency.longest, latency.total) == (len(seconds), max(seconds), sum(seconds))


def test_latency_of_nothing_is_nothing() -> None:
    pending = Interaction(0, None, "a", "x", {}, Pending())
    assert Transcript([pending]).latency().count == 0
    assert pending.seconds is None


def test_a_transcript_equals_a_list_of_interactions_matchers_or_both() -> None:
    assert EVERYTHING.calls("apply") == [APPLY, refused("no such")]
    everything: object = EVERYTHING
    assert everything == [
        sent({"scope": "full"}),
        answered({"ok": True}),
        refused(by="cluster.*"),
        sent({}, to="send_alert"),
    ]
    assert EVERYTHING.calls("send_alert") != [sent({"severity": "low"})]
    assert EVERYTHING.calls("apply") != [APPLY]
    assert sent({"a": 1}) != "a text"


def test_parts_compare_with_objects_in_the_style_of_dirty_equals() -> None:
    alert = EVERYTHING.calls("send_alert")[0]
    assert alert.arguments == {"severity": "high", "message": IsStr(regex="no .*")}
    assert alert.arguments == IsPartialDict(severity="high")
    assert EVERYTHING.calls("send_alert") == [sent({"message": IsStr(min_length=3)})]


def test_matchers_take_objects_in_the_style_of_dirty_equals_for_the_whole() -> None:
    assert EVERYTHING.calls("send_alert") == [sent(IsPartialDict(severity="high"))]
    assert EVERYTHING.calls("send_alert") != [sent(IsPartialDict(severity="low"))]
    assert EVERYTHING.calls("scan") == [answered(IsPartialDict(ok=True))]
    assert EVERYTHING.calls("scan") != [answered(IsPartialDict(ok=False))]
    assert EVERYTHING.calls("apply") == [APPLY, refused(IsStr(regex="no .* path"))]
    assert EVERYTHING.calls("apply") != [APPLY, refused(IsStr(regex="no"))]
    assert repr(sent(IsPartialDict(severity="low"), to="x")) == "x(IsPartialDict(severity='low'), ...)"


def test_interactions_print_themselves_in_a_line() -> None:
    long = call("a.b", 3600, text="x" * 100, many=[1, 2, 3, 4], deep={"k": "v" * 90})
    assert str(SCAN) == "t=    0.0  scanner.scan(scope='full') -> {ok=True}"
    assert "many=[1, ... 4 items]" in str(long)
    assert len(str(long)) < 250
    shown = {str(outcome) for outcome in (Refused("no"), Failed("lost", -32000), Cancelled(), Pending())}
    assert shown == {"refused: no", "failed: lost (-32000)", "cancelled", "..."}
    assert str(Asked("Really?", None)) == "asked: Really? -> declined"
    assert str(Transcript([])) == "(no calls)"


def test_a_difference_is_shown_call_by_call() -> None:
    lines = explain_difference(EVERYTHING, [SCAN, sent({"path": "y/"})])
    assert lines is not None
    assert lines[:4] == [
        "4 calls == 2 expected",
        f"  [0] {SCAN}",
        "- [1] *(path='y/', ...)",
        f"+ [1] {APPLY}",
    ]
    assert lines[-2:] == ["- [3] nothing", f"+ [3] {ALERT}"]
    assert explain_difference("a", "b") is None


HEX = st.text("0123456789abcdef", min_size=12, max_size=40).filter(
    lambda text: any(c.isdigit() for c in text) and any(c.isalpha() for c in text)
)


@given(st.lists(HEX, min_size=1, max_size=4, unique=True), st.lists(HEX, min_size=4, max_size=4, unique=True))
def test_other_ids_give_the_same_text(first: list[str], second: list[str]) -> None:
    def text(ids: list[str]) -> str:
        return stable_text(Transcript([call("a.b", commit=each, again=each) for each in ids]))

    assert text(first) == text(second[: len(first)])
    assert text(first).count("<id-1>") == 2


def test_instants_and_uuids_are_numbered_and_words_stay() -> None:
    text = stable_text(
        Transcript(
            [
                call(
                    "a.b",
                    5,
                    uuid="123e4567-e89b-42d3-a456-426614174000",
                    since="2026-01-01T02:03:04.5Z",
                    later="2026-01-01T02:03:05+00:00",
                    word="deadbeefcafe",
                    number="123456789012",
                )
            ]
        )
    )
    assert text == (
        'a.b {"uuid":"<id-1>","since":"<time-1>","later":"<time-2>","word":"deadbeefcafe","number":"123456789012"}\n'
        '  -> {"ok":true}'
    )


def test_transcripts_are_snapshots_of_syrupy(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it="""
import pytest
from pytest_mcpflow import Answered, Interaction, Transcript
from pytest_mcpflow.snapshot import TranscriptSnapshot

@pytest.fixture
def snapshot(snapshot):
    return snapshot.use_extension(TranscriptSnapshot)

def test_it(snapshot):
    order = Interaction(5, 6, "shop", "order", {"item": "tea"}, Answered({"id": "0a1b2c3d4e5f"}))
    assert Transcript([order]) == snapshot
"""
    )
    options = ("-p", "no:randomly", "-p", "no:cacheprovider")
    pytester.runpytest_subprocess("--snapshot-update", *options).assert_outcomes(passed=1)
    snapshot = (pytester.path / "__snapshots__" / "test_it.ambr").read_text(encoding="utf-8")
    assert 'shop.order {"item":"tea"}' in snapshot
    assert '-> {"id":"<id-1>"}' in snapshot
    pytester.runpytest_subprocess(*options).assert_outcomes(passed=1)
