"""Cassettes beside the recorders of others: the tables of docs/explanation/cassettes.md.

python benchmarks/cassettes.py

Each question has a module of its own, and all recorders are asked it in the same run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import cassette_fuzz
import cassette_safety
import cassette_size
import cassette_speed
import leaks
import steps
from recorders import PEERS, bench
from sessions import Unable

NAMES = [peer.name for peer in PEERS]
QUESTIONS = (cassette_speed, cassette_size, cassette_safety, leaks, cassette_fuzz)


def table() -> Iterator[str]:
    """Lines of Markdown, of this table and of that of the steps."""
    titles = [" ".join(peer.requirements[0].replace("[http]", "").split("==")) for peer in PEERS]
    yield f"| what | pytest-mcpflow | {' | '.join(titles)} | aim | reached |"
    yield "|---" * (len(titles) + 4) + "|"
    with bench() as (home, recorders):
        for question in QUESTIONS:
            for row in question.rows(home, recorders):
                yield row.beside(*NAMES)
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
    for each in table():
        print(each, flush=True)
