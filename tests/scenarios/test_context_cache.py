"""The cache of contexts by itself, and its gateway when calls fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planned import Fault, bad_ends
from single_faults import faulted, reference, silent_under

from pytest_mcpflow import Hub, run
from pytest_mcpflow.scenarios._context_cache_workflow import CacheStats, SessionContexts
from pytest_mcpflow.scenarios.context_cache import ContextCache


@pytest.mark.parametrize("fault", Fault)
def test_no_failing_call_goes_unnoticed(fault: Fault) -> None:
    assert silent_under(ContextCache, fault) == []


@pytest.mark.parametrize("kind", ["duplicate", "delay", "restart"])
def test_no_call_that_is_repeated_late_or_cut_off_goes_unnoticed(kind: str) -> None:
    assert bad_ends(ContextCache, kind) == []


def test_each_call_is_made_in_the_context_its_session_has_then() -> None:
    calls = reference(ContextCache).transcript.calls("execute_command")

    assert [(each.at, each.context_id) for each in calls] == [
        (10.0, "session-000/1"),
        (20.0, "session-200/1"),
        (30.0, "session-001/2"),  # its first was the one used longest ago
        (100.0, "session-201/1"),
        (3599.0, "session-000/1"),
        (3650.0, "session-000/2"),
        (3701.0, "session-201/2"),
        (3901.0, "session-201/2"),
    ]


def test_the_statistics_say_what_the_cache_did() -> None:
    trial = faulted(ContextCache(), {})

    assert trial.result.stats == CacheStats(
        hits=3, misses=205, evictions=3, expirations=200, active_contexts=2, tool_calls=3
    )


def test_a_session_that_cannot_be_served_is_alerted_by_name() -> None:
    trial = faulted(ContextCache(), {"execute_command": Fault.REFUSE})

    assert {text.partition(":")[0] for text in trial.result.failed} == {
        *("session-000", "session-001", "session-200", "session-201")
    }
    [alert] = trial.scenario.people.alerts
    assert alert.severity == "high"
    assert "session-200: desktop-commander.execute_command" in alert.message


async def after(seconds: float, step: Callable[[], object]) -> None:
    await asyncio.sleep(seconds)
    step()


@pytest.mark.parametrize(("age", "context_id"), [(3599.9, "a/1"), (3600.0, "a/2")])
def test_a_context_lasts_until_its_hour_is_over_whether_or_not_it_is_cleaned_up(
    age: float, context_id: str
) -> None:
    hub = Hub()
    contexts = SessionContexts(hub)
    used = list[str]()

    async def session() -> None:
        contexts.get("a")
        await after(age, lambda: used.append(contexts.get("a").id))

    run(session())

    assert used == list(hub.contexts) == [context_id]


def test_cleaning_up_closes_what_nobody_asks_for() -> None:
    hub = Hub()
    contexts = SessionContexts(hub, ttl=100, cleanup_interval=30)
    open_at = dict[float, list[str]]()

    async def session() -> None:
        cleaner = asyncio.create_task(contexts.keep_clean())
        contexts.get("a")
        await asyncio.sleep(20)
        contexts.get("b")
        for _ in range(3):
            await asyncio.sleep(50 - 0.5)
            open_at[asyncio.get_running_loop().time()] = list(hub.contexts)
        cleaner.cancel()
        assert contexts.stats() == CacheStats(0, 2, 0, 2, 0, 0)

    run(session())

    assert list(open_at.values()) == [["a/1", "b/1"], ["a/1", "b/1"], []]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from([0.0, 1.0, 7.0])), max_size=40))
def test_the_cache_behaves_as_a_list_in_order_of_use(requests: list[tuple[str, float]]) -> None:
    hub = Hub()
    contexts = SessionContexts(hub, size=3, ttl=10)

    async def use() -> None:
        kept: list[tuple[str, float]] = []  # session and the instant of its opening, used longest ago first
        for session, pause in requests:
            await asyncio.sleep(pause)
            now = asyncio.get_running_loop().time()
            known = {name: since for name, since in kept if now - since < 10}
            is_hit = session in known
            if not is_hit:  # then what is expired is closed, too
                kept = [*known.items()]
            hits = contexts.stats().hits
            contexts.get(session)
            assert contexts.stats().hits == hits + is_hit
            if session in dict(kept):
                kept.remove((session, dict(kept)[session]))
            elif len(kept) == 3:
                del kept[0]
            kept.append((session, known.get(session, now)))
            assert sorted(name.partition("/")[0] for name in hub.contexts) == sorted(dict(kept))
            assert len(hub.contexts) == len(kept) <= 3

    run(use())


def test_looking_at_the_statistics_is_no_use_of_a_context() -> None:
    hub = Hub()
    contexts = SessionContexts(hub, size=2)

    async def use() -> None:
        for session in ("a", "b", "a"):
            contexts.get(session)
        contexts.stats()
        contexts.get("c")

    run(use())

    assert [*hub.contexts] == ["a/1", "c/1"]
