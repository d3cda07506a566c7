"""The values of secret environment variables, in every form in which they may stand in a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property

from pytest_mcpflow.cassette.redaction.names import holds_secret, is_example, is_stand_in
from pytest_mcpflow.cassette.redaction.spelling import base64_cores, in_base64, in_text

__all__ = ["KnownValue", "KnownValues"]

SHORTEST, UNMISTAKABLE = 6, 12
NOT_SECRET = {"PWD", "OLDPWD"}
SAFE = re.compile(r"[A-Za-z0-9_.-]+")
URL_PASSWORD = re.compile(r"://[^\s/@:]*:([^\s/]+)@")
UNMARKED = re.compile(r"[A-Za-z0-9]+")
LETTERS = re.compile(r"[A-Za-z]+|\d+")
ODD = re.compile(r"""["'\\]|[^ -~]""")
BEFORE = re.compile(
    r"(?:[^A-Za-z0-9]|(?:\\|%(?:25)*5C)(?:[bfnrt]|x[0-9A-F]{2}|u[0-9A-F]{4})|%(?:25)*[0-9A-F]{2})\Z",
    re.IGNORECASE,
)
"""What stands before a word: no letter and no digit, unless they are an escape."""


class KnownValue:
    """A secret and the variable that holds it."""

    def __init__(self, variable: str, value: str) -> None:
        self.variable, self.value = variable, value

    @property
    def is_weak(self) -> bool:
        """Whether it is a word or a number that may stand anywhere: it is taken out only under a secret's name."""
        return len(self.value) < SHORTEST or (
            len(self.value) < UNMISTAKABLE and LETTERS.fullmatch(self.value) is not None
        )

    @property
    def core(self) -> str:
        """The longest part that no encoding of text changes."""
        return max(SAFE.findall(self.value), key=len, default="")

    @property
    def hexadecimal(self) -> str:
        return self.value.encode("utf-8", errors="surrogatepass").hex()

    @property
    def is_odd(self) -> bool:
        """Whether JSON or a `repr` may escape something of it."""
        return ODD.search(self.value) is not None

    @property
    def is_short(self) -> bool:
        """Whether it may by chance be a part of something else, so that only a whole word is it."""
        return len(self.value) < UNMISTAKABLE

    @property
    def pattern(self) -> str:
        """Finds the value however it was escaped, and in hexadecimal."""
        text = in_text(self.value) + (
            r"(?![A-Za-z0-9])" if self.is_short and self.value[-1].isalnum() else ""
        )
        return f"{text}|{self.hexadecimal}|{self.hexadecimal.upper()}"

    def is_found(self, found: re.Match[str]) -> bool:
        """Whether what `pattern` found is this value, and no part of a word."""
        start = found.start()
        return (
            not (self.is_short and self.value[0].isalnum())
            or start == 0
            or found[0].lower() == self.hexadecimal
            or BEFORE.search(found.string, max(0, start - 24), start) is not None
        )

    @cached_property
    def base64_cores(self) -> list[str]:
        """What is found of it wherever it stands in base64."""
        return base64_cores(self.value)


class KnownValues:
    """The secrets of an environment: variables whose name says so, and passwords in the URLs of any variable."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.values = tuple(
            sorted(_select(environment), key=lambda each: (-len(each.value), each.value, each.variable))
        )
        self._variables = {each.value: each.variable for each in reversed(self.values)}

    def variable_of(self, value: str) -> str | None:
        """The variable whose value this is, weak or not."""
        return self._variables.get(value)

    def value_of_form(self, form: str) -> KnownValue:
        """The value that `pattern` or `base64` found."""
        return next(value for value, pattern in self._patterns if pattern.search(form) is not None)

    @cached_property
    def _patterns(self) -> list[tuple[KnownValue, re.Pattern[str]]]:
        """The pattern of each value, whatever it is written in, the longest value first."""
        return [
            (each, re.compile("|".join([each.pattern, *map(in_base64, each.base64_cores)])))
            for each in self._unmistakable
        ]

    @cached_property
    def _unmistakable(self) -> list[KnownValue]:
        return [each for each in self.values if not each.is_weak]

    @cached_property
    def has_odd(self) -> bool:
        """Whether there are values that JSON or a `repr` writes in several ways."""
        return any(each.is_odd for each in self._unmistakable)

    @cached_property
    def pattern(self) -> re.Pattern[str] | None:
        """Finds every form of every value that is not weak but those in base64; see `is_found`."""
        found = [each.pattern for each in self._unmistakable]
        return re.compile("|".join(found)) if found else None

    @cached_property
    def hexadecimals(self) -> list[str]:
        found = [each.hexadecimal for each in self._unmistakable]
        return [*found, *map(str.upper, found)]

    @cached_property
    def base64(self) -> re.Pattern[str] | None:
        """Finds every value that is not weak in base64."""
        cores = [in_base64(core) for each in self._unmistakable for core in each.base64_cores]
        return re.compile("|".join(cores)) if cores else None

    @cached_property
    def base64_parts(self) -> list[str]:
        """Of which one is wherever `base64` finds something."""
        cores = (core for each in self._unmistakable for core in each.base64_cores)
        return [*dict.fromkeys(max(UNMARKED.findall(core), key=len, default="") for core in cores)]


def _select(environment: Mapping[str, str]) -> Iterable[KnownValue]:
    for variable, value in environment.items():
        if variable in NOT_SECRET:
            continue
        if holds_secret(variable) and not is_stand_in(value):
            yield KnownValue(variable, value.strip())
        else:
            found = URL_PASSWORD.search(value) if "://" in value else None
            if found is not None and not is_example(found[1]):
                yield KnownValue(variable, found[1])
