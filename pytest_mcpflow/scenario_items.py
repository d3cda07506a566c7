"""Scenarios as pytest items: selected by `--mcp-scenario`, one item for each transport asked for."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mcpflow.async_tests import pair_id, way_era_pairs
from pytest_mcpflow.catalogue import Catalogue, builtin_scenarios, load_workflow, scenarios_in
from pytest_mcpflow.errors import FaultPlanError, MCPFlowError, UnknownNameError
from pytest_mcpflow.faults.plan import FaultPlan
from pytest_mcpflow.options import (
    asked,
    eras_asked,
    schedule_asked,
    search_path,
    seed_asked,
    ways_asked,
    workers_of,
)
from pytest_mcpflow.plans import fault_kinds, must_happen_asked, plan_asked
from pytest_mcpflow.report.failure import failure_block
from pytest_mcpflow.scenario import Scenario
from pytest_mcpflow.scenario_node import NODE_PREFIX, ScenarioNode
from pytest_mcpflow.stash import NEVER_HAPPENED
from pytest_mcpflow.verdict import Judgement, check_plan, judge
from pytest_mcpflow.ways import Way

if TYPE_CHECKING:
    from pytest_mcpflow.chaos.options import Chaos

__all__ = ["ScenarioFailed", "ScenarioItem", "ScenarioPlugin", "catalogue_of"]


class ScenarioFailed(Exception):
    """A scenario's run was judged and did not pass."""

    def __init__(self, judgement: Judgement) -> None:
        super().__init__(f"{judgement.scenario} {judgement.verdict}")
        self.judgement = judgement


class ScenarioItem(ScenarioNode):
    """One scenario, run one way."""

    def __init__(self, *, plan: FaultPlan, **node: Any) -> None:
        super().__init__(**node)
        self._plan = plan

    def runtest(self) -> None:
        scenario = self.scenario()
        scenario.seed = seed_asked(self.config)
        judgement = judge(
            scenario,
            way=self.way,
            era=self.era,
            workflow=self.workflow(),
            workflow_reference=self.workflow_reference,
            plan=self._plan,
            schedule=schedule_asked(self.config),
        )
        calls, seconds = len(judgement.transcript), f"{judgement.seconds:g}"
        self.user_properties += [
            ("mcp_verdict", judgement.verdict.value),
            ("mcp_calls", calls),
            ("mcp_seconds", seconds),
        ]
        if self._plan:
            self.user_properties.append(("mcp_plan", str(self._plan)))
        if judgement.never_happened:
            self.user_properties.append((NEVER_HAPPENED, ", ".join(judgement.never_happened)))
        if not judgement.verdict.is_good or (judgement.never_happened and must_happen_asked(self.config)):
            raise ScenarioFailed(judgement) from judgement.cause

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, ScenarioFailed):
            return failure_block(excinfo.value.judgement)
        return super().repr_failure(excinfo, style)


class ScenarioPlugin:
    """Registered when `--mcp-scenario` is given.

    Raises:
        pytest.UsageError: What was asked for does not exist or cannot be loaded.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._alone = config.args_source is not pytest.Config.ArgsSource.ARGS
        self._results: list[pytest.TestReport] = []
        try:
            catalogue = catalogue_of(config)
            self._selected = catalogue.select(asked(config, "--mcp-scenario"))
            self._workflows = workflows_asked(config, catalogue)
            _check_workflows(config, self._selected)
            self._plan = _plan_for(config, self._selected)
            self._chaos = _chaos_for(config, self._selected)
            _check_schedule(config)
        except MCPFlowError as error:
            raise pytest.UsageError(str(error)) from error
        if self._alone:
            config.args = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        if self._alone:
            items.clear()
        added = list(self._items(session))
        items += added
        counted: list[pytest.Item | pytest.Collector] = [*added]
        # What pytest has not collected itself it does not count, and would say that fewer than none are left.
        session.ihook.pytest_collectreport(report=pytest.CollectReport(NODE_PREFIX, "passed", None, counted))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.excinfo is not None and isinstance(call.excinfo.value, ScenarioFailed):
            report.sections.append(("MCP transcript", str(call.excinfo.value.judgement.transcript)))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.nodeid.startswith(NODE_PREFIX) and (report.when == "call" or report.failed):
            self._results.append(report)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._results or self._chaos is not None:
            return
        terminalreporter.ensure_newline()  # pytest is still at the line with the letters
        terminalreporter.section("MCP scenarios, in virtual time")
        for report in sorted(self._results, key=lambda report: report.nodeid):
            facts = {name: str(value) for name, value in report.user_properties}
            name = report.nodeid.removeprefix(NODE_PREFIX)
            seconds = float(facts.get("mcp_seconds", 0))
            run = f"{facts['mcp_calls']:>4} calls {seconds:>10,.1f} s" if facts else ""
            verdict = f"  {facts['mcp_verdict']}" if "mcp_plan" in facts else ""
            line = f"{report.outcome.upper():<8}{name:<45}{run}{verdict}".rstrip()
            terminalreporter.write_line(line, green=report.passed, red=report.failed)

    def _items(self, session: pytest.Session) -> Iterator[pytest.Item]:
        eras = eras_asked(self._config)
        chaos = self._chaos
        ways = (
            [Way.DIRECT] if chaos and not asked(self._config, "--mcp-transport") else ways_asked(self._config)
        )
        # What takes longest first, so that no worker is left alone with it at the end.
        selected = sorted(self._selected, key=lambda each: -each.depth) if chaos else self._selected
        for scenario in selected:
            for way, era in way_era_pairs(ways, eras):
                name = f"{scenario.name}[{pair_id(way, era, eras)}]"
                node: dict[str, Any] = {"name": name, "nodeid": f"{NODE_PREFIX}{name}"}
                node |= {"scenario": scenario, "way": way, "era": era}
                node["workflow_reference"] = self._workflows.get(scenario.name)
                if chaos is None:
                    yield ScenarioItem.from_parent(session, plan=self._plan, **node)  # pyright: ignore[reportUnknownMemberType]  # pytest leaves it untyped
                else:
                    yield from _explorations(session, scenario, chaos, node)


def _explorations(
    session: pytest.Session, scenario: type[Scenario], chaos: Chaos, node: Mapping[str, Any]
) -> Iterator[pytest.Item]:
    """One item; or, if several processes can share what it is to do, one for each of them."""
    from pytest_mcpflow.chaos.items import ExplorationItem
    from pytest_mcpflow.explore.part import Part

    workers = workers_of(session.config)
    count = workers if chaos.search_at(scenario.depth).is_divisible else 1
    for number in range(1, count + 1):
        part = Part(number, count)
        named = dict(node)
        if count > 1:
            named |= {each: f"{node[each].removesuffix(']')}-{part}]" for each in ("name", "nodeid")}
        yield ExplorationItem.from_parent(session, chaos=chaos, part=part, **named)  # pyright: ignore[reportUnknownMemberType]  # pytest leaves it untyped


def catalogue_of(config: pytest.Config) -> Catalogue:
    """All scenarios that a run can select from: those that ship, the ini's, and those of plugins.

    Raises:
        ScenarioError: One cannot be loaded.
    """
    rewrite = pytest.register_assert_rewrite
    scenarios = list(builtin_scenarios(rewrite))
    for path in config.getini("mcp_scenarios"):
        scenarios += scenarios_in(path, rewrite)
    for more in config.hook.pytest_mcpflow_scenarios():
        scenarios += more
    return Catalogue(scenarios)


def workflows_asked(config: pytest.Config, catalogue: Catalogue) -> dict[str, str]:
    """The workflows put in place of reference ones, by scenario; loaded once here, to fail before any test runs."""
    names = {scenario.name for scenario in catalogue}
    workflows: dict[str, str] = {}
    for assignment in [*config.getini("mcp_workflows"), *asked(config, "--mcp-workflow")]:
        name, equals, reference = assignment.partition("=")
        if not equals:
            raise pytest.UsageError(f"workflow {assignment!r} is not of the form NAME=MODULE:CALLABLE")
        if name.strip() not in names:
            raise UnknownNameError("scenario", name.strip(), names)
        load_workflow(reference.strip(), search=search_path(config))
        workflows[name.strip()] = reference.strip()
    return workflows


def _check_workflows(config: pytest.Config, selected: Iterable[type[Scenario]]) -> None:
    """A workflow of the command line that no scenario runs would seem to have passed; the ini's are for all runs."""
    names = {scenario.name for scenario in selected}
    for assignment in asked(config, "--mcp-workflow"):
        name = assignment.partition("=")[0].strip()
        if name not in names:
            raise pytest.UsageError(
                f"--mcp-workflow {assignment}: the scenario is not among those that --mcp-scenario selects "
                f"({', '.join(sorted(names))}); add --mcp-scenario {name}"
            )


def _plan_for(config: pytest.Config, scenarios: Iterable[type[Scenario]]) -> FaultPlan:
    """What goes wrong, held against the world of each scenario."""
    plan = plan_asked(config)
    for scenario in scenarios if plan else ():
        try:
            check_plan(scenario(), plan)
        except FaultPlanError as error:
            raise pytest.UsageError(f"--mcp-plan and the scenario {scenario.name}: {error}") from None
    return plan


def _check_schedule(config: pytest.Config) -> None:
    """An order of tasks can be repeated only where the loop alone decides it."""
    outside = [way for way in ways_asked(config) if not way.is_in_process]
    if schedule_asked(config) is not None and outside:
        raise pytest.UsageError(
            f"--mcp-schedule is an order of tasks, and on {outside[0]} pipes and sockets decide, too, which task is "
            "ready first; take --mcp-transport direct or memory"
        )


def _chaos_for(config: pytest.Config, scenarios: Iterable[type[Scenario]]) -> Chaos | None:
    """How scenarios are explored, if they are; what they say for it is read here, to fail before any test runs."""
    if config.getoption("--mcp-chaos") is None:
        return None
    from pytest_mcpflow.chaos.options import chaos_asked
    from pytest_mcpflow.report.explored import accepted_of, faults_of

    kinds = fault_kinds(config)
    for scenario in scenarios:
        accepted_of(scenario, kinds)
        faults_of(scenario, kinds)
    return chaos_asked(config)
