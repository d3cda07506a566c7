"""What of a session is on the tape when the recorder is killed, and what changes when it is recorded again."""

from __future__ import annotations

import contextlib
import itertools
import random
import re
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from long_tapes import recorded, written
from measure import Measurement
from recorders import OURS, Recorder, none_of
from sessions import Unable, said

from pytest_mcpflow.cassette.reading import read_cassette

CALLS, KILLS, KILLS_OF_OTHERS = 50, 200, 20
LATEST = 0.1
"""Seconds after the first answer until the recorder is killed, at most."""


def rows(home: Path, recorders: Sequence[Recorder]) -> Iterator[Measurement]:
    what = f"the same {CALLS} calls recorded twice, changed lines"
    yield none_of(what, recorders, partial(_changed, home), "%")
    what = f"kill -9 at {KILLS} random moments (others: {KILLS_OF_OTHERS}), answered calls not on disk"
    yield none_of(what, recorders, partial(_lost, home), "%")


def _changed(home: Path, recorder: Recorder) -> float:
    tapes: list[list[bytes]] = []
    for folder in (home / "first", home / "second"):
        folder.mkdir(exist_ok=True)
        tapes.append(written(recorded(recorder, recorder.usual("record"), folder, CALLS)))
    same = [a == b for a, b in itertools.zip_longest(*tapes)]
    return 100 * same.count(False) / len(same)


def _lost(home: Path, recorder: Recorder) -> float:
    """Answers that the client has seen are looked for in all files that there are a moment after."""
    chance = random.Random(7)  # noqa: S311 - moments to kill at, not secrets
    answered = lost = 0
    for index in range(KILLS if recorder is OURS else KILLS_OF_OTHERS):
        tape = recorder.tape(home, f"killed-{index}")
        seen = _until_killed(recorder, tape, chance.uniform(0.0, LATEST))
        if recorder is OURS:
            read_cassette(tape)  # it is read, whenever its recorder was killed
        written = b"".join(path.read_bytes() for path in home.glob(f"*{tape.name}*"))
        kept = {*re.findall(rb"The sum is (\d+)", written)}
        answered += seen
        lost += sum(said(number) not in kept for number in range(1, seen + 1))
    return 100 * lost / answered


def _until_killed(recorder: Recorder, tape: Path, seconds: float) -> int:
    """How many calls were answered until then."""
    session = recorder.recording(recorder.usual("record"), tape)
    session.start()
    killer = threading.Timer(seconds, session.kill)
    killer.start()
    answered = 0
    with contextlib.suppress(Unable):
        for number in itertools.count(1):
            session.calls([number])
            answered = number
    killer.join()
    session.end()
    return answered
