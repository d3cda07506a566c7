"""The `mcpflow` command as a shell has it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from pytest_mcpflow.cli import COMMANDS, main

COMMAND = [sys.executable, "-m", "pytest_mcpflow", "scenarios"]


def test_a_list_that_nobody_reads_to_its_end_ends_without_a_word(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(COMMAND, cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, timeout=60)
    finally:
        os.close(writing)

    assert (done.returncode, done.stderr) == (141, b"")


def test_it_says_which_version_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])

    assert (ended.value.code, capsys.readouterr().out) == (0, f"pytest-mcpflow {version('pytest-mcpflow')}\n")


@pytest.mark.parametrize(
    ("arguments", "choices"),
    [
        (["explore", "trip", "--protocol=1"], ["2026-07-28", "2025-11-25"]),
        (["explore", "trip", "--transport=tcp"], ["direct", "memory", "stdio", "http"]),
    ],
)
def test_a_value_that_an_option_does_not_take_is_refused_with_those_that_it_takes(
    arguments: list[str], choices: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    says = capsys.readouterr().err.rpartition("choose from ")[2].strip().removesuffix(")")
    assert (ended.value.code, says.replace("'", "").split(", ")) == (2, choices)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_says_what_it_does(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])

    usage, description, *_ = capsys.readouterr().out.split("\n\n")
    assert usage.startswith(f"usage: mcpflow {command}")
    assert description.endswith(".")
