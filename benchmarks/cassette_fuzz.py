"""Tapes that were changed at random: how many are neither read nor refused by an error that says which file it is."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from fuzz_tapes import fuzz, mutated
from leaks import played_to, real_sessions
from measure import Measurement
from recorders import OURS, Recorder, none_of
from sessions import Unable

RUNS, RUNS_OF_OTHERS = 10_000, 1_000


def rows(home: Path, recorders: Sequence[Recorder]) -> Iterator[Measurement]:
    """A tenth of the full run, which takes minutes, and a hundredth of it for others."""
    what = f"{RUNS:,} mutated tapes (others: {RUNS_OF_OTHERS:,}), neither read nor refused by name"
    yield none_of(what, recorders, partial(_amiss, home), "%")


def _amiss(home: Path, recorder: Recorder) -> float:
    """Of this project's tapes the percentage that was played wrong, or refused without file and line.

    Nobody checks what others read, and a refusal of theirs need only name the file.
    """
    if recorder is OURS:
        return 100 * len(fuzz(RUNS, 0, 2)[1]) / RUNS
    if not recorder.load and not recorder.missing:
        raise Unable("a database")
    tapes = [
        _in_one_line(played_to(recorder, home, name, said).read_bytes())
        for name, said in real_sessions().items()
    ]
    changed = [recorder.tape(home, f"fuzzed-{seed}") for seed in range(RUNS_OF_OTHERS)]
    for seed, path in enumerate(changed):
        path.write_bytes(mutated(tapes, seed))
    python = str(recorder.bin / "python")
    command = [python, str(Path(__file__).with_name("load_tapes.py")), recorder.load, *map(str, changed)]
    came: list[str | None] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    nameless = [
        said for path, said in zip(changed, came, strict=True) if said is not None and path.name not in said
    ]
    return 100 * len(nameless) / RUNS_OF_OTHERS


def _in_one_line(tape: bytes) -> bytes:
    """A document that has more lines is changed as one line is."""
    try:
        return json.dumps(json.loads(tape)).encode() + b"\n"
    except ValueError:
        return tape
