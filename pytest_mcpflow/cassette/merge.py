"""`mcpflow merge`: the sessions of several cassettes in one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_mcpflow.cassette.files import renumbered, write_new
from pytest_mcpflow.cassette.header import headed
from pytest_mcpflow.cassette.reading import read_cassette, read_frames
from pytest_mcpflow.errors import CassetteError

__all__ = ["add_arguments", "merged", "run"]

MERGED, NOT_MERGED = 0, 2


def merged(paths: Sequence[Path]) -> list[bytes]:
    """The lines of a cassette with the sessions of others, in the order of the paths and numbered from 1.

    Apart from the numbers, and what the header says of the first session that was opened, lines are what they were to
    the byte; so the same cassettes make the same file, and it does not matter in how many steps.

    Raises:
        CassetteError: One of them cannot be read, or they were redacted by different rules.
    """
    rules = {path: read_cassette(path).redaction for path in paths}
    first = paths[0]
    for path, rule in rules.items():
        if rule != rules[first]:
            raise CassetteError(
                f"{first} is redacted by {rules[first]} and {path} by {rule}, and one cassette cannot say both; "
                "record them by the same rules"
            )
    header, lines, last = b"", list[bytes](), 0
    for path in paths:
        frames, _ = read_frames(path)
        header = header or frames[0].raw + b"\n"
        numbers: dict[int, int] = {}
        for frame in frames[1:]:
            if frame.session not in numbers:
                last += 1
                numbers[frame.session] = last
            lines.append(renumbered(frame, numbers[frame.session]))
    return headed(header, lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.description = "Put the sessions of several cassettes into one, in their order."
    parser.add_argument("out", type=Path, metavar="OUT", help="the new cassette")
    parser.add_argument("cassettes", type=Path, nargs="+", metavar="CASSETTE")
    parser.add_argument("--force", action="store_true", help="replace OUT if it exists")


def run(options: argparse.Namespace) -> int:
    """Merge; exit code 0, or 2 if it cannot be done."""
    try:
        write_new(options.out, merged(options.cassettes), force=options.force)
    except CassetteError as error:
        print(f"mcpflow merge: {error}", file=sys.stderr)
        return NOT_MERGED
    return MERGED
