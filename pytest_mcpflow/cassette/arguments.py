"""What the command lines of several commands have in common."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytest_mcpflow.errors import CassetteError

if TYPE_CHECKING:
    from pytest_mcpflow.cassette.format import Cassette
    from pytest_mcpflow.cassette.redaction import Redactor

__all__ = [
    "add_comparison_arguments",
    "add_redaction_arguments",
    "add_server_arguments",
    "check_one_server",
    "redactor_for",
    "redactor_of",
]


def add_server_arguments(parser: argparse.ArgumentParser, *, needs: str) -> None:
    """Describe how the server is named: by the command that starts it, or by its address.

    Args:
        parser: Where to.
        needs: What else the command line needs, for the lines that show how it is used.
    """
    # argparse would write `-- SERVER [ARG ...] [-- SERVER [ARG ...] ...]`.
    options = f"{parser.prog} [OPTION ...] {needs}"
    parser.usage = f"{options} -- SERVER [ARG ...]\n       {options} --url URL"
    server = parser.add_argument(
        "server", nargs="+", metavar="-- SERVER [ARG ...]", help="the command that starts the server"
    )
    parser.add_argument(
        "--url", action=_InPlaceOf, other=server, help="a server that speaks HTTP, in place of a command"
    )


def check_one_server(options: argparse.Namespace) -> None:
    """Look whether a command or an address was given, and not both.

    Raises:
        CassetteError: It was neither, or both.
    """
    if bool(options.server) == bool(options.url):
        raise CassetteError("give either a URL (--url) or a command (-- SERVER ARG ...)")


def add_redaction_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe by which rules secrets are taken out."""
    parser.add_argument(
        "--redact",
        action="append",
        default=[],
        metavar="NAME=REGEX",
        help="something else to take out, besides what is known to be secret; may be repeated",
    )
    parser.add_argument(
        "--redact-personal", action="store_true", help="take out e-mail addresses and telephone numbers, too"
    )


def add_comparison_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what counts when answers are compared."""
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="POINTER",
        help="a place that does not count, such as /structuredContent/now (repeatable)",
    )
    parser.add_argument(
        "--exact", action="store_true", help="compare instants, ids, ports and durations, too"
    )


def redactor_of(options: argparse.Namespace) -> Redactor:
    """The redaction that the options say.

    Raises:
        CassetteError: A rule cannot be read.
    """
    from pytest_mcpflow.cassette.redaction import Redactor

    if not options.redact:
        return Redactor(personal=options.redact_personal)
    from pytest_mcpflow.cassette.redaction import rules_from_ini

    return Redactor(rules_from_ini(options.redact), personal=options.redact_personal)


def redactor_for(cassette: Cassette, options: argparse.Namespace) -> Redactor | None:
    """The redaction of a cassette, by the options and by what it says of itself; `None` if there was none.

    Raises:
        CassetteError: A rule cannot be read.
    """
    from pytest_mcpflow.cassette.redaction import Redactor, rules_from_ini

    if cassette.redaction is None or options.redact_personal:
        return None if cassette.redaction is None else redactor_of(options)
    return Redactor.of_tape(cassette.redaction, rules_from_ini(options.redact) if options.redact else ())


class _InPlaceOf(argparse.Action):
    """An option that makes a positional argument unnecessary."""

    def __init__(
        self,
        option_strings: Sequence[str],
        dest: str,
        *,
        other: argparse.Action,
        help: str,  # noqa: A002 - argparse calls it so
    ) -> None:
        super().__init__(option_strings, dest, help=help)
        self._other = other

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, values)
        self._other.required = False
