"""What `python benchmarks/chaos` does: section by section, each printed and written to results.md when it is done."""

from __future__ import annotations

import argparse
import itertools
import platform
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType

from measure import Measurement

from chaos import audits, calm, completeness, races, speed
from chaos.case import Case
from chaos.corpus import (
    DEVELOPMENT,
    FROZEN,
    FROZEN_DIGEST,
    KINDS,
    VALIDATION,
    buggy,
    correct,
    digest_of_frozen,
)
from chaos.determinism import digests_of_processes, version_of
from chaos.tables import lost, per_bug, summary
from chaos.tournament import ABLATIONS, OURS, SEARCHERS, WITHOUT_CHANCE, Try, kept, play, read_tries
from pytest_mcpflow import Way

__all__ = ["RESULTS", "Effort", "main", "with_section"]

RESULTS = Path(__file__).with_name("results.md")
SETS = {"development": DEVELOPMENT, "validation": VALIDATION, "frozen": FROZEN}
HEAD = """# Planted bugs: what is found, how fast, and where others are faster

Written by `python benchmarks/chaos` as measured; a section that is measured again takes the place of the old one.
"""


@dataclass(frozen=True)
class Effort:
    """How much is done.

    Args:
        seeds: For each searcher that has chance in it.
        budget: Runs for each search.
        plans: For each workflow without a bug.
        repeats: Runs of one seed in each of five processes.
        processes: Worker processes.
        searchers: Those that look for the bugs now.
        tries: Where what others than the explorer found is kept, so that it need not be found again.
        sets: Of the corpus, by name.
        pythons: Interpreters, each with what this one has installed.
    """

    seeds: int
    budget: int
    plans: int
    repeats: int
    processes: int
    searchers: Sequence[str]
    tries: Path | None
    sets: Mapping[str, Sequence[ModuleType]]
    pythons: Sequence[Path]


def main() -> None:
    """Measure the sections that were asked for, all by default."""
    parser = argparse.ArgumentParser(prog="python benchmarks/chaos", description=__doc__)
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"{', '.join(SECTIONS)}; all by default"
    )
    parser.add_argument("--seeds", type=int, default=20, help="seeds for each searcher that has chance in it")
    parser.add_argument("--budget", type=int, default=1000, help="runs for each search")
    parser.add_argument("--plans", type=int, default=10_000, help="plans for each workflow without a bug")
    parser.add_argument(
        "--repeats", type=int, default=1000, help="runs of one seed in each of five processes"
    )
    parser.add_argument("--processes", type=int, default=2, help="worker processes")
    parser.add_argument(
        "--searchers", nargs="*", default=list(SEARCHERS), choices=SEARCHERS, help="those to measure"
    )
    parser.add_argument("--tries", type=Path, help="a file that keeps what the others found")
    parser.add_argument(
        "--sets",
        nargs="*",
        default=list(SETS),
        choices=SETS,
        help="whoever tunes the explorer leaves the frozen one alone",
    )
    parser.add_argument(
        "--pythons", nargs="*", type=Path, default=[Path(sys.executable)], help="interpreters that must agree"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file to write")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    effort = Effort(
        *(chosen.seeds, chosen.budget, chosen.plans, chosen.repeats, chosen.processes),
        *(chosen.searchers, chosen.tries, {name: SETS[name] for name in chosen.sets}),
        chosen.pythons,
    )
    results: Path = chosen.results
    for name in chosen.sections or SECTIONS:
        began = time.perf_counter()
        body = SECTIONS[name](effort)
        took = time.perf_counter() - began
        text = f"## {name}\n\n{body}\n\nMeasured in {took:.0f} s with Python {platform.python_version()}.\n"
        print(text, flush=True)
        before = results.read_text(encoding="utf-8") if results.exists() else HEAD
        results.write_text(with_section(before, name, text), encoding="utf-8")


def with_section(document: str, name: str, text: str) -> str:
    """A document with a section in place of the one of its name, or as the last one."""
    old = re.compile(rf"^## {re.escape(name)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if old.search(document):
        return old.sub(lambda _: text + "\n", document).rstrip("\n") + "\n"
    return f"{document.rstrip()}\n\n{text}"


def _bugs(effort: Effort) -> str:
    cases = buggy(*itertools.chain(*effort.sets.values()))
    tries = [*_looked(cases, effort)]
    searchers = [name for name in SEARCHERS if _has_looked_for_all(name, cases, tries)]
    parts = [
        f"Up to {effort.budget:,} runs for each bug. {' and '.join(sorted(WITHOUT_CHANCE))} have no chance in them and "
        "need one seed. A run that fails silently, hangs or leaks is a find; what is not found counts "
        f"as {effort.budget:,} runs. Kinds: {', '.join(map(str, KINDS))}. The frozen set "
        + ("is as it was written." if digest_of_frozen() == FROZEN_DIGEST else "HAS BEEN CHANGED."),
    ]
    for title, modules in effort.sets.items():
        mine = buggy(*modules)
        parts += [
            f"### {title.capitalize()} set",
            summary(tries, mine, searchers),
            per_bug(tries, mine, searchers),
        ]
    if OURS in searchers and len(searchers) > 1:
        parts += ["### Where others are faster", lost(tries, cases, searchers)]
    return "\n\n".join(parts)


def _has_looked_for_all(searcher: str, cases: Sequence[type[Case]], tries: Sequence[Try]) -> bool:
    looked_for = {each.case for each in tries if each.searcher == searcher}
    return looked_for >= {case.__name__ for case in cases}


def _looked(cases: Sequence[type[Case]], effort: Effort) -> Iterator[Try]:
    """What each searcher found. The explorer looks anew each time; what the others found may be known already."""
    play_all = partial(play, cases=cases, budget=effort.budget, processes=effort.processes)
    rivals = [name for name in effort.searchers if name != OURS]
    if effort.tries is None:
        yield from play_all(rivals, seeds=effort.seeds)
    else:
        known = read_tries(effort.tries)
        yield from known
        yield from kept(play_all(rivals, seeds=effort.seeds, known=known), effort.tries)
    if OURS in effort.searchers:
        yield from play_all([OURS], seeds=effort.seeds)


def _ablations(effort: Effort) -> str:
    cases, names = buggy(*itertools.chain(*effort.sets.values())), [OURS, *ABLATIONS]
    tries = [*play(names, cases, seeds=effort.seeds, budget=effort.budget, processes=effort.processes)]
    said = f"{effort.seeds} seeds, up to {effort.budget:,} runs for each of {len(cases)} bugs."
    return f"{said}\n\n{summary(tries, cases, names)}"


def _measured(rows: Callable[[Effort], Iterable[Measurement | str]]) -> Callable[[Effort], str]:
    """A section made of measurements in a table, and of texts below it."""

    def section(effort: Effort) -> str:
        lines = ["| what | measured | baseline | bar | reached |", "|---|---|---|---|---|"]
        texts: list[str] = []
        for row in rows(effort):
            if isinstance(row, Measurement):
                lines.append(str(row))
            elif row:
                texts.append(f"```\n{row}\n```")
        return "\n\n".join(["\n".join(lines), *texts])

    return section


def _audits(effort: Effort) -> Iterable[Measurement | str]:
    modules = [*itertools.chain(*effort.sets.values())]
    return audits.measure([*buggy(*modules), *correct(*modules)], processes=effort.processes)


def _one_transcript(effort: Effort) -> Iterable[Measurement]:
    versions = ", ".join(version_of(python) for python in effort.pythons)
    for way in (Way.DIRECT, Way.MEMORY):
        found = {
            digest
            for python in effort.pythons
            for digest in digests_of_processes(5, effort.repeats, way=way, python=python)
        }
        title = f"transcripts of one seed, {effort.repeats:,} runs in each of 5 processes, {way}, Python {versions}"
        yield Measurement(title, len(found), "", "1", len(found) == 1)


SECTIONS: Mapping[str, Callable[[Effort], str]] = {
    "bugs": _bugs,
    "ablations": _ablations,
    "calm": _measured(lambda effort: calm.measure(plans=effort.plans, processes=effort.processes)),
    "speed": _measured(lambda _: speed.measure()),
    "pairs": _measured(lambda _: completeness.measure()),
    "audits": _measured(_audits),
    "races": _measured(lambda _: races.measure()),
    "determinism": _measured(_one_transcript),
}
