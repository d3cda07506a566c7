"""The parts of one exploration, which several processes explored, put together again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_mcpflow.explore.familiar import Familiar
from pytest_mcpflow.explore.result import Accounting
from pytest_mcpflow.explore.shrink import Failure
from pytest_mcpflow.faults.kind import FaultKind
from pytest_mcpflow.faults.plan import FaultPlan
from pytest_mcpflow.report.explored import claim_with_excuses
from pytest_mcpflow.report.resilience import Collapsed, Counts, Finding, Resilience
from pytest_mcpflow.verdict import Verdict

__all__ = ["merged"]


def merged(explored: Sequence[Resilience], kinds: Mapping[str, type[FaultKind]]) -> list[Resilience]:
    """Explorations with those that are parts of one put together, by name.

    Args:
        explored: Explorations and parts of some.
        kinds: The kinds of faults that there are.
    """
    together: dict[tuple[str, str, str], dict[int, Resilience]] = {}
    for each in explored:
        together.setdefault((each.name, each.way, each.era), {})[each.part] = each
    return [
        next(iter(parts.values())) if len(parts) == 1 == parts[min(parts)].parts else _whole(parts, kinds)
        for _, parts in sorted(together.items())
    ]


@dataclass(frozen=True)
class _Ended:
    verdict: Verdict
    checks: tuple[str, ...]


def _whole(by_number: Mapping[int, Resilience], kinds: Mapping[str, type[FaultKind]]) -> Resilience:
    parts = [part for _, part in sorted(by_number.items())]
    first, missing = parts[0], _missing(by_number, parts[0].parts)
    findings = _distinct(parts, kinds)
    runs = sum(part.runs for part in parts)
    is_proven = not missing and all(part.is_proven for part in parts)
    counts = Counts(
        planned=sum(part.counts.planned for part in parts),
        run=sum(part.counts.run for part in parts),
        collapsed=sum(part.counts.collapsed for part in parts),
        deferred=sum(part.counts.deferred for part in parts),
        not_reached=sum(part.counts.not_reached for part in parts),
        drawn=sum(part.counts.drawn for part in parts),
        schedules=sum(part.counts.schedules for part in parts),
        at_least=bool(missing) or any(part.counts.at_least for part in parts),
    )
    claim = claim_with_excuses(findings, depth=first.depth, runs=runs, proven=is_proven)
    unmet = [entry for entry in first.unmet if all(entry in part.unmet for part in parts)]
    return replace(
        first,
        runs=runs,
        seconds=round(sum(part.seconds for part in parts), 3),
        claim=f"{claim}; no report of {missing}" if missing else claim,
        accounting=str(
            Accounting(
                first.depth,
                planned=counts.planned,
                run=counts.run,
                collapsed=counts.collapsed,
                deferred=counts.deferred,
                not_reached=counts.not_reached,
                swarm=counts.drawn,
                schedules=counts.schedules,
                at_least=counts.at_least,
            )
        ),
        is_proven=is_proven,
        findings=tuple(findings),
        unmet=tuple(unmet),
        counts=counts,
        classes=_classes(parts),
        part=1,
        parts=1,
    )


def _classes(parts: Sequence[Resilience]) -> tuple[Collapsed, ...]:
    """The classes of all parts; those of single faults are learned in each of them."""
    found: dict[tuple[str, str, tuple[str, ...]], Collapsed] = {}
    for each in (each for part in parts for each in part.classes):
        known = found.setdefault((each.site, each.kind, each.like), each)
        if each.plans > known.plans:
            found[each.site, each.kind, each.like] = each
    return tuple(found.values())


def _missing(by_number: Mapping[int, Resilience], count: int) -> str:
    """Which parts nobody reports of, because their process ended or they were not selected; empty if there is none."""
    numbers = [str(number) for number in range(1, count + 1) if number not in by_number]
    return f"part {', '.join(numbers)} of {count}" if numbers else ""


def _distinct(parts: Sequence[Resilience], kinds: Mapping[str, type[FaultKind]]) -> list[Finding]:
    """What a search for all would have reported: the parts' findings in its order, less those that others explain."""
    found = sorted((each for part in parts for each in part.findings), key=lambda each: each.order)
    distinct: list[Finding] = []
    familiar: list[Familiar] = []
    for finding in found:
        known = Familiar(
            FaultPlan.parse(finding.plan, kinds=kinds).faults, Verdict(finding.verdict), finding.checks
        )
        failure = Failure(_Ended(known.verdict, known.checks))
        begun_as = FaultPlan.parse(finding.found_as, kinds=kinds).faults
        if not any(
            each.explains(failure, begun_as) or each.explains(failure, known.faults) for each in familiar
        ):
            distinct.append(finding)
            familiar.append(known)
    return distinct
