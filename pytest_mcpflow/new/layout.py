"""Python expressions as text that formatters leave alone: on one line where it fits, else one member a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["WIDTH", "Group", "Text", "laid_out", "quoted"]

WIDTH = 88
"""The shortest line that people usually let a formatter make."""


@dataclass(frozen=True)
class Group:
    """What stands in brackets; each member may have something before it, such as `name=`."""

    opening: str
    members: Sequence[tuple[str, Expression]]
    closing: str
    comma_when_alone: bool = False
    """A tuple of one needs its comma."""


@dataclass(frozen=True)
class Text:
    """A text that may be parted, where it is too long for a line."""

    value: str


Expression = str | Text | Group


def laid_out(expression: Expression, *, indent: int, before: str = "", after: str = "") -> str:
    """An expression on a line that begins with `before`, after `indent` spaces, and ends with `after`."""
    flat = f"{before}{_flat(expression)}{after}"
    if indent + len(flat) <= WIDTH:
        return " " * indent + flat
    margin, inner = " " * indent, " " * (indent + 4)
    if isinstance(expression, Group) and expression.closing == "":  # a statement with its one expression
        [(_, alone)] = expression.members
        return laid_out(alone, indent=indent, before=before + expression.opening, after=after)
    if isinstance(expression, Text):
        parts = _parts(expression.value, WIDTH - 4 - indent)
        if len(parts) == 1:
            return margin + flat
        lines = "".join(f"{inner}{quoted(part)}\n" for part in parts)
        return f"{margin}{before}(\n{lines}{margin}){after}"
    if isinstance(expression, str) or not expression.members:
        return margin + flat
    if len(expression.members) == 1 and isinstance(text := expression.members[0][1], Text):
        parts = _parts(text.value, WIDTH - 4 - indent)
        if not expression.members[0][0] and expression.opening.endswith("(") and len(parts) > 1:
            # The brackets of a call are enough.
            return laid_out(text, indent=indent, before=before + expression.opening[:-1], after=after)
    members = "".join(
        laid_out(member, indent=indent + 4, before=prefix, after=",") + "\n"
        for prefix, member in expression.members
    )
    return f"{margin}{before}{expression.opening}\n{members}{margin}{expression.closing}{after}"


def quoted(text: str) -> str:
    """A literal in double quotes, as formatters have it, unless that takes more backslashes."""
    literal = repr(text)
    if literal[0] == "'" and '"' not in literal:
        return f'"{literal[1:-1]}"'
    if literal[0] == "'" and "\\'" in literal:
        inside = literal[1:-1].replace("\\'", "'").replace('"', '\\"')
        return f'"{inside}"' if text.count('"') <= text.count("'") else literal
    return literal


def _flat(expression: Expression) -> str:
    if isinstance(expression, str):
        return expression
    if isinstance(expression, Text):
        return quoted(expression.value)
    inside = ", ".join(prefix + _flat(member) for prefix, member in expression.members)
    comma = "," if expression.comma_when_alone and len(expression.members) == 1 else ""
    return f"{expression.opening}{inside}{comma}{expression.closing}"


def _parts(text: str, width: int) -> list[str]:
    """A text in pieces, after the ends of its lines and else between its words."""
    parts: list[str] = []
    for line in text.splitlines(keepends=True):
        rest = line
        while len(quoted(rest)) > width:
            space = rest.rfind(" ", 1, max(width - 10, 2)) + 1
            cut = space or width - 10
            while len(quoted(rest[:cut])) > width and cut > 1:
                cut = cut * 3 // 4
            parts.append(rest[:cut])
            rest = rest[cut:]
        parts.append(rest)
    return parts
