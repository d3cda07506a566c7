"""Where faults come in: which calls go wrong, on which servers, and what is left when the run is over."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from mcp import MCPError
from mcp.server import MCPServer
from stall import WAYS, Shop, under

from pytest_mcpflow import (
    DeadlockError,
    Era,
    Fake,
    Fault,
    FaultPlan,
    FaultPlanError,
    Hub,
    ToolError,
    UnusedRecordingError,
    Way,
    prompt,
    run,
    tool,
)
from pytest_mcpflow.faults.refused import Refuse
from pytest_mcpflow.server import serve_fake

TEA = {"item": "tea"}


def hub_with(
    plan: str | FaultPlan, *, way: Way = Way.DIRECT, era: Era = Era.STATELESS, must_happen: bool = False
) -> Hub:
    hub = Hub(way=way, era=era, virtual_time=True)
    hub.serve(Shop())
    hub.fail(plan, must_happen=must_happen)
    return hub


async def sell(hub: Hub, times: int) -> list[bool]:
    """Whether each sale worked."""
    worked: list[bool] = []
    for _ in range(times):
        try:
            await hub.call_tool("shop.sell", TEA)
        except ToolError:
            worked.append(False)
        else:
            worked.append(True)
    return worked


@pytest.mark.parametrize(
    ("plan", "worked"),
    [
        ("shop.sell#2=refuse", "+-+++"),
        ("shop.sell#2+=refuse", "+----"),
        ("shop.sell#2-3=refuse", "+--++"),
        ("shop.sell#*=refuse", "-----"),
        ("shop.sell=refuse", "-----"),
        ("sell#5=refuse", "++++-"),
        ("*.sell#1=refuse", "-++++"),
        ("shop.s*#1=refuse", "-++++"),
        ("shop.count=refuse", "+++++"),
        ("shop.sell#1=refuse, shop.sell#3=refuse", "-+-++"),
    ],
)
def test_a_plan_says_which_calls_go_wrong(plan: str, worked: str) -> None:
    hub = hub_with(plan)

    assert hub.run(sell(hub, 5)) == [sign == "+" for sign in worked]


@pytest.mark.parametrize("nothing", ["", "  "])
def test_a_text_of_nothing_is_refused_and_a_plan_without_faults_is_none(nothing: str) -> None:
    with pytest.raises(FaultPlanError, match=r"the plan is empty.*Leave it out where nothing is to go wrong"):
        hub_with(nothing)

    hub = hub_with(FaultPlan())
    assert hub.run(sell(hub, 2)) == [True, True]


def test_the_first_of_two_faults_that_concern_a_call_happens() -> None:
    ended = under("shop.sell#1=refuse, shop.sell#*=error")

    assert ended.seen[1:3] == [
        "ToolError: shop.sell: 503 Service Unavailable",
        "ToolError: shop.sell: till jammed",
    ]


def test_calls_are_counted_tool_by_tool() -> None:
    ended = under("shop.*#2=refuse")

    assert [call.name for call in ended.transcript if call.fault is not None] == ["sell", "count"]


def test_a_window_is_in_the_runs_own_time() -> None:
    hub = hub_with("shop.sell=refuse@[10,20]")

    async def sell_for_long() -> list[bool]:
        worked: list[bool] = []
        for _ in range(4):
            worked += await sell(hub, 1)
            await asyncio.sleep(8)
        return worked

    assert hub.run(sell_for_long()) == [True, True, False, True]


def test_an_unrelated_call_shifts_nothing_that_is_left_to_chance() -> None:
    plan = FaultPlan.parse("shop.sell=refuse~0.5", seed=3)
    alone, busy = hub_with(plan), hub_with(plan)

    async def sell_and_count() -> list[bool]:
        worked: list[bool] = []
        for _ in range(20):
            await busy.call_tool("shop.count", TEA)
            worked += await sell(busy, 1)
        return worked

    seldom = alone.run(sell(alone, 9))
    assert busy.run(sell_and_count())[:9] == seldom
    assert {*seldom} == {True, False}


def test_the_hubs_seed_decides_for_a_plan_given_as_text() -> None:
    outcomes = {tuple(under("shop.*=refuse~0.5", seed=seed).seen[:6]) for seed in range(8)}

    assert len(outcomes) > 1
    assert under("shop.*=refuse~0.5", seed=5).seen == under("shop.*=refuse~0.5", seed=5).seen


def test_a_plan_may_come_in_the_middle_of_a_run_and_counts_what_was_before() -> None:
    hub = Hub(way=Way.DIRECT, virtual_time=True)
    hub.serve(Shop())

    async def work() -> list[bool]:
        before = await sell(hub, 2)
        hub.fail("shop.sell#2=refuse, shop.sell#4=refuse")
        return before + await sell(hub, 2)

    assert hub.run(work()) == [True, True, True, False]
    assert [*map(str, hub.faults.never_happened())] == ["shop.sell#2=refuse"]


def test_a_second_plan_concerns_calls_at_which_the_first_was_looked_up_already() -> None:
    async def main() -> list[bool]:
        hub = hub_with("shop.sell#4=refuse")
        worked = await sell(hub, 1)
        hub.fail("shop.sell#2=refuse")
        worked += await sell(hub, 3)
        await hub.aclose()
        return worked

    assert run(main()) == [True, False, True, False]


# Which servers


@pytest.mark.parametrize(("way", "era"), [pair for pair in WAYS if pair[0] is not Way.DIRECT])
def test_calls_of_a_real_client_go_wrong_too(way: Way, era: Era) -> None:
    hub = hub_with("shop.sell#1=lose_reply, shop.sell#2=refuse, shop.sell#3=disconnect", way=way, era=era)

    async def work() -> list[Any]:
        client = await hub.client("shop")
        with pytest.raises(MCPError, match="timed out"):
            await client.call_tool("sell", TEA, read_timeout_seconds=5)
        refused = await client.call_tool("sell", TEA)
        with pytest.raises(MCPError, match="Connection closed"):
            await client.call_tool("sell", TEA)
        return [refused.is_error, (await client.call_tool("count", TEA)).structured_content]

    assert hub.run(work()) == [True, {"result": 7}]
    assert [str(call.fault) for call in hub.transcript][:3] == [
        "effect applied, reply lost",
        "no effect, overloaded",
        "effect applied, connection closed after execution",
    ]


def shelf() -> tuple[MCPServer, list[str]]:
    server, put = MCPServer("shelf", log_level="WARNING"), list[str]()

    @server.tool()
    async def put_up(item: str) -> int:
        """Put an item up."""
        put.append(item)
        return len(put)

    return server, put


@pytest.mark.parametrize("way", Way)
def test_a_server_of_somebody_else_goes_wrong_as_well(way: Way) -> None:
    server, put = shelf()
    hub = Hub(way=way, virtual_time=True)
    hub.use(server)
    hub.fail("shelf.put_up#1=lose_reply, shelf.put_up#2=lose_request, shelf.put_up#3=duplicate")

    async def work() -> None:
        for _ in range(2):
            with pytest.raises(MCPError, match="timed out"):
                await hub.call_tool("shelf.put_up", TEA, timeout=5)
        await hub.call_tool("shelf.put_up", TEA)

    hub.run(work())

    assert put == ["tea"] * 3
    # Whether the world of such a server changed is not known, only what was delivered.
    assert [str(call.fault) for call in hub.transcript] == [
        "delivered, reply lost",
        "not delivered, request lost",
        "delivered twice, request delivered twice",
    ]
    assert [call.effect for call in hub.transcript] == [None, None, None]


@pytest.mark.parametrize("kind", ["decline", "unanswered"])
@pytest.mark.parametrize("era", Era)
def test_a_server_that_asked_got_the_request(kind: str, era: Era) -> None:
    hub = Hub(era=era, virtual_time=True)
    hub.use(serve_fake(Shop(), name="shop"))
    hub.answer_with(lambda _: {"approved": True})
    hub.fail(f"shop.sell_dearly={kind}")

    async def work() -> None:
        with pytest.raises((MCPError, ToolError)):
            await hub.call_tool("shop.sell_dearly", {"item": "tea"}, timeout=5)

    hub.run(work())

    seen = "question declined" if kind == "decline" else "question never answered"
    assert [str(call.fault) for call in hub.transcript] == [f"delivered, {seen}"]


def test_everything_a_client_asks_of_a_server_that_is_down_fails() -> None:
    hub = hub_with("shop.sell#1=outage(60)", way=Way.MEMORY)

    async def work() -> None:
        with pytest.raises(MCPError, match="Connection closed"):
            await hub.call_tool("shop.sell", TEA)
        with pytest.raises(MCPError, match="Connection closed"):
            await hub.list_tools()
        await asyncio.sleep(60)
        assert len(await hub.list_tools()) == 6

    hub.run(work())


@pytest.mark.parametrize(("way", "era"), WAYS)
def test_calls_under_way_when_a_server_goes_down_get_their_answers(way: Way, era: Era) -> None:
    hub = hub_with("shop.sell#1=outage", way=way, era=era)

    async def work() -> Any:
        brewing = asyncio.create_task(hub.call_tool("shop.brew", TEA))
        await asyncio.sleep(1)
        with pytest.raises(MCPError, match="Connection closed"):
            await hub.call_tool("shop.sell", TEA)
        return dict(await brewing)

    assert hub.run(work()) == {"result": "hot"}


# What is left


@pytest.mark.parametrize(("way", "era"), WAYS)
def test_a_caller_without_a_limit_waits_for_ever_and_that_is_told(way: Way, era: Era) -> None:
    hub = hub_with("shop.sell=lose_reply", way=way, era=era)

    with pytest.raises(DeadlockError, match="nothing can run and no timer is armed"):
        hub.run(sell(hub, 1))


@pytest.mark.parametrize(("way", "era"), WAYS)
@pytest.mark.parametrize("kind", ["late", "cancel_ignored", "disconnect(during)", "delay(30)", "lose_reply"])
def test_no_task_outlives_the_hub(way: Way, era: Era, kind: str) -> None:
    hub = hub_with(f"shop.brew={kind}", way=way, era=era)

    async def work() -> set[str]:
        async with hub:
            with pytest.raises(MCPError):
                await hub.call_tool("shop.brew", {"item": "tea", "seconds": 60}, timeout=5)
        await asyncio.sleep(0)  # what was cancelled ends
        others = asyncio.all_tasks() - {asyncio.current_task()}
        return {getattr(task.get_coro(), "__qualname__", task.get_name()) for task in others}

    # The watcher belongs to the SSE library, which has one for each event loop.
    assert run(work()) - {"_shutdown_watcher"} == set()


def test_a_cancelled_call_is_given_up_as_well() -> None:
    hub = hub_with("shop.sell#1=late(1)", way=Way.MEMORY)

    async def work() -> int:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await hub.call_tool("shop.sell", TEA)
        await hub.faults.settle()
        return int((await hub.call_tool("shop.count", TEA))["result"])

    assert hub.run(work()) == 8
    assert (
        str(hub.transcript[0])
        == "t=    0.0  shop.sell(item='tea') -> effect applied late, reply lost; cancelled"
    )


def test_two_runs_of_one_plan_are_alike() -> None:
    plan = "shop.sell#1=late, shop.*=jitter(2)~0.5, shop.brew=refuse~0.5"

    assert str(under(plan).transcript) == str(under(plan).transcript)


def test_a_fault_that_never_happened_is_named() -> None:
    hub = hub_with("shop.sell#2=refuse, shop.sell#9=refuse, shop.count=stale")

    hub.run(sell(hub, 3))

    assert [*map(str, hub.faults.never_happened())] == ["shop.sell#9=refuse", "shop.count#*=stale"]
    hub.verify()


def test_a_fault_that_had_to_happen_and_did_not_fails() -> None:
    hub = hub_with("shop.sell#9=refuse", must_happen=True)
    hub.run(sell(hub, 3))

    with pytest.raises(FaultPlanError) as raised:
        hub.verify()

    assert str(raised.value) == "never happened: shop.sell#9=refuse; shop.sell was called 3 times"


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        ("shop.sel#1=refuse", "no server of this hub has 'shop.sel'; nearest: shop.sell, "),
        ("market.sell#1=refuse", "no server of this hub has 'market.sell'; nearest: shop.sell, "),
        ("shop.count#1=refuse, shop.sell#1=stale", "only what is read can be stale"),
        ("shop.count=partial", "it takes no list"),
        ("shop.sell=change(flood)", "no change of the world is called 'flood'; there is: rain. Define it"),
    ],
)
def test_a_plan_that_cannot_happen_is_an_error_at_the_first_call(plan: str, says: str) -> None:
    hub = hub_with(plan)
    hub.faults.define_change("rain", lambda: None)

    with pytest.raises(FaultPlanError) as raised:
        hub.run(sell(hub, 1))

    assert says in str(raised.value)
    assert str(raised.value).splitlines()[1] == f"  {FaultPlan.parse(plan)}"


def test_a_workflow_that_swallows_that_error_does_not_hide_it() -> None:
    hub = hub_with("shop.sel#1=refuse")

    async def careless() -> None:
        import contextlib

        with contextlib.suppress(Exception):
            await hub.call_tool("shop.sell", TEA)

    hub.run(careless())

    with pytest.raises(FaultPlanError, match=r"no server of this hub has 'shop\.sel'"):
        hub.verify()


def test_a_wildcard_needs_one_tool_to_which_the_fault_can_happen() -> None:
    assert under("shop.*=stale").faults == ["stale answer", "stale answer"]


def test_a_plan_may_be_given_as_a_value() -> None:
    hub = hub_with(FaultPlan((Fault("shop.sell", Refuse(), 1, 1),)))

    assert hub.run(sell(hub, 2)) == [False, True]


def test_a_replayed_server_goes_wrong_too(tmp_path: Any) -> None:
    from checkout import ROOT

    hub = Hub(virtual_time=True)
    hub.replay(ROOT / "examples" / "replay" / "tape.jsonl", name="tape")
    hub.fail("tape.*=refuse")

    async def work() -> None:
        tools = await hub.list_tools()
        with pytest.raises(ToolError, match="503"):
            await hub.call_tool(tools[0].qualified_name, {})

    with pytest.raises(UnusedRecordingError):  # nothing went wrong yet
        hub.verify(calls_expected=False)
    hub.run(work())
    hub.verify()  # and now what was recorded may be left: the fault kept it from being asked for


def test_several_servers_can_be_out_of_reach_at_once() -> None:
    hub = Hub(way=Way.DIRECT, virtual_time=True)
    hub.serve(Shop())
    hub.serve(Shop(), name="market")
    hub.fail("*=disconnect(before)@[10,20]")

    async def work() -> list[int]:
        reached: list[int] = []
        for _ in range(4):
            answers = await asyncio.gather(
                *(hub.call_tool(f"{server}.count", TEA) for server in hub.servers), return_exceptions=True
            )
            reached.append(sum(not isinstance(answer, BaseException) for answer in answers))
            await asyncio.sleep(8)
        return reached

    assert hub.run(work()) == [2, 2, 0, 2]


def test_a_delayed_request_that_is_given_up_while_it_is_served_does_not_arrive_again() -> None:
    hub = Hub(virtual_time=True)
    shop = hub.serve(Shop())
    hub.fail("shop.brew#1=delay(3)")

    async def brew() -> None:
        with pytest.raises(MCPError, match="timed out"):
            await hub.call_tool("shop.brew", {"item": "tea", "seconds": 8}, timeout=6)
        await hub.faults.settle()

    hub.run(brew())

    assert shop.sold == []


def test_what_is_asked_when_a_request_arrives_again_is_not_told_twice() -> None:
    hub = Hub(way=Way.DIRECT, virtual_time=True)
    shop = hub.serve(Shop())
    hub.answer_with(lambda _: {"approved": True})
    hub.fail("shop.sell_dearly#1=duplicate")

    async def sell_one() -> None:
        await hub.call_tool("shop.sell_dearly", TEA)

    hub.run(sell_one())

    assert shop.sold == ["tea", "tea"]
    assert len(hub.transcript[0].asked) == 1


def test_a_late_request_of_a_call_that_ends_after_its_hub_arrives_nowhere() -> None:
    hub = Hub(way=Way.DIRECT, virtual_time=True)
    shop = hub.serve(Shop())
    hub.fail("shop.sell#1=late(1)")

    async def leave_first() -> None:
        async with hub:
            selling = asyncio.create_task(hub.call_tool("shop.sell", TEA))
            await asyncio.sleep(1)
        selling.cancel()
        await asyncio.sleep(10)

    run(leave_first())

    assert shop.sold == []


@dataclass
class Desk(Fake):
    """Has a tool and a prompt of one name."""

    @tool(name="help")
    def tool_help(self) -> str:
        """Help."""
        return "here it is"

    @prompt()
    def help(self) -> str:
        """How to ask for help."""
        return "say please"


def test_while_a_tool_is_limited_a_prompt_of_its_name_is_not() -> None:
    hub = Hub(way=Way.MEMORY, virtual_time=True)
    hub.serve(Desk())
    hub.fail("desk.help#1=rate_limit(60)")

    async def ask() -> str:
        for _ in range(2):
            with pytest.raises(ToolError, match="429 Too Many Requests"):
                await hub.call_tool("desk.help")
        got = await (await hub.client("desk")).get_prompt("help")
        return str(got.messages[0].content)

    assert "say please" in hub.run(ask())


@pytest.mark.parametrize(
    ("plan", "item"), [("shop.sell#1=cancel_ignored", "tea"), ("shop.sell#1=malformed(empty)", "salt")]
)
def test_what_finds_nothing_to_do_has_not_happened(plan: str, item: str) -> None:
    hub = Hub(way=Way.DIRECT, virtual_time=True)
    hub.serve(Shop(stock={"tea": 9, "salt": 0}))
    hub.fail(plan)

    async def sell_one() -> str:
        try:
            return (await hub.call_tool("shop.sell", {"item": item}, timeout=9)).text
        except ToolError as refused:
            return refused.message

    assert hub.run(sell_one()) == {"tea": '{"left":8}', "salt": "no salt left"}[item]
    assert [str(fault) for fault in hub.faults.never_happened()] == [plan]
