"""The reference answer to `code-review-refactor`: review by rules, plan, ask, then change, test and commit in turn."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from pytest_mcpflow import Hub
from pytest_mcpflow.scenarios._careful import together
from pytest_mcpflow.scenarios._delivery import Delivery, StoppedError

__all__ = ["Finding", "Refactoring", "RefactoringReport"]

FOLDER, BRANCH = "src/controllers", "refactor/cleanup-controllers"
PLAN, QUESTION = "Refactoring plan: controllers", "Carry out the refactoring plan for the controllers?"
TESTS = "npm test"
_CHECK = re.compile(r"^    (if \(.*\) throw .*;)\n", re.MULTILINE)
_LIST = re.compile(r"return (this\.(\w+)\.findAll\(\));")
_LOOP = re.compile(
    r"for \(const (\w+) of (\w+)\) \{\n      \1\.(\w+) = await this\.\3\.findBy\(\1\.id\);\n    \}"
)


@dataclass(frozen=True)
class Finding:
    """Something to improve, where it stands, and what a commit that does it says."""

    file: str
    line: int
    problem: str
    change: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.problem}"


@dataclass(frozen=True)
class RefactoringReport:
    """What was found, and what became of each finding."""

    success: bool = False
    findings: tuple[Finding, ...] = ()
    applied: tuple[Finding, ...] = ()
    reverted: tuple[Finding, ...] = ()
    plan: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class _Rule:
    """`find` says at which offset of a text something stands, `repair` returns the text without it."""

    problem: str
    change: str
    find: Callable[[str], int | None]
    repair: Callable[[str], str]


def _second_check(text: str) -> int | None:
    seen = set[str]()
    for check in _CHECK.finditer(text):
        if check.group(1) in seen:
            return check.start()
        seen.add(check.group(1))
    return None


def _checked_once(text: str) -> str:
    checks = [check.group(1) for check in _CHECK.finditer(text)]
    repeated = next(check for check in checks if checks.count(check) > 1)
    function = f"function validate(body: User) {{\n  {repeated}\n}}\n\n"
    return function + text.replace(f"    {repeated}\n", "    validate(body);\n")


def _offset(pattern: re.Pattern[str]) -> Callable[[str], int | None]:
    def find(text: str) -> int | None:
        found = pattern.search(text)
        return found.start() if found else None

    return find


_RULES = (
    _Rule("duplicate validation logic", "Validate in one place", _second_check, _checked_once),
    _Rule(
        "could use caching",
        "Cache what every request lists",
        _offset(_LIST),
        lambda text: _LIST.sub(r"return cached('\2', 60, () => \1);", text),
    ),
    _Rule(
        "N+1 query",
        "Fetch in one query what was fetched in a loop",
        _offset(_LOOP),
        lambda text: _LOOP.sub(r"await this.\3.attachTo(\2);", text),
    ),
)


def _review(file: str, text: str) -> list[tuple[Finding, _Rule]]:
    found = [(rule, rule.find(text)) for rule in _RULES]
    return [
        (Finding(file, text.count("\n", 0, at) + 1, rule.problem, rule.change), rule)
        for rule, at in found
        if at is not None
    ]


class Refactoring:
    """One review of all controllers, and the changes that follow from it."""

    def __init__(self, hub: Hub) -> None:
        self._crew = Delivery(hub, "shop/api")
        self._report = RefactoringReport()

    async def run(self) -> RefactoringReport:
        error = await self._crew.loudly("Refactoring the controllers", self._steps())
        return replace(self._report, success=error is None, error=error)

    async def _steps(self) -> None:
        found = await self._analyze()
        self._report = replace(self._report, findings=tuple(finding for finding, _ in found))
        if not found:
            return
        await self._plan()
        await self._crew.ask(QUESTION, "developer")
        await self._crew.switch_to_new_branch(BRANCH)
        await self._crew.must_run(TESTS)  # what fails before any change cannot judge one
        for finding, rule in found:
            await self._apply(finding, rule)
        await self._crew.push(BRANCH)
        await self._crew.notify(
            f"{BRANCH}: {len(self._report.applied)} of {len(found)} findings applied", "slack"
        )
        if self._report.reverted:
            names = "; ".join(map(str, self._report.reverted))
            raise StoppedError(f"reverted, since tests fail with the change: {names}")

    async def _analyze(self) -> list[tuple[Finding, _Rule]]:
        listed = await self._crew.repeat("desktop-commander.list_directory", {"path": FOLDER})
        files = [f"{FOLDER}/{name}" for name in listed["result"]]
        texts = await together(*(self._crew.read(file) for file in files))
        return [each for file, text in zip(files, texts, strict=True) for each in _review(file, text)]

    async def _plan(self) -> None:
        """Write the plan where everybody can object to it."""
        await self._crew.branch_off(BRANCH)
        lines = [f"- [ ] {finding}: {finding.change}" for finding in self._report.findings]
        number = await self._crew.open_issue(PLAN, "\n".join(lines), "refactoring")
        self._report = replace(self._report, plan=number)

    async def _apply(self, finding: Finding, rule: _Rule) -> None:
        """Change one thing and commit it if the tests pass; else everything is as it was before."""
        before = await self._crew.read(finding.file)

        async def put_back() -> None:
            await self._crew.write(finding.file, before)

        by_hand = f"put {finding.file} back by hand: nobody knows whether its change passes the tests"
        try:
            await self._crew.write(finding.file, rule.repair(before))
            if passed := (await self._crew.run(TESTS))["success"]:
                await self._crew.commit(f"{finding.change} ({finding.file})", finding.file)
        except Exception:
            await self._crew.take_back(put_back, by_hand)
            raise
        if passed:
            self._report = replace(self._report, applied=(*self._report.applied, finding))
        else:
            await self._crew.take_back(put_back, by_hand)
            self._report = replace(self._report, reverted=(*self._report.reverted, finding))
