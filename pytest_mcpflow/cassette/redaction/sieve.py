"""The quick look at a message: whether there can be anything in it that is worth taking out.

It may suspect what is harmless, and must never pass what the rules would change; `tests/cassette/test_redaction.py`
holds that. Most messages end here, after a few microseconds: a search for a literal costs 0.3 us in 300 bytes and
one for alternatives 10 us and more, so literals decide which patterns are tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from pytest_mcpflow.cassette.redaction.known import KnownValues

__all__ = ["Sieve"]

RUN = 16
RUN_CHARACTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-~"
ONLY_RUNS = bytes(byte if byte in RUN_CHARACTERS else 32 for byte in range(256))
AS_MASK = bytes(65 if byte in RUN_CHARACTERS else 32 for byte in range(256))
LONG_RUN = b"A" * RUN
DIGITS = b"0123456789"
ORDINARY_RUNS = frozenset(
    f"modelcontextprotocol/{name}".encode()
    for name in (
        "protocolVersion",
        "clientInfo",
        "clientCapabilities",
        "serverInfo",
        "subscriptionId",
        "related-task",
    )
)

STEMS = {
    b"pass": rb"pass(?!e[ds]|ing|age)",
    b"pwd": rb"pwd",
    b"secret": rb"secret",
    b"token": rb"token(?!s)(?<!maxtoken)"
    rb"|tokens(?:(?<=access.tokens)|(?<=accesstokens)|(?<=refresh.tokens)|(?<=refreshtokens)|(?<=api.tokens)"
    rb"|(?<=apitokens)|(?<=auth.tokens)|(?<=authtokens)|(?<=bearer.tokens)|(?<=bearertokens)|(?<=bot.tokens)"
    rb"|(?<=bottokens)|(?<=session.tokens)|(?<=sessiontokens)|(?<=personal.tokens)|(?<=personaltokens))",
    b"key": rb"key(?<=[a-z0-9_. /-]key)",
    b"auth": rb"""auth(?!ors?["'\\\s:=])""",
    b"credential": rb"credential",
    b"cookie": rb"cookie",
    b"jwt": rb"jwt",
    b"otp": rb"otp",
    b"cv": rb"cv[vc]",
    b"dsn": rb"dsn",
    b"bearer": rb"bearer",
    b"connection": rb"connection.?string",
    b"code": rb"(?:verification|security|recovery|auth|mfa|otp|sms|pin|login|device).?codes?",
}
"""What each name of a secret contains in lower case, and by what it is told from other names with the same letters."""

BEFORE_VALUE = rb"""(?:[^"'\\]{0,40}\\*["']\s*[:=]|[a-z0-9_.\x80-\xff-]{0,40}\s{0,3}[:=])"""
OTHERS = {
    b"-": rb"-[a-z0-9-]{0,40}(?:pass|pwd|secret|token|key|auth|credential|cookie|dsn|connection)",
    b"=": rb"[?&;](?:key|code|auth)=",
    b"bearer": rb"bearer\s",
    b"kind": rb"""kind\\*["']?\s*:\s*\\*["']?secret""",
    b"private": rb"private key",
    b"sshpass": rb"sshpass",
}
"""What else has a secret with one of the stems, by a part of it that is quickly looked for."""

NAMED = re.compile(rb"""(?:name|key|header|variable)\\*["']\s*:[^{}]*+""")
"""What stands in an object behind a member that names another; possessive, so that each place is looked at once."""

FEW = 2000
"""Bytes up to which one pattern is quicker than a search for each of its literals."""

PHONE = rb"\d[\d\s().-]{7,}\d"


class Sieve:
    """Whether bytes of JSON, or a text in UTF-8, may hold what rules or known values would find.

    Args:
        hints: Those of the shapes.
        own_hints: Those of the user's rules; `None` if one of them has none and must see every text.
    """

    def __init__(
        self,
        hints: Iterable[str],
        known: KnownValues,
        *,
        personal: bool,
        own_hints: Iterable[str] | None = (),
    ) -> None:
        plain = [each for each in known.values if not each.is_weak]
        encoded = [form.encode() for form in (*known.hexadecimals, *known.base64_parts)]
        self._suspects_all = (
            own_hints is None
            or any(len(each.core) < 3 for each in plain)
            or any(len(each) < 3 for each in known.base64_parts)
        )
        self._decodes_all = known.has_odd
        self._literals = (
            *(hint.encode() for hint in own_hints or ()),
            *(each.core.encode() for each in plain),
            *(form for form in encoded if len(form) < RUN),
        )
        self._long_literals = tuple(form for form in encoded if len(form) >= RUN)
        self._hints = [hint.encode() for hint in hints]
        self._personal = personal

    def suspects(self, raw: bytes) -> bool:
        """Whether there may be something to take out."""
        if self._suspects_all or any(map(raw.__contains__, self._literals)):
            return True
        if b"\\" in raw and (b"\\u00" in raw or b"\\/" in raw):
            return True  # escapes behind which plain letters may hide
        if b"@" in raw and (b"://" in raw or self._personal):
            return True
        # What most messages have: the progress token is the protocol's own, and no secret in anybody's data.
        low = raw.lower().replace(b"progresstoken", b"")
        if any(map(low.__contains__, STEMS)) and self._has_name(low):
            return True
        if b"curl " in low or b"basic " in low or (b"=" in low and (b"sig=" in low or b"signature=" in low)):
            return True
        if self._personal and re.search(PHONE, raw) is not None:
            return True
        return LONG_RUN in raw.translate(AS_MASK) and self._has_odd_run(raw)

    def _has_name(self, low: bytes) -> bool:
        """Whether a name of a secret stands before something."""
        if any(pattern.search(low) for literal, pattern in self._names if literal in low):
            return True
        return b"value" in low and any(
            any(map(named[0].__contains__, STEMS)) for named in NAMED.finditer(low)
        )

    def _has_hint(self, raw: bytes) -> bool:
        """Whether there is a hint of a shape, all of which have a long run."""
        if len(raw) <= FEW:
            return self._hint.search(raw) is not None
        return any(map(raw.__contains__, self._hints))

    def _has_odd_run(self, raw: bytes) -> bool:
        """Whether a long run of letters, digits and marks is more than a name."""
        runs = {run for run in raw.translate(ONLY_RUNS).split() if len(run) >= RUN} - ORDINARY_RUNS
        return bool(runs) and (
            self._decodes_all
            or any(map(_is_mixed, runs))
            or self._has_hint(raw)
            or any(map(raw.__contains__, self._long_literals))
        )

    @cached_property
    def _names(self) -> list[tuple[bytes, re.Pattern[bytes]]]:
        named = {stem: b"(?:" + pattern + b")" + BEFORE_VALUE for stem, pattern in STEMS.items()}
        return [
            (literal, re.compile(pattern)) for part in (named, OTHERS) for literal, pattern in part.items()
        ]

    @cached_property
    def _hint(self) -> re.Pattern[bytes]:
        return re.compile(b"|".join(map(re.escape, self._hints)))


def _is_mixed(run: bytes) -> bool:
    has_both_cases = not (run.islower() or run.isupper())
    return (has_both_cases and len(run.translate(None, DIGITS)) < len(run)) or run.endswith(b"=")
