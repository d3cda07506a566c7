"""`mcpflow scenarios`: what `--mcp-scenario` can select, as pytest in this folder would find it."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Iterator

import pytest

from pytest_mcpflow.errors import MCPFlowError
from pytest_mcpflow.scenario import Scenario, summary_of, world_of

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command takes none."""


def run(options: argparse.Namespace) -> int:
    """Print the scenarios with tags, servers and task; the exit code is pytest's."""
    return int(pytest.main(["-qq", "--assert=plain"], plugins=[_Lister()]))


class _Lister:
    """Runs in place of a test session, where the ini file and all plugins are loaded."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> int:
        from pytest_mcpflow.scenario_items import catalogue_of

        try:
            scenarios = list(catalogue_of(config))
        except MCPFlowError as error:
            raise pytest.UsageError(str(error)) from error
        width = min(shutil.get_terminal_size().columns, 100)
        for scenario in scenarios:
            for line in described(scenario, width):
                print(line)
        return 0


def described(scenario: type[Scenario], width: int) -> Iterator[str]:
    """A scenario in a few lines of at most `width` columns."""
    yield f"{scenario.name}  [{', '.join(scenario.tags)}]"
    for text in (summary_of(scenario), f"servers: {', '.join(world_of(scenario()))}"):
        yield from textwrap.wrap(
            text, width, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False
        )
