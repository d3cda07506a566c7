"""What holds of redaction for every message."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from planted_secrets import KINDS, secret

from pytest_mcpflow.cassette.redaction import Redactor, Rule

Message = dict[str, Any]
VALUES = {
    "MY_PASSWORD": "correct-horse/battery",
    "API_TOKEN": "Zk3xw9vq7T",
    "DB_PASSWORD": "postgres",
    "PIN_CODE": "!!??&&",
}
OTHER_VALUES = {
    "MY_PASSWORD": "quite another: one",
    "API_TOKEN": "mmnnoo-112233",
    "DB_PASSWORD": "mysql",
    "PIN_CODE": "%%$$##",
}
EVERYTHING = Rule("never", r"(?!)never")
"""A rule without a hint: with it, every string is searched, whatever the sieve thinks."""

NAMES = st.sampled_from(
    [
        *(
            "password",
            "api_key",
            "accessToken",
            "progressToken",
            "maxTokens",
            "name",
            "value",
            "key",
            "id",
            "data",
        ),
        *(
            "text",
            "content",
            "type",
            "uri",
            "token",
            "secrets",
            "pwd",
            "Authorization",
            "kind",
            "inputSchema",
        ),
        *("_meta", "description", "properties", "arguments", "credentials", "X_TOKEN", "nextCursor", "auth"),
    ]
)
PIECES = st.sampled_from(
    [
        *(secret(kind, 0) for kind in KINDS),
        *(
            "password=",
            "token: ",
            "Bearer ",
            "Basic ",
            "Authorization: ",
            "://u:",
            "@host/",
            "?access_token=",
            "&sig=",
        ),
        *(
            '"',
            "'",
            "\\",
            "\n",
            " ",
            "[",
            "]",
            "{",
            "}",
            ":",
            "=",
            ";",
            ",",
            "--token ",
            "-p ",
            "sk-",
            "x",
            "hunter2",
        ),
        *(
            "curl -u a:",
            "Cookie: a=",
            "-----BEGIN PRIVATE KEY-----",
            "[REDACTED:named:f52fbd32]",
            "[REDACTED:",
            "]",
        ),
        *(
            "correct-horse/battery",
            "Zk3xw9vq7T",
            "postgres",
            "!!??&&",
            '{"password": "',
            '"}',
            '{"a": ',
            "%41",
            "\\u0041",
        ),
        *(
            base64.b64encode(text).decode()
            for text in (b"password=hunter2 and more", b"x correct-horse/battery\x00")
        ),
        *("Xk7pQ2vN8wL4tR9yB3mZ6sJ1hF5", "ann@example.org", "+49 30 1234567", "ghp_", "eyJhbGciOi", "Secret"),
    ]
)
TEXTS = st.lists(PIECES, max_size=6).map("".join) | st.text(max_size=12)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(NAMES | TEXTS, inner, max_size=4)
        | inner.map(json.dumps)
    ),
    max_leaves=8,
)
OBJECTS: st.SearchStrategy[Message] = st.dictionaries(NAMES, JSON, max_size=5)
METHODS = st.sampled_from(
    ["tools/call", "tools/list", "initialize", "elicitation/create", "notifications/message", "x/y"]
)


def _request(method: str, params: Message) -> Message:
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}


def _result(result: Message) -> Message:
    return {"jsonrpc": "2.0", "id": 7, "result": result}


def _error(message: str, data: Any) -> Message:
    return {"jsonrpc": "2.0", "id": 7, "error": {"code": -1, "message": message, "data": data}}


MESSAGES = (
    st.builds(_request, METHODS, OBJECTS) | st.builds(_result, OBJECTS) | st.builds(_error, TEXTS, JSON)
)
ANSWERS = METHODS | st.none()


@settings(deadline=None)
@given(MESSAGES, ANSWERS, st.booleans())
def test_redacting_twice_changes_nothing(message: Message, answers: str | None, personal: bool) -> None:
    redactor = Redactor(environment=VALUES, personal=personal)

    once = redactor.message(message, answers=answers)

    assert redactor.message(once, answers=answers) == once


@settings(deadline=None)
@given(TEXTS | JSON.map(json.dumps))
def test_redacting_a_text_twice_changes_nothing(text: str) -> None:
    redactor = Redactor(environment=VALUES, personal=True)

    once = redactor.text(text)

    assert redactor.text(once) == once


@settings(deadline=None)
@given(MESSAGES, ANSWERS)
def test_every_redactor_of_the_same_rules_makes_the_same(message: Message, answers: str | None) -> None:
    recorded = Redactor(environment=VALUES).message(message, answers=answers)
    replayed = Redactor(environment=dict(reversed(VALUES.items()))).message(
        json.loads(json.dumps(message)), answers=answers
    )

    assert replayed == recorded


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["a ", "%s", " b: ", '{"password": "', '"}', "token=", "\n"]), max_size=6).map(
        "".join
    )
)
def test_a_live_request_with_other_values_of_the_variables_matches_its_recording(text: str) -> None:
    def called(values: Mapping[str, str]) -> Message:
        asked = text.replace("%s", values["MY_PASSWORD"])
        arguments = {"query": asked, "api_key": values["API_TOKEN"], "password": values["DB_PASSWORD"]}
        return {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": "t", "arguments": arguments},
        }

    recorded = Redactor(environment=VALUES).message(called(VALUES))
    live = Redactor(environment=OTHER_VALUES).message(called(OTHER_VALUES))

    assert live == recorded


@settings(deadline=None)
@given(MESSAGES, ANSWERS)
def test_the_shape_stays(message: Message, answers: str | None) -> None:
    after = Redactor(environment=VALUES).message(message, answers=answers)

    assert _shape(after) == _shape(message)
    assert [after[name] for name in ("jsonrpc", "id")] == ["2.0", 7]
    assert after.get("method") == message.get("method")
    params = cast("Message", message.get("params", {}))
    if str(message.get("method")) == "tools/call" and "name" in params:
        assert after["params"]["name"] == params["name"]


def _shape(value: object) -> object:
    """Types and sizes, and the names that are no secrets themselves."""
    if isinstance(value, Mapping):
        members = cast("Mapping[str, object]", value)
        return [(name if len(name) < 12 else "", _shape(each)) for name, each in members.items()]
    if isinstance(value, list):
        return [_shape(each) for each in cast("list[object]", value)]
    return type(value)


@settings(max_examples=400, deadline=None)
@given(MESSAGES, ANSWERS, st.booleans())
def test_the_sieve_passes_nothing_that_the_rules_would_change(
    message: Message, answers: str | None, personal: bool
) -> None:
    thorough = Redactor([EVERYTHING], environment=VALUES, personal=personal)
    quick = Redactor(environment=VALUES, personal=personal)

    after = thorough.message(message, answers=answers)

    assert quick.message(message, answers=answers) == after
    for raw in (json.dumps(message), json.dumps(message, ensure_ascii=False), json.dumps(message, indent=4)):
        if not quick.suspects(raw.encode("utf-8", errors="surrogatepass")):
            assert after == message


@settings(deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.integers(0, 10**9), TEXTS)
def test_no_context_hides_a_secret(kind: str, seed: int, around: str) -> None:
    planted = secret(kind, seed)

    said = Redactor(environment={}).text(f"{around} {planted} {around}")

    assert planted not in said
