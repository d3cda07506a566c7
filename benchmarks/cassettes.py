"""Cassettes beside the recorders of others: the tables of docs/explanation/cassettes.md.

python benchmarks/cassettes.py [QUESTION ...]

Each question has a module of its own, and all recorders are asked it in the same run; without a name, all are asked.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cassette_fuzz
import cassette_safety
import cassette_size
import cassette_speed
import leaks
import steps
from measure import Measurement
from recorders import PEERS, Recorder, bench
from sessions import Unable

NAMES = [peer.name for peer in PEERS]
QUESTIONS: dict[str, Callable[[Path, Sequence[Recorder]], Iterator[Measurement]]] = {
    "speed": cassette_speed.rows,
    "size": cassette_size.rows,
    "safety": cassette_safety.rows,
    "leaks": leaks.rows,
    "fuzz": cassette_fuzz.rows,
}
STEPS = "steps"
ALL = (*QUESTIONS, STEPS)


def table(asked: Sequence[str] = ALL) -> Iterator[str]:
    """Lines of Markdown, of this table and of that of the steps."""
    titles = [" ".join(peer.requirements[0].replace("[http]", "").split("==")) for peer in PEERS]
    yield f"| what | pytest-mcpflow | {' | '.join(titles)} | aim | reached |"
    yield "|---" * (len(titles) + 4) + "|"
    with bench() as (home, recorders):
        for name in asked:
            if name != STEPS:
                for row in QUESTIONS[name](home, recorders):
                    yield row.beside(*NAMES)
        if STEPS in asked:
            yield from _steps(home, recorders)


def _steps(home: Path, recorders: Sequence[Recorder]) -> Iterator[str]:
    try:
        walked = steps.walked(home, recorders)
    except Unable as why:
        yield steps.unmeasured(why).beside(*NAMES)
    else:
        yield steps.measured(walked, recorders).beside(*NAMES)
        yield ""
        yield from steps.table(walked)


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as everybody has it
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("question", nargs="*", metavar="QUESTION", help=", ".join(ALL))
    asked = parser.parse_args().question or ALL
    if not set(asked) <= set(ALL):
        parser.error(f"no question {' or '.join(sorted(set(asked) - set(ALL)))}: there are {', '.join(ALL)}")
    for each in table(asked):
        print(each, flush=True)
