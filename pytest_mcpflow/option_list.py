"""What a user can set on the command line and in the ini file, as pytest is told; `options` reads it.

It is apart because pytest asks for it in every run, also of projects that use nothing of this.
"""

from __future__ import annotations

import argparse
import math

import pytest

__all__ = [
    "CHAOS_MARKER",
    "ERAS",
    "MARKER",
    "RECORD_MODES",
    "RECORD_VARIABLE",
    "WAYS",
    "add_options",
    "chaos_options_given",
    "count_from_one",
    "seconds_above_zero",
]

MARKER = (
    "mcpflow(transport=None, protocol=None, virtual_time=True, starts_at=None, calls_expected=True, "
    "record=None, record_timing=None, faults=None, faults_must_happen=False, schedule=None, seed=None, "
    "like=None): "
    "how the mcpflow fixture of a test runs; see the reference, 'marker'"
)

CHAOS_MARKER = (
    "mcp_chaos(depth=1, kinds=None, runs=None, seconds=None, schedules=0, plans=()): "
    "run the test again under every plan of so many faults; see the reference, 'Exploration'"
)

# The values of the enumerations Way, Era and RecordMode, which are imported when a test needs them.
WAYS = ("direct", "memory", "stdio", "http")
ERAS = ("2026-07-28", "2025-11-25")
RECORD_MODES = ("none", "once", "new", "all", "rewrite")
RECORD_VARIABLE = "MCPFLOW_RECORD"
"""Decides before any option."""


def add_options(parser: pytest.Parser) -> None:
    group = parser.getgroup("mcpflow", "MCP workflows (pytest-mcpflow)")
    group.addoption(
        "--mcp-scenario",
        action="append",
        default=[],
        metavar="NAME|TAG|GLOB",
        help="run the documented workflows of this name or tag; may be repeated; `mcpflow scenarios` lists them",
    )
    group.addoption(
        "--mcp-workflow",
        action="append",
        default=[],
        metavar="NAME=MODULE:CALLABLE",
        help="run this workflow in place of a scenario's reference workflow; may be repeated",
    )
    group.addoption(
        "--mcp-transport",
        action="append",
        default=[],
        choices=WAYS,
        help="how calls reach fakes (default: memory); may be repeated, each test then runs once for each",
    )
    group.addoption(
        "--mcp-protocol",
        action="append",
        default=[],
        choices=ERAS,
        help=f"the protocol era spoken (default: {ERAS[0]}); may be repeated",
    )
    group.addoption(
        "--mcp-seed",
        type=int,
        default=0,
        metavar="N",
        help="decides everything that is left to chance (default: 0)",
    )
    group.addoption(
        "--mcp-record",
        choices=RECORD_MODES,
        help="record servers that have a cassette, or replay them (default: none, which only replays)",
    )
    group.addoption(
        "--mcp-record-timing",
        action="store_true",
        help="where servers are recorded, note when each message came, for replays that take as long",
    )
    group.addoption(
        "--mcp-verify",
        action="store_true",
        help="compare servers that have a cassette with it, and fail tests whose server does something else",
    )
    group.addoption(
        "--mcp-plan",
        action="append",
        default=[],
        metavar="PLAN|NAME",
        help="let calls go wrong: 'server.tool#1=refuse', or a plan of the ini file by its name; may be repeated",
    )
    group.addoption(
        "--mcp-plan-must-happen",
        action="store_true",
        help="fail where a fault of --mcp-plan concerned no call",
    )
    group.addoption(
        "--mcp-schedule",
        type=_schedule,
        metavar="N",
        help="let ready tasks take their turns in another order, which is drawn from this number",
    )
    group.addoption(
        "--mcp-chaos",
        nargs="?",
        type=_depth,
        const=0,
        metavar="DEPTH",
        help="explore the scenarios: look for plans of so many faults at once under which they do not end well "
        "(default: what the scenario asks for, 1 mostly); with tests marked mcp_chaos, in place of their depth",
    )
    group.addoption(
        "--mcp-chaos-kind",
        action="append",
        default=[],
        metavar="KIND",
        help="try this kind of fault, 'delay(60)'; may be repeated (default: what any client has to deal with)",
    )
    group.addoption(
        "--mcp-chaos-runs",
        type=count_from_one,
        metavar="N",
        help="the most runs to explore one workflow with (default: all)",
    )
    group.addoption(
        "--mcp-chaos-seconds",
        type=seconds_above_zero,
        metavar="S",
        help="the most seconds to explore one workflow for (default: as many as it takes)",
    )
    group.addoption(
        "--mcp-chaos-schedules",
        type=count_from_one,
        metavar="N",
        help="run each workflow in so many other orders of its ready tasks, too, without faults (default: none)",
    )
    group.addoption(
        "--mcp-chaos-baseline",
        metavar="FILE",
        help="a file of known findings, which fail nothing; any other does",
    )
    group.addoption(
        "--mcp-chaos-update",
        action="store_true",
        help="write what is found to the file of --mcp-chaos-baseline",
    )
    group.addoption(
        "--mcp-write-test",
        metavar="PATH",
        help="write a file of tests that pin the plans which were found, and fail until the workflow is corrected",
    )
    parser.addini("mcp_chaos_baseline", "as --mcp-chaos-baseline, from the root directory on")
    parser.addini("mcp_chaos_kinds", "as --mcp-chaos-kind, a kind a line", type="linelist")
    parser.addini("mcp_chaos_runs", "as --mcp-chaos-runs")
    parser.addini("mcp_chaos_schedules", "as --mcp-chaos-schedules")
    parser.addini("mcp_chaos_seconds", "as --mcp-chaos-seconds")
    parser.addini("mcp_plans", "plans of faults for --mcp-plan, NAME = PLAN a line", type="linelist")
    parser.addini("mcp_record", "when servers with a cassette are recorded: " + ", ".join(RECORD_MODES))
    parser.addini("mcp_record_timing", "as --mcp-record-timing", type="bool")
    parser.addini(
        "mcp_redact", "what is taken out of recordings besides secrets, NAME = REGEX a line", type="linelist"
    )
    parser.addini(
        "mcp_redact_personal", "whether e-mail addresses and telephone numbers are taken out", type="bool"
    )
    parser.addini("mcp_scenarios", "files or folders with scenarios of your own", type="paths")
    parser.addini(
        "mcp_verify_allow",
        "tools that --mcp-verify may call although they may destroy something, a pattern a line",
        type="linelist",
    )
    parser.addini(
        "mcp_verify_ignore",
        "places in answers that --mcp-verify does not compare, a JSON pointer a line",
        type="linelist",
    )
    parser.addini(
        "mcp_workflows", "workflows in place of reference ones, NAME=MODULE:CALLABLE a line", type="linelist"
    )


def _depth(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of faults from 1 on; where something else follows, write --mcp-chaos=1"
        )
    return int(text)


def _schedule(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of a schedule, from 0 on")
    return int(text)


def count_from_one(text: str) -> int:
    """A number of things, from the command line.

    Raises:
        argparse.ArgumentTypeError: The text is none, or is 0.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def seconds_above_zero(text: str) -> float:
    """A number of seconds, from the command line.

    Raises:
        argparse.ArgumentTypeError: The text is none, or is not above 0.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not (math.isfinite(seconds) and seconds > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds


def chaos_options_given(config: pytest.Config) -> list[str]:
    """The options of the command line that say how to explore, and ask for nothing by themselves."""
    names = ("kind", "runs", "seconds", "schedules", "baseline", "update")
    options = [*(f"--mcp-chaos-{name}" for name in names), "--mcp-write-test"]
    return [option for option in options if config.getoption(option)]
