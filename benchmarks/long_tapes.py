"""Tapes for each recorder: short ones that it records itself, and long ones that are made of these."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from recorders import Recorder, Way
from sessions import FIRST, line, said

__all__ = ["lengthened", "recorded", "written"]

SHORT = 3
LISTING = line("tools/list", 1, {})


def recorded(recorder: Recorder, way: Way, home: Path, calls: int = SHORT) -> Path:
    """A session of some calls."""
    tape = recorder.tape(home, f"{way}-{calls}")
    if not tape.exists():
        session = recorder.recording(way, tape)
        session.start()
        session.ask(LISTING)
        session.calls(range(1, calls + 1))
        session.end()
    return tape


def lengthened(recorder: Recorder, way: Way, home: Path, calls: int) -> Path:
    """A tape of many calls: what a short one has for its last call, again and again with other numbers.

    Recording so many takes some recorders minutes. All numbers have as many digits, so that no length changes.
    """
    long = recorder.tape(home, f"{way}-long-{calls}")
    if not long.exists():
        short = recorded(recorder, way, home).read_text(encoding="utf-8")
        long.write_text(_with_calls(short, calls, recorder.calls_in), encoding="utf-8")
    return long


def written(tape: Path) -> list[bytes]:
    """The lines of a file, or the rows of a database."""
    whole = tape.read_bytes()
    if not whole.startswith(b"SQLite"):
        return whole.splitlines()
    with sqlite3.connect(tape) as database:
        return [row.encode() for row in database.iterdump()]


def _with_calls(short: str, calls: int, member: str) -> str:
    if not member:
        lines = short.splitlines()
        first, beyond = _of_calls(lines, 1)[0], _of_calls(lines, SHORT)[-1] + 1
        template = "\n".join(lines[place] for place in _of_calls(lines, SHORT))
        made = (_renumbered(template, number) for number in range(1, calls + 1))
        return "\n".join([*lines[:first], *made, *lines[beyond:]]) + "\n"
    tape: dict[str, Any] = json.loads(short)
    entries = [json.dumps(entry) for entry in tape[member]]
    first, last = _of_calls(entries, 1)[0], _of_calls(entries, SHORT)
    long = [json.loads(entry) for entry in entries[:first]]
    for number in range(1, calls + 1):
        for place in last:
            entry: dict[str, Any] = json.loads(_renumbered(entries[place], number))
            entry |= {"seq": len(long)} if "seq" in entry else {}
            entry |= {"exchange": FIRST + number} if entry.get("exchange") is not None else {}
            long.append(entry)
    return json.dumps({**tape, member: long}, indent=2)


def _of_calls(entries: list[str], number: int) -> list[int]:
    """Where the request and the answer of a call are."""
    marks = (str(FIRST + number), said(number).decode())
    return [place for place, entry in enumerate(entries) if any(mark in entry for mark in marks)]


def _renumbered(template: str, number: int) -> str:
    asked, answered = str(FIRST + SHORT), said(SHORT).decode()
    return template.replace(asked, str(FIRST + number)).replace(answered, said(number).decode())
