"""The small interpreter behind `execute_command`: it parses command lines and never runs anything on the host."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

__all__ = ["Pipeline", "expand_braces", "parse"]

_OPERATORS = ("&&", "||", ";")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_BRACES = re.compile(r"(.*?)\{([^{}]*,[^{}]*)\}(.*)", re.DOTALL)


@dataclass(frozen=True)
class Pipeline:
    """Commands joined by `|`, where the output goes, and when it runs: after what (`&&`, `||`, `;`)."""

    after: str
    commands: tuple[tuple[str, ...], ...]
    output: str | None = None
    appends: bool = False


def parse(line: str, environment: dict[str, str], now: int) -> list[Pipeline]:
    """Split a command line.

    Raises:
        ValueError: A quote is not closed.
    """
    line = line.replace("$(date +%s)", str(now))
    line = _VARIABLE.sub(lambda found: environment.get(found.group(1) or found.group(2), ""), line)
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;>")
    lexer.whitespace_split = True
    pipelines: list[Pipeline] = []
    after, commands, words = ";", list[tuple[str, ...]](), list[str]()
    output, appends, redirects = None, False, False

    def close() -> None:
        nonlocal commands, words, output, appends
        if words:
            commands.append(tuple(words))
        if commands:
            pipelines.append(Pipeline(after, tuple(commands), output, appends))
        commands, words, output, appends = [], [], None, False

    for part in lexer:
        if part in _OPERATORS:
            close()
            after = part
        elif part == "|":
            commands.append(tuple(words))
            words = []
        elif part in (">", ">>"):
            redirects, appends = True, part == ">>"
        elif redirects:
            output, redirects = part, False
        else:
            words += expand_braces(part)
    close()
    return pipelines


def expand_braces(word: str) -> list[str]:
    """`deploy/{config,logs}` is two words."""
    found = _BRACES.fullmatch(word)
    if found is None:
        return [word]
    before, choices, rest = found.groups()
    return [f"{before}{choice}{tail}" for choice in choices.split(",") for tail in expand_braces(rest)]
