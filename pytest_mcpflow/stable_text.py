"""A transcript as text in which only what the workflow decides can change."""

from __future__ import annotations

import re

from pydantic_core import to_json

from pytest_mcpflow.outcome import Answered
from pytest_mcpflow.transcript import Interaction, Transcript

__all__ = ["stable_text"]

_VOLATILE = re.compile(
    r"(?P<id>\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
    r"|\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{12,64}\b)"
    r"|(?P<time>\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)"
)
"""UUIDs, hexadecimal ids of 12 to 64 digits (commits, images, containers), ISO 8601 instants."""


def stable_text(transcript: Transcript) -> str:
    """One call a line, its outcome and what was asked indented below, ids and instants as `<id-1>`, `<time-2>`."""
    numbers: dict[str, str] = {}

    def numbered(found: re.Match[str]) -> str:
        kind = str(found.lastgroup)
        count = sum(label.startswith(f"<{kind}-") for label in numbers.values())
        return numbers.setdefault(found.group(), f"<{kind}-{count + 1}>")

    text = "\n".join(line for interaction in transcript for line in _lines(interaction))
    return _VOLATILE.sub(numbered, text)


def _lines(interaction: Interaction) -> list[str]:
    lines = [f"{interaction.site} {_json(interaction.arguments)}"]
    lines += [f"  asked {_json(asked.question)} -> {_json(asked.answer)}" for asked in interaction.asked]
    outcome = interaction.outcome
    lines.append(
        f"  -> {_json(outcome.value) if isinstance(outcome, Answered) else ' '.join(str(outcome).split())}"
    )
    return lines


def _json(value: object) -> str:
    return to_json(value).decode()
