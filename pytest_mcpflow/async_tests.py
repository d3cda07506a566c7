"""Tests that use the `mcpflow` fixture, on the event loop of whichever plugin runs them."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_mcpflow.clock import EPOCH, VirtualTimeLoop
from pytest_mcpflow.errors import HubError
from pytest_mcpflow.faults.plan import FaultPlan
from pytest_mcpflow.hub import Hub
from pytest_mcpflow.marker import marker_options
from pytest_mcpflow.options import (
    asked,
    eras_asked,
    record_mode_asked,
    record_timing_asked,
    redaction_asked,
    schedule_asked,
    seed_asked,
    ways_asked,
)
from pytest_mcpflow.plans import fault_kinds, must_happen_asked, named_plans, plan_asked, plan_of_test
from pytest_mcpflow.running import loop_factory, with_hub
from pytest_mcpflow.ways import Era, Way

if TYPE_CHECKING:
    from pytest_mcpflow.cassette.turns import Turns

__all__ = [
    "anyio_in_virtual_time",
    "fixture_in_virtual_time",
    "guarded",
    "hub_for",
    "loops_for_pytest_asyncio",
    "parametrize_ways",
]


def hub_for(request: pytest.FixtureRequest) -> Hub:
    """Make the hub that a test's marker and the command line ask for."""
    options = marker_options(request.node)
    asked_way = ways_asked(request.config)[0]
    if request.node.get_closest_marker("mcp_chaos") and not asked(request.config, "--mcp-transport"):
        asked_way = Way.DIRECT  # five times as fast as a protocol, with the same verdicts
    way, era = getattr(request, "param", None) or (asked_way, eras_asked(request.config)[0])
    hub = Hub(
        way=options.way or way,
        era=options.era or era,
        virtual_time=options.virtual_time,
        starts_at=options.start or EPOCH,
        record=record_mode_asked(request.config, options.record_mode),
        record_timing=record_timing_asked(request.config, options.record_timing),
        playback=options.playback,
        cassettes=request.path.parent,
        redaction=redaction_asked(request.config),
        seed=seed_asked(request.config) if options.seed is None else options.seed,
        schedule=options.schedule if options.schedule is not None else schedule_asked(request.config),
    )
    if hub.record.takes_turns:
        hub.turns = _turns_of(request)
    _let_fail(hub, request.node)
    return hub


def _turns_of(request: pytest.FixtureRequest) -> Turns:
    """The turns of a test with cassettes; workers of pytest-xdist take them, too."""
    from pytest_mcpflow.cassette.turns import Turns

    folders: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    of_process = folders.getbasetemp()
    of_run = of_process.parent if hasattr(request.config, "workerinput") else of_process
    return Turns(of_run / "mcpflow-turns", request.node.nodeid)


def _let_fail(hub: Hub, test: pytest.Item) -> None:
    """Follow the plans of the test's marker and of the command line, and know the kinds of plugins."""
    config = test.config
    marked, asked = plan_of_test(test), plan_asked(config)
    if marked is not None:
        hub.fail(marked, must_happen=marker_options(test).faults_must_happen)
    if asked:
        hub.fail(FaultPlan(asked.faults, hub.seed), must_happen=must_happen_asked(config))
    if config.hook.pytest_mcpflow_faults.get_hookimpls():
        hub.faults.kinds = fault_kinds(config)
    if named := named_plans(config):
        hub.faults.named = named


def parametrize_ways(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each transport and protocol asked for, where its marker fixes neither."""
    options = marker_options(metafunc.definition)
    plan_of_test(metafunc.definition)  # so that a wrong one is found before any test runs
    ways = [options.way] if options.way else ways_asked(metafunc.config)
    eras = [options.era] if options.era else eras_asked(metafunc.config)
    pairs = way_era_pairs(ways, eras)
    if len(pairs) > 1:
        metafunc.parametrize("mcpflow", pairs, ids=[pair_id(*pair, eras) for pair in pairs], indirect=True)


def way_era_pairs(ways: list[Way], eras: list[Era]) -> list[tuple[Way, Era]]:
    """Each way in each era; the direct way speaks no protocol, so it has one era only."""
    return [(way, era) for way in ways for era in (eras[:1] if way is Way.DIRECT else eras)]


def pair_id(way: Way, era: Era, eras: list[Era]) -> str:
    return str(way) if len(eras) == 1 or way is Way.DIRECT else f"{way}-{era}"


@contextmanager
def loops_for_pytest_asyncio(metafunc: pytest.Metafunc) -> Generator[None]:
    """Give pytest-asyncio a virtual loop for this one test; registered only meanwhile, so no other test is touched."""
    plugins = metafunc.config.pluginmanager
    if not plugins.has_plugin("asyncio") or not marker_options(metafunc.definition).virtual_time:
        yield
        return
    factories = _LoopFactories()
    plugins.register(factories)
    try:
        yield
    finally:
        plugins.unregister(factories)


class _LoopFactories:
    @pytest.hookimpl(optionalhook=True)
    def pytest_asyncio_loop_factories(self) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
        return {"virtual-time": VirtualTimeLoop}


def anyio_in_virtual_time(item: pytest.Function, hub: Hub) -> None:
    """Let anyio's plugin make a virtual loop for a test that it runs on asyncio."""
    name, options = _backend(item.funcargs.get("anyio_backend"))
    if name == "asyncio" and hub.clock.virtual_time:
        item.funcargs["anyio_backend"] = _virtual_backend(options)
    elif name not in (None, "asyncio"):
        raise _not_on(name)


@contextmanager
def fixture_in_virtual_time(
    fixture: pytest.FixtureDef[object], request: pytest.FixtureRequest
) -> Generator[None]:
    """Let anyio's plugin make a virtual loop for an async fixture: it is the one that the test runs on."""
    runs = cast("Callable[..., Generator[object]]", fixture.func)
    is_run_by_anyio = runs.__module__ == "anyio.pytest_plugin" and fixture.scope == "function"
    if not is_run_by_anyio:
        yield
        return
    is_virtual = marker_options(request.node).virtual_time

    def run_fixture(anyio_backend: object, **arguments: object) -> Generator[object]:
        name, options = _backend(anyio_backend)
        if name != "asyncio":
            raise pytest.fail.Exception(f"HubError: {_not_on(name)}", pytrace=False)
        yield from runs(_virtual_backend(options) if is_virtual else anyio_backend, **arguments)

    fixture.func = run_fixture  # type: ignore[misc]  # final, and yet what anyio's plugin does for as long
    try:
        yield
    finally:
        fixture.func = runs  # type: ignore[misc]


def _not_on(name: object) -> HubError:
    return HubError(
        f"the mcpflow fixture runs on asyncio, and anyio runs this test on {name}; "
        'give the test @pytest.mark.parametrize("anyio_backend", ["asyncio"])'
    )


def _backend(chosen: object) -> tuple[object, dict[str, Any]]:
    """The name and the options of what `anyio_backend` says."""
    return cast("tuple[str, dict[str, Any]]", chosen) if isinstance(chosen, tuple) else (chosen, {})


def _virtual_backend(options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": loop_factory(virtual_time=True), **options}


def guarded(test: Callable[..., Awaitable[Any]], hub: Hub) -> Callable[..., Awaitable[Any]]:
    """The test, and closing its hub, in one task and thus in the call phase."""

    @functools.wraps(test)
    async def run_test(*args: Any, **kwargs: Any) -> Any:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        with loop.blame(task) if isinstance(loop, VirtualTimeLoop) else nullcontext():
            return await with_hub(hub, lambda: test(*args, **kwargs))

    return run_test
