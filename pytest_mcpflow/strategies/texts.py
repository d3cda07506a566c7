"""Texts of a length, of a pattern, of a format."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from functools import lru_cache
from types import MappingProxyType

from hypothesis import strategies as st

from pytest_mcpflow.strategies.schemas import Demands

__all__ = ["texts"]

_LABEL = st.from_regex(re.compile("[a-z][a-z0-9]{0,8}"), fullmatch=True)
_PATH = st.lists(_LABEL, max_size=3).map("/".join)
_INSTANTS = st.datetimes(timezones=st.just(UTC))

FORMATS: Mapping[str, st.SearchStrategy[str]] = MappingProxyType(
    {
        "date-time": _INSTANTS.map(lambda at: at.isoformat().replace("+00:00", "Z")),
        "date": st.dates().map(str),
        "time": _INSTANTS.map(lambda at: at.time().isoformat() + "Z"),
        "duration": st.integers(0, 10_000).map("PT{}S".format),
        "email": st.builds("{}@{}.example".format, _LABEL, _LABEL),
        "hostname": st.builds("{}.example".format, _LABEL),
        "ipv4": st.ip_addresses(v=4).map(str),
        "ipv6": st.ip_addresses(v=6).map(str),
        "uuid": st.uuids().map(str),
        "uri": st.builds("https://{}.example/{}".format, _LABEL, _PATH),
        "uri-reference": _PATH,
        "json": st.sampled_from(["null", "{}", "[1]", '{"a": "b"}']),
        "json-pointer": _PATH.map(lambda path: path and f"/{path}"),
        "regex": st.sampled_from(["", "a", "^a.*b$", "[0-9]+"]),
        "byte": st.sampled_from(["", "YQ==", "YWI="]),
        "base64": st.sampled_from(["", "YQ==", "YWI="]),
        "binary": st.text(max_size=20),
    }
)
"""What JSON Schema and OpenAPI call formats. Others say nothing that is known here."""


def texts(demands: Demands) -> st.SearchStrategy[str] | None:
    """The texts that demands allow, or `None` if their lengths contradict each other."""
    least, most = demands.most("minLength"), demands.least("maxLength")
    formats = [each for each in demands.all("format") if each in FORMATS]
    return _texts(least, most, tuple(demands.all("pattern")), formats[0] if formats else None)


@lru_cache(maxsize=1024)
def _texts(
    least: int, most: int | None, patterns: tuple[str, ...], known_format: str | None
) -> st.SearchStrategy[str] | None:
    if most is not None and least > most:
        return None
    if not patterns and known_format is None:
        return st.text(min_size=least, max_size=most if most is not None else max(least, 40))
    made = FORMATS[known_format or "uri"] if not patterns else st.from_regex(_python_pattern(patterns[0]))
    if least or most is not None:
        made = made.filter(lambda text: least <= len(text) and (most is None or len(text) <= most))
    return made


def _python_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern that means in Python what it means to a server: its end is the end, its digits are ASCII.

    Python's `$` also matches before a line end, which neither ECMAScript's nor Rust's does.
    """
    if pattern.endswith("$") and not pattern.endswith(r"\$"):
        pattern = pattern[:-1] + r"\Z"
    return re.compile(pattern, re.ASCII)
