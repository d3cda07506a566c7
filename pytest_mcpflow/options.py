"""What a user can set on the command line and in the ini file."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from pytest_mcpflow.cassette.modes import RecordMode
    from pytest_mcpflow.cassette.redaction import Rule
    from pytest_mcpflow.ways import Era, Way

__all__ = [
    "add_options",
    "asked",
    "chaos_options_given",
    "check_record_mode",
    "count_from_one",
    "eras_asked",
    "record_mode_asked",
    "record_timing_asked",
    "redaction_asked",
    "refuse_to_record",
    "schedule_asked",
    "search_path",
    "seconds_above_zero",
    "seed_asked",
    "ways_asked",
    "workers_of",
]

MARKER = (
    "mcpflow(transport=None, protocol=None, virtual_time=True, starts_at=None, calls_expected=True, "
    "record=None, record_timing=None, faults=None, faults_must_happen=False, schedule=None): "
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


def ways_asked(config: pytest.Config) -> list[Way]:
    """The transports of the command line, each once."""
    from pytest_mcpflow.ways import Way

    return [Way(value) for value in dict.fromkeys(asked(config, "--mcp-transport"))] or [Way.MEMORY]


def eras_asked(config: pytest.Config) -> list[Era]:
    """The protocol eras of the command line, each once."""
    from pytest_mcpflow.ways import Era

    return [Era(value) for value in dict.fromkeys(asked(config, "--mcp-protocol"))] or [Era.STATELESS]


def chaos_options_given(config: pytest.Config) -> list[str]:
    """The options of the command line that say how to explore, and ask for nothing by themselves."""
    names = ("kind", "runs", "seconds", "schedules", "baseline", "update")
    options = [*(f"--mcp-chaos-{name}" for name in names), "--mcp-write-test"]
    return [option for option in options if config.getoption(option)]


def asked(config: pytest.Config, option: str) -> list[str]:
    """The values of a repeatable option."""
    return cast("list[str]", config.getoption(option))


def search_path(config: pytest.Config) -> list[Path]:
    """Where a user's workflow is looked for before the import path."""
    return [config.rootpath, config.invocation_params.dir]


def seed_asked(config: pytest.Config) -> int:
    """The seed of the run."""
    return cast("int", config.getoption("--mcp-seed"))


def schedule_asked(config: pytest.Config) -> int | None:
    """What the order of ready tasks is drawn from; `None` for their own order."""
    return cast("int | None", config.getoption("--mcp-schedule"))


def workers_of(config: pytest.Config) -> int:
    """How many processes of pytest-xdist share the tests; 1 without it."""
    return int(getattr(config, "workerinput", {}).get("workercount", 1))


def record_mode_asked(config: pytest.Config, marked: RecordMode | None) -> RecordMode:
    """When servers with a cassette are recorded: the environment decides, else the command line, the marker, the ini.

    In CI it is `RecordMode.NONE`, whatever marker and ini file say: they are written for the machine of a developer,
    and what they ask for is in the cassettes that were committed.

    Args:
        config: pytest's.
        marked: What the test's marker says.

    Raises:
        pytest.UsageError: The environment or the ini file has something else than a mode; or CI is to record.
    """
    from pytest_mcpflow.cassette.modes import RecordMode, is_ci

    check_record_mode(config)
    asked_by = _explicit_record_mode(config)
    if not asked_by and not is_ci():
        asked_by = marked or config.getini("mcp_record")
    return RecordMode(asked_by or "none")


def record_timing_asked(config: pytest.Config, marked: bool | None) -> bool:
    """Whether recordings note when each message came: the command line decides, else the marker, the ini file."""
    if config.getoption("--mcp-record-timing") or marked is None:
        return bool(config.getoption("--mcp-record-timing") or config.getini("mcp_record_timing"))
    return marked


def check_record_mode(config: pytest.Config) -> None:
    """Look at what is asked of the whole run, before any test.

    Raises:
        pytest.UsageError: The environment or the ini file has something else than a mode; or CI is to record.
    """
    modes = {RECORD_VARIABLE: os.environ.get(RECORD_VARIABLE), "mcp_record": config.getini("mcp_record")}
    for place, mode in modes.items():
        if mode and mode not in RECORD_MODES:
            raise pytest.UsageError(
                f"{place}={mode} is no mode of recording; there is: {', '.join(RECORD_MODES)}"
            )
    _refuse_to_record_in_ci(config)


def _refuse_to_record_in_ci(config: pytest.Config) -> None:
    """What runs in CI only replays: a recording made there is reviewed by nobody, and hides what has changed.

    Raises:
        pytest.UsageError: The environment or the command line asks for something else.
    """
    mode = _explicit_record_mode(config)
    if mode not in RECORD_MODES[1:]:
        return
    from pytest_mcpflow.cassette.modes import CI_VARIABLE, is_ci

    if not is_ci():
        return
    asked_as = f"{RECORD_VARIABLE}={mode}" if os.environ.get(RECORD_VARIABLE) else f"--mcp-record={mode}"
    raise pytest.UsageError(
        f"{asked_as} asks to record, and {CI_VARIABLE}={os.environ[CI_VARIABLE]} says that this is CI, where "
        f"cassettes are only replayed; record on your own machine and commit the cassettes, and ask for none here "
        f"({RECORD_VARIABLE}=none)"
    )


def _explicit_record_mode(config: pytest.Config) -> str | None:
    """What was asked of this very run."""
    return os.environ.get(RECORD_VARIABLE) or cast("str | None", config.getoption("--mcp-record"))


def refuse_to_record(config: pytest.Config) -> None:
    """Recordings that are made anew cannot be compared.

    Raises:
        pytest.UsageError: They are to be made.
    """
    mode = record_mode_asked(config, None)
    if mode.value in ("all", "rewrite"):
        raise pytest.UsageError(
            f"--mcp-verify compares recordings with their servers, and recording mode {mode.value!r} makes new ones; "
            "ask for one of them"
        )


def redaction_asked(config: pytest.Config) -> tuple[Rule, ...]:
    """What is taken out of recordings besides secrets: the rules of the ini file and of plugins.

    Raises:
        pytest.UsageError: A line of the ini file is no rule.
    """
    lines = cast("list[str]", config.getini("mcp_redact"))
    hook: Any = config.hook
    of_plugins = [rule for rules in hook.pytest_mcpflow_redaction_rules() for rule in rules]
    is_personal = config.getini("mcp_redact_personal")
    if not lines and not is_personal:
        return tuple(of_plugins)
    from pytest_mcpflow.cassette.redaction import personal_data, rules_from_ini
    from pytest_mcpflow.errors import CassetteError

    personal = [personal_data()] if is_personal else []
    try:
        return (*rules_from_ini(lines), *of_plugins, *personal)
    except CassetteError as error:
        raise pytest.UsageError(str(error)) from error
