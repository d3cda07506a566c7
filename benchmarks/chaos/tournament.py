"""All ways of looking, on all bugs, with equal budgets."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from chaos.case import Case
from chaos.corpus import ALL, KINDS, buggy
from chaos.drawing import draw_per_call
from chaos.hunt import Hunt, hunt
from chaos.rivals import RIVALS
from pytest_mcpflow.explore import explore
from pytest_mcpflow.explore.tactics import Tactics

__all__ = [
    "ABLATIONS",
    "OURS",
    "SEARCHERS",
    "WITHOUT_CHANCE",
    "Look",
    "Try",
    "kept",
    "play",
    "read_tries",
]

DEPTH = 4
OURS = "ours"
WITHOUT_CHANCE = frozenset({"exhaustive", "Filibuster"})
"""What does the same whatever the seed, so that one seed is enough."""


Look = Callable[[type[Case], int, int], Hunt]
"""A way to look for the bug of a case with a budget of runs and a seed."""


@dataclass(frozen=True)
class Try:
    """One way of looking for one bug with one seed."""

    searcher: str
    case: str
    seed: int
    hunt: Hunt


def _explorer(tactics: Tactics, case: type[Case], budget: int, seed: int) -> Hunt:
    """The explorer, with the corpus's kinds, until it has found something."""
    found = explore(
        None, case, depth=DEPTH, kinds=KINDS, runs=budget, seed=seed, findings=1, tactics=tactics
    ).findings
    if not found or found[0].runs_until_found > budget:
        return Hunt(budget)
    [first] = found
    to_shrink, to_explain = first.runs_to_shrink, first.runs_to_explain
    return Hunt(first.runs_until_found, len(first.found_as), len(first.plan), to_shrink, to_explain)


def _rival(name: str, case: type[Case], budget: int, seed: int) -> Hunt:
    return hunt(RIVALS[name], case, budget=budget, seed=seed)


def _hypothesis(case: type[Case], budget: int, seed: int) -> Hunt:
    return draw_per_call(case, budget=budget, seed=seed)


SEARCHERS: Mapping[str, Look] = {
    **{name: partial(_rival, name) for name in RIVALS},
    "Hypothesis": _hypothesis,
    OURS: partial(_explorer, Tactics()),
}
ABLATIONS: Mapping[str, Look] = {
    f"{OURS} without {name.replace('_', ' ')}": partial(_explorer, Tactics(**{name: False}))
    for name in ("outages", "recovery_first", "classes", "effects", "swarm", "pursuits")
}
"""The same search less one tactic."""


def play(
    searchers: Sequence[str],
    cases: Iterable[type[Case]],
    *,
    seeds: int,
    budget: int,
    processes: int,
    known: Sequence[Try] = (),
) -> Iterator[Try]:
    """Let each searcher look for each bug, with each seed, except where that is known already."""
    done = {(each.searcher, each.case, each.seed) for each in known}
    games = [
        (name, case.__name__, seed)
        for name in searchers
        for case in cases
        for seed in range(1 if name in WITHOUT_CHANCE else seeds)
        if (name, case.__name__, seed) not in done
    ]
    if processes == 1:
        yield from map(partial(_play, budget), games)
        return
    with ProcessPoolExecutor(processes, initializer=partial(os.nice, 5)) as pool:
        yield from pool.map(partial(_play, budget), games, chunksize=4)


def _play(budget: int, game: tuple[str, str, int]) -> Try:
    name, case_name, seed = game
    [case] = (each for each in buggy(*ALL) if each.__name__ == case_name)
    return Try(name, case_name, seed, {**SEARCHERS, **ABLATIONS}[name](case, budget, seed))


def kept(tries: Iterable[Try], path: Path) -> Iterator[Try]:
    """The same tries, each of which is in a file as soon as it is made, one a line."""
    with path.open("a", encoding="utf-8") as file:
        for each in tries:
            file.write(f"{json.dumps(asdict(each))}\n")
            file.flush()
            yield each


def read_tries(path: Path) -> list[Try]:
    """Tries that were kept, each once; none if there is no such file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = [json.loads(line) for line in lines]
    tries = (Try(each["searcher"], each["case"], each["seed"], Hunt(**each["hunt"])) for each in found)
    return [*dict.fromkeys(tries)]
