"""The values of secret environment variables, in every form in which they may stand in a text."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cached_property

from pytest_mcpflow.cassette.redaction.names import holds_secret, is_example, is_stand_in

__all__ = ["KnownValue", "KnownValues"]

SHORTEST, UNMISTAKABLE = 6, 12
NOT_SECRET = {"PWD", "OLDPWD"}
SAFE = re.compile(r"[A-Za-z0-9_.-]+")
URL_PASSWORD = re.compile(r"://[^\s/@:]*:([^\s/]+)@")
LETTERS = re.compile(r"[A-Za-z]+|\d+")


class KnownValue:
    """A secret and the variable that holds it."""

    __slots__ = ("value", "variable")

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
    def forms(self) -> list[str]:
        """The value as it is, in a URL, in a JSON string and in hexadecimal."""
        forms = [self.value, self.hexadecimal, self.hexadecimal.upper()]
        if SAFE.fullmatch(self.value) is None:
            from urllib.parse import quote, quote_plus  # costs 6 ms, and most secrets have nothing to escape

            utf8 = self.value.encode("utf-8", errors="replace")
            escaped = (json.dumps(self.value, ensure_ascii=each)[1:-1] for each in (True, False))
            forms += [quote(utf8, safe=""), quote_plus(utf8), *escaped]
        return forms

    @property
    def base64_cores(self) -> list[str]:
        """What base64 makes of the value at each of the three places where it may begin, less the edges."""
        data, cores = self.value.encode("utf-8", errors="surrogatepass"), list[str]()
        for shift in range(3):
            encoded = b64encode(bytes(shift) + data).decode()
            whole = (shift + len(data)) * 8 // 6
            cores.append(encoded[-(-shift * 8 // 6) : whole])
        return [*dict.fromkeys([*cores, *(core.translate(URL_SAFE) for core in cores)])]


URL_SAFE = str.maketrans("+/", "-_")


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

    def variable_of_form(self, form: str) -> str:
        """The variable of a form that `pattern` found."""
        return self._by_form[form]

    @cached_property
    def _by_form(self) -> dict[str, str]:
        plain = [each for each in reversed(self.values) if not each.is_weak]
        return {form: each.variable for each in plain for form in each.forms}

    @cached_property
    def pattern(self) -> re.Pattern[str] | None:
        """Finds every form of every value that is not weak; short ones as whole words."""
        forms = sorted(self._by_form, key=lambda form: (-len(form), form))
        if not forms:
            return None
        return re.compile("|".join(map(_bounded, forms)))

    @property
    def encoded_forms(self) -> list[str]:
        """What no part of the plain values would find: hexadecimal and base64."""
        plain = (each for each in self.values if not each.is_weak)
        return [
            form
            for each in plain
            for form in (each.hexadecimal, each.hexadecimal.upper(), *each.base64_cores)
        ]

    @cached_property
    def base64(self) -> dict[str, str]:
        """The variable of each core in base64."""
        return {
            core: each.variable
            for each in reversed(self.values)
            if not each.is_weak
            for core in each.base64_cores
        }


def _bounded(form: str) -> str:
    literal = re.escape(form)
    return literal if len(form) >= UNMISTAKABLE else rf"(?<![A-Za-z0-9]){literal}(?![A-Za-z0-9])"


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
