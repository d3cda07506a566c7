"""Plans: which calls go wrong, and how.

>>> plan = FaultPlan.parse("kubernetes.kubectl_apply#2=refuse, slack.*=outage(60)@[30,90]")
>>> str(plan)        # the same text again, which is what a failure prints
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from pytest_mcpflow.errors import FaultPlanError
from pytest_mcpflow.faults.kind import FaultKind, number_text
from pytest_mcpflow.transcript import alternatives, matches

__all__ = ["EVERYTHING", "NAME_IN_SITE", "Fault", "FaultPlan", "chance", "covers", "overlap", "together"]

EVERYTHING = "*.*"
"""The site of all calls of all servers."""
NAME_IN_SITE = r"[^\s#=,;@()~{}]"
"""A character of a site, outside of braces and in them."""
_SITE = re.compile(rf"(?:{NAME_IN_SITE}|\{{{NAME_IN_SITE}+(?:,{NAME_IN_SITE}+)*\}})+")


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong: what (`kind`), and its extent.

    Args:
        site: The calls of which tool, `server.tool`; with `*` of several, without a dot of any server, with braces of
            those named: `{github,docker}.*`.
        kind: What goes wrong with them.
        first: From which call of the tool on; the first one in a run is 1.
        last: Up to which one, that one included; `None` is for ever.
        since: Only calls that begin at this time or later, in seconds since the run began.
        until: Only calls that begin at this time or earlier.
        probability: How likely each such call goes wrong, above 0 and up to 1.

    Raises:
        FaultPlanError: The extent contradicts itself.
    """

    site: str
    kind: FaultKind
    first: int = 1
    last: int | None = None
    since: float = 0.0
    until: float = math.inf
    probability: float = 1.0

    def __post_init__(self) -> None:
        if not _SITE.fullmatch(self.site):
            raise FaultPlanError(f"a site reads `server.tool`, or `{{one,other}}.tool`, got {self.site!r}")
        try:
            alternatives(self.site)
        except ValueError as error:
            raise FaultPlanError(f"a site cannot have so many choices: {error}") from None
        if self.first < 1:
            raise FaultPlanError(f"calls of a tool are counted from 1, got #{self.first}")
        if self.last is not None and self.last < self.first:
            raise FaultPlanError(f"#{self.first}-{self.last} holds no call; write the smaller number first")
        if not (math.isfinite(self.since) and 0 <= self.since <= self.until):
            raise FaultPlanError(
                f"no time lies from {self.since:g} s to {self.until:g} s; a window is @[from,until] with "
                "0 <= from <= until"
            )
        if not 0 < self.probability <= 1:
            raise FaultPlanError(f"a probability is above 0 and up to 1, got {self.probability:g}")

    def concerns(self, server: str, tool: str, occurrence: int, *, at: float, seed: int) -> bool:
        """Whether a call goes wrong. The same answer whatever other calls there are."""
        if occurrence < self.first or (self.last is not None and occurrence > self.last):
            return False
        if not self.since <= at <= self.until or not matches(self.site, f"{server}.{tool}"):
            return False
        return self.probability == 1 or chance(seed, server, tool, str(self), occurrence) < self.probability

    def __str__(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:
        """As a plan has it; each call that goes wrong says it."""
        return f"{self.site}{self._extent()}={self.kind}{self._window()}{self._chance()}"

    def _extent(self) -> str:
        if self.last == self.first:
            return f"#{self.first}"
        if self.last is not None:
            return f"#{self.first}-{self.last}"
        return "#*" if self.first == 1 else f"#{self.first}+"

    def _window(self) -> str:
        if self.until == math.inf:
            return f"@[{number_text(self.since)},]" if self.since else ""
        return f"@[{number_text(self.since)},{number_text(self.until)}]"

    def _chance(self) -> str:
        return "" if self.probability == 1 else f"~{number_text(self.probability)}"


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """The faults of a run. Of several that concern a call, the first one happens.

    Args:
        faults: In order.
        seed: Decides what is left to chance.
    """

    faults: tuple[Fault, ...] = ()
    seed: int = 0

    @classmethod
    def parse(
        cls, text: str, *, seed: int = 0, kinds: Mapping[str, type[FaultKind]] | None = None
    ) -> FaultPlan:
        """Read a plan's text.

            kubernetes.kubectl_apply#2=refuse, communication-hub.send_alert#*=timeout(30)

        Args:
            text: Elements with commas between; the grammar is in the reference, "Faults".
            seed: Decides what is left to chance.
            kinds: The kinds by name, by default those that ship.

        Raises:
            FaultPlanError: The text is not a plan; the message points at the character.
        """
        from pytest_mcpflow.faults.catalogue import KINDS
        from pytest_mcpflow.faults.text import parse_faults

        return cls(parse_faults(text, KINDS if kinds is None else kinds), seed)

    def with_fault(self, fault: Fault) -> Self:
        """This plan and one fault more."""
        return type(self)((*self.faults, fault), self.seed)

    def without(self, fault: Fault) -> Self:
        """This plan less one fault."""
        return type(self)(tuple(each for each in self.faults if each != fault), self.seed)

    def position_of(self, index: int) -> int:
        """Where in the plan's text its fault number `index` stands; the first one is number 0."""
        return sum(len(f"{each}, ") for each in self.faults[:index])

    def __len__(self) -> int:
        return len(self.faults)

    def __bool__(self) -> bool:
        return bool(self.faults)

    def __str__(self) -> str:
        return ", ".join(map(str, self.faults))


def covers(site: str, other: str) -> bool:
    """Whether a site names all that another one names."""
    return site == other or all(matches(site, each) for each in alternatives(other))


def overlap(one: str, other: str) -> bool:
    """Whether there are calls that both sites name: of one tool, or of a server and one of its tools."""
    return any(
        matches(each, another) or matches(another, each)
        for each in alternatives(one)
        for another in alternatives(other)
    )


def together(servers: Sequence[str]) -> str:
    """The site of all calls of these servers."""
    return f"{{{','.join(servers)}}}.*" if len(servers) > 1 else f"{servers[0]}.*"


def chance(seed: int, server: str, tool: str, rule: str, occurrence: int, salt: str = "") -> float:
    """A number from 0 to 1 that depends on nothing but these."""
    key = "\0".join([str(seed), server, tool, rule, str(occurrence), salt])
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
