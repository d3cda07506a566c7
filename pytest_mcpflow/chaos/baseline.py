"""The file of known findings, so that a pipeline fails on a new one and not on those that everybody knows of.

    # Known findings ...

    [trip]
    # the hotel is about to take references
    failed silently under hotel.book#1=lose_reply: one_room

Sorted, one finding a line, under the name of the workflow. Comment lines above a finding stay with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pytest_mcpflow.errors import ExplorationError
from pytest_mcpflow.report.resilience import KNOWN, Finding, Resilience

__all__ = ["Baseline", "Known"]

HEAD = (
    "# Known findings of explorations. `pytest --mcp-chaos --mcp-chaos-baseline FILE` fails on any other;\n"
    "# with `--mcp-chaos-update` it writes this file anew. Comments above a finding stay.\n"
)
ENTRY = re.compile(r"(?P<verdict>[a-z ]+?) under (?P<plan>.+): (?P<checks>\w[\w, ]*)")
NO_CHECK = "no check"
NAME = re.compile(r"\[(?P<name>.+)\]")


@dataclass(frozen=True, order=True)
class Known:
    """A finding as the file has it: what it is told by, and no more."""

    plan: str
    verdict: str
    checks: tuple[str, ...]
    comments: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, finding: Finding) -> Known:
        return cls(finding.plan, finding.verdict, tuple(sorted(finding.checks)))

    def __str__(self) -> str:
        return f"{self.verdict} under {self.plan}: {', '.join(self.checks) or NO_CHECK}"


@dataclass(frozen=True)
class Baseline:
    """Known findings by the name of the workflow."""

    known: Mapping[str, frozenset[Known]] = field(default_factory=dict[str, frozenset[Known]])

    @classmethod
    def read(cls, path: Path) -> Baseline:
        """Read a file.

        Raises:
            ExplorationError: It is missing, or a line is none of it.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ExplorationError(f"there is no baseline {path}; write it with --mcp-chaos-update") from None
        except (OSError, UnicodeDecodeError) as error:
            raise ExplorationError(f"the baseline {path} cannot be read: {error}") from error
        known: dict[str, set[Known]] = {}
        for name, entry in _entries(path, text):
            known.setdefault(name, set()).add(entry)
        return cls({name: frozenset(entries) for name, entries in known.items()})

    def knows(self, name: str, finding: Finding) -> bool:
        """Whether a finding is in the file: the same workflow, plan, verdict and broken checks."""
        return Known.of(finding) in self.known.get(name, frozenset())

    def applied_to(self, explored: Resilience) -> Resilience:
        """An exploration in which known findings fail nothing, and entries that none of them is are named."""
        findings = tuple(
            replace(each, is_known=self.knows(explored.name, each)) for each in explored.findings
        )
        excused = {each.plan: each.excuse for each in findings}
        # Where nothing is new, every bad run is one of the findings by another plan.
        otherwise = "" if any(not each.excuse for each in findings) else KNOWN
        cells = tuple(
            replace(cell, excuse=cell.excuse or excused.get(cell.plan, otherwise)) if cell.is_bad else cell
            for cell in explored.cells
        )
        met = {Known.of(each) for each in findings}
        gone = sorted(self.known.get(explored.name, frozenset()) - met)
        unmet = (*explored.unmet, *(f"{entry} (baseline)" for entry in gone))
        return replace(explored, findings=findings, cells=cells, unmet=unmet)

    def updated(self, explored: Iterable[Resilience]) -> Baseline:
        """This one with what was found now; workflows that were not explored keep their entries."""
        found: dict[str, set[Known]] = {}
        for each in explored:
            comments = {entry: entry.comments for entry in self.known.get(each.name, ())}
            # What a scenario accepts says so there; it is not known here.
            entries = [Known.of(finding) for finding in each.findings if not finding.accepted]
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


def _entries(path: Path, text: str) -> Iterator[tuple[str, Known]]:
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
            named = () if entry["checks"] == NO_CHECK else entry["checks"].split(", ")
            yield name, Known(entry["plan"], entry["verdict"], tuple(sorted(named)), tuple(comments))
            comments = []
        else:
            expected = (
                "a finding reads `VERDICT under PLAN: CHECK, CHECK`, below the `[name]` of its workflow"
            )
            raise ExplorationError(f"{path}: cannot read {stripped!r} (line {number}); {expected}")
