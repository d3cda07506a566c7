"""Taking secrets out of one string."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

from pytest_mcpflow.cassette.redaction import patterns
from pytest_mcpflow.cassette.redaction.encoded import as_text, decoded, encoded_like, unquoted
from pytest_mcpflow.cassette.redaction.entropy import RUN, is_mixed, looks_random
from pytest_mcpflow.cassette.redaction.expression import is_code
from pytest_mcpflow.cassette.redaction.known import KnownValues
from pytest_mcpflow.cassette.redaction.names import (
    holds_secret,
    is_example,
    is_stand_in,
    skips_entropy,
)
from pytest_mcpflow.cassette.redaction.placeholder import (
    OPENING,
    PLACEHOLDER,
    Cut,
    is_redacted,
    placeholder,
    substitute,
)
from pytest_mcpflow.cassette.redaction.rules import Rule

__all__ = ["Strings"]

BEGINNING = re.compile(r"(?:[^A-Za-z0-9]|\\[nrt]|%[0-9A-F]{2})\Z")
"""What stands before a token: no letter or digit, unless it is an escape."""
BASE64_LETTERS = frozenset(f"{string.ascii_letters}{string.digits}+/_-")
DEEPEST = 4
SIGNS = {"key", "code", "auth", "sig", "signature", "x-amz-signature", "x-amz-credential", "x-goog-signature"}
LONGEST_RANDOM = 200
INDENT = re.compile(r"\s*[\[{]\r?\n( +|\t+)")
NAME_BEFORE = re.compile(r"[\w.-]*\Z")
PATH = re.compile(r"[/~\\]|[A-Za-z]:\\")
"""How a folder begins: `pwd` is a password or the working directory."""

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

    def known(self, text: str) -> str:
        """Take out the values of secret environment variables."""
        pattern = self._known.pattern
        if pattern is None:
            return text
        return substitute(text, pattern, self._known_value)

    def _known_value(self, found: re.Match[str]) -> Cut | int:
        value = self._known.value_of_form(found[0])
        if not value.is_found(found):
            return found.start() + 1
        return found.start(), found.end(), placeholder("env", value.variable)

    def _in_base64(self, text: str) -> str:
        """Take out known values in base64, with all of its run."""
        pattern = self._known.base64
        if pattern is None or not any(map(text.__contains__, self._known.base64_parts)):
            return text
        return substitute(text, pattern, self._cut_run)

    def _cut_run(self, found: re.Match[str]) -> Cut:
        start, rest = found.start(), patterns.BASE64_ON.match(found.string, found.end())
        while start and found.string[start - 1] in BASE64_LETTERS:
            start -= 1
        end = found.end() if rest is None else rest.end()
        return start, end, placeholder("env", self._known.value_of_form(found[0]).variable)

    def described(self, text: str) -> str:
        """Redact a description, in which examples of secrets are none."""
        return self._settled(text, self._describe)

    def free(self, text: str, *, name: str = "", depth: int = 0) -> str:
        """Redact any other text, under a name if it has one."""
        if text[:64].lstrip()[:1] in ("{", "[") and depth < DEEPEST:
            as_json = self._json(text, depth)
            if as_json is not None:
                return as_json
        random = self._entropy and not skips_entropy(name)
        return self._settled(text, lambda each: self._free(each, random=random, depth=depth))

    def flat(self, value: Json) -> Json:
        """Redact a JSON value by its text alone; where that breaks it, there is nothing left of it."""
        text = json.dumps(value, ensure_ascii=False)
        try:
            return json.loads(self.free(text, depth=DEEPEST))
        except ValueError:
            return {"redacted": placeholder("nested", text)}

    def named(self, name: str, value: str) -> str:
        """Redact what stands under the name of a secret, as a whole; only the scheme of a credential stays."""
        is_folder = name.lower().endswith("pwd") and PATH.match(value) is not None
        is_prose = len(value.split()) > 6 and "pass" not in name.lower()
        if is_folder or is_prose or PLACEHOLDER.search(value) is not None:
            return self.free(value, name=name)
        found = patterns.SCHEME.fullmatch(value.strip())
        if found is not None:
            start = len(value) - len(value.lstrip()) + found.start("secret")
            return value[:start] + self.secret(found["secret"])
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
        text = self._own(self._in_base64(self.known(text)))
        text = substitute(text, patterns.PRIVATE_KEY, self._private_key)
        text = self._tokens(text, is_example)
        text = substitute(
            text, patterns.URL_PASSWORD, lambda found: self._cut_unless(found, "url", is_example)
        )
        text = substitute(text, patterns.URL_USER, self._url_user)
        text = substitute(text, patterns.QUERY, lambda found: self._query(found, is_example))
        return self._people(text)

    def _free(self, text: str, *, random: bool, depth: int) -> str:
        text = self._own(self.known(text))
        text = substitute(text, patterns.PRIVATE_KEY, self._private_key)
        text = self._tokens(text, _is_mask)
        if depth < DEEPEST:
            if "%" in text and self._known.pattern is not None:
                text = substitute(text, patterns.BASE64_IN_URL, self._encoded_in_url)
            text = substitute(text, patterns.BASE64, lambda found: self._encoded(found, depth))
        text = self._in_base64(text)
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
        for rule in self._custom:
            if not rule.keeps:
                text = substitute(text, _compiled(rule.pattern), partial(_own_cut, rule.name))
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

    def _tokens(self, text: str, is_harmless: Callable[[str], bool]) -> str:
        """Take out the tokens of known services. Patterns begin with a literal and are tried if a hint is there."""
        for rule in self._shapes:
            if not rule.hints or any(map(text.__contains__, rule.hints)):
                text = substitute(text, _compiled(rule.pattern), partial(_token_cut, rule.name, is_harmless))
        return text

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
        is_word = re.search(r"\d", secret) is None and len(secret) < 20
        if is_word or patterns.CALL.match(secret) is not None:
            return found.start() + len("authorization")
        return self._cut_unless(found, "named", is_stand_in)

    def _bearer(self, found: re.Match[str]) -> Cut | None:
        secret = found["secret"]
        is_word = re.search(r"\d", secret) is None and (secret.islower() or len(secret) < 16)
        return None if is_word else self._cut_unless(found, "named", is_stand_in)

    def _basic(self, found: re.Match[str]) -> Cut | None:
        data = decoded(found["secret"])
        if data is None or b":" not in data or not data.isascii():
            return None
        return self._cut_unless(found, "named", is_stand_in)

    def _assignment(self, found: re.Match[str]) -> Cut | int | None:
        before = NAME_BEFORE.search(found.string, max(0, found.start() - 60), found.start())
        end_of_name = found.start("closing") if found["closing"] else found.start("sign")
        name_start = before.start() if before else found.start()
        name = found.string[name_start:end_of_name].strip()
        group = "bare" if found["quote"] is None else "quoted"
        start, end = found.span(group)
        value = found[group]
        if not holds_secret(name):
            return start
        if group == "bare" and not is_stand_in(value):
            value = value.rstrip(")}].:!?")
            end = start + len(value)
            if is_code(found, value, end):
                return start
        elif (
            group == "quoted"
            and not found["closing"]
            and found.string[name_start - 1 : name_start] == found["quote"][-1]
        ):
            return start  # the name was a string, and what seemed to open the value closed it
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
        if not holds_secret(found["name"]) or value.startswith(("-", "[", "<", "{")):
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
        if any(rule.keeps and _compiled(rule.pattern).fullmatch(run) for rule in self._custom):
            return None
        data = decoded(run)
        if as_text(data) is not None or OPENING.encode() in (data or b""):
            return None
        return _cut(found, "random", run, group=0)

    def _encoded(self, found: re.Match[str], depth: int) -> Cut | None:
        """Redact inside of base64, and encode it again; where that cannot be done, cut the whole."""
        run = found[0]
        is_likely = is_mixed(run) or run.endswith("=")
        if not is_likely and not self._known.has_odd:
            return None
        broken = re.search(r"\r?\n|\\n", run)
        joined = run if broken is None else run.replace(broken[0], "")
        data = decoded(joined)
        again = None
        if data is not None:
            text = as_text(data)
            before = data.decode("latin-1") if text is None else text
            after = self.known(before) if text is None or not is_likely else self.free(text, depth=depth + 1)
            if after != before:
                again = encoded_like(joined, after.encode("latin-1" if text is None else "utf-8"))
        left = None if self._known.base64 is None else self._known.base64.search(again or joined)
        if left is not None:
            return _cut(found, "env", self._known.value_of_form(left[0]).variable, group=0)
        if again is None:
            return None
        width = broken.start() if broken is not None else len(again)
        lines = [again[at : at + width] for at in range(0, len(again), width)]
        return found.start(), found.end(), (broken[0] if broken is not None else "").join(lines)

    def _encoded_in_url(self, found: re.Match[str]) -> Cut | None:
        """Cut base64 with a known value in it where a URL has its marks encoded."""
        data = decoded(unquoted(found[0]))
        taken_out = None if data is None else PLACEHOLDER.search(self.known(data.decode(errors="replace")))
        return None if taken_out is None else (found.start(), found.end(), taken_out[0])

    def _json(self, text: str, depth: int) -> str | None:
        """Redact JSON as what it is; `None` if it is none, or a name occurs twice in an object."""
        try:
            value = json.loads(text, object_pairs_hook=_distinct)
            after = self._walk(value, depth + 1)
            if after is value:
                return self._json_without_known(text)
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
        return self._json_without_known(text[:left] + dumped + text[right:])

    def _json_without_known(self, text: str) -> str | None:
        """The same JSON; `None` if a known value is left, as a number, so that it is redacted as text."""
        return text if self.known(text) == text else None


def _cut(found: re.Match[str], rule: str, secret: str, *, group: str | int = "secret") -> Cut:
    start, end = found.span(group)
    return start, end, placeholder(rule, secret)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _token_cut(rule: str, is_harmless: Callable[[str], bool], found: re.Match[str]) -> Cut | int | None:
    start = found.start()
    if start and BEGINNING.search(found.string, max(0, start - 3), start) is None:
        return start + 1
    is_documented = found[0].endswith("EXAMPLE") and is_harmless is is_example
    return None if is_documented or is_harmless(found[0]) else _cut(found, rule, found[0], group=0)


def _own_cut(rule: str, found: re.Match[str]) -> Cut | None:
    group = "secret" if "secret" in found.re.groupindex else 0
    return (
        None
        if not found[group] or is_redacted(found[group])
        else _cut(found, rule, found[group], group=group)
    )


def _is_mask(text: str) -> bool:
    return len({*text[-12:]}) < 3


def _distinct(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice")
    return found
