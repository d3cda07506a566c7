"""`mcpflow explore`: under which plans a scenario's workflow does not end well, without pytest's reports around it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from pytest_mcpflow.catalogue import load_workflow
from pytest_mcpflow.chaos.baseline import Baseline
from pytest_mcpflow.errors import FaultPlanError, MCPFlowError
from pytest_mcpflow.option_list import count_from_one, seconds_above_zero
from pytest_mcpflow.options import search_path
from pytest_mcpflow.plans import fault_kinds
from pytest_mcpflow.report.explored import ExploredSoFar, Search, explore_scenario, kinds_named
from pytest_mcpflow.report.matrix import collapsed, matrix, notes, overview, wrapped
from pytest_mcpflow.report.pinned import check_writable, write_pinned
from pytest_mcpflow.report.resilience import Resilience, check_file, write_json
from pytest_mcpflow.scenario_items import catalogue_of, workflows_asked
from pytest_mcpflow.ways import Era, Way

__all__ = ["add_arguments", "run"]

BLOCKS = 5
ERROR = "ERROR: "
INTERRUPTED = 130
"""What a shell makes of a program that Ctrl-C ended."""
QUIETLY = ("-qq", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
"""This package is imported already, so that pytest cannot rewrite its assertions; scenarios are not."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "scenario", nargs="+", metavar="SCENARIO", help="name, tag or glob, as for --mcp-scenario"
    )
    parser.add_argument(
        "--depth", type=count_from_one, help="the most faults at once (default: the scenario's)"
    )
    parser.add_argument("--runs", type=count_from_one, help="the most runs for each scenario (default: all)")
    parser.add_argument("--seconds", type=seconds_above_zero, help="the most seconds for each scenario")
    parser.add_argument(
        "--schedules",
        type=count_from_one,
        default=0,
        metavar="N",
        help="run it in so many other orders of its ready tasks, too, without faults (default: none)",
    )
    parser.add_argument("--kind", action="append", default=[], help="try this kind of fault; may be repeated")
    parser.add_argument(
        "--seed", type=int, default=0, help="decides everything that is left to chance (default: 0)"
    )
    parser.add_argument("--workflow", metavar="MODULE:CALLABLE", help="in place of the scenario's own")
    parser.add_argument(
        "--transport", choices=[way.value for way in Way], default=Way.DIRECT.value, help="default: direct"
    )
    parser.add_argument(
        "--protocol",
        choices=[era.value for era in Era],
        default=Era.STATELESS.value,
        help=f"default: {Era.STATELESS}",
    )
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="known findings, which fail nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON")
    parser.add_argument("--write-test", type=Path, metavar="PATH", help="write tests that pin what was found")


def run(options: argparse.Namespace) -> int:
    """Explore and print; 1 if something was found that nothing excuses, 4 if the question was wrong.

    It is 130 if somebody stopped it; then it says what was covered until then.
    """
    try:
        return int(pytest.main([*QUIETLY], plugins=[_Explorer(options)]))
    except KeyboardInterrupt:
        print(f"interrupted: {_covered(())}", file=sys.stderr)
        return INTERRUPTED


class _Explorer:
    """Runs in place of a test session, where the ini file and all plugins are loaded."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> int:
        options = self._options
        try:
            if options.write_test is not None:
                check_writable(options.write_test)
            for path in (options.json, options.write_test):
                if path is not None:
                    check_file(path)
            baseline = Baseline() if options.baseline is None else Baseline.read(options.baseline)
            baseline.check(fault_kinds(config))
            explored: list[Resilience] = []
            is_interrupted = False
            try:
                for each in self._explored(config, baseline):
                    explored.append(baseline.without_the_gone(each))
                    print("\n".join(_told(explored[-1])))
            except ExploredSoFar as stopped:
                is_interrupted = True
                explored.append(stopped.resilience)
                print("\n".join(_told(stopped.resilience)))
            except KeyboardInterrupt:
                is_interrupted = True
            if len(explored) > 1:
                print("\n".join(overview(explored)))
            if options.json is not None:
                write_json(options.json, explored)
            if options.write_test is not None and any(each.new for each in explored):
                write_pinned(options.write_test, explored)
                print(f"tests that pin what was found: {options.write_test}")
        except (MCPFlowError, pytest.UsageError) as error:
            raise pytest.UsageError(_fitting(str(error))) from error
        if is_interrupted:
            print(f"interrupted: {_covered(explored)}", file=sys.stderr)
            return INTERRUPTED
        return int(any(each.new for each in explored))

    def _explored(self, config: pytest.Config, baseline: Baseline) -> Iterator[Resilience]:
        options = self._options
        catalogue = catalogue_of(config)
        scenarios = catalogue.select(options.scenario)
        if options.workflow is not None and len(scenarios) > 1:
            names = ", ".join(scenario.name for scenario in scenarios)
            raise pytest.UsageError(
                f"--workflow takes the place of one scenario's, and there are several: {names}"
            )
        known_kinds = fault_kinds(config)
        try:
            kinds = kinds_named(options.kind, known_kinds) if options.kind else None
        except FaultPlanError as error:
            raise pytest.UsageError(f"--kind: {error}") from None
        of_ini = workflows_asked(config, catalogue)
        for scenario in scenarios:
            reference = options.workflow or of_ini.get(scenario.name)
            yield explore_scenario(
                scenario,
                Search(
                    depth=options.depth or scenario.depth,
                    kinds=kinds,
                    runs=options.runs,
                    seconds=options.seconds,
                    schedules=options.schedules,
                ),
                workflow=None if reference is None else load_workflow(reference, search=search_path(config)),
                workflow_reference=reference,
                seed=options.seed,
                way=Way(options.transport),
                era=Era(options.protocol),
                kinds=known_kinds,
                known=partial(baseline.knows, scenario.name),
            )


def _fitting(message: str) -> str:
    """An error on lines that fit, its first one behind what pytest puts before it."""
    return "\n".join(
        line for part in f"{ERROR}{message}".splitlines() for line in wrapped(part) or [""]
    ).removeprefix(ERROR)


def _covered(explored: Sequence[Resilience]) -> str:
    """What can be said of a search that somebody stopped."""
    whole = [each for each in explored if not each.counts.at_least]
    if not explored:
        return "nothing was covered so far"
    rest = [each for each in explored if each not in whole]
    said = [f"{len(whole)} explored"] if whole else []
    said += [
        f"{each.name} in part, {each.counts.covered} of at least {each.counts.planned} plans" for each in rest
    ]
    return "; ".join(said)


def _told(explored: Resilience) -> Iterator[str]:
    yield from wrapped(f"{explored.name}: {explored.claim}")
    yield from wrapped(explored.accounting)
    yield from collapsed(explored)
    yield from notes(explored)
    yield ""
    yield from matrix(explored)
    yield ""
    for finding in explored.new[:BLOCKS]:
        yield finding.block
        yield ""
    if len(explored.new) > BLOCKS:
        yield f"and {len(explored.new) - BLOCKS} more findings"
        yield ""
