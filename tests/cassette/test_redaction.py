"""Secrets are taken out, whatever place they hide in, and nothing else is."""

from __future__ import annotations

import base64
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from checkout import ROOT, run
from planted_secrets import KINDS, PLACES, all_text, parts_of, secret

from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.redaction import Redactor, default_rules
from pytest_mcpflow.cassette.redaction.names import holds_secret
from pytest_mcpflow.cassette.redaction.placeholder import PLACEHOLDER

TAPES = sorted(
    path for folder in ("examples", "fixtures", "tests") for path in (ROOT / folder).rglob("*.jsonl")
)
OPAQUE = "Xk7" + "pQ2vN8w" + "L4tR9yB3m" + "Z6sJ1hF5"
"""As random as a secret without a shape."""


@pytest.fixture
def redactor() -> Redactor:
    return Redactor(environment={})


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_is_found_wherever_it_hides(redactor: Redactor, kind: str, place: str) -> None:
    answers, hide = PLACES[place]
    for seed in range(2):
        planted = secret(kind, seed)

        said = all_text(redactor.message(hide(planted), answers=answers))

        assert [part for part in parts_of(planted) if part in said] == []
        assert "[REDACTED:" in said


def test_there_are_rules_for_more_kinds_than_the_tests_plant() -> None:
    assert len({rule.name for rule in default_rules()}) > 50


@pytest.mark.parametrize("path", TAPES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_taken_out_of_the_tapes_of_real_servers(redactor: Redactor, path: Path) -> None:
    for session in read_cassette(path).sessions:
        asked: dict[tuple[str, Any], str] = {
            (message.sender, message.body["id"]): message.body["method"]
            for message in session.messages
            if message.is_request
        }
        for message in session.messages:
            other = "server" if message.sender == "client" else "client"
            answers = asked.get((other, message.body.get("id")))
            assert redactor.message(message.body, answers=answers) == message.body, f"{path}:{message.line}"
        assert redactor.arguments(session.command) == session.command


def test_there_is_a_tape_to_try() -> None:
    assert TAPES


def test_the_protocol_and_the_schemas_stay_as_they_are(redactor: Redactor) -> None:
    schema = {
        "type": "object",
        "properties": {"token": {"type": "string"}, "maxTokens": {"type": "integer", "default": 100}},
        "required": ["token"],
    }
    listed = {
        "jsonrpc": "2.0",
        "id": OPAQUE,
        "result": {"tools": [{"name": "rotate_secret", "inputSchema": schema}], "nextCursor": OPAQUE},
    }
    called: dict[str, Any] = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": "password_reset",
            "arguments": {"password": "hunter2"},
            "requestState": OPAQUE,
            "_meta": {"progressToken": OPAQUE},
        },
    }

    assert redactor.message(listed, answers="tools/list") is listed
    after = redactor.message(called)
    assert after == {**called, "params": {**called["params"], "arguments": after["params"]["arguments"]}}
    assert after["params"]["arguments"] == {"password": "[REDACTED:named:f52fbd32]"}


@pytest.mark.parametrize(
    "value", ["ab" * 20, "1f0c6e3a-9d5f-4b7e-8a52-0c1d2e3f4a5b", "sha512-" + OPAQUE, "/" + "a/B1" * 9]
)
def test_hashes_ids_and_paths_are_no_secrets(redactor: Redactor, value: str) -> None:
    assert redactor.text(f"commit {value} is there") == f"commit {value} is there"


def test_what_looks_random_is_a_secret_unless_it_is_an_id(redactor: Redactor) -> None:
    before = {"note": f"use {OPAQUE}", "node_id": OPAQUE, "etag": f"etag: {OPAQUE}"}

    after = json.loads(redactor.text(json.dumps(before)))

    assert after == {**before, "note": after["note"]}
    assert after["note"].startswith("use [REDACTED:random:")
    assert Redactor(environment={}, entropy=False).text(OPAQUE) == OPAQUE


@pytest.mark.parametrize(
    "name",
    [
        *(
            "password",
            "PGPASSWORD",
            "api_key",
            "apikey",
            "x-api-key",
            "accessToken",
            "ACCESS_TOKEN",
            "APIKey",
        ),
        *("clientSecret", "SecretString", "connection_string", "refresh_tokens", "Authorization", "token2"),
        *("db.password", "password_confirmation", "recoveryCodes", "secrets"),
    ],
)
def test_a_name_that_holds_a_secret_is_known(name: str) -> None:
    assert holds_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "progressToken",
            "maxTokens",
            "max_tokens",
            "nextPageToken",
            "tokens",
            "total_tokens",
            "token_type",
        ),
        *(
            "secretName",
            "key",
            "keys",
            "public_key",
            "author",
            "passed",
            "status_code",
            "code",
            "tokenizer",
            "",
        ),
        *("access_key_id", "SSH_AUTH_SOCK", "password_policy", "primaryKey", "compass", "keyboard"),
    ],
)
def test_a_name_that_only_sounds_like_it_is_told_apart(name: str) -> None:
    assert not holds_secret(name)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("password: hunter2", "password: #"),
        ('password="a b c"', 'password="#"'),
        ("export GITHUB_TOKEN=abcdef", "export GITHUB_TOKEN=#"),
        ("{'password': 'x1y2', 'token': None}", "{'password': '#', 'token': None}"),
        (r"{\"password\": \"x1y2\"} of", r"{\"password\": \"#\"} of"),
        ("x-api-key: foo123\nhost: b", "x-api-key: #\nhost: b"),
        ("Authorization: token abcdef12", "Authorization: token #"),
        ("curl -u bob:s3cr https://x.example", "curl -u bob:# https://x.example"),
        ("sshpass -p w0rd ssh x", "sshpass -p # ssh x"),
        ("mysql --password swordfish", "mysql --password #"),
        ("postgres://u:p%40ss@h/db", "postgres://u:#@h/db"),
        ("https://Zk3xw9vq7Tb2mr5s@h.example/r.git", "https://#@h.example/r.git"),
        ("https://x.example/?sig=abcdefghijklmnop&x=1", "https://x.example/?sig=#&x=1"),
        ("?token_type=x&access_token=abc", "?token_type=x&access_token=#"),
        ("AccountName=a;AccountKey=abc==;EndpointSuffix=x", "AccountName=a;AccountKey=#;EndpointSuffix=x"),
        ("Set-Cookie: sid=abc; Path=/", "Set-Cookie: #"),
        ('{"password": "a1", "password": "b2"}', '{"password": "#", "password": "#"}'),
    ],
)
def test_a_secret_in_running_text_is_found_by_what_stands_before_it(
    redactor: Redactor, before: str, after: str
) -> None:
    assert PLACEHOLDER.sub("#", redactor.text(before)) == after


@pytest.mark.parametrize(
    "text",
    [
        "token = get_token()",
        "api_key=os.environ['X']",
        "self.password = password",
        "auth: httpx.Auth | None = None",
        "def f(token: str, password: str = '') -> None:",
        'credentials = f"{user}:{password}"',
        "Token: expired",
        "password: <your password>",
        "API_KEY=${API_KEY} and PASSWORD=****",
        "The token is valid for 12 hours; max_tokens=500, 300 tokens used, nextPageToken: abc123",
        "--token TOKEN  the token to use",
        "use the bearer authentication scheme",
        "docker run -u 1000:1000 image",
        '{"pwd": "/home/me", "author": "ann", "passed": 12, "error": {"code": 5}, "key": "PROJ-12"}',
    ],
)
def test_code_and_prose_about_secrets_are_none(redactor: Redactor, text: str) -> None:
    assert redactor.text(text) == text


def test_secrets_are_found_by_the_name_beside_them(redactor: Redactor) -> None:
    before = {
        "env": [{"name": "API_TOKEN", "value": "abc"}, {"name": "LEVEL", "value": "info"}],
        "args": ["--verbose", "--token", "abc", "--port", "80"],
        "passcode": 1234,
        "token_count": 1234,
        "secret": {"kind": "Secret", "data": {"user": "Ym9i"}},
        "secrets": {"USER": "bob"},
    }

    after = json.loads(PLACEHOLDER.sub("#", redactor.text(json.dumps(before))))

    assert after == {
        "env": [{"name": "API_TOKEN", "value": "#"}, {"name": "LEVEL", "value": "info"}],
        "args": ["--verbose", "--token", "#", "--port", "80"],
        "passcode": 0,
        "token_count": 1234,
        "secret": {"kind": "Secret", "data": {"user": "#"}},
        "secrets": {"USER": "#"},
    }


@pytest.mark.parametrize(
    ("before", "after"),
    [("Bearer abc", "Bearer #"), (" token token ", " token #"), ("abc", "#"), ("none", "none"), ("", "")],
)
def test_the_scheme_of_a_credential_stays(redactor: Redactor, before: str, after: str) -> None:
    said = json.loads(redactor.text(json.dumps({"Authorization": before})))

    assert PLACEHOLDER.sub("#", said["Authorization"]) == after


def test_addresses_lose_their_secrets_only(redactor: Redactor) -> None:
    def asked(method: str, **params: Any) -> Any:
        return redactor.message({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})["params"]

    address, after = "https://u:hunter2@x.example/a?token=swordfish7", "https://u:#@x.example/a?token=#"
    for params in (
        asked("resources/read", uri=address),
        asked("notifications/resources/updated", uri=address),
        asked("subscriptions/listen", notifications={"resourceSubscriptions": [address]}),
        asked("completion/complete", ref={"type": "ref/resource", "uri": address}),
        asked("elicitation/create", mode="url", url=address),
    ):
        assert after in PLACEHOLDER.sub("#", json.dumps(params))


def test_a_command_line_is_redacted_as_a_whole(redactor: Redactor) -> None:
    before = [
        "server",
        "--api-token=abc",
        "--password",
        "hunter2",
        "--url",
        "https://u:pw123@h/x",
        "-e",
        "API_KEY=foo",
    ]

    after = [PLACEHOLDER.sub("#", word) for word in redactor.arguments(before)]

    assert after == [
        "server",
        "--api-token=#",
        "--password",
        "#",
        "--url",
        "https://u:#@h/x",
        "-e",
        "API_KEY=#",
    ]


def test_json_in_text_keeps_its_layout(redactor: Redactor) -> None:
    value = {"token": "abc", "list": [1, 2.5, None], "ä": "ö"}
    layouts = [
        json.dumps(value, indent=2),
        json.dumps(value, indent="\t"),
        json.dumps(value, separators=(",", ":")),
    ]
    for before in (*layouts, json.dumps(value), json.dumps(value, ensure_ascii=False)):
        after = redactor.text(before)

        assert after.replace(json.loads(after)["token"], "abc") == before


def test_base64_keeps_its_alphabet_and_its_lines(redactor: Redactor) -> None:
    planted = f"password={secret('github', 1)}\n{'?>' * 60}"
    for encode, width in ((base64.b64encode, 0), (base64.urlsafe_b64encode, 0), (base64.b64encode, 76)):
        run_ = encode(planted.encode()).decode()
        text = "\n".join(run_[at : at + width] for at in range(0, len(run_), width)) if width else run_

        after = redactor.text(text)

        standard = after.replace("\n", "").replace("-", "+").replace("_", "/")
        decoded = base64.b64decode(standard + "=" * (-len(standard) % 4)).decode()
        assert PLACEHOLDER.sub("#", decoded) == f"password=#\n{'?>' * 60}"
        assert {len(line) for line in after.split("\n")[:-1]} <= {width}
        assert ("-" in after or "_" in after) == (encode is base64.urlsafe_b64encode)


def test_a_message_nested_too_deeply_is_redacted_as_text(redactor: Redactor) -> None:
    nested: Any = secret("github", 1)
    for _ in range(400):
        nested = {"in": nested}
    numbered: Any = {"password": 123456}
    for _ in range(400):
        numbered = {"in": numbered}

    for each in (nested, numbered):
        after = redactor.message({"jsonrpc": "2.0", "id": 7, "method": "x/y", "params": each})
        assert after["id"] == 7
        said = json.dumps(after)
        assert "REDACTED" in said
        assert "123456" not in said
        assert secret("github", 1) not in said


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "a",
            "aB1",
            "=",
            "-",
            "[",
            "1",
            "\\",
            "M1a",
            "a.",
            "sk-",
            "eyJ",
            "eyJ-",
            "xoxb-",
            "A" * 76 + "\n",
            '{"a":',
        ),
        *(
            "password",
            "password=",
            'password="',
            "--token ",
            "://u:",
            "curl -u a",
            "cookie: a=",
            "a@b.c ",
            "+1 ",
        ),
        *(
            "-----BEGIN PRIVATE KEY-----",
            "[REDACTED:",
            "[REDACTED:named:f52fbd32]",
            "authorization: ",
            "bearer ",
        ),
    ],
)
def test_no_text_takes_long(piece: str) -> None:
    text = piece * (50_000 // len(piece))
    redactor = Redactor(environment={"MY_PASSWORD": "correct-horse/battery"}, personal=True)

    began = time.process_time()
    redactor.text(text)

    assert time.process_time() - began < 60, "seconds; it takes 0.1, and hours where a rule backtracks"


def test_a_recorder_that_meets_no_secret_imports_little(tmp_path: Path) -> None:
    program = (
        "from pytest_mcpflow.cassette.redaction import Redactor\n"
        "redactor = Redactor(environment={'MY_TOKEN': 'abcdef123456'})\n"
        "redactor.message({'jsonrpc': '2.0', 'id': 1, 'result': {'content': []}})\n"
        "import sys; print(*sys.modules)"
    )

    loaded = {*run([sys.executable, "-c", program], cwd=tmp_path).split()}

    assert loaded & {"hashlib", "urllib", "dataclasses", "pytest_mcpflow.cassette.redaction.walk"} == set()
    assert {name.partition(".")[0] for name in loaded} & {"pydantic", "mcp", "anyio", "pytest"} == set()
