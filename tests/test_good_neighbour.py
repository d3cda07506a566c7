"""The plugin takes few names, none that another plugin has, and runs beside the others."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from checkout import copy_checkout, install, make_environment, require_registry, run

TAKEN_WORDS = """
--aimock-version --agentcheck-report --agentcheck-seed --block-network --cassette-dir --cassette-mode --chaos
--chaos-contract --chaos-report-dir --mcp-binary --mcp-command --mcp-consumer-contracts --mcp-fixture
--mcp-live-stderr --mcp-log-level --mcp-match --mcp-provider-surface --mcp-record-mode --mcp-server
--mcp-smart-timeouts --mcp-spec-version --mcp-suite --mcp-target --mcp-target-env --mcp-target-stdio --mcp-timeout
--mcp-timeout-method --mcp-tools --mcp-trace --mcp-update-snapshots --record-mode --runs --snapshot-update
agentcheck agentfault agentproof aimock chaos chaos_runner clock faults mcp mcp_cassette mcp_client
mcp_client_fresh mcp_integration mcp_replay_url mcp_server mcp_server_config mcp_slow mcp_spec_version
mcp_test_server mcp_timeout mcp_tool_names mcp_url mcp_v2 mcp_v3 mcp_v4 mcp_verify_result min_pass_rate mockworld
resilience run_index runs saga_chaos sandboxed_client snapshot snapshot_dir trace vcr world
"""
"""Options, fixtures and markers of plugins for MCP, chaos, recordings and snapshots, by their help texts."""

TAKEN = frozenset(TAKEN_WORDS.split())

PEERS = ("agentic-chaos", "faultbench", "mcp-recorder", "pytest-mcptest", "pytest-recording", "syrupy")
"""Plugins that install with the SDK that this project needs, on every Python that it supports."""

LISTED = {
    "options": ("--help", r"^ {2}(?:-\w, )?(--[\w-]+)"),
    "ini": ("--help", r"^ {2}(\w+) \("),
    "markers": ("--markers", r"^@pytest\.mark\.(\w+)"),
    "fixtures": ("--fixtures", r"^(\w+)(?: \[\w+ scope\])? -- "),
}


@pytest.fixture(params=LISTED)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _listed(kind: str, folder: Path, *options: str) -> set[str]:
    flag, pattern = LISTED[kind]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, flag]
    said = run(command, cwd=folder, accept=(0, 5), set_environment={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    found = {*re.findall(pattern, said, flags=re.MULTILINE)}
    assert found, said
    return found


def _ours(kind: str, folder: Path) -> set[str]:
    return _listed(kind, folder, "-p", "pytest_mcpflow.plugin") - _listed(kind, folder)


def test_our_names_are_free(kind: str, tmp_path: Path) -> None:
    ours = _ours(kind, tmp_path)

    assert ours
    assert ours & TAKEN == set()


def test_our_names_can_be_told_from_others(kind: str, tmp_path: Path) -> None:
    wanted = {
        "options": r"--mcp-[a-z-]+",
        "ini": r"mcp_[a-z_]+",
        "markers": "mcpflow|mcp_chaos",
        "fixtures": "mcpflow",
    }

    assert [name for name in _ours(kind, tmp_path) if not re.fullmatch(wanted[kind], name)] == []


def test_a_test_that_does_not_ask_for_the_fixture_gets_nothing_of_ours(tmp_path: Path) -> None:
    (tmp_path / "test_plain.py").write_text("def test_plain() -> None: ...\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-p",
        "pytest_mcpflow.plugin",
        "--setup-show",
    ]

    said = run(command, cwd=tmp_path, set_environment={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})

    assert "1 passed" in said
    assert "SETUP" not in said


COUNTER = '''
from dataclasses import dataclass

from pytest_mcpflow import Fake, Hub, tool


@dataclass
class Counter(Fake):
    """Counts."""

    value: int = 0

    @tool()
    def add(self, amount: int) -> int:
        """Add to the counter."""
        self.value += amount
        return self.value


async def test_counting(mcpflow: Hub) -> None:
    counter = mcpflow.serve(Counter())

    await mcpflow.call_tool("counter.add", {"amount": 2})

    assert counter.value == 2


def test_plain() -> None: ...
'''


@pytest.fixture(scope="module")
def beside_peers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with this project and its peers."""
    require_registry()
    folder = tmp_path_factory.mktemp("peers")
    python = make_environment(folder / "environment")
    install(python, "-e", copy_checkout(folder / "tree"))
    install(python, *PEERS, online=True)
    said = run([python, "-c", "import pytest_mcpflow; print(pytest_mcpflow.__file__)"], cwd=folder)
    assert Path(said.strip()).is_relative_to(folder / "tree")
    return python


def test_pytest_starts_with_all_peers_and_runs_our_test(beside_peers: Path, tmp_path: Path) -> None:
    (tmp_path / "test_counting.py").write_text(COUNTER, encoding="utf-8")

    said = run([beside_peers, "-m", "pytest", "-v", "-p", "no:randomly"], cwd=tmp_path)

    (plugins,) = re.findall(r"^plugins: (.*)", said, flags=re.MULTILINE)
    loaded = {re.sub(r"-[\d.]+$", "", each) for each in plugins.split(", ")}
    assert {"mcpflow", *(peer.removeprefix("pytest-") for peer in PEERS)} <= loaded
    assert "2 passed" in said
