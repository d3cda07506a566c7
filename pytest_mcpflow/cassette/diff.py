"""`mcpflow diff`: what two cassettes say otherwise, operation by operation."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from pytest_mcpflow.cassette.arguments import add_comparison_arguments
from pytest_mcpflow.cassette.columns import COLUMNS, counted, fitted
from pytest_mcpflow.cassette.compare import check_pointer
from pytest_mcpflow.cassette.drift import Change
from pytest_mcpflow.cassette.format import OPENINGS, Cassette, Session
from pytest_mcpflow.cassette.judging import changed_answer, changed_handshake, recorded, shown
from pytest_mcpflow.cassette.offers import LISTINGS, changed_offers, changed_terms, offers_of, pages_of
from pytest_mcpflow.cassette.operations import Operation, Result, operations
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.values import canonical
from pytest_mcpflow.errors import CassetteError

__all__ = ["Only", "add_arguments", "differing", "run"]

SAME, DIFFERENT, FAILED = 0, 1, 2
OF_AN_ERA = ("/resultType", "/ttlMs", "/cacheScope")
"""Members of results that only 2026-07-28 has."""


@dataclass(frozen=True, slots=True)
class Only:
    """Something that one of two cassettes has and the other has not.

    Args:
        subject: What it is: a session, or a call as the client made it.
        is_old: Whether the first cassette has it.
        line: Where it begins, 0 for a session.
    """

    subject: str
    is_old: bool
    line: int = 0

    def __str__(self) -> str:
        place = f" (line {self.line})" if self.line else ""
        return fitted(f"{'-' if self.is_old else '+'} {self.subject}{place}", COLUMNS)


Item: TypeAlias = Only | Change


def differing(old: Cassette, new: Cassette, *, ignore: Sequence[str] = (), exact: bool = False) -> list[Item]:
    """What two cassettes say otherwise. Sessions are compared in their order, and within them what was asked.

    Args:
        old: One cassette.
        new: The other.
        ignore: JSON pointers of places in answers that do not count; `*` stands for one step.
        exact: Whether instants, identifiers, ports, durations and cursors count, too.

    Raises:
        ValueError: One of `ignore` is no JSON pointer.
    """
    pointers = [*map(check_pointer, ignore)]
    items = list[Item]()
    for one, other in zip(old.sessions, new.sessions, strict=False):
        items += _sessions(one, other, pointers, exact=exact)
    shared = min(len(old.sessions), len(new.sessions))
    for cassette in (old, new):
        for session in cassette.sessions[shared:]:
            items.append(Only(f"session {session.number}", cassette is old))
    return items


def _sessions(old: Session, new: Session, ignore: Sequence[str], *, exact: bool) -> Iterator[Item]:
    bridges = old.era != new.era
    if bridges:
        ignore = [*ignore, *OF_AN_ERA]
        for session in (old, new):
            yield Only(f"session {session.number} speaks {session.era}", session is old)
    olds, news = (_units(session, with_opening=not bridges) for session in (old, new))
    matcher = difflib.SequenceMatcher(None, [*map(_key, olds)], [*map(_key, news)], autojunk=False)
    for tag, low, high, new_low, new_high in matcher.get_opcodes():
        if tag == "equal":
            for one, other in zip(olds[low:high], news[new_low:new_high], strict=True):
                yield from _changes(one, other, ignore, exact=exact)
        else:
            yield from (Only(shown(unit[0]), True, unit[0].line) for unit in olds[low:high])
            yield from (Only(shown(unit[0]), False, unit[0].line) for unit in news[new_low:new_high])


Unit: TypeAlias = list[Operation]
"""An operation, or all pages of a listing."""


def _units(session: Session, *, with_opening: bool) -> list[Unit]:
    done, units, all_of_it = set[int](), list[Unit](), operations(session)
    for operation in all_of_it:
        if operation.line in done or (operation.method in OPENINGS and not with_opening):
            continue
        unit = [operation]
        if operation.method in LISTINGS and isinstance(operation.outcome, Result):
            unit = pages_of(operation, all_of_it)
        done |= {each.line for each in unit}
        units.append(unit)
    return units


def _key(unit: Unit) -> str:
    """What two operations must have in common to be compared."""
    first = unit[0]
    if first.method in OPENINGS:
        return first.method
    asked = {name: value for name, value in first.params.items() if name not in ("_meta", "cursor")}
    return f"{first.method} {canonical(asked)}"


def _changes(old: Unit, new: Unit, ignore: Sequence[str], *, exact: bool) -> Iterator[Change]:
    outcomes = [
        [each.outcome.body for each in unit if isinstance(each.outcome, Result)] for unit in (old, new)
    ]
    before, now = outcomes
    listing = LISTINGS.get(old[0].method)
    if listing is not None and before and now:
        line, offers = old[0].line, [offers_of(listing, pages) for pages in outcomes]
        is_whole = "nextCursor" not in before[-1]
        yield from changed_offers(listing, *offers, line=line, is_whole=is_whole)
        yield from changed_terms(listing, *offers, line=line, ignore=ignore)
    elif old[0].method in OPENINGS and before and now:
        yield from changed_handshake(old[0], now[0], ignore=ignore)
    else:
        yield from changed_answer(old[0], recorded(new[0]), ignore=ignore, exact=exact)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.description = (
        "Compare two cassettes by what was asked and answered. "
        "Exit code 0: the same; 1: something differs; 2: one of them cannot be read."
    )
    parser.add_argument("old", type=Path, metavar="OLD")
    parser.add_argument("new", type=Path, metavar="NEW")
    add_comparison_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Print what differs, and return the exit code."""
    try:
        cassettes = [read_cassette(path) for path in (options.old, options.new)]
        items = differing(*cassettes, ignore=options.ignore, exact=options.exact)
    except (CassetteError, ValueError) as error:
        print(f"mcpflow diff: {error}", file=sys.stderr)
        return FAILED
    except RecursionError:
        print(f"mcpflow diff: {options.old} or {options.new} is nested too deeply", file=sys.stderr)
        return FAILED
    for item in items:
        print(item)
    print(counted(len(items), "difference") if items else "no difference")
    return DIFFERENT if items else SAME
