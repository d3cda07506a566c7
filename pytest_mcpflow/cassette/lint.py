"""`mcpflow lint`: look at cassettes before they are committed or shared."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from pytest_mcpflow.cassette.arguments import add_redaction_arguments, redactor_of
from pytest_mcpflow.cassette.columns import COLUMNS, counted, printable
from pytest_mcpflow.cassette.lint_findings import CHECKS, Finding, findings_in
from pytest_mcpflow.cassette.sarif import sarif_of
from pytest_mcpflow.cassette.unusable import check_is_file, unreadable
from pytest_mcpflow.errors import CassetteError

__all__ = ["add_arguments", "run"]

CLEAN, FOUND, CANNOT = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `mcpflow lint`."""
    parser.description = (
        "Look for secrets that are left on cassettes, for words that aim at a model, and for damage. "
        "Ends with 0 if there is nothing, with 1 if there is, with 2 if it could not look."
    )
    parser.add_argument("tapes", nargs="+", type=Path, metavar="TAPE", help="a cassette")
    parser.add_argument("--sarif", type=Path, metavar="FILE", help="write the findings as SARIF 2.1.0, too")
    add_redaction_arguments(parser)
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        choices=[check.id for check in CHECKS],
        help="leave out what this check finds",
    )


def run(options: argparse.Namespace) -> int:
    """Lint the cassettes and print what was found."""
    tapes: list[Path] = options.tapes
    ignored: list[str] = options.ignore
    try:
        redactor = redactor_of(options)
        for tape in tapes:
            _check_readable(tape)
        found = [
            each for tape in tapes for each in findings_in(tape, redactor) if each.check.id not in ignored
        ]
    except CassetteError as error:
        print(f"mcpflow lint: {error}", file=sys.stderr)
        return CANNOT
    if options.sarif is not None:
        log = sarif_of(found, base=Path.cwd())
        try:
            options.sarif.write_text(json.dumps(log, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            cure = "name a file in a folder that is there and may be written to"
            print(f"mcpflow lint: --sarif {options.sarif}: {error.strerror}; {cure}", file=sys.stderr)
            return CANNOT
    print(_shown(found, tapes))
    return FOUND if found else CLEAN


def _check_readable(tape: Path) -> None:
    try:
        check_is_file(tape)
        tape.open("rb").close()
    except OSError as error:
        raise unreadable(tape, error) from error


def _shown(found: Sequence[Finding], tapes: Sequence[Path]) -> str:
    """The findings for people: no secret is repeated here, since this goes to logs."""
    lines = list[str]()
    for each in found:
        lines.append(f"{each.path}:{each.line}: {each.check.level} {each.check.id} {each.check.name}")
        told = f"{each.message}{f' at {each.pointer}' if each.pointer else ''}"
        lines += textwrap.wrap(printable(told), COLUMNS, initial_indent="    ", subsequent_indent="    ")
    if found:
        lines.append("")
        for check in dict.fromkeys(each.check for each in found):
            lines += textwrap.wrap(
                f"{check.id}: {check.says} {check.advice}", COLUMNS, subsequent_indent=" " * 8
            )
        lines.append("")
    count = counted(len(found), "finding") if found else "nothing found"
    lines.append(f"{count} in {counted(len(tapes), 'cassette')}")
    return "\n".join(lines)
