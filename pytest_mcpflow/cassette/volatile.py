"""What differs between two runs of one and the same server, and hence is no drift.

Instants, random identifiers, ports, process numbers, measured durations, cursors, and secrets that were taken out:
each is recognised by its shape, or by its shape together with the name of the member that holds it. What only might be
one of them, like a date without a time or a small number called `id`, is compared as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["ids_in", "settled", "with_ids"]

_TEXT = re.compile(
    r"""
      (?P<instant>
          \b\d{4}-\d\d-\d\d[T\ ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:\ ?(?:Z\b|UTC\b|[+-]\d\d:?\d\d\b))?   # ISO 8601
        | \b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\ (?:\d\d?\ [A-Z][a-z]{2}|[A-Z][a-z]{2}\ {1,2}\d\d?)
          (?:\ \d{4})?\ \d\d:\d\d:\d\d(?:\ (?:[A-Z]{3,4}|[+-]\d{4}))?(?:\ \d{4})?                    # RFC 5322, ctime
        | \b\d\d:\d\d:\d\d(?:[.,]\d+)?\b
      )
    | (?P<id>
          \b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b            # UUID
        | \b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{12,64}\b                       # commit, container
        | \b[0-7][0-9A-HJKMNP-TV-Z]{25}\b                                                             # ULID
        | \btmp[a-z0-9_]{8}\b                                                                         # tempfile
      )
    | \[REDACTED:(?P<secret>[\w-]+):\w+\]                           # by its rule: a token may be new for each run
    | (?<=localhost|127\.0\.0\.1):(?P<port>\d{4,5})\b
    | \b(?P<duration>
          \d+(?:\.\d+)?\ ?(?:ns|us|[\u00b5\u03bc]s|ms|(?:nano|micro|milli)seconds?)
        | \d+\.\d+\ ?(?:s|secs?|seconds?)                        # whole seconds are mostly what somebody asked for
      )\b
    """,
    re.VERBOSE,
)

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_UNITS = frozenset({"ns", "us", "ms", "s", "sec", "secs", "seconds", "millis", "milliseconds", "micros"})
_INSTANTS = frozenset(
    {
        "at",
        "created",
        "expires",
        "expiry",
        "finished",
        "modified",
        "now",
        "started",
        "time",
        "timestamp",
        "ts",
    }
    | {"updated"}
)
_DURATIONS = frozenset({"duration", "elapsed", "latency", "took", "uptime"})
_EPOCHS = tuple((1e9 * scale, 4.2e9 * scale) for scale in (1, 1e3, 1e6, 1e9))
"""2001 to 2103, in seconds, milliseconds, microseconds and nanoseconds."""
_EPHEMERAL = range(32768, 65536)
"""Ports that a system gives out; lower ones are configuration."""
_RANDOM = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9_=+/-]{16,}")


def settled(value: str | float | bool | None, *, name: str = "") -> str | float | bool | None:
    """A value with what is volatile about it replaced by its kind, so that two of a kind are equal.

    Args:
        value: What stands in a JSON document, neither an object nor a list.
        name: The member that holds it.
    """
    if isinstance(value, str):
        return _settled_text(value, _words(name))
    if isinstance(value, bool) or value is None:
        return value
    return _number_kind(value, _words(name)) or value


def ids_in(text: str, *, name: str = "") -> list[str]:
    """The random identifiers in a text, in order.

    Args:
        text: The text.
        name: The member that holds it.
    """
    if _is_random_id(text, _words(name)):
        return [text]
    return [found[0] for found in _TEXT.finditer(text) if found.lastgroup == "id"]


def with_ids(text: str, names: Mapping[str, str]) -> str:
    """A text in which some identifiers, or all of it, have other names."""
    if text in names:
        return names[text]

    def renamed(found: re.Match[str]) -> str:
        return names.get(found[0], found[0]) if found.lastgroup in ("id", "secret") else found[0]

    return _TEXT.sub(renamed, text)


def _is_random_id(text: str, words: tuple[str, ...]) -> bool:
    return bool(words) and words[-1] == "id" and _RANDOM.fullmatch(text) is not None


def _settled_text(text: str, words: tuple[str, ...]) -> str:
    if words and (words[-1] == "cursor" or words == ("request", "state")):
        return "<cursor>"
    if _is_random_id(text, words):
        return "<id>"
    return _TEXT.sub(_kind, text)


def _kind(found: re.Match[str]) -> str:
    if found.lastgroup == "secret":
        return f"<secret {found['secret']}>"
    return f":<{found.lastgroup}>" if found.lastgroup == "port" else f"<{found.lastgroup}>"


def _number_kind(number: float, words: tuple[str, ...]) -> str | None:
    nouns = tuple(word for word in words if word not in _UNITS) or words
    last = nouns[-1] if nouns else ""
    if last in _DURATIONS:
        return "<duration>"
    if last in _INSTANTS and any(low <= number <= high for low, high in _EPOCHS):
        return "<instant>"
    if last == "pid" or nouns[-2:] == ("process", "id"):
        return "<process>"
    return "<port>" if last == "port" and number in _EPHEMERAL else None


def _words(name: str) -> tuple[str, ...]:
    """`startedAt`, `started_at` and `started-at` are `("started", "at")`."""
    return tuple(word.lower() for word in _WORD.findall(name))
