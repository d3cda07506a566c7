"""What each kind of fault does to the world, and what the caller sees of it."""

from __future__ import annotations

import pytest
from stall import LIMIT, WAYS, Shop, under

from pytest_mcpflow import Era, Hub, Way
from pytest_mcpflow.faults.catalogue import KINDS
from pytest_mcpflow.outcome import Failed

TIMED_OUT = "MCPError: Request 'tools/call' timed out"
CLOSED = "MCPError: Connection closed"
INVALID = "RuntimeError: Invalid structured content returned by tool"
UNSTRUCTURED = "RuntimeError: Tool sell has an output schema but did not return structured content"


@pytest.mark.parametrize(
    ("kind", "sold", "seen", "told"),
    [
        ("lose_request", 1, TIMED_OUT, "no effect, request lost"),
        ("lose_reply", 2, TIMED_OUT, "effect applied, reply lost"),
        ("late", 2, TIMED_OUT, "effect applied late, reply lost"),
        ("duplicate", 3, "{'left': 8}", "effect applied twice, request delivered twice"),
        ("delay(3)", 2, "{'left': 8}", "effect applied, request delayed by 3 s"),
        ("delay(11)", 2, TIMED_OUT, "effect applied late, request delayed by 11 s"),
        ("delay(11, reply)", 2, TIMED_OUT, "effect applied, reply delayed by 11 s"),
        ("jitter(3)", 2, "{'left': 8}", "effect applied, request delayed by up to 3 s"),
        ("timeout(3)", 1, TIMED_OUT, "no effect, timed out after 3 s"),
        ("hang", 1, TIMED_OUT, "no effect, no answer"),
        ("error", 1, "ToolError: shop.sell: till jammed", "no effect, service error"),
        ('error("no paper")', 1, "ToolError: shop.sell: no paper", "no effect, service error"),
        ("refuse", 1, "ToolError: shop.sell: 503 Service Unavailable", "no effect, overloaded"),
        ("disconnect(before)", 1, CLOSED, "no effect, connection closed before execution"),
        ("disconnect(during)", 2, CLOSED, "effect applied late, connection closed during execution"),
        ("disconnect", 2, CLOSED, "effect applied, connection closed after execution"),
        ("restart(0)", 1, CLOSED, "no effect, server restarts"),
        ("restart(0, when=after)", 2, CLOSED, "effect applied, server restarts"),
        ("malformed", 2, UNSTRUCTURED, None),
        ("malformed(html)", 2, UNSTRUCTURED, None),
        ("malformed(wrong_type)", 2, f"{INVALID} sell: at /left: Input should be a valid integer", None),
        ("malformed(huge)", 2, "{'left': 8}", "effect applied, malformed answer (huge)"),
        ("schema_drift(added)", 2, "{'left': 8, 'schema_version': 2}", None),
    ],
)  # fmt: skip
def test_one_sale_goes_wrong(kind: str, sold: int, seen: str, told: str | None) -> None:
    ended = under(f"shop.sell#1={kind}")

    assert len(ended.shop.sold) == sold + 3 + 2  # those of the other tools
    if "schema_drift" not in kind:  # a plain dict may have any field
        assert ended.seen[1] == seen
    assert ended.transcript[1].fault is not None
    assert told is None or ended.faults == [told]
    assert ended.transcript[1].effect is not (sold == 1)


@pytest.mark.parametrize("way", [Way.DIRECT, Way.MEMORY])
def test_a_field_more_is_minded_where_a_plain_value_is_promised(way: Way) -> None:
    ended = under("shop.count#1=schema_drift(added), shop.sell#1=schema_drift(added)", way=way)

    assert ended.seen[0].startswith(f"{INVALID} count: result expected, not result, schema_version")
    assert ended.seen[1] == "{'left': 8, 'schema_version': 2}"


@pytest.mark.parametrize("kind", ["lose_request", "lose_reply", "late", "hang"])
def test_the_callers_own_limit_decides_when_it_sees_a_loss(kind: str) -> None:
    ended = under(f"shop.sell#1={kind}")

    assert ended.transcript[1].seconds == LIMIT
    assert ended.transcript[2].at == LIMIT


def test_a_late_effect_comes_after_the_caller_has_given_up() -> None:
    at: list[float] = []
    hub = Hub(way=Way.MEMORY, virtual_time=True)
    hub.serve(Shop())
    hub.on_effect("sell", lambda _: at.append(hub.clock.now()))
    hub.fail("shop.sell=late(2.5)")

    async def give_up() -> None:
        with pytest.raises(Exception, match="timed out"):
            await hub.call_tool("shop.sell", {"item": "tea"}, timeout=7)
        assert at == []
        await hub.faults.settle()

    hub.run(give_up())

    assert at == [9.5]


def test_a_rate_limit_says_at_most_what_was_declared_and_never_less_than_is_left() -> None:
    hub = Hub(way=Way.DIRECT, virtual_time=True)
    hub.serve(Shop())
    hub.fail("shop.sell#1=rate_limit(1)")

    async def hurry() -> list[str]:
        import asyncio

        refused: list[str] = []
        for pause in (0, 15e-6, 0.25):
            await asyncio.sleep(pause)
            try:
                await hub.call_tool("shop.sell", {"item": "tea"})
            except Exception as error:
                refused.append(str(error).rpartition("after ")[2])
        return refused

    assert hub.run(hurry()) == ["1 seconds", "1 seconds", "0.75 seconds"]


@pytest.mark.parametrize(("way", "era"), WAYS)
def test_progress_is_told_in_floats_on_every_way(way: Way, era: Era) -> None:
    assert str(under("shop.count=refuse", way=way, era=era).reports) == "[0.0, 1.0, 2.0, 3.0]"


def test_a_rate_limit_lasts_until_it_says_so() -> None:
    hub = Hub(way=Way.DIRECT, virtual_time=True)
    shop = hub.serve(Shop())
    hub.fail("shop.sell#1=rate_limit(30)")

    async def obey() -> list[str]:
        import asyncio

        refused: list[str] = []
        for pause in (0, 12, 18):
            await asyncio.sleep(pause)
            try:
                await hub.call_tool("shop.sell", {"item": "tea"})
            except Exception as error:
                refused.append(str(error))
        await hub.call_tool("shop.count", {"item": "tea"})
        return refused

    assert hub.run(obey()) == [
        "shop.sell: 429 Too Many Requests: retry after 30 seconds",
        "shop.sell: 429 Too Many Requests: retry after 18 seconds",
    ]
    assert shop.sold == ["tea"]


def test_expired_credentials_close_a_whole_server_and_no_other() -> None:
    hub = Hub(way=Way.DIRECT, virtual_time=True)
    mine, other = hub.serve(Shop()), hub.serve(Shop(), name="market")
    hub.fail("shop.count#1=auth_expired")

    async def work() -> None:
        for _ in range(2):
            with pytest.raises(Exception, match="401 Unauthorized"):
                await hub.call_tool("shop.count", {"item": "tea"})
            with pytest.raises(Exception, match="401 Unauthorized"):
                await hub.call_tool("shop.sell", {"item": "tea"})
        await hub.call_tool("market.sell", {"item": "tea"})

    hub.run(work())

    assert (mine.sold, other.sold) == ([], ["tea"])


@pytest.mark.parametrize(
    ("kind", "sold"),
    [("crash", []), ("crash(after)", ["tea"])],
)
def test_a_crashed_server_stays_down(kind: str, sold: list[str]) -> None:
    ended = under(f"shop.sell#1={kind}")

    assert ended.seen[1:] == [CLOSED] * 7
    assert ended.shop.sold == sold


def test_a_server_that_lost_its_memory_is_back_where_it_began() -> None:
    ended = under("shop.sell#2=restart(0, memory=lost)")

    assert ended.seen[1:4] == ["{'left': 8}", CLOSED, "{'result': 9}"]
    assert ended.shop.sold == ["tea", "salt", "salt", "tea", "tea"]


def test_a_restart_takes_its_time_and_keeps_the_memory() -> None:
    hub = Hub(way=Way.MEMORY, virtual_time=True)
    shop = hub.serve(Shop())
    hub.fail("shop.sell#2=restart(20)")

    async def sell_patiently() -> list[float]:
        import asyncio

        closed: list[float] = []
        while len(shop.sold) < 3:
            try:
                await hub.call_tool("shop.sell", {"item": "tea"})
            except Exception:
                closed.append(hub.clock.now())
                await asyncio.sleep(8)
        return closed

    assert hub.run(sell_patiently()) == [0, 8, 16]
    assert shop.stock["tea"] == 6


def test_an_outage_ends_by_itself() -> None:
    hub = Hub(way=Way.DIRECT, virtual_time=True)
    hub.serve(Shop())
    hub.fail("shop.*=outage(60)@[0,0]")

    async def wait() -> int:
        import asyncio

        failed = 0
        while True:
            try:
                await hub.call_tool("shop.count", {"item": "tea"})
            except Exception:
                failed += 1
                await asyncio.sleep(25)
            else:
                return failed

    assert hub.run(wait()) == 3  # at 0, 25 and 50 s


def test_a_stale_answer_is_the_one_before_the_last_change() -> None:
    ended = under("shop.count#2=stale")

    assert ended.seen[:4] == ["{'result': 9}", "{'left': 8}", "{'left': 7}", "{'result': 8}"]
    assert ended.faults == ["stale answer"]


def test_nothing_is_stale_before_the_first_change() -> None:
    ended = under("shop.count#1=stale")

    assert ended.seen[0] == "{'result': 9}"
    assert ended.faults == []


def test_a_partial_batch_says_what_it_did() -> None:
    ended = under("shop.sell_all=partial(2)")

    assert ended.seen[4] == "{'result': [6, 8]}"
    assert ended.faults == ["effect applied in part, only part of it done"]
    assert ended.shop.stock["salt"] == 8
    assert ended.transcript[4].arguments == {"items": ["tea", "salt", "salt"]}


def test_a_batch_that_is_no_longer_than_that_is_whole() -> None:
    assert under("shop.sell_all=partial(3)").faults == []


def test_a_renamed_field_breaks_the_schema_that_promised_it() -> None:
    ended = under("shop.count#1=schema_drift")

    assert ended.seen[0] == f"{INVALID} count: result expected, not result_v2"


@pytest.mark.parametrize(
    "plan",
    ["shop.count#1=schema_drift", *(f"shop.count#1=malformed({how})" for how in ("empty", "wrong_type"))],
)
@pytest.mark.parametrize(("way", "era"), WAYS)
def test_an_answer_that_its_caller_never_gets_is_no_answer(way: Way, era: Era, plan: str) -> None:
    ended = under(plan, way=way, era=era)

    outcome = ended.transcript[0].outcome
    assert isinstance(outcome, Failed)
    assert ended.seen[0] == f"RuntimeError: {outcome.message}"


def test_a_withdrawn_tool_is_gone_for_good() -> None:
    ended = under("shop.sell#1=tools_changed")

    assert ended.seen[1] == "MCPError: Unknown tool: sell; nearest: sell_all, sell_dearly, brew"
    assert ended.seen[2] == ended.seen[1]
    assert ended.shop.sold == ["tea", "salt", "salt", "tea", "tea"]


def test_a_declined_question_is_a_no() -> None:
    ended = under("shop.sell_dearly=decline")

    assert ended.seen[5] == "ToolError: shop.sell_dearly: The user declined the request"
    assert ended.transcript[5].asked[0].answer is None


def test_a_question_that_nobody_answers_lasts_until_the_limit() -> None:
    ended = under("shop.sell_dearly=unanswered")

    assert ended.seen[5] == TIMED_OUT
    assert ended.transcript[5].seconds == LIMIT
    assert ended.faults == ["no effect, question never answered"]


@pytest.mark.parametrize("kind", ["decline", "unanswered"])
def test_where_nothing_is_asked_no_question_goes_wrong(kind: str) -> None:
    assert under(f"shop.sell={kind}").faults == []


@pytest.mark.parametrize(
    ("kind", "reports"),
    [("progress_stall", [0]), ("progress_stall(2)", [0, 1]), ("reorder", [1, 0, 3, 2])],
)
def test_progress_goes_wrong_and_the_answer_does_not(kind: str, reports: list[float]) -> None:
    ended = under(f"shop.brew={kind}")

    assert ended.reports == reports
    assert ended.seen[6] == "{'result': 'hot'}"


@pytest.mark.parametrize("way", [Way.DIRECT, Way.MEMORY])
@pytest.mark.parametrize(("plan", "sold"), [("shop.brew=hang", []), ("shop.brew=cancel_ignored", ["tea"])])
def test_a_server_may_ignore_that_it_was_cancelled(way: Way, plan: str, sold: list[str]) -> None:
    hub = Hub(way=way, virtual_time=True)
    shop = hub.serve(Shop())
    hub.fail(plan)

    async def give_up() -> None:
        with pytest.raises(Exception, match="timed out"):
            await hub.call_tool("shop.brew", {"item": "tea", "seconds": 40}, timeout=LIMIT)
        await hub.faults.settle()

    hub.run(give_up())

    assert shop.sold == sold


def test_a_cancellation_is_heeded_where_no_fault_says_otherwise() -> None:
    hub = Hub(way=Way.DIRECT, virtual_time=True)
    shop = hub.serve(Shop())

    async def give_up() -> None:
        with pytest.raises(Exception, match="timed out"):
            await hub.call_tool("shop.brew", {"item": "tea", "seconds": 40}, timeout=LIMIT)

    hub.run(give_up())

    assert shop.sold == []


@pytest.mark.parametrize("seconds", [3600, -60])
def test_a_servers_clock_jumps_and_the_workflows_does_not(seconds: int) -> None:
    ended = under(f"shop.opened_at=clock_jump({seconds})")

    assert ended.seen[7] == f"{{'result': {4.0 + seconds}}}"
    assert ended.transcript[7].at == 4.0


def test_the_world_changes_between_a_look_and_a_step() -> None:
    ended = under("shop.count#1=change(delivery)")

    assert ended.seen[:2] == ["{'result': 9}", "{'left': 99}"]
    assert ended.faults == ["then delivery"]


def test_a_refusal_is_lost_like_any_other_answer() -> None:
    hub = Hub(way=Way.DIRECT, virtual_time=True)
    hub.serve(Shop(stock={"tea": 0}))
    hub.fail("shop.sell=lose_reply")

    async def sell() -> None:
        with pytest.raises(Exception, match="timed out"):
            await hub.call_tool("shop.sell", {"item": "tea"}, timeout=1)

    hub.run(sell())

    assert str(hub.transcript[0].fault) == "no effect, reply lost"


def test_every_kind_says_its_cause_and_its_level() -> None:
    for kind in KINDS.values():
        assert kind.__doc__ is not None
        assert "Level: " in kind.__doc__, kind.name
        assert kind().name == kind.name
