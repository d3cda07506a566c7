"""The pytest plugin. It imports pytest and nothing heavier; everything else is imported when a test needs it."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Generator

import pytest

# pytest looks for fixtures in a plugin itself; a list of further plugins has it read all that is installed again.
from pytest_mcpflow.fixtures.hub import mcpflow as mcpflow
from pytest_mcpflow.fixtures.hub import usage_told_alone

FIXTURE = "mcpflow"
GIVEN = (
    "mcpflow is one hub for a whole test, and @given runs the body once for each example, so that each would find what "
    "the one before has left; make a hub in the body, which is then a plain function: `async with Hub() as hub:` in an "
    "async function inside of it, and run(...) with that"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    from pytest_mcpflow.option_list import add_options

    add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from pytest_mcpflow import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    from pytest_mcpflow.option_list import CHAOS_MARKER, MARKER, RECORD_VARIABLE, chaos_options_given

    config.addinivalue_line("markers", MARKER)
    config.addinivalue_line("markers", CHAOS_MARKER)
    if os.environ.get(RECORD_VARIABLE) or config.getoption("--mcp-record") or config.getini("mcp_record"):
        from pytest_mcpflow.options import check_record_mode

        check_record_mode(config)
    if config.getoption("--mcp-verify"):
        from pytest_mcpflow.options import refuse_to_record

        refuse_to_record(config)
    if config.getoption("--mcp-plan"):
        from pytest_mcpflow.plans import plan_asked

        plan_asked(config)  # so that a wrong one is found before any test runs
    if chaos_options_given(config):
        from pytest_mcpflow.chaos.options import chaos_asked

        chaos_asked(config)  # likewise
    if config.getoption("--mcp-scenario"):
        from pytest_mcpflow.scenario_items import ScenarioPlugin

        config.pluginmanager.register(ScenarioPlugin(config), "mcpflow-scenarios")
    elif config.getoption("--mcp-workflow"):
        raise pytest.UsageError(
            "--mcp-workflow puts a workflow into a scenario, and no scenario is asked for; add --mcp-scenario NAME"
        )


# Tests that use the fixture


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> Generator[None, object, object]:
    if FIXTURE not in metafunc.fixturenames:
        return (yield)
    from pytest_mcpflow.async_tests import loops_for_pytest_asyncio, parametrize_ways

    with usage_told_alone():
        parametrize_ways(metafunc)
        if metafunc.definition.get_closest_marker("mcp_chaos") is not None:
            from pytest_mcpflow.chaos.options import marked_search

            marked_search(metafunc.definition)  # so that a wrong one is found before any test runs
    with loops_for_pytest_asyncio(metafunc):
        return (yield)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    if FIXTURE not in request.fixturenames or "anyio_backend" not in request.fixturenames:
        return (yield)
    from pytest_mcpflow.async_tests import fixture_in_virtual_time

    with fixture_in_virtual_time(fixturedef, request):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    from pytest_mcpflow.stash import EXPLORES, hub_of

    hub = hub_of(item)
    if hub is None or not isinstance(item, pytest.Function):
        if item.get_closest_marker("mcp_chaos") is not None:
            told = "mcp_chaos explores tests that use the fixture mcpflow, and this one does not; add the argument"
            raise pytest.fail.Exception(told, pytrace=False)
        return (yield)
    from pytest_mcpflow.async_tests import anyio_in_virtual_time, guarded
    from pytest_mcpflow.errors import (
        CassetteError,
        DeadlockError,
        FaultPlanError,
        HubError,
        MCPFlowError,
        VacuousTestError,
    )
    from pytest_mcpflow.marker import marker_options
    from pytest_mcpflow.running import end_at_users_code

    test = item.obj
    if getattr(test, "is_hypothesis_test", False):
        raise pytest.fail.Exception(GIVEN, pytrace=False)
    if item.get_closest_marker("mcp_chaos") is not None:
        from pytest_mcpflow.chaos.marked import explore_test

        item.stash[EXPLORES] = item.obj = lambda: explore_test(item, test)
        try:
            return (yield)
        finally:
            item.obj = test
    is_async = inspect.iscoroutinefunction(test)
    try:
        if is_async:
            anyio_in_virtual_time(item, hub)
            item.obj = guarded(test, hub)
        result = yield
        hub.verify(calls_expected=marker_options(item).calls_expected)
        if item.config.getoption("--mcp-verify"):
            from pytest_mcpflow.verified import verify_cassettes

            verify_cassettes(item)
    except (CassetteError, DeadlockError, FaultPlanError, HubError, VacuousTestError) as error:
        # These speak of the whole test; the frames they were raised in say nothing.
        raise pytest.fail.Exception(f"{type(error).__name__}: {error}", pytrace=False) from None
    except Exception as failure:
        if hub.is_faulted and hub.servers:  # without any, the test failed before the plan could matter
            try:
                hub.faults.check()
            except FaultPlanError as error:
                # The workflow swallowed it, so that something else failed later.
                raise pytest.fail.Exception(f"{type(error).__name__}: {error}", pytrace=False) from None
        is_of_the_protocol = hasattr(failure, "code")  # as `mcp.MCPError` has
        if is_of_the_protocol or isinstance(failure, MCPFlowError | RuntimeError):
            end_at_users_code(failure)
        raise
    finally:
        item.obj = test
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an async test that uses the fixture and that no other plugin runs."""
    from pytest_mcpflow.stash import EXPLORES, hub_of

    hub = hub_of(pyfuncitem)
    explores = pyfuncitem.stash.get(EXPLORES, None)
    if explores is not None:
        explores()
        return True
    if (
        hub is None
        or not inspect.iscoroutinefunction(pyfuncitem.obj)
        or "anyio_backend" in pyfuncitem.funcargs
    ):
        return None
    from pytest_mcpflow.running import run

    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    run(pyfuncitem.obj(**arguments), virtual_time=hub.clock.virtual_time is not False)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    from pytest_mcpflow.stash import EXPLORED, NEVER_HAPPENED, hub_of, resilience_of

    report = yield
    resilience = resilience_of(item)
    if resilience is not None and report.when == "call":
        from pytest_mcpflow.report.resilience import to_json

        setattr(report, EXPLORED, to_json(resilience))
    hub = hub_of(item)
    if hub is not None and report.when == "call" and report.failed and hub.transcript:
        report.sections.append(("MCP transcript", str(hub.transcript)))
    if hub is not None and report.when == "call" and hub.is_faulted:
        never = ", ".join(map(str, hub.faults.never_happened()))
        if never:
            report.user_properties.append((NEVER_HAPPENED, never))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    from pytest_mcpflow.option_list import chaos_options_given

    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    is_chaos_asked = config.getoption("--mcp-chaos") is not None or bool(chaos_options_given(config))
    if not (reports or is_chaos_asked or config.getoption("--mcp-verify")):
        return
    from pytest_mcpflow.stash import EXPLORED, NEVER_HAPPENED, VERIFIED

    is_explored = any(hasattr(report, EXPLORED) for report in reports)
    if is_explored or is_chaos_asked:
        from pytest_mcpflow.chaos.summary import summarize

        summarize(terminalreporter, config)
    told = [(name, report.nodeid, str(value)) for report in reports for name, value in report.user_properties]
    idle = sorted(f"{test}: {value}" for name, test, value in told if name == NEVER_HAPPENED)
    verified = sorted({value for name, _, value in told if name == VERIFIED})
    if config.getoption("--mcp-verify") and not verified:
        verified = ["no test used a server that has a cassette, so that nothing was compared"]
    for title, lines in (
        ("MCP faults that concerned no call", idle),
        ("MCP servers and their cassettes", verified),
    ):
        if lines:
            terminalreporter.ensure_newline()
            terminalreporter.section(title)
            for line in lines:
                terminalreporter.write_line(line)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    if op != "==" or "pytest_mcpflow.transcript" not in sys.modules:
        return None
    from pytest_mcpflow.diff import explain_difference

    return explain_difference(left, right)


# Scenarios


def pytest_report_header(config: pytest.Config) -> str | None:
    plans = config.getoption("--mcp-plan")
    if not plans and not config.getoption("--mcp-scenario"):
        return None
    return f"mcpflow: seed {config.getoption('--mcp-seed')}" + (f", plan {', '.join(plans)}" if plans else "")
