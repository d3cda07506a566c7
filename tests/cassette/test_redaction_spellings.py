"""A known secret leaves no trace, however often it was escaped before it came."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pytest_mcpflow.cassette.redaction import Redactor
from pytest_mcpflow.cassette.redaction.known import KnownValue
from pytest_mcpflow.cassette.redaction.names import is_stand_in
from pytest_mcpflow.cassette.redaction.placeholder import PLACEHOLDER, placeholder

Write = Callable[[str], str]

WAYS: dict[str, Write] = {
    "json": lambda text: json.dumps(text)[1:-1],
    "json beyond ascii": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "json of php": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "repr": lambda text: repr(text)[1:-1],
    "repr of bytes": lambda text: repr(text.encode())[2:-1],
    "url": quote,
    "url without slash": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "url in small letters": lambda text: re.sub("%..", lambda found: found[0].lower(), quote(text)),
}
ODD = "\"'\\/%+ \n\t\x01\x7f\x85é€\u02bc\u200b😀&<=}"
SECRETS = st.text(
    st.sampled_from(ODD) | st.characters(codec="utf-8", exclude_characters="\0"), min_size=6, max_size=16
)
TAKEN_OUT = placeholder("env", "ODD_TOKEN")


def can_be_known(secret: str) -> bool:
    known = KnownValue("ODD_TOKEN", secret)
    return secret.strip() == secret and not is_stand_in(secret) and not known.is_weak


def redacted(redactor: Redactor, text: str) -> str:
    """A text as a tool answered it, as it is on the tape."""
    body: dict[str, Any] = {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {"content": [{"type": "text", "text": text}]},
    }
    after = redactor.message(body, answers="tools/call")
    assert redactor.message(after, answers="tools/call") == after
    return str(after["result"]["content"][0]["text"])


def traces(spelling: str, text: str) -> list[str]:
    """The pieces of a spelling that a text has beside placeholders."""
    left = PLACEHOLDER.sub("\0", text)
    return [spelling[at : at + 4] for at in range(len(spelling) - 3) if spelling[at : at + 4] in left]


@given(SECRETS, st.lists(st.sampled_from([*WAYS]), max_size=3))
@example('pa"ss\\wörd', ["json", "json", "json"])
@example('it\'s "so"', ["repr", "json"])
@example("a/b+c d%25", ["url", "form", "json of php"])
@example("😀😀😀 key\n", ["json", "repr", "url"])
@example("-Infinity", [])
@example("123456789012", [])
def test_a_known_secret_leaves_no_trace_however_it_was_escaped(secret: str, ways: Sequence[str]) -> None:
    assume(can_be_known(secret))
    spelling = secret
    for way in ways:
        spelling = WAYS[way](spelling)

    redactor = Redactor(environment={"ODD_TOKEN": secret})
    for before, after in (
        ("", ""),
        ("so ", " it is"),
        ("[1, ", "]"),
        ("?q=", "&z=~"),
        ("b\\x07%2520", "\\n"),
        ("<b>\n", "\n</b>"),
    ):
        text = redacted(redactor, f"{before}{spelling}{after}")

        assert TAKEN_OUT in text or spelling.isdecimal()  # a number in JSON is 0
        assert traces(spelling, text.removeprefix(before).removesuffix(after)) == []


@given(
    SECRETS.filter(can_be_known), st.lists(st.sampled_from([*WAYS]), max_size=3), st.booleans(), st.booleans()
)
@example("-secret", [], False, False)
@example("???>>>~~", [], False, True)
def test_a_known_secret_leaves_no_trace_in_base64(
    secret: str, ways: Sequence[str], is_for_urls: bool, is_quoted: bool
) -> None:
    assume(can_be_known(secret))
    spelling = secret
    for way in ways:
        spelling = WAYS[way](spelling)
    encode = base64.urlsafe_b64encode if is_for_urls else base64.b64encode
    run = encode(spelling.encode()).decode()
    run = quote(run, safe="") if is_quoted else run

    text = redacted(Redactor(environment={"ODD_TOKEN": secret}), f"data: {run}, and more")

    assert run not in text
    assert TAKEN_OUT in text or "%" not in run
    if TAKEN_OUT not in text:  # it was taken out of what the run holds, which is base64 again
        [again] = re.findall(r"^data: (\S+), and more$", text)
        held = base64.b64decode(again.translate(str.maketrans("-_", "+/")) + "==").decode()
        assert TAKEN_OUT in held
        assert traces(spelling, held) == []


def test_a_known_number_is_0_where_it_is_a_number() -> None:
    redactor = Redactor(environment={"BANK_PASSWORD": "123456789012"})
    body = {
        "id": 1,
        "result": {"structuredContent": {"number": 123456789012, "all": [123456789012, 12345678901]}},
    }

    assert redactor.message(body, answers="tools/call")["result"] == {
        "structuredContent": {"number": 0, "all": [0, 12345678901]}
    }


@pytest.mark.parametrize("name", [*WAYS])
def test_a_known_secret_is_taken_out_of_the_names_of_members_too(name: str) -> None:
    secret = 'k"ö/y 1'
    spelling = WAYS[name](secret)

    redactor = Redactor(environment={"ODD_TOKEN": secret})

    assert traces(spelling, redacted(redactor, json.dumps({spelling: {"a": [spelling]}}))) == []


@pytest.mark.parametrize(
    "text",
    [
        "xk3y9z", "k3y9zx", "K3Y9Z", "k3y9", "\\tk3y9zz", "%41k3y9zz", "k3y-9z", "azN5OQ==", "\\\\\\", "%25%25",
        "user k3y 9z", "k3y9%7a", "the word pass in a password", "+k3+y9+z",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_short_secret_stays(text: str) -> None:
    redactor = Redactor(environment={"A_TOKEN": "k3y9z!"[:6], "B_TOKEN": "pass", "C_TOKEN": "tiny%"})

    assert redactor.text(text) == text


def test_a_short_secret_is_found_behind_an_escape() -> None:
    for text in ("a\\nk3y9zx", "a%20k3y9zx", "a\\u00e9k3y9zx", "a\\x07k3y9zx", "a k3y9zx"):
        assert (
            Redactor(environment={"A_TOKEN": "k3y9zx"})
            .text(f"{text}.")
            .endswith(f"{placeholder('env', 'A_TOKEN')}.")
        )
