"""Taking secrets out of one string."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

from pytest_mcpflow.cassette.redaction import patterns
from pytest_mcpflow.cassette.redaction.entropy import RUN, is_mixed, looks_random
from pytest_mcpflow.cassette.redaction.known import KnownValues
from pytest_mcpflow.cassette.redaction.names import holds_secret, is_example, is_stand_in, skips_entropy
from pytest_mcpflow.cassette.redaction.placeholder import Cut, is_redacted, placeholder, substitute
from pytest_mcpflow.cassette.redaction.rules import Rule

__all__ = ["Strings"]

START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-F]{2}))"
DEEPEST = 4
SIGNS = {"key", "code", "auth", "sig", "signature", "x-amz-signature", "x-amz-credential", "x-goog-signature"}
LONGEST_RANDOM = 200
INDENT = re.compile(r"\s*[\[{]\r?\n( +|\t+)")
NAME_BEFORE = re.compile(r"[\w.-]*\Z")
PATH = re.compile(r"[/~\\]|[A-Za-z]:\\")
"""How a folder begins: `pwd` is a password or the working directory."""
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

Json = Any


class Strings:
    """The rules for text, in three strengths: known values only, descriptions, and free text.

    Args:
        walk: Redacts a JSON value that a string turned out to hold.
    """

    def __init__(
        self,
        shapes: Sequence[Rule],
        custom: Sequence[Rule],
        known: KnownValues,
        *,
        entropy: bool,
        personal: bool,
        walk: Callable[[Json, int], Json],
    ) -> None:
        self._shapes, self._custom, self._known = shapes, custom, known
        self._entropy, self._personal, self._walk = entropy, personal, walk

    @cached_property
    def _shape(self) -> re.Pattern[str]:
        return re.compile(
            START + "(?:" + "|".join(f"(?P<r{n}>{rule.pattern})" for n, rule in enumerate(self._shapes)) + ")"
        )

    @cached_property
    def _compiled(self) -> list[tuple[str, re.Pattern[str]]]:
        return [(rule.name, re.compile(rule.pattern)) for rule in self._custom if not rule.keeps]

    @cached_property
    def _kept(self) -> list[re.Pattern[str]]:
        return [re.compile(rule.pattern) for rule in self._custom if rule.keeps]

    def known(self, text: str) -> str:
        """Take out the values of secret environment variables."""
        pattern = self._known.pattern
        if pattern is None:
            return text
        return substitute(
            text, pattern, lambda found: _cut(found, "env", self._known.variable_of_form(found[0]), group=0)
        )

    def described(self, text: str) -> str:
        """Redact a description, in which examples of secrets are none."""
        return self._settled(text, self._describe)

    def free(self, text: str, *, name: str = "", depth: int = 0) -> str:
        """Redact any other text, under a name if it has one."""
        if len(text) < 4:
            return text
        if text[:64].lstrip()[:1] in ("{", "[") and depth < DEEPEST:
            as_json = self._json(text, depth)
            if as_json is not None:
                return as_json
        random = self._entropy and not skips_entropy(name)
        return self._settled(text, lambda each: self._free(each, random=random, depth=depth))

    def named(self, name: str, value: str) -> str:
        """Redact what stands under the name of a secret, as a whole; only the scheme of a credential stays."""
        is_folder = name.lower().endswith("pwd") and PATH.match(value) is not None
        is_prose = len(value.split()) > 6 and "pass" not in name.lower()
        if is_folder or is_prose:
            return self.free(value, name=name)
        found = patterns.SCHEME.fullmatch(value.strip())
        if found is not None:
            return value[: value.index(found["secret"])] + self.secret(found["secret"])
        return self.secret(value)

    def secret(self, value: str, *, rule: str = "named") -> str:
        """The placeholder of a secret, or the value itself where it only holds the place of one."""
        variable = self._known.variable_of(value)
        if variable is not None:
            return placeholder("env", variable)
        value = self.known(value)
        return value if is_stand_in(value) or is_redacted(value) else placeholder(rule, value)

    def _settled(self, text: str, once: Callable[[str], str]) -> str:
        """Apply until nothing changes, since what is taken out may uncover something beside it."""
        while (after := once(text)) != text:
            text = after
        return text

    def _describe(self, text: str) -> str:
        text = self._own(self.known(text))
        text = substitute(text, patterns.PRIVATE_KEY, self._private_key)
        text = substitute(text, self._shape, lambda found: self._shaped(found, is_example))
        text = substitute(
            text, patterns.URL_PASSWORD, lambda found: self._cut_unless(found, "url", is_example)
        )
        text = substitute(text, patterns.URL_USER, self._url_user)
        text = substitute(text, patterns.QUERY, lambda found: self._query(found, is_example))
        return self._people(text)

    def _free(self, text: str, *, random: bool, depth: int) -> str:
        text = self._own(self.known(text))
        text = substitute(text, patterns.PRIVATE_KEY, self._private_key)
        text = substitute(text, self._shape, lambda found: self._shaped(found, _is_mask))
        if depth < DEEPEST:
            text = substitute(text, patterns.BASE64, lambda found: self._encoded(found, depth))
        text = substitute(
            text, patterns.URL_PASSWORD, lambda found: self._cut_unless(found, "url", is_stand_in)
        )
        text = substitute(text, patterns.URL_USER, self._url_user)
        text = substitute(text, patterns.QUERY, lambda found: self._query(found, is_stand_in))
        text = substitute(text, patterns.SHELL, self._shell)
        text = substitute(text, patterns.HEADER, self._header)
        text = substitute(text, patterns.BEARER, self._bearer)
        text = substitute(text, patterns.BASIC, self._basic)
        text = substitute(text, patterns.COOKIE, lambda found: self._cut_unless(found, "cookie", is_stand_in))
        text = substitute(text, patterns.ASSIGNMENT, self._assignment)
        text = substitute(text, patterns.OPTION, self._option)
        if random:
            text = substitute(text, RUN, self._random)
        return self._people(text)

    def _own(self, text: str) -> str:
        for name, pattern in self._compiled:
            text = substitute(text, pattern, partial(_own_cut, name))
        return text

    def _people(self, text: str) -> str:
        if not self._personal:
            return text
        text = substitute(text, patterns.EMAIL, lambda found: _cut(found, "email", found["secret"]))
        return substitute(text, patterns.PHONE, lambda found: _cut(found, "phone", found["secret"]))

    def _cut_unless(self, found: re.Match[str], rule: str, is_harmless: Callable[[str], bool]) -> Cut | None:
        secret = found["secret"]
        if is_harmless(secret) or is_redacted(secret):
            return None
        start, end = found.span("secret")
        return start, end, self.secret(secret, rule=rule)

    def _private_key(self, found: re.Match[str]) -> Cut | None:
        has_body = re.search(r"[A-Za-z0-9+/]{24}", found[0].replace("PRIVATE", "")) is not None
        return _cut(found, "private-key", found[0], group=0) if has_body else None

    def _shaped(self, found: re.Match[str], is_harmless: Callable[[str], bool]) -> Cut | None:
        if is_harmless(found[0]) or (found[0].endswith("EXAMPLE") and is_harmless is is_example):
            return None
        assert found.lastgroup is not None
        return _cut(found, self._shapes[int(found.lastgroup[1:])].name, found[0], group=0)

    def _url_user(self, found: re.Match[str]) -> Cut | None:
        return self._cut_unless(found, "url", is_example) if re.search(r"\d", found["secret"]) else None

    def _query(self, found: re.Match[str], is_harmless: Callable[[str], bool]) -> Cut | int | None:
        name, secret = found["name"], found["secret"]
        if holds_secret(name) or (name.lower() in SIGNS and len(secret) >= 16):
            return self._cut_unless(found, "named", is_harmless)
        return found.start("secret")

    def _shell(self, found: re.Match[str]) -> Cut | None:
        return None if found["secret"].isdigit() else self._cut_unless(found, "named", is_stand_in)

    def _header(self, found: re.Match[str]) -> Cut | int | None:
        secret = found["secret"]
        if re.search(r"\d", secret) is None and len(secret) < 20:
            return found.start() + len("authorization")
        return self._cut_unless(found, "named", is_stand_in)

    def _bearer(self, found: re.Match[str]) -> Cut | None:
        secret = found["secret"]
        is_word = re.search(r"\d", secret) is None and (secret.islower() or len(secret) < 16)
        return None if is_word else self._cut_unless(found, "named", is_stand_in)

    def _basic(self, found: re.Match[str]) -> Cut | None:
        data = _decoded(found["secret"])
        if data is None or b":" not in data or not data.isascii():
            return None
        return self._cut_unless(found, "named", is_stand_in)

    def _assignment(self, found: re.Match[str]) -> Cut | int | None:
        before = NAME_BEFORE.search(found.string, max(0, found.start() - 60), found.start())
        end_of_name = found.start("closing") if found["closing"] else found.start("sign")
        name = found.string[before.start() if before else found.start() : end_of_name].strip()
        group = "bare" if found["quote"] is None else "quoted"
        start, end = found.span(group)
        value = found[group]
        if not holds_secret(name):
            return start
        if group == "bare":
            value = value.rstrip(")}].:!?")
            end = start + len(value)
            if _is_code(value) or (found["sign"] == ":" and not _ends_a_statement(found.string, end, value)):
                return start
        if name.lower().endswith("pwd") and PATH.match(value) is not None:
            return start
        if not value or is_stand_in(value) or is_redacted(value) or value.lower() == name.lower():
            return start
        scheme = patterns.SCHEME.fullmatch(value)
        if scheme is not None:
            start, value = start + scheme.start("secret"), scheme["secret"]
        cut = self.secret(value)
        return end if cut == value else (start, end, cut)

    def _option(self, found: re.Match[str]) -> Cut | int | None:
        value, start = found["secret"], found.start("secret")
        if not holds_secret(found["name"]) or value.startswith("-"):
            return start
        if found["space"] == " " and value.isalpha():
            rest = found.string[found.end() : found.end() + 3]
            if value.isupper() or len(value) < 4 or not (rest.strip() == "" or rest.lstrip().startswith("-")):
                return start
        return self._cut_unless(found, "named", is_stand_in)

    def _random(self, found: re.Match[str]) -> Cut | None:
        run = found[0]
        if len(run) > LONGEST_RANDOM or not looks_random(run):
            return None
        if patterns.HARMLESS_BEFORE.search(found.string, max(0, found.start() - 120), found.start()):
            return None
        if any(pattern.fullmatch(run) for pattern in self._kept) or _as_text(_decoded(run)) is not None:
            return None
        return _cut(found, "random", run, group=0)

    def _encoded(self, found: re.Match[str], depth: int) -> Cut | None:
        """Redact inside of base64, and encode it again; where that cannot be done, cut the whole."""
        run = found[0]
        if not (is_mixed(run) or run.endswith("=")):
            return None
        broken = re.search(r"\r?\n|\\n", run)
        joined = run if broken is None else run.replace(broken[0], "")
        data = _decoded(joined)
        again = None
        if data is not None:
            text = _as_text(data)
            after = self.known(data.decode("latin-1")) if text is None else self.free(text, depth=depth + 1)
            if after != (data.decode("latin-1") if text is None else text):
                again = _encoded_like(joined, after.encode("latin-1" if text is None else "utf-8"))
        for core, variable in self._known.base64.items():
            if core in (joined if again is None else again):
                return _cut(found, "env", variable, group=0)
        if again is None:
            return None
        width = broken.start() if broken is not None else len(again)
        lines = [again[at : at + width] for at in range(0, len(again), width)]
        return found.start(), found.end(), (broken[0] if broken is not None else "").join(lines)

    def _json(self, text: str, depth: int) -> str | None:
        """Redact JSON as what it is; `None` if it is none, or a name occurs twice in an object."""
        try:
            value = json.loads(text, object_pairs_hook=_distinct)
            after = self._walk(value, depth + 1)
            if after is value:
                return text
            indent = INDENT.match(text)
            spaced = re.search(r'":\s', text) is not None
            dumped = json.dumps(
                after,
                ensure_ascii=text.isascii(),
                indent=None if indent is None else indent[1],
                separators=("," if indent or not spaced else ", ", ": " if spaced else ":"),
            )
        except (ValueError, RecursionError):
            return None
        left, right = len(text) - len(text.lstrip()), len(text.rstrip())
        return text[:left] + dumped + text[right:]


def _is_code(value: str) -> bool:
    return patterns.CALL.fullmatch(value) is not None


def _ends_a_statement(text: str, end: int, value: str) -> bool:
    """Whether a bare value after a colon is one, and not the first word of a sentence."""
    if re.search(r"\d", value) is not None and len(value) >= 6:
        return True
    rest = text[end : end + 2]
    return (rest == "" or rest[0] in "\r\n,;}") and (value.islower() or not value.isalpha())


def _cut(found: re.Match[str], rule: str, secret: str, *, group: str | int = "secret") -> Cut:
    start, end = found.span(group)
    return start, end, placeholder(rule, secret)


def _own_cut(rule: str, found: re.Match[str]) -> Cut | None:
    group = "secret" if "secret" in found.re.groupindex else 0
    return (
        None
        if not found[group] or is_redacted(found[group])
        else _cut(found, rule, found[group], group=group)
    )


def _is_mask(text: str) -> bool:
    return len({*text[-12:]}) < 3


def _decoded(run: str) -> bytes | None:
    standard = run.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (NotBase64, ValueError):
        return None


def _as_text(data: bytes | None) -> str | None:
    """What base64 held, if it was text."""
    if not data:
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if CONTROL.search(text) else text


def _encoded_like(run: str, data: bytes) -> str:
    is_url_safe = "-" in run or "_" in run
    encoded = (urlsafe_b64encode if is_url_safe else b64encode)(data).decode()
    was_padded = run.endswith("=") or len(run) % 4 == 0
    return encoded if was_padded else encoded.rstrip("=")


def _distinct(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice")
    return found
