"""What an exploration showed, as plain data: what is printed, written as JSON, and sent between processes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pytest_mcpflow.errors import ExplorationError
from pytest_mcpflow.verdict import Verdict

__all__ = [
    "FORMAT",
    "KNOWN",
    "Cell",
    "Check",
    "Collapsed",
    "Counts",
    "Finding",
    "Pinned",
    "Resilience",
    "check_file",
    "circumstances",
    "from_json",
    "to_json",
    "write_json",
]

FORMAT = 1
"""The version of the JSON document; a reader may ignore fields that it does not know."""

KNOWN = "known (baseline)"
GOOD = frozenset(verdict.value for verdict in Verdict if verdict.is_good)


@dataclass(frozen=True, kw_only=True)
class Check:
    """A check that does not hold: its name, its claim, and why."""

    name: str
    claim: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What became of the run in which one kind of fault happened at one call site.

    Args:
        site: The call, `server.tool#2`, or what was out of reach throughout, `server.tool#*`.
        kind: The kind of fault, as a plan has it.
        verdict: The run's verdict.
        plan: The plan that shows it again.
        excuse: Why a bad verdict fails nothing: accepted by the scenario, or known to the baseline; empty otherwise.
    """

    site: str
    kind: str
    verdict: str
    plan: str
    excuse: str = ""

    @property
    def is_bad(self) -> bool:
        """Whether a run with this verdict fails its test."""
        return self.verdict not in GOOD


@dataclass(frozen=True, kw_only=True)
class Pinned:
    """A test that fails for the same reason.

    Args:
        imports: The lines of import that it needs.
        source: Its source; empty if it cannot be written.
        obstacle: Why it cannot.
    """

    imports: tuple[str, ...]
    source: str
    obstacle: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A smallest plan under which the workflow does not end well.

    Args:
        plan: What goes wrong.
        found_as: The plan by which it was found, before it was made smaller.
        verdict: What became of the run.
        broken: What does not hold.
        explanation: What of the plan matters and what does not, a line each.
        reproduce: The command that shows it again.
        block: The failure as people read it.
        pinned: A test of it.
        excuse: As of a cell.
        schedule: The order of ready tasks that makes it fail without any fault, as `--mcp-schedule` takes it.
        order: When it was found, in the order of a search for all.
    """

    plan: str
    found_as: str
    verdict: str
    broken: tuple[Check, ...] = ()
    explanation: tuple[str, ...] = ()
    reproduce: str = ""
    block: str = ""
    pinned: Pinned | None = None
    excuse: str = ""
    schedule: int | None = None
    order: tuple[float, int, float] = (0.0, 0, 0.0)

    def __str__(self) -> str:
        checks = ", ".join(self.checks)
        return f"{self.verdict} under {self.circumstances}" + (f": {checks}" if checks else "")

    @property
    def circumstances(self) -> str:
        """The plan, or the order of tasks, under which it fails."""
        return circumstances(self.plan, self.schedule)

    @property
    def checks(self) -> tuple[str, ...]:
        """The names of the checks that do not hold."""
        return tuple(check.name for check in self.broken)


@dataclass(frozen=True, kw_only=True)
class Collapsed:
    """Kinds of faults that came to the same at one call.

    Args:
        site: The call, as of a cell.
        kind: The kind that was tried further; empty where all went as without a fault.
        like: The kinds that it stands for.
        plans: About how many plans were not run for it.
    """

    site: str
    kind: str
    like: tuple[str, ...]
    plans: int


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What was covered, in numbers.

    Args:
        planned: How many plans there are, as far as the runs have shown.
        run, collapsed: Those that were run, and those that need not be.
        deferred, not_reached: Those that were put off and then not run, and others that were not run.
        drawn: Runs with faults drawn by chance.
        schedules: In how many other orders of tasks it was run.
        at_least: Whether the search ended before all, so that there may be more plans than `planned`.
    """

    planned: int = 0
    run: int = 0
    collapsed: int = 0
    deferred: int = 0
    not_reached: int = 0
    drawn: int = 0
    schedules: int = 0
    at_least: bool = False

    @property
    def covered(self) -> int:
        """The plans that were run, and those that need not be."""
        return self.run + self.collapsed


def circumstances(plan: str, schedule: int | None) -> str:
    """What messages and baselines call a plan, or an order of tasks."""
    return plan if schedule is None else f"schedule {schedule}"


@dataclass(frozen=True, kw_only=True)
class Resilience:
    """How one workflow takes what goes wrong.

    Args:
        name: The scenario's, or the test's node id.
        way, era, seed: How it was run.
        depth: How many faults a plan had at most.
        runs: How many times it was run.
        seconds: How long all that took, in real seconds.
        claim: What follows from it, in words.
        accounting: What was covered, in words.
        is_proven: Whether every plan of the declared space was run or is like one that was.
        cells: What became of it under each single fault.
        findings: The smallest plans under which it does not end well.
        unmet: What was excused and did not occur any more.
        notes: What an exploration cannot answer for.
        counts: What was covered, in numbers.
        classes: The kinds that came to the same at a call, so that one stands for all.
        part, parts: Which share of the exploration this is, of how many.
    """

    name: str
    way: str
    era: str
    seed: int
    depth: int
    runs: int
    seconds: float
    claim: str
    accounting: str
    is_proven: bool
    cells: tuple[Cell, ...] = ()
    findings: tuple[Finding, ...] = ()
    unmet: tuple[str, ...] = field(default=())
    notes: tuple[str, ...] = ()
    counts: Counts = field(default_factory=lambda: Counts())
    classes: tuple[Collapsed, ...] = ()
    part: int = 1
    parts: int = 1

    @property
    def new(self) -> tuple[Finding, ...]:
        """The findings for which there is no excuse."""
        return tuple(finding for finding in self.findings if not finding.excuse)

    @property
    def bad(self) -> dict[str, str]:
        """Under which plans or orders of tasks it does not end well, with the verdict, less what is accepted."""
        found = {each.circumstances: each.verdict for each in self.findings if each.excuse in ("", KNOWN)}
        cells = [cell for cell in self.cells if cell.is_bad and cell.excuse in ("", KNOWN)]
        return found | {cell.plan: cell.verdict for cell in cells}

    @property
    def verdicts(self) -> Counter[str]:
        """How many single faults ended in which verdict."""
        return Counter(cell.verdict for cell in self.cells)


def to_json(each: Resilience) -> dict[str, Any]:
    """As JSON values."""
    data: dict[str, Any] = _ADAPTER.dump_python(each, mode="json")
    return data


def from_json(data: Mapping[str, Any]) -> Resilience:
    """The same back again; fields of a later version are ignored."""
    return _ADAPTER.validate_python(data)


_ADAPTER: TypeAdapter[Resilience] = TypeAdapter(Resilience)


def check_file(path: Path) -> None:
    """Make sure, before anything takes long, that a file can be written; what it holds is left as it is.

    Raises:
        ExplorationError: It cannot.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        with path.open("a", encoding="utf-8"):
            pass
        if is_new:
            path.unlink()
    except OSError as error:
        raise _not_written(path, error) from None


def write_json(path: Path, explored: Iterable[Resilience]) -> None:
    """Write the document that `mcpflow explore --json` promises.

    Raises:
        ExplorationError: The file cannot be written.
    """
    document = {"format": FORMAT, "explorations": [to_json(each) for each in explored]}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise _not_written(path, error) from None


def _not_written(path: Path, error: OSError) -> ExplorationError:
    return ExplorationError(f"{path} cannot be written: {error.strerror}; name another file")
