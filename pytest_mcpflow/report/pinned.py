"""Tests that pin the plans which an exploration found: they fail until the workflow is corrected."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pytest_mcpflow.errors import ExplorationError
from pytest_mcpflow.outcome import shortened
from pytest_mcpflow.report.resilience import Pinned, Resilience, circumstances

__all__ = [
    "check_writable",
    "obstacles_of",
    "pin_call",
    "pin_scenario",
    "pinned_file",
    "quoted",
    "write_pinned",
]

HEAD = '"""Plans under which workflows did not end well, by pytest-mcpflow. Each is yours to keep and change."""\n'
INDENT = " " * 4
NAME = 90
WIDTH = 88


def pin_scenario(
    name: str,
    plan: str,
    why: Sequence[str],
    *,
    seed: int,
    way: str,
    era: str,
    workflow: str | None,
    schedule: int | None = None,
) -> Pinned:
    """A test that runs a scenario under a plan, or in the order of a schedule; `why` names what does not hold."""
    arguments = ["pytestconfig", quoted(name), quoted(plan)]
    arguments += [f"seed={seed}", f"transport={quoted(way)}", f"protocol={quoted(era)}"]
    if workflow is not None:
        arguments.append(f"workflow={quoted(workflow)}")
    if schedule is not None:
        arguments.append(f"schedule={schedule}")
    lines = [
        f"def {_test_name(name, circumstances(plan, schedule))}(pytestconfig: pytest.Config) -> None:",
        f"{INDENT}{_docstring(why)}",
        f"{INDENT}assert_survives(",
        *(f"{INDENT * 2}{argument}," for argument in arguments),
        f"{INDENT})",
    ]
    return Pinned(
        imports=("import pytest", "from pytest_mcpflow import assert_survives"), source=_joined(lines)
    )


def pin_call(
    name: str,
    plan: str,
    why: Sequence[str],
    *,
    head: str,
    test: str,
    arguments: str,
    module: str,
    way: str,
    era: str,
    seed: int,
    options: Mapping[str, str],
    marks: Sequence[str] = (),
    schedule: int | None = None,
) -> Pinned:
    """A test that calls another test under a plan, and has its options from it.

    Args:
        name: The other test's.
        plan: What goes wrong.
        why: Names what does not hold.
        head: Of the function after its name: `(mcpflow)`, `async` before it if it is to be awaited.
        test: The other test, by the name `module` and what it is called there, `test_it` or `TestIt.test_it`.
        arguments: What it is called with.
        module: Where the other test is imported from.
        way, era, seed: How its calls went.
        options: Keywords of the marker `mcpflow` that it does not have from its own source, and their values there.
        marks: More of the test's marks, as Python has them after `pytest.mark.`.
        schedule: The order of tasks that makes it fail, in place of a plan.
    """
    is_async = head.startswith("async ")
    parameters = head.removeprefix("async ")
    owner, _, function = f"{module}.{test}".rpartition(".")
    target = f"{owner}().{function}" if owner != module else f"{owner}.{function}"
    keywords = [f"like={module}.{test}", *(f"{key}={value}" for key, value in options.items())]
    keywords += [f"transport={quoted(way)}", f"protocol={quoted(era)}", f"seed={seed}"]
    keywords += [] if schedule is None else [f"schedule={schedule}"]
    pinned = _test_name(name.removeprefix("test_"), circumstances(plan, schedule))
    lines = [
        *_decorator("mcpflow", keywords),
        *([] if schedule is not None else [f"@pytest.mark.mcp_chaos(plans=[{quoted(plan)}])"]),
        *(f"@pytest.mark.{mark}" for mark in marks),
        f"{'async ' if is_async else ''}def {pinned}{parameters}:",
        f"{INDENT}{_docstring(why)}",
        f"{INDENT}{'await ' if is_async else ''}{target}({arguments})",
    ]
    source = _joined(lines)
    imports = ["import pytest", f"import {module}", "from pytest_mcpflow import Hub"]
    imports += ["from pytest_mcpflow import parameter_of"] if "parameter_of(" in source else []
    return Pinned(imports=tuple(imports), source=source)


def pinned_file(explored: Iterable[Resilience]) -> str:
    """A file of tests, one for each finding that nothing excuses."""
    pins = [finding.pinned for each in explored for finding in each.new]
    found = [pinned for pinned in pins if pinned is not None and pinned.source]
    imports = sorted(
        {line for each in found for line in each.imports}, key=lambda line: (line.startswith("from"), line)
    )
    foreign = [line for line in imports if "pytest_mcpflow" not in line and line != "import pytest"]
    known = [line for line in imports if line not in foreign]
    parts = [
        HEAD,
        "from __future__ import annotations\n",
        *("\n".join(group) + "\n" for group in (known, foreign) if group),
    ]
    sources = list(dict.fromkeys(each.source for each in found))
    return "\n".join(parts) + "".join(f"\n\n{source}" for source in sources)


def obstacles_of(explored: Iterable[Resilience]) -> list[str]:
    """The findings for which no test can be written, each with the reason."""
    return [
        f"no test written of {each.name} under {finding.circumstances}: {finding.pinned.obstacle}"
        for each in explored
        for finding in each.new
        if finding.pinned is not None and finding.pinned.obstacle
    ]


def check_writable(path: Path) -> None:
    """Refuse to write over what somebody else wrote.

    Raises:
        ExplorationError: There is such a file.
    """
    if path.exists() and not (path.is_file() and path.read_text(encoding="utf-8").startswith(HEAD)):
        raise ExplorationError(
            f"{path} exists and was not written by pytest-mcpflow; name another file for the pinned tests"
        )
    if path.suffix != ".py":
        raise ExplorationError(
            f"tests are written to a Python file, and {path} is none; name one, test_pinned.py"
        )


def write_pinned(path: Path, explored: Iterable[Resilience]) -> None:
    """Write the file anew.

    Raises:
        ExplorationError: There is a file that somebody else wrote.
    """
    check_writable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(pinned_file(explored), encoding="utf-8")


def quoted(text: str) -> str:
    """A text as Python has it, in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def _decorator(mark: str, arguments: Sequence[str]) -> list[str]:
    """On one line, or where that gets long on one for each argument."""
    line = f"@pytest.mark.{mark}({', '.join(arguments)})"
    if len(line) <= WIDTH:
        return [line]
    return [f"@pytest.mark.{mark}(", *(f"{INDENT}{each}," for each in arguments), ")"]


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"


def _test_name(name: str, plan: str) -> str:
    words = re.sub(r"\W+", "_", f"{name} survives {plan}").strip("_").lower()
    return f"test_{words[:NAME].rstrip('_')}"


def _docstring(why: Sequence[str]) -> str:
    text = shortened("; ".join(why), 100).replace("\\", "/").replace('"', "'")
    return f'"""Broken: {text}"""'
