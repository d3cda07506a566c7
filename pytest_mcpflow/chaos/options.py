"""What a run is asked to explore: `--mcp-chaos` and its budget, the ini file, and the marker `mcp_chaos` of a test."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from pytest_mcpflow.chaos.baseline import Baseline
from pytest_mcpflow.errors import ExplorationError, FaultPlanError, nearest_phrase
from pytest_mcpflow.faults.plan import FaultPlan
from pytest_mcpflow.marker import marker_options
from pytest_mcpflow.options import schedule_asked
from pytest_mcpflow.plans import fault_kinds, plan_named
from pytest_mcpflow.report.explored import Search, kinds_named
from pytest_mcpflow.report.pinned import check_writable
from pytest_mcpflow.report.resilience import check_file

__all__ = ["MARKER_NAME", "Chaos", "Marked", "chaos_asked", "marked_search"]

MARKER_NAME = "mcp_chaos"


@dataclass(frozen=True, kw_only=True)
class Chaos:
    """What the command line and the ini file ask for.

    Args:
        is_asked: Whether `--mcp-chaos` was given.
        depth: The most faults at once, for all workflows; by default what each one asks for.
        search: Kinds and budget.
        baseline: Where known findings are.
        is_update: Whether they are to be written there.
        write_test: Where tests that pin the findings are to be written.
    """

    is_asked: bool
    depth: int | None
    search: Search
    baseline: Path | None = None
    is_update: bool = False
    write_test: Path | None = None

    def search_at(self, depth: int) -> Search:
        """How far to look where a workflow asks for `depth`."""
        return replace(self.search, depth=self.depth or depth)

    def knows(self, name: str) -> Callable[[str, str], bool]:
        """Says of a plan and its verdict whether they fail nothing: the baseline has them, or is about to."""
        if self.is_update:
            return lambda _plan, _verdict: True
        return partial(self.known().knows, name)

    def known(self) -> Baseline:
        """The known findings.

        Raises:
            ExplorationError: The file is missing or cannot be read.
        """
        if self.baseline is None or (self.is_update and not self.baseline.exists()):
            return Baseline()
        return Baseline.read(self.baseline)


def chaos_asked(config: pytest.Config) -> Chaos:
    """What is asked for.

    Raises:
        pytest.UsageError: Options contradict each other, or name what does not exist.
    """
    depth = config.getoption("--mcp-chaos")
    baseline = _path(config, config.getoption("--mcp-chaos-baseline")) or _ini_path(
        config, "mcp_chaos_baseline"
    )
    is_update = bool(config.getoption("--mcp-chaos-update"))
    if is_update and baseline is None:
        raise pytest.UsageError("--mcp-chaos-update needs the file to write: --mcp-chaos-baseline FILE")
    if depth is not None and config.getoption("--mcp-plan"):
        raise pytest.UsageError(
            "--mcp-plan repeats one plan and --mcp-chaos looks for plans; use one of them"
        )
    if depth is not None and schedule_asked(config) is not None:
        raise pytest.UsageError(
            "--mcp-schedule repeats one order of tasks and --mcp-chaos looks for others; use one of them"
        )
    kinds = cast("list[str]", config.getoption("--mcp-chaos-kind") or config.getini("mcp_chaos_kinds"))
    chaos = Chaos(
        is_asked=depth is not None,
        depth=depth or None,
        search=Search(
            kinds=_kinds(config, kinds, "--mcp-chaos-kind") if kinds else None,
            runs=_number(config, "runs", int),
            seconds=_number(config, "seconds", float),
            schedules=_number(config, "schedules", int) or 0,
        ),
        baseline=baseline,
        is_update=is_update,
        write_test=_path(config, config.getoption("--mcp-write-test")),
    )
    try:
        chaos.known().check(fault_kinds(config))
        if is_update and baseline is not None and not hasattr(config, "workerinput"):
            check_file(baseline)
        if chaos.write_test is not None:
            check_writable(chaos.write_test)
    except ExplorationError as error:
        raise pytest.UsageError(str(error)) from error
    return chaos


@dataclass(frozen=True, kw_only=True, slots=True)
class _MarkerOptions:
    """The keywords of `@pytest.mark.mcp_chaos(...)`."""

    depth: int = 1
    kinds: Sequence[str] | None = None
    runs: int | None = None
    seconds: float | None = None
    schedules: int = 0
    plans: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Marked:
    """What a test's marker asks for: to look for plans, or to try these."""

    search: Search
    plans: tuple[FaultPlan, ...] = ()


def marked_search(test: pytest.Item) -> Marked:
    """What to try with a marked test; the command line decides before the marker.

    Raises:
        pytest.UsageError: The marker has a keyword or a value that does not exist.
    """
    marker = test.get_closest_marker(MARKER_NAME)
    assert marker is not None
    where = f"{test.nodeid}: @pytest.mark.{MARKER_NAME}"
    names = [each.name for each in fields(_MarkerOptions)]
    known = ", ".join(names)
    try:
        if marker.args:
            raise TypeError("it takes keywords only")
        for name in sorted(marker.kwargs.keys() - names):
            raise TypeError(f"there is no keyword {name!r}, {nearest_phrase(name, names)}")
        options = _MarkerOptions(**marker.kwargs)
    except TypeError as error:
        raise pytest.UsageError(f"{where}: {error} (keywords: {known})") from None
    for name, count in (
        ("depth", options.depth),
        ("runs", options.runs),
        ("schedules", options.schedules or None),
    ):
        if count is not None and not (isinstance(count, int) and count > 0):  # pyright: ignore[reportUnnecessaryIsInstance]  # users
            raise pytest.UsageError(f"{where}: {name} is a whole number above 0, got {count!r}")
    seconds = options.seconds
    if seconds is not None and not (isinstance(seconds, int | float) and 0 < seconds < math.inf):  # pyright: ignore[reportUnnecessaryIsInstance]  # users
        raise pytest.UsageError(f"{where}: seconds is a number above 0, got {seconds!r}")
    asked = chaos_asked(test.config)
    kinds = asked.search.kinds
    if kinds is None and options.kinds is not None:
        kinds = _kinds(test.config, options.kinds, where)
    seed = marker_options(test).seed
    try:
        plans = tuple(plan_named(test.config, text, seed=seed) for text in options.plans)
    except FaultPlanError as error:
        raise pytest.UsageError(f"{where}: {error}") from None
    return Marked(
        search=Search(
            depth=asked.depth or options.depth,
            kinds=kinds,
            runs=asked.search.runs or options.runs,
            seconds=asked.search.seconds or options.seconds,
            schedules=asked.search.schedules or options.schedules,
        ),
        plans=plans,
    )


def _kinds(config: pytest.Config, texts: Sequence[str], where: str) -> Any:
    try:
        return kinds_named(texts, fault_kinds(config))
    except FaultPlanError as error:
        raise pytest.UsageError(f"{where}: {error}") from None


def _number(config: pytest.Config, name: str, kind: type[int] | type[float]) -> Any:
    """A budget, from the command line or else from the ini file."""
    value = config.getoption(f"--mcp-chaos-{name}")
    if value is not None:
        return value
    text = cast("str", config.getini(f"mcp_chaos_{name}"))
    try:
        number = kind(text) if text else None
    except ValueError:
        number = 0
    if number is not None and not 0 < number < math.inf:
        raise pytest.UsageError(f"mcp_chaos_{name} is a number above 0, got {text!r}")
    return number


def _path(config: pytest.Config, value: str | None) -> Path | None:
    return None if value is None else config.invocation_params.dir / value


def _ini_path(config: pytest.Config, name: str) -> Path | None:
    text = cast("str", config.getini(name))
    return config.rootpath / text if text else None
