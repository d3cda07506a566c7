"""What a live server does otherwise than a cassette says, as values that print themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_mcpflow.cassette.columns import COLUMNS, counted, excerpt, fitted

__all__ = ["Change", "Drift", "Skipped"]

SHOWN = 20
"""Changes of one kind that a report shows; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is otherwise.

    Args:
        subject: What it is about: a tool, or a call as the client made it.
        pointer: The place in it as a JSON pointer; empty for the whole of it.
        old: What the cassette says; `MISSING` if nothing.
        new: What the live server says; `MISSING` if nothing.
        line: The line of the cassette that says it, 0 if there is none.
    """

    subject: str
    pointer: str
    old: object
    new: object
    line: int = 0

    def __str__(self) -> str:
        place = f" (line {self.line})" if self.line else ""
        title = fitted(f"{self.subject}{place}{self.pointer and ': '}{self.pointer}", COLUMNS - 2)
        return "\n".join(
            [f"  {title}", *(f"    {line}" for line in excerpt(self.old, self.new, width=COLUMNS - 4))]
        )


@dataclass(frozen=True, slots=True)
class Skipped:
    """An operation of the cassette that was not asked of the live server, and why."""

    subject: str
    why: str
    line: int

    def __str__(self) -> str:
        return f"  {fitted(f'{self.subject} (line {self.line})', COLUMNS - 2)}\n    {fitted(self.why, COLUMNS - 4)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """The outcome of a verification; true if anything is otherwise.

    Args:
        cassette: The name of the cassette.
        server: The live server, as it calls itself.
        compared: How many operations were asked of the live server and compared, besides the handshakes.
        tools: Tools, prompts and resources that came or went.
        schemas: What they say about themselves: descriptions, schemas, annotations; and what the handshake says.
        answers: Answers to calls, and the questions on the way.
        skipped: What was not asked.
        notes: What is worth knowing and no drift.
    """

    cassette: str
    server: str
    compared: int
    tools: tuple[Change, ...] = ()
    schemas: tuple[Change, ...] = ()
    answers: tuple[Change, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tools or self.schemas or self.answers)

    @property
    def verified_nothing(self) -> bool:
        """Whether no more than handshakes was compared, so that there being no drift says nothing."""
        return self.compared == 0 and not self

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield fitted(f"{self.cassette}: {'drift' if self else 'no drift'} of {self.server}", COLUMNS)
        yield from _section("tools added or removed", self.tools)
        yield from _section("schemas and descriptions", self.schemas)
        yield from _section("answers", self.answers)
        yield from _section("skipped", self.skipped)
        yield from _section("notes", [f"  {fitted(note, COLUMNS - 2)}" for note in self.notes])
        counts = [f"{counted(self.compared, 'operation')} compared"]
        if self.skipped:
            counts.append(f"{len(self.skipped)} skipped")
        if self:
            numbers = [len(self.tools), len(self.schemas), len(self.answers)]
            counts.append("drift: tools {}, schemas {}, answers {}".format(*numbers))
        if self or self.skipped or self.notes:
            yield ""
        yield fitted("; ".join(counts), COLUMNS)


def _section(title: str, entries: Sequence[object]) -> Iterator[str]:
    if not entries:
        return
    yield ""
    yield title
    yield from (str(entry) for entry in entries[:SHOWN])
    if len(entries) > SHOWN:
        yield f"  and {len(entries) - SHOWN} more"
