"""What `pytest_mcpflow.fakes.github` understands of a workflow file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pytest_mcpflow.plain_yaml import Yaml, read_yaml

__all__ = ["WorkflowFile", "WorkflowJob", "read_workflow"]

FOLDER = ".github/workflows/"


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
