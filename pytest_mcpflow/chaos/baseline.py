"""The file of known failures, so that a pipeline fails on a new one and not on those that everybody knows of.

    # Known failures ...

    [trip]
    # the hotel is about to take references
    failed silently under hotel.book#1=lose_reply

Sorted, one plan a line, under the name of the workflow. Comment lines above a plan stay with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pytest_mcpflow.errors import ExplorationError, FaultPlanError, nearest_phrase
from pytest_mcpflow.faults.kind import FaultKind
from pytest_mcpflow.faults.plan import FaultPlan
from pytest_mcpflow.performance import Verdict
from pytest_mcpflow.report.resilience import Resilience

__all__ = ["Baseline", "KnownFailure"]

HEAD = (
    "# Failures that are known. `pytest --mcp-chaos --mcp-chaos-baseline FILE` fails on any other; with\n"
    "# --mcp-chaos-update it writes this file anew. Comments above a plan stay.\n"
)
ENTRY = re.compile(r"(?P<verdict>[a-z ]+?) under (?P<plan>.+)")
SCHEDULE = re.compile(r"schedule \d+")
BAD = tuple(verdict.value for verdict in Verdict if not verdict.is_good)
NAME = re.compile(r"\[(?P<name>.+)\]")


@dataclass(frozen=True, order=True)
class KnownFailure:
    """A plan, or a `schedule 17` of tasks, and what becomes of the workflow under it."""

    plan: str
    verdict: str
    comments: tuple[str, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return f"{self.verdict} under {self.plan}"


@dataclass(frozen=True)
class Baseline:
    """Known failures by the name of the workflow."""

    known: Mapping[str, frozenset[KnownFailure]] = field(default_factory=dict[str, frozenset[KnownFailure]])

    @classmethod
    def read(cls, path: Path) -> Baseline:
        """Read a file.

        Raises:
            ExplorationError: It is missing, or a line is none of it.
        """
        try:
            text = path.read_text(encoding="utf-8-sig")  # some editors begin a file with a mark
        except FileNotFoundError:
            raise ExplorationError(
                f"there is no baseline {path}; pytest writes it with --mcp-chaos-update"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise ExplorationError(f"the baseline {path} cannot be read: {error}") from error
        known: dict[str, set[KnownFailure]] = {}
        for name, entry in _entries(path, text):
            known.setdefault(name, set()).add(entry)
        return cls({name: frozenset(entries) for name, entries in known.items()})

    def check(self, kinds: Mapping[str, type[FaultKind]]) -> None:
        """See whether everything in it can be met: one that is misspelt excuses nothing.

        Raises:
            ExplorationError: A verdict that is none, or a plan that is none.
        """
        for name, entries in self.known.items():
            for entry in sorted(entries):
                if entry.verdict not in BAD:
                    raise ExplorationError(
                        f"baseline, [{name}], {str(entry)!r}: there is no verdict {entry.verdict!r} that could be "
                        f"known; {nearest_phrase(entry.verdict, BAD)}"
                    )
                if SCHEDULE.fullmatch(entry.plan):
                    continue
                try:
                    FaultPlan.parse(entry.plan, kinds=kinds)
                except FaultPlanError as error:
                    raise ExplorationError(f"baseline, [{name}], {str(entry)!r}: {error}") from None

    def knows(self, name: str, plan: str, verdict: str) -> bool:
        """Whether that failure of a workflow is in the file."""
        return KnownFailure(plan, verdict) in self.known.get(name, frozenset())

    def without_the_gone(self, explored: Resilience) -> Resilience:
        """An exploration that names the entries of its workflow which did not occur any more."""
        met = {KnownFailure(plan, verdict) for plan, verdict in explored.bad.items()}
        gone = sorted(self.known.get(explored.name, frozenset()) - met)
        return replace(explored, unmet=(*explored.unmet, *(f"{entry} (baseline)" for entry in gone)))

    def updated(self, explored: Iterable[Resilience]) -> Baseline:
        """This one with what was found now; workflows that were not explored keep their entries."""
        found: dict[str, set[KnownFailure]] = {}
        for each in explored:
            comments = {entry: entry.comments for entry in self.known.get(each.name, ())}
            entries = [KnownFailure(plan, verdict) for plan, verdict in each.bad.items()]
            found.setdefault(each.name, set()).update(
                replace(entry, comments=comments.get(entry, ())) for entry in entries
            )
        known = {**self.known, **{name: frozenset(entries) for name, entries in found.items()}}
        return Baseline({name: entries for name, entries in known.items() if entries})

    def write(self, path: Path) -> None:
        """Write the file, sorted."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(self), encoding="utf-8")

    def __str__(self) -> str:
        lines: list[str] = []
        for name, entries in sorted(self.known.items()):
            lines += ["", f"[{name}]"]
            for entry in sorted(entries):
                lines += [*entry.comments, str(entry)]
        return HEAD + "".join(f"{line}\n" for line in lines)


def _entries(path: Path, text: str) -> Iterator[tuple[str, KnownFailure]]:
    name, comments = None, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped:
            comments = []
        elif stripped.startswith("#"):
            comments.append(stripped)
        elif heading := NAME.fullmatch(stripped):
            name, comments = heading["name"], []
        elif (entry := ENTRY.fullmatch(stripped)) and name is not None:
            yield name, KnownFailure(entry["plan"], entry["verdict"], tuple(comments))
            comments = []
        else:
            raise ExplorationError(
                f"{path}: cannot read {stripped!r} (line {number}); an entry reads `VERDICT under PLAN`, below the "
                "`[name]` of its workflow"
            )
