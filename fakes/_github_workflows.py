"""What `pytest_mcpflow.fakes.github` understands of a workflow file: the YAML they are written in, and their rules.

The reader knows block mappings and sequences, flow sequences, plain and quoted scalars, and literal blocks: what
workflow files use. Anything else is refused, with its line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = ["WorkflowFile", "WorkflowJob", "Yaml", "read_workflow", "read_yaml"]

FOLDER = ".github/workflows/"
Yaml: TypeAlias = "dict[str, Yaml] | list[Yaml] | str | int | bool | None"
_KEY = re.compile(r"""(?P<key>"[^"]*"|'[^']*'|[\w./-]+):(?:\s+(?P<rest>\S.*))?$""")


@dataclass
class WorkflowJob:
    """A job: what it waits for, when it runs, which environment it deploys to, and what its steps run."""

    name: str
    needs: list[str]
    condition: str | None
    environment: str | None
    steps: list[str]
    conditions: list[str]
    """Under which conditions single steps run, such as `failure()`."""


@dataclass
class WorkflowFile:
    """A workflow file; `triggers` are branches by event, none for all of them."""

    path: str
    name: str
    state: Literal["active", "invalid"] = "active"
    error: str | None = None
    triggers: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    jobs: list[WorkflowJob] = field(default_factory=list[WorkflowJob])


def read_workflow(path: str, text: str) -> WorkflowFile:
    """Read a workflow file; one that is not valid says why, and does nothing."""
    found = WorkflowFile(path, path.rpartition("/")[2])
    try:
        content = read_yaml(text)
        if not isinstance(content, dict):
            raise ValueError("A mapping was expected")
        for required in ("on", "jobs"):
            if not content.get(required):
                raise ValueError(f"Required property is missing: {required}")
        found.name = str(content.get("name", found.name))
        found.triggers = _triggers(content["on"])
        found.jobs = _jobs(content["jobs"])
    except ValueError as error:
        found.state, found.error = "invalid", f"The workflow is not valid. {path} {error}"
    return found


def _triggers(value: Yaml) -> dict[str, list[str]]:
    if isinstance(value, dict):
        return {
            event: _texts(detail.get("branches")) if isinstance(detail, dict) else []
            for event, detail in value.items()
        }
    return {event: [] for event in _texts(value)}


def _jobs(value: Yaml) -> list[WorkflowJob]:
    if not isinstance(value, dict):
        raise ValueError("jobs: A mapping was expected")
    jobs: list[WorkflowJob] = []
    for name, job in value.items():
        if not isinstance(job, dict) or not job.get("runs-on") or not job.get("steps"):
            raise ValueError(f"Job '{name}': Required properties are missing: runs-on, steps")
        steps = [step for step in _items(job["steps"]) if isinstance(step, dict)]
        needs = _texts(job.get("needs"))
        # A job can only wait for what stands in the file, and none may wait for itself by a detour.
        if unknown := [each for each in needs if each not in value]:
            raise ValueError(f"Job '{name}' depends on unknown job '{unknown[0]}'.")
        jobs.append(
            WorkflowJob(
                name,
                needs,
                None if job.get("if") is None else str(job["if"]),
                None if job.get("environment") is None else str(job["environment"]),
                [str(step.get("run", step.get("uses", ""))) for step in steps],
                [str(step["if"]) for step in steps if "if" in step],
            )
        )
    _refuse_cycles(jobs)
    return jobs


def _refuse_cycles(jobs: list[WorkflowJob]) -> None:
    done = set[str]()
    while len(done) < len(jobs):
        ready = {job.name for job in jobs if {*job.needs} <= done} - done
        if not ready:
            stuck = next(job for job in jobs if job.name not in done)
            raise ValueError(f"Job '{stuck.name}' depends on itself.")
        done |= ready


def _items(value: Yaml) -> list[Yaml]:
    return value if isinstance(value, list) else []


def _texts(value: Yaml) -> list[str]:
    return [] if value is None else [str(each) for each in (value if isinstance(value, list) else [value])]


@dataclass
class _Line:
    number: int
    indent: int
    text: str


def read_yaml(text: str) -> Yaml:
    """Read the part of YAML that workflow files use.

    Raises:
        ValueError: Something else stands there; it says on which line.
    """
    lines = [
        _Line(number, len(line) - len(line.lstrip(" ")), line.strip())
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.strip().startswith("#")
    ]
    value, rest = _block(lines, 0) if lines else (None, [])
    if rest:
        raise ValueError(f"(Line: {rest[0].number}): unexpected indentation or content: {rest[0].text}")
    return value


def _block(lines: list[_Line], indent: int) -> tuple[Yaml, list[_Line]]:
    if lines[0].text.startswith("- "):
        return _sequence(lines, indent)
    mapping: dict[str, Yaml] = {}
    while lines and lines[0].indent == indent:
        line = lines[0]
        parts = _KEY.match(line.text)
        if parts is None:
            raise ValueError(f"(Line: {line.number}): a key was expected: {line.text}")
        key, rest = parts.group("key").strip("\"'"), parts.group("rest")
        if key in mapping:
            raise ValueError(f"(Line: {line.number}): '{key}' is already defined")
        mapping[key], lines = _value(lines, indent, rest)
    return mapping, lines


def _value(lines: list[_Line], indent: int, rest: str | None) -> tuple[Yaml, list[_Line]]:
    line, lines = lines[0], lines[1:]
    if rest == "|":
        block = list[str]()
        while lines and lines[0].indent > indent:
            block.append(lines.pop(0).text)
        return "\n".join(block), lines
    if rest is not None:
        return _scalar(rest, line.number), lines
    is_sequence = bool(lines) and lines[0].text.startswith("- ") and lines[0].indent == indent
    if lines and (lines[0].indent > indent or is_sequence):
        return _block(lines, lines[0].indent)
    return None, lines


def _sequence(lines: list[_Line], indent: int) -> tuple[Yaml, list[_Line]]:
    items: list[Yaml] = []
    while lines and lines[0].indent == indent and lines[0].text.startswith("- "):
        line = lines[0]
        inner = line.text[2:].strip()
        if _KEY.match(inner):
            item, lines = _block([_Line(line.number, indent + 2, inner), *lines[1:]], indent + 2)
        else:
            item, lines = _scalar(inner, line.number), lines[1:]
        items.append(item)
    return items, lines


def _scalar(text: str, number: int) -> Yaml:
    if text[0] in "\"'":
        if len(text) < 2 or text[-1] != text[0]:
            raise ValueError(f"(Line: {number}): a quote is not closed: {text}")
        return text[1:-1]
    if text[0] == "[":
        if text[-1] != "]":
            raise ValueError(f"(Line: {number}): a bracket is not closed: {text}")
        return [_scalar(item.strip(), number) for item in text[1:-1].split(",") if item.strip()]
    if text[0] in "{&*!%@`>":
        raise ValueError(f"(Line: {number}): not understood here: {text}")
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"-?\d+", text) else text
