"""Orders that answers be spoilt: each is its own hub's business, and nothing of them outlives it."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import Generator
from contextlib import suppress

import pytest
from stall import Shop

from pytest_mcpflow import Era, Hub, Way
from pytest_mcpflow.orders import Order, Orders

TIMED_OUT = "Request 'tools/call' timed out"
KINDS = {Way.STDIO: ("garbage", "wrong_id"), Way.HTTP: ("drip(1)", "bad_json")}
SEEN = {
    Way.STDIO: ("{'left': 8}", TIMED_OUT),
    Way.HTTP: ("{'left': 8}", "Failed to parse JSON response"),
}

each_era = pytest.mark.parametrize("era", Era)
each_wire = pytest.mark.parametrize("way", KINDS)


def hub_with(kind: str, way: Way, era: Era, *, virtual_time: bool | None = None) -> Hub:
    hub = Hub(way=way, era=era, virtual_time=virtual_time)
    hub.serve(Shop())
    hub.fail(f"shop.sell#1={kind}")
    return hub


async def sell(hub: Hub, *, timeout: float = 10) -> str:
    try:
        return str(dict(await hub.call_tool("shop.sell", {"item": "tea"}, timeout=timeout)))
    except Exception as error:
        return str(error).replace("SSE message", "JSON response").partition(":")[0]


@pytest.fixture
def nothing_logged() -> Generator[None]:
    """pytest keeps what is logged, and with it the frames of errors."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_a_key_is_looked_up_in_one_book_only() -> None:
    here, there = Orders(), Orders()
    first, other = here.give("cut", lambda: None), there.give("bad_json", lambda: None)

    assert first.key == other.key
    assert (here.of_key(first.key), there.of_key(first.key)) == ("cut", "bad_json")


def test_an_order_that_concerns_nobody_any_more_is_in_no_book() -> None:
    orders = Orders()
    key = orders.give("cut", lambda: None).key
    gc.collect()

    assert orders.of_key(key) is None


@each_era
@each_wire
def test_two_hubs_at_once_each_obey_their_own(way: Way, era: Era) -> None:
    first, second = (hub_with(kind, way, era, virtual_time=True) for kind in KINDS[way])

    async def both() -> list[str]:
        async with second:
            return [*await asyncio.gather(sell(first), sell(second))]

    assert tuple(first.run(both())) == SEEN[way]
    happened = [hub.transcript[0].fault for hub in (first, second)]
    assert [each and each.rule for each in happened] == [f"shop.sell#1={kind}" for kind in KINDS[way]]


@each_era
@each_wire
def test_a_hub_without_faults_is_left_alone_by_one_with_them(way: Way, era: Era) -> None:
    whole = Hub(way=way, era=era, virtual_time=True)
    whole.serve(Shop())
    faulted = hub_with(KINDS[way][1], way, era, virtual_time=True)

    async def both() -> list[str]:
        async with faulted:
            return [*await asyncio.gather(sell(whole), sell(faulted))]

    assert tuple(whole.run(both())) == SEEN[way]
    assert whole.transcript[0].fault is None


@each_wire
def test_hubs_in_two_threads_each_obey_their_own(way: Way) -> None:
    seen = dict[str, str]()
    ready = threading.Barrier(2, timeout=20)

    async def work(kind: str) -> None:
        async with hub_with(kind, way, Era.STATELESS, virtual_time=False) as hub:
            await hub.client("shop")
            await asyncio.to_thread(ready.wait)
            seen[kind] = await sell(hub, timeout=3)

    threads = [threading.Thread(target=asyncio.run, args=[work(kind)]) for kind in KINDS[way]]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)

    assert tuple(seen[kind] for kind in KINDS[way]) == SEEN[way]


@each_era
@each_wire
@pytest.mark.usefixtures("nothing_logged")
def test_nothing_is_left_of_a_test_that_was_broken_off(way: Way, era: Era) -> None:
    gc.collect()
    before = {id(each) for each in orders_alive()}

    def break_off() -> None:
        hub = Hub(way=way, era=era, virtual_time=True)
        hub.serve(Shop())
        hub.fail(f"shop.brew={KINDS[way][1]}")

        async def work() -> None:
            brewing = asyncio.create_task(hub.call_tool("shop.brew", {"item": "tea", "seconds": 20}))
            await asyncio.sleep(5)
            assert not brewing.done()
            assert {id(each) for each in orders_alive()} - before
            brewing.cancel()
            raise RuntimeError("broken off")

        with suppress(RuntimeError):
            hub.run(work())

    break_off()
    gc.collect()

    assert {id(each) for each in orders_alive()} - before == set()


def orders_alive() -> list[Order | Orders]:
    return [each for each in gc.get_objects() if isinstance(each, Order | Orders)]
