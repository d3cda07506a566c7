"""Readable differences between a transcript and what a test expected of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pytest_mcpflow.transcript import Interaction, Transcript

__all__ = ["explain_difference"]


def explain_difference(left: object, right: object) -> list[str] | None:
    """Lines for pytest, the first one a summary; `None` where neither side is of ours."""
    if isinstance(left, Interaction) and not isinstance(right, Interaction):
        return [f"{left.call} == {right!r}", f"got:      {left}", f"expected: {right!r}"]
    if not isinstance(left, Transcript) or not isinstance(right, Sequence):
        return None
    expected = cast("Sequence[object]", right)
    lines = [f"{len(left)} calls == {len(expected)} expected"]
    for index in range(max(len(left), len(expected))):
        got = left[index] if index < len(left) else None
        wanted = expected[index] if index < len(expected) else None
        if got is not None and index < len(expected) and got == wanted:
            lines.append(f"  [{index}] {got}")
        else:
            lines.append(f"- [{index}] {'nothing' if index >= len(expected) else _line(wanted)}")
            lines.append(f"+ [{index}] {'nothing' if got is None else got}")
    return lines


def _line(wanted: object) -> str:
    return str(wanted) if isinstance(wanted, Interaction) else repr(wanted)
