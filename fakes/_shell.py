"""The small interpreter behind `execute_command`: it parses command lines and never runs anything on the host."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field

__all__ = ["CommandResult", "Pipeline", "Ran", "Script", "expand_braces", "parse"]

_OPERATORS = ("&&", "||", ";")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_BRACES = re.compile(r"(.*?)\{([^{}]*,[^{}]*)\}(.*)", re.DOTALL)


@dataclass
class Script:
    """What a command that is not built in does.

    Args:
        pattern: The command line, with `*` for anything.
        stdout, stderr, exit_code: What it answers.
        writes: Files it writes, by path.
        requires: What files must contain for it to succeed, text by path; otherwise it exits with 1.
    """

    pattern: str
    stdout: str = ""
    stderr: str = ""
    exit_code: int = 0
    writes: dict[str, str] = field(default_factory=dict[str, str])
    requires: dict[str, str] = field(default_factory=dict[str, str])


@dataclass
class CommandResult:
    """`success` is an exit code of 0."""

    success: bool
    exit_code: int
    stdout: str
    stderr: str = ""


@dataclass
class Ran:
    """A command that was run; `at` is seconds on the fake's clock."""

    command: str
    exit_code: int
    at: float


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
        ValueError: A quote is not closed, or there is no command before or after a `|`.
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
        if commands and not words:
            raise ValueError('"|" unexpected')
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
            if not words:
                raise ValueError('"|" unexpected')
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
