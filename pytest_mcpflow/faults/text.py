"""Reading a plan's text, with errors that point at the character.

plan        element ("," element)*
element     site extent? "=" kind arguments? window? probability?
site        (characters | "{" name ("," name)* "}")+              a choice of names: {github,docker}.*
extent      "#" n  |  "#" n "+"  |  "#" n "-" m  |  "#*"
arguments   "(" (value | name "=" value) ("," ...)* ")"        value: number, word, "text"
window      "@[" from "," until? "]"
probability "~" number
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NoReturn

from pytest_mcpflow.errors import FaultPlanError, nearest_phrase
from pytest_mcpflow.faults.kind import Argument, FaultKind, arguments_of
from pytest_mcpflow.faults.plan import NAME_IN_SITE, Fault

__all__ = ["parse_faults", "pointing_at", "text_of"]

SITE = re.compile(rf"{NAME_IN_SITE}+")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
COUNT = re.compile(r"\d+")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
SPACE = re.compile(r"\s*")
SHOWN = 76
DIGITS = 9
"""As many as the number of a call may have: nobody makes more calls, and Python reads no number of any length."""


def parse_faults(text: str, kinds: Mapping[str, type[FaultKind]]) -> tuple[Fault, ...]:
    """The faults of a plan's text.

    Raises:
        FaultPlanError: It is none.
    """
    return _Parser(text, kinds).plan()


def text_of(plan: str, named: Mapping[str, str]) -> str:
    """A plan's text, where it may be given by the name of one.

    Raises:
        FaultPlanError: It is no text of a plan, and none of that name is known; or it is nothing at all.
    """
    name = plan.strip()
    if not name:
        raise FaultPlanError(
            "the plan is empty, so that nothing would go wrong; a plan reads `server.tool#1=kind`. Is the variable set "
            "that it comes from? Leave it out where nothing is to go wrong"
        )
    if "=" in name:
        return plan
    if name not in named:
        raise FaultPlanError(
            f"no plan of the ini file (mcp_plans) is named {name!r}; {nearest_phrase(name, named)}. "
            "A plan itself reads `server.tool#1=kind`"
        )
    return named[name]


def pointing_at(text: str, position: int, message: str) -> FaultPlanError:
    """An error that shows the text, and below it where in the text it is."""
    line = " ".join(text.splitlines())
    start = max(0, min(position - SHOWN // 2, len(line) - SHOWN))
    before, after = "..." if start else "", "..." if start + SHOWN < len(line) else ""
    shown = f"{before}{line[start : start + SHOWN]}{after}"
    arrow = " " * (len(before) + position - start) + "^"
    return FaultPlanError(f"{message}\n  {shown}\n  {arrow}")


class _Parser:
    def __init__(self, text: str, kinds: Mapping[str, type[FaultKind]]) -> None:
        self._text, self._kinds, self._at = text, kinds, 0

    def plan(self) -> tuple[Fault, ...]:
        faults: list[Fault] = []
        self._skip()
        while self._at < len(self._text):
            if faults:
                self._take(",", "between elements of a plan")
            faults.append(self._element())
        return tuple(faults)

    def _element(self) -> Fault:
        start = self._at
        site = self._site()
        extent_at = self._at
        first, last = self._extent()
        self._take("=", "before the kind of fault")
        kind = self._kind()
        window_at = self._at
        since, until = self._window()
        probability_at = self._at
        probability = self._number("a probability") if self._takes("~") else 1.0
        everywhere = self._checked(start, lambda: Fault(site, kind))
        there = self._checked(extent_at, lambda: replace(everywhere, first=first, last=last))
        then = self._checked(window_at, lambda: replace(there, since=since, until=until))
        return self._checked(probability_at, lambda: replace(then, probability=probability))

    def _checked(self, position: int, made: Callable[[], Fault]) -> Fault:
        try:
            return made()
        except FaultPlanError as error:
            self._fail(str(error), position)

    def _site(self) -> str:
        parts: list[str] = []
        while (found := SITE.match(self._text, self._at)) or self._peek("{"):
            if found is None:
                parts.append(self._choice())
            else:
                parts.append(found[0])
                self._at = found.end()
        if not parts:
            self._fail("expected a call site, `server.tool`", self._at)
        self._skip()
        return "".join(parts)

    def _choice(self) -> str:
        """Names between braces; no space is skipped behind them, where the site may go on."""
        self._take("{", "before names")
        names = [self._match(SITE, "a name in a choice, `{one,other}`")]
        while self._takes(","):
            names.append(self._match(SITE, "a name in a choice, `{one,other}`"))
        if not self._peek("}"):
            self._fail("expected , or } in a choice of names, `{one,other}`", self._at)
        self._at += 1
        return f"{{{','.join(names)}}}"

    def _extent(self) -> tuple[int, int | None]:
        if not self._takes("#"):
            return 1, None
        if self._takes("*"):
            return 1, None
        first = self._count("the number of a call, or * for all")
        if self._takes("+"):
            return first, None
        if self._takes("-"):
            return first, self._count("the number of the last call")
        return first, first

    def _count(self, what: str) -> int:
        start = self._at
        digits = self._match(COUNT, what)
        if len(digits) > DIGITS:
            self._fail(f"the number of a call has {DIGITS} digits at most, got {len(digits)}", start)
        return int(digits)

    def _kind(self) -> FaultKind:
        start = self._at
        name = self._match(NAME, "a kind of fault")
        if name not in self._kinds:
            self._fail(f"unknown kind {name!r}; {nearest_phrase(name, self._kinds)}", start)
        kind = self._kinds[name]
        values = self._arguments(kind) if self._takes("(") else {}
        try:
            return kind(**values)
        except ValueError as error:
            self._fail(f"{name}: {error}", start)

    def _arguments(self, kind: type[FaultKind]) -> dict[str, Argument]:
        accepted, values = arguments_of(kind), dict[str, Argument]()
        takes = f"{kind.name} takes {', '.join(accepted) or 'no arguments'}"
        while not self._takes(")"):
            if values:
                self._take(",", f"or ) after an argument; {takes}")
            start = self._at
            named = re.compile(rf"({NAME.pattern})\s*=").match(self._text, self._at)
            if named:
                name = named[1]
                self._at = named.end()
                self._skip()
            elif len(values) < len(accepted):
                name = [*accepted][len(values)]
            else:
                self._fail(takes, start)
            if name not in accepted:
                self._fail(f"unknown argument {name!r}; {takes}", start)
            if name in values:
                self._fail(f"{name} is there twice", start)
            values[name] = self._value(name, accepted[name])
        return values

    def _value(self, name: str, accepted: type | tuple[str, ...]) -> Argument:
        start = self._at
        if accepted is float:
            return self._number(f"a number for {name}")
        quoted = TEXT.match(self._text, self._at)
        if quoted and accepted is str:
            self._at = quoted.end()
            self._skip()
            try:
                return str(json.loads(quoted[0]))
            except ValueError as error:
                self._fail(f"{name}: {error}", start)
        what = 'a text in "quotes"' if accepted is str else " or ".join(accepted)  # type: ignore[arg-type]
        word = self._match(NAME, f"{what} for {name}")
        if isinstance(accepted, tuple) and word not in accepted:
            self._fail(f"{name} is {' or '.join(accepted)}, not {word!r}", start)
        return word

    def _window(self) -> tuple[float, float]:
        if not self._takes("@"):
            return 0.0, math.inf
        self._take("[", "at the beginning of a window @[from,until]")
        since = self._number("the seconds at which the window begins")
        self._take(",", "in a window @[from,until]")
        until = math.inf if self._peek("]") else self._number("the seconds at which the window ends")
        self._take("]", "at the end of a window @[from,until]")
        return since, until

    # Characters

    def _number(self, what: str) -> float:
        start = self._at
        number = float(self._match(NUMBER, what))
        if math.isinf(number):
            self._fail(f"expected {what} that a float can hold", start)
        return number

    def _match(self, pattern: re.Pattern[str], what: str) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            self._fail(f"expected {what}", self._at)
        self._at = found.end()
        self._skip()
        return found[0]

    def _peek(self, character: str) -> bool:
        return self._text.startswith(character, self._at)

    def _takes(self, character: str) -> bool:
        if not self._peek(character):
            return False
        self._at += 1
        self._skip()
        return True

    def _take(self, character: str, why: str) -> None:
        if not self._takes(character):
            self._fail(f"expected {character} {why}", self._at)

    def _skip(self) -> None:
        found = SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _fail(self, message: str, position: int) -> NoReturn:
        raise pointing_at(self._text, position, message)
