"""Faults that cannot happen to the server they name are refused before the run, and never told as having happened."""

from __future__ import annotations

import pytest
from checkout import ROOT
from mcp import StdioServerParameters
from mcp.client.sse import sse_client
from mcp.server import MCPServer
from stall import Shop

from pytest_mcpflow import FaultPlanError, Hub, Playback, Way

TAPE = ROOT / "examples" / "replay" / "tape.jsonl"
ON_STDIO = ["bad_json", "wrong_id", "garbage", "hang_up", "kill"]
ON_HTTP = ["status", "content_type", "cut", "drip"]
OF_FAKES = ["stale", "clock_jump", "restart(memory=lost)"]


def with_command(way: Way) -> Hub:
    hub = Hub(way=way, virtual_time=False)
    hub.use(StdioServerParameters(command="no-such-server"), name="away")
    return hub


def with_url(way: Way) -> Hub:
    hub = Hub(way=way, virtual_time=False)
    hub.use("http://127.0.0.1:9/mcp", name="away")
    return hub


def with_transport(way: Way) -> Hub:
    hub = Hub(way=way, virtual_time=False)
    hub.use(sse_client("http://127.0.0.1:9/sse"), name="away")
    return hub


def with_tape(way: Way) -> Hub:
    hub = Hub(way=way, virtual_time=True)
    hub.replay(TAPE, name="away", playback=Playback(allow_unused=True))
    return hub


def with_server(way: Way) -> Hub:
    hub = Hub(way=way, virtual_time=True)
    hub.use(MCPServer("away", log_level="WARNING"))
    return hub


def objection(hub: Hub, plan: str) -> str:
    hub.fail(plan)
    with pytest.raises(FaultPlanError) as raised:
        hub.faults.check()
    return str(raised.value).splitlines()[0]


@pytest.mark.parametrize(
    ("way", "kind"), [*((Way.STDIO, kind) for kind in ON_STDIO), *((Way.HTTP, kind) for kind in ON_HTTP)]
)
def test_only_the_wire_that_there_is_can_be_spoilt(way: Way, kind: str) -> None:
    there = with_command if way is Way.STDIO else with_url
    hub = there(Way.MEMORY)  # which holds for what this process serves
    hub.fail(f"away.do#1={kind}")

    hub.faults.check()
    assert "and at away a tape answers; take a fault that is made above" in objection(
        with_tape(way), f"*={kind}"
    )
    assert "by a transport of its own, or recorded" in objection(with_transport(way), f"away.do={kind}")


@pytest.mark.parametrize("kind", [kind for kind in ON_STDIO if kind != "bad_json"])
def test_there_are_no_pipes_to_a_server_behind_a_url(kind: str) -> None:
    said = (
        f"{kind} is made on the wire of stdio, and away is reached over http; take a fault that is made above"
    )
    assert said in objection(with_url(Way.STDIO), f"away.*={kind}")


@pytest.mark.parametrize("kind", ON_HTTP)
def test_there_is_no_connection_to_a_server_behind_pipes(kind: str) -> None:
    said = "is made on the wire of http, and away is reached over stdio; take a fault that is made above"
    assert said in objection(with_command(Way.HTTP), f"away.*={kind}")


@pytest.mark.parametrize("kind", OF_FAKES)
def test_only_a_fake_has_a_state_that_can_be_old_or_lost(kind: str) -> None:
    said = f"{kind} at away: it is not a fake, and only a fake's state is at hand"
    assert objection(with_command(Way.STDIO), f"away.do={kind}").startswith(said)
    assert objection(with_server(Way.MEMORY), f"away.do={kind}").startswith(said)
    assert "a tape answers in its place" in objection(with_tape(Way.MEMORY), f"away.do={kind}")


@pytest.mark.parametrize(("kind", "way"), [("kill", Way.STDIO), ("status", Way.HTTP)])
def test_for_a_server_object_in_memory_the_transport_to_take_is_named(kind: str, way: Way) -> None:
    told = f"and this hub's way is memory; use --mcp-transport {way}"
    assert told in objection(with_server(Way.MEMORY), f"away.do={kind}")


@pytest.mark.parametrize(
    ("way", "kind"), [(Way.STDIO, "hang_up"), (Way.HTTP, "status"), (Way.MEMORY, "restart")]
)
def test_what_can_happen_to_a_server_object_is_not_refused(way: Way, kind: str) -> None:
    hub = with_server(way)
    hub.fail(f"away.do={kind}")

    hub.faults.check()


@pytest.mark.parametrize(
    ("way", "kind"), [(Way.HTTP, "status"), (Way.STDIO, "hang_up"), (Way.MEMORY, "restart(memory=lost)")]
)
def test_where_a_wildcard_also_names_such_a_server_nothing_happens_to_it(way: Way, kind: str) -> None:
    hub = with_tape(way)
    hub.serve(Shop())
    hub.fail(f"*={kind}")

    async def work() -> str:
        return (await hub.call_tool("away.echo", {"message": "hello"})).text

    assert "hello" in hub.run(work())
    assert hub.transcript[0].fault is None
    assert len(hub.faults.never_happened()) == 1


def test_the_error_points_at_the_fault_and_not_at_one_whose_text_holds_it() -> None:
    hub = Hub(virtual_time=True)
    hub.serve(Shop(), name="workshop")
    hub.fail("workshop.sell#1=refuse, shop.sell#1=refuse")

    with pytest.raises(FaultPlanError) as raised:
        hub.faults.check()

    _, shown, arrow = str(raised.value).splitlines()
    assert shown[arrow.index("^") :] == "shop.sell#1=refuse"


def test_the_error_points_at_the_one_of_several_servers_that_there_is_not() -> None:
    hub = Hub(virtual_time=True)
    hub.serve(Shop(), name="workshop")
    hub.fail("{workshop,shop}.*=disconnect(before)")

    with pytest.raises(FaultPlanError) as raised:
        hub.faults.check()

    message, shown, arrow = str(raised.value).splitlines()
    assert message.startswith("no server of this hub has 'shop.*'; nearest: workshop")
    assert shown[arrow.index("^") :] == "shop}.*#*=disconnect(before)"
