"""The plugin, from the outside: which tests it runs, how they fail, and what it leaves alone."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SHOP = '''
import asyncio
from dataclasses import dataclass, field

from pytest_mcpflow import Fake, tool


@dataclass
class Shop(Fake):
    """A shop."""

    ordered: list[str] = field(default_factory=list[str])

    @tool()
    async def order(self, item: str) -> str:
        """Order."""
        await asyncio.sleep(3)
        self.ordered.append(item)
        return item
'''

INI = """
[pytest]
filterwarnings =
    error
    ignore:The configuration option "asyncio_default_fixture_loop_scope"
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a fake, whose pytest runs in a process of its own."""
    pytester.makepyfile(shop=SHOP)
    pytester.makeini(INI)
    return pytester


def outcome(project: pytest.Pytester, test: str, *options: str) -> pytest.RunResult:
    project.makepyfile(test_it="import asyncio, pytest, time\nfrom shop import Shop\n" + test)
    return project.runpytest_subprocess("-p", "no:randomly", "-p", "no:cacheprovider", *options)


RUNS = """
    shop = mcpflow.serve(Shop())
    await asyncio.sleep(100)
    await mcpflow.call_tool("shop.order", {"item": "tea"})
    assert shop.ordered == ["tea"]
    assert mcpflow.clock.now() == 103
"""


@pytest.mark.parametrize(
    ("decorators", "options"),
    [
        pytest.param("", (), id="no other plugin"),
        pytest.param("@pytest.mark.asyncio\n", (), id="pytest-asyncio strict"),
        pytest.param("", ("-o", "asyncio_mode=auto"), id="pytest-asyncio auto"),
        pytest.param("@pytest.mark.asyncio(loop_scope='module')\n", (), id="pytest-asyncio module loop"),
        pytest.param(
            "@pytest.mark.anyio\n@pytest.mark.parametrize('anyio_backend', ['asyncio'])\n", (), id="anyio"
        ),
    ],
)
def test_async_tests_run_in_virtual_time_whoever_runs_them(
    project: pytest.Pytester, decorators: str, options: tuple[str, ...]
) -> None:
    arguments = "mcpflow, anyio_backend" if "anyio" in decorators else "mcpflow"
    result = outcome(project, f"{decorators}async def test_it({arguments}):{RUNS}", *options)
    result.assert_outcomes(passed=1)


WITH_ASYNC_FIXTURE = """
@async_fixture
async def shop(mcpflow):
    shop = mcpflow.serve(Shop())
    await mcpflow.call_tool("shop.order", {"item": "tea"})
    yield shop
    await asyncio.sleep(1)

async def test_the_fixture_and_the_test_share_servers_and_time(shop, mcpflow):
    client = await mcpflow.client("shop")
    await client.list_tools()
    await mcpflow.call_tool("shop.order", {"item": "milk"})
    assert shop.ordered == ["tea", "milk"]
    assert mcpflow.clock.now() == 6

async def test_what_a_test_leaves_open_is_closed(shop, mcpflow):
    import contextlib
    from mcp import MCPError
    from pytest_mcpflow import Hub

    async def order_again():
        with contextlib.suppress(MCPError):  # it is cut off
            while True:
                await mcpflow.call_tool("shop.order", {"item": "milk"})

    left = Hub(way=mcpflow.way)
    left.serve(Shop())
    await left.client("shop")
    background = asyncio.create_task(order_again())
    await asyncio.sleep(10)
    assert shop.ordered == ["tea", "milk", "milk", "milk"]
"""


@pytest.mark.parametrize(
    "runner",
    [
        pytest.param(
            "import pytest_asyncio\npytestmark = pytest.mark.asyncio\nasync_fixture = pytest_asyncio.fixture\n",
            id="pytest-asyncio",
        ),
        pytest.param(
            "pytestmark = pytest.mark.anyio\nasync_fixture = pytest.fixture\n"
            "@pytest.fixture\ndef anyio_backend(): return 'asyncio'\n",
            id="anyio",
        ),
    ],
)
def test_async_fixtures_may_use_the_hub_over_pipes_and_sockets(project: pytest.Pytester, runner: str) -> None:
    ways = [f"--mcp-transport={way}" for way in ("stdio", "http")]
    outcome(project, runner + WITH_ASYNC_FIXTURE, *ways).assert_outcomes(passed=4)


def test_plain_tests_and_classes_and_fixtures_may_use_the_hub(project: pytest.Pytester) -> None:
    result = outcome(
        project,
        """
@pytest.fixture
def shop(mcpflow):
    return mcpflow.serve(Shop())

class TestShop:
    async def test_in_a_class(self, shop, mcpflow):
        await mcpflow.call_tool("shop.order", {"item": "tea"})
        assert shop.ordered == ["tea"]

def test_plain(shop, mcpflow):
    async def workflow():
        await mcpflow.call_tool("shop.order", {"item": "tea"})
        return "done"
    assert mcpflow.run(workflow()) == "done"
    assert mcpflow.clock.now() == 3
""",
    )
    result.assert_outcomes(passed=2)


def test_loops_that_cannot_be_used_get_a_clear_answer(project: pytest.Pytester) -> None:
    trio = "@pytest.mark.anyio\n@pytest.mark.parametrize('anyio_backend', ['trio'])\nasync def "
    result = outcome(
        project,
        f"""
@pytest.fixture
async def shop(mcpflow, anyio_backend):
    await mcpflow.list_tools()

{trio}test_trio(mcpflow, anyio_backend):
    pass

{trio}test_a_fixture_on_trio(shop, anyio_backend):
    pass

def test_a_loop_of_its_own(mcpflow):
    mcpflow.serve(Shop())
    async def workflow():
        await mcpflow.call_tool("shop.order", {{"item": "tea"}})
    asyncio.run(workflow())
""",
    )
    result.assert_outcomes(failed=2, errors=1)
    answer = "*HubError: the mcpflow fixture runs on asyncio, and anyio runs this test on trio*"
    result.stdout.fnmatch_lines([answer, "*on trio*", "*hub.run(...) where your code has asyncio.run(...)*"])
    assert "async_tests.py" not in result.stdout.str()


@pytest.mark.parametrize("prefix", ["async ", ""])
def test_given_of_hypothesis_gets_a_clear_answer(project: pytest.Pytester, prefix: str) -> None:
    test = "from hypothesis import given, strategies as st\n\n@given(number=st.integers())\n"

    result = outcome(project, f"{test}{prefix}def test_it(mcpflow, number):\n    pass\n")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["mcpflow is one hub for a whole test, and @given runs the body once for each *"]
    )


def test_other_tests_keep_their_own_loop(project: pytest.Pytester) -> None:
    result = outcome(
        project,
        """
@pytest.mark.asyncio
async def test_not_ours():
    assert "Virtual" not in type(asyncio.get_running_loop()).__name__
    assert time.monotonic() > 0

@pytest.mark.asyncio
async def test_ours(mcpflow):
    mcpflow.serve(Shop())
    await mcpflow.call_tool("shop.order", {"item": "tea"})
    assert "Virtual" in type(asyncio.get_running_loop()).__name__
""",
    )
    result.assert_outcomes(passed=2)


FAILS = {
    "a failing assertion": (
        "    mcpflow.serve(Shop())\n    await mcpflow.call_tool('shop.order', {'item': 'tea'})\n    assert 0\n",
        "*assert 0*",
    ),
    "a call that was never awaited": (
        "    mcpflow.serve(Shop())\n    mcpflow.call_tool('shop.order', {'item': 'tea'})\n",
        "*never awaited, so never sent: shop.order*",
    ),
    "no call at all": ("    mcpflow.serve(Shop())\n", "*no server was called, though the test has shop*"),
    "a deadlock": (
        "    mcpflow.serve(Shop())\n    await asyncio.Event().wait()\n",
        "*DeadlockError: at t=0 nothing can run*",
    ),
    "a foreign socket": (
        "    await asyncio.open_connection('127.0.0.1', 9)\n",
        "*VirtualTimeError: asked to connect to 127.0.0.1:9*",
    ),
}


@pytest.mark.parametrize("why", FAILS)
@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_failures_are_failures_everywhere(
    project: pytest.Pytester, why: str, options: tuple[str, ...]
) -> None:
    body, message = FAILS[why]
    junit = project.path / "junit.xml"
    result = outcome(project, f"async def test_it(mcpflow):\n{body}", f"--junitxml={junit}", *options)
    result.assert_outcomes(failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([message])
    assert re.search(r'errors="0" failures="1" skipped="0" tests="1"', junit.read_text(encoding="utf-8"))


def test_a_failure_shows_the_transcript_in_the_call_phase(project: pytest.Pytester) -> None:
    result = outcome(project, f"async def test_it(mcpflow):\n{FAILS['a failing assertion'][0]}")
    result.stdout.fnmatch_lines(["*- MCP transcript -*", "t=    0.0  shop.order(item='tea') -> 'tea'"])


def test_a_differing_transcript_is_shown_call_by_call(project: pytest.Pytester) -> None:
    result = outcome(
        project,
        """
from pytest_mcpflow import sent

async def test_it(mcpflow):
    mcpflow.serve(Shop())
    await mcpflow.call_tool("shop.order", {"item": "tea"})
    assert mcpflow.transcript.calls("order") == [sent({"item": "coffee"})]
""",
    )
    result.stdout.fnmatch_lines(
        [
            "*1 calls == 1 expected",
            "*- ?0? ?(item='coffee', ...)",
            "*+ ?0? t=    0.0  shop.order(item='tea') -> 'tea'",
        ]
    )


def test_each_transport_asked_for_is_a_test(project: pytest.Pytester) -> None:
    options = [f"--mcp-transport={way}" for way in ("direct", "memory", "stdio", "http")]
    result = outcome(
        project, f"async def test_it(mcpflow):{RUNS}", *options, "--mcp-protocol=2025-11-25", "-v"
    )
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["*test_it?stdio? PASSED*"])


def test_the_marker_decides_for_its_test(project: pytest.Pytester) -> None:
    result = outcome(
        project,
        """
@pytest.mark.mcpflow(transport="direct", protocol="2025-11-25", starts_at="2030-01-01T00:00:00")
async def test_it(mcpflow):
    mcpflow.serve(Shop())
    await mcpflow.call_tool("shop.order", {"item": "tea"})
    assert (mcpflow.way, mcpflow.era) == ("direct", "2025-11-25")
    assert mcpflow.clock.wall().isoformat() == "2030-01-01T00:00:03+00:00"
    assert time.gmtime().tm_year == 2030

@pytest.mark.mcpflow(virtual_time=False, calls_expected=False)
async def test_real_time(mcpflow):
    mcpflow.serve(Shop())
    assert "Virtual" not in type(asyncio.get_running_loop()).__name__
""",
        "--mcp-transport=stdio",
        "--mcp-transport=memory",
    )
    result.assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("transprot='stdio'", "*there is no keyword 'transprot'*keywords: transport, protocol*"),
        (
            "transport='carrier pigeon'",
            "*transport is one of direct, memory, stdio, http, got 'carrier pigeon'*",
        ),
        ("transport=['stdio']", "*transport is one of direct, memory, stdio, http, got ['stdio']*"),
        ("record='twice'", "*record is one of none, once, new, all, rewrite, got 'twice'*"),
        ("starts_at='yesterday'", "*starts_at is ISO 8601, such as 2026-01-01T00:00:00Z, got 'yesterday'*"),
        ("True", "*it takes keywords only*"),
    ],
)
def test_a_misspelt_marker_is_an_error(project: pytest.Pytester, marker: str, message: str) -> None:
    result = outcome(project, f"@pytest.mark.mcpflow({marker})\nasync def test_it(mcpflow):\n    pass\n")
    assert result.ret != 0
    assert any(
        re.search(re.escape(part), str(result.stdout) + str(result.stderr))
        for part in message.split("*")
        if part
    )
    assert "site-packages" not in str(result.stdout)  # nor any other frame of what found it out


FAILING_CALLS = [
    ("", '"shop.lok", {}', "UnknownNameError: unknown tool 'shop.lok'"),
    ("", '"shop.order", {}', "ArgumentError: shop.order: Invalid arguments"),
    (
        "shop.order=hang",
        '"shop.order", {"item": "tea"}, timeout=9',
        "MCPError: Request 'tools/call' timed out",
    ),
    (
        "shop.order=malformed",
        '"shop.order", {"item": "tea"}',
        "RuntimeError: Tool order has an output schema",
    ),
]


@pytest.mark.parametrize("transport", ["direct", "memory"])
def test_a_failing_call_is_shown_where_the_test_makes_it(project: pytest.Pytester, transport: str) -> None:
    tests = "\n".join(
        f"""@pytest.mark.mcpflow(faults={fault or None!r}, transport={transport!r})
async def test_{number}(mcpflow):
    mcpflow.serve(Shop())
    await mcpflow.call_tool({call})
"""
        for number, (fault, call, _) in enumerate(FAILING_CALLS)
    )

    shown = str(outcome(project, tests).stdout)

    for _, call, error in FAILING_CALLS:
        assert f">       await mcpflow.call_tool({call})\nE       " in shown
        assert error in shown
    assert re.findall(r"^(?!test_it\.py:)\S+\.py:\d+:.*$", shown, re.MULTILINE) == []


@pytest.mark.parametrize("option", ["--mcp-transport=pigeon", "--mcp-protocol=1999", "--mcp-seed=x"])
def test_a_wrong_option_is_a_usage_error(project: pytest.Pytester, option: str) -> None:
    result = outcome(project, "def test_it():\n    pass\n", option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_ctrl_c_ends_the_run_and_leaves_no_process(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_it="""
from pathlib import Path
import asyncio, pytest
from shop import Shop

@pytest.mark.mcpflow(transport="stdio", virtual_time=False)
async def test_it(mcpflow):
    mcpflow.serve(Shop())
    client = await mcpflow.client("shop")
    Path("ready").write_text("")
    await asyncio.sleep(60)
"""
    )
    running = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"],
        cwd=project.path,
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not (project.path / "ready").exists():
        assert time.monotonic() < deadline, "the test never began"
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    output, _ = running.communicate(timeout=20)
    assert running.returncode == pytest.ExitCode.INTERRUPTED, output
    if sys.platform == "linux":
        commands = [each.read_bytes() for each in Path("/proc").glob("[0-9]*/cmdline") if each.exists()]
        assert not [
            command
            for command in commands
            if b"relay.py" in command and str(project.path).encode() in command
        ]
