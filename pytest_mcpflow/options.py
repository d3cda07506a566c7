"""What a user has set on the command line and in the ini file; what there is to set is in `option_list`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_mcpflow.option_list import RECORD_MODES, RECORD_VARIABLE

if TYPE_CHECKING:
    from pytest_mcpflow.cassette.modes import RecordMode
    from pytest_mcpflow.cassette.redaction import Rule
    from pytest_mcpflow.ways import Era, Way

__all__ = [
    "asked",
    "check_record_mode",
    "eras_asked",
    "record_mode_asked",
    "record_timing_asked",
    "redaction_asked",
    "refuse_to_record",
    "schedule_asked",
    "search_path",
    "seed_asked",
    "ways_asked",
    "workers_of",
]


def ways_asked(config: pytest.Config) -> list[Way]:
    """The transports of the command line, each once."""
    from pytest_mcpflow.ways import Way

    return [Way(value) for value in dict.fromkeys(asked(config, "--mcp-transport"))] or [Way.MEMORY]


def eras_asked(config: pytest.Config) -> list[Era]:
    """The protocol eras of the command line, each once."""
    from pytest_mcpflow.ways import Era

    return [Era(value) for value in dict.fromkeys(asked(config, "--mcp-protocol"))] or [Era.STATELESS]


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
