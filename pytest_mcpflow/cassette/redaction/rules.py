"""What a rule is, and the rules that are always there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pytest_mcpflow.cassette.redaction.shapes import shapes
from pytest_mcpflow.errors import CassetteError

__all__ = ["Rule", "default_rules", "personal_data", "rules_from_ini"]

KEEP = "keep"
"""The name of rules that say what is no secret."""

PERSONAL = "personal-data"
"""The name of the rule that stands for what more than an expression finds."""

NAME = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Rule:
    """What to take out of a text: every match, or what the group `secret` matched where the pattern has one.

    Args:
        name: Stands in the placeholder: lower-case letters, digits and hyphens. A rule named `keep` says the
            opposite: what it matches as a whole is nothing that looking random makes a secret.
        pattern: A regular expression of Python's `re`.
        hints: Strings of which each match contains at least one, for speed; none means that every text is searched.

    Raises:
        CassetteError: The name or the pattern is not as described; the message says which and why.
    """

    name: str
    pattern: str
    hints: tuple[str, ...] = ()

    @property
    def keeps(self) -> bool:
        """Whether it says what is no secret."""
        return self.name == KEEP

    @property
    def stands_for_personal_data(self) -> bool:
        """Whether it is `personal_data()`."""
        return self.name == PERSONAL

    def __post_init__(self) -> None:
        if NAME.fullmatch(self.name) is None:
            raise CassetteError(
                f"redaction rule {self.name!r}: a name is lower-case letters, digits and hyphens, since it stands "
                "in the placeholder; choose another"
            )
        try:
            compiled = re.compile(self.pattern)
        except re.error as error:
            raise CassetteError(
                f"redaction rule {self.name!r}: {self.pattern!r} is not a regular expression: {error}"
            ) from error
        if compiled.fullmatch("") is not None:
            raise CassetteError(
                f"redaction rule {self.name!r}: {self.pattern!r} matches the empty text; say what must be there"
            )


def rules_from_ini(lines: Iterable[str]) -> tuple[Rule, ...]:
    """The rules of the ini option `mcp_redact`: a `name = regular expression` on each line.

    Raises:
        CassetteError: A line is something else; the message quotes it.
    """
    rules = list[Rule]()
    for line in filter(None, map(str.strip, lines)):
        name, equals, pattern = (part.strip() for part in line.partition("="))
        if not equals or not pattern:
            raise CassetteError(f"mcp_redact: {line!r} is not of the form `name = regular expression`")
        rules.append(Rule(name, pattern))
    return tuple(rules)


def personal_data() -> Rule:
    """The rule that stands for e-mail addresses and telephone numbers, for the hook that names rules."""
    return Rule(PERSONAL, r"(?!)x")


def default_rules() -> tuple[Rule, ...]:
    """The token shapes that are always looked for, the more specific before the more general."""
    return tuple(Rule(name, pattern, hints) for name, hints, pattern in shapes())
