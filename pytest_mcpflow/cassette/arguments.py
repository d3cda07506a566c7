"""What the command lines of several commands have in common."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

__all__ = ["InPlaceOf"]


class InPlaceOf(argparse.Action):
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
