"""Requests and their repetitions as a transcript shows them: what the rules of `mcp-error-handling` hold retries to."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator

from pytest_mcpflow import Interaction, Run
from pytest_mcpflow.scenarios._plain_answers import refusal_of
from pytest_mcpflow.scenarios._retry_manager import RETRY_AFTER

__all__ = ["repetitions", "requests_of_session", "retry_after"]


def requests_of_session(run: Run) -> Iterator[list[Interaction]]:
    """The attempts of each request, those of health checks and alerts excepted."""
    attempts: defaultdict[str, list[Interaction]] = defaultdict(list)
    for each in run.transcript:
        if each.server in ("context7", "utility") and each.arguments.get("limit") != 1:
            attempts[f"{each.name} {each.arguments}"].append(each)
    yield from attempts.values()


def repetitions(run: Run) -> Iterator[tuple[int, Interaction, Interaction]]:
    """Each attempt that was followed by another, with its number from 0, and the one that followed."""
    for attempts in requests_of_session(run):
        for number, (failed, again) in enumerate(itertools.pairwise(attempts)):
            yield number, failed, again


def retry_after(interaction: Interaction) -> float:
    """Seconds to wait as the server said, or 0."""
    asked = RETRY_AFTER.match(refusal_of(interaction) or "")
    return float(asked[1]) if asked is not None else 0.0
