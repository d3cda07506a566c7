"""Telling a value from an expression, a type or the words of a sentence."""

from __future__ import annotations

import re

from pytest_mcpflow.cassette.redaction import patterns
from pytest_mcpflow.cassette.redaction.names import STEMS

__all__ = ["is_code"]


def is_code(found: re.Match[str], value: str, end: int) -> bool:
    """Whether what follows a name without quotes is no value: an expression, a type, the words of a sentence."""
    if value.startswith(("(", "[", "{")) or patterns.CALL.fullmatch(value) is not None:
        return True
    if value.isdigit() and len(value) < 4:
        return True
    rest = found.string[end : end + 3]
    ends_here = rest == "" or rest[0] in "\r\n,;}"
    has_digit = re.search(r"\d", value) is not None
    if found["sign"] != ":":
        is_spaced_word = found["space"] != "" and not has_digit and re.fullmatch(r"\w+", value) is not None
        return is_spaced_word and (not ends_here or _is_variable(value))
    if re.match(r" [|=]", rest) is not None:
        return True
    is_long = has_digit and len(value) >= 6
    return not is_long and not (ends_here and (value.islower() or not value.isalpha()))


def _is_variable(value: str) -> bool:
    """Whether a bare word is likely the name of a variable that holds the value."""
    return "_" in value or any(stem in value.lower() for stem in STEMS)
