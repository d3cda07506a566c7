"""Redaction takes values of the environment and rules of users."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from planted_secrets import all_text

from pytest_mcpflow import CassetteError
from pytest_mcpflow.cassette.redaction import Redactor, Rule, personal_data, rules_from_ini
from pytest_mcpflow.cassette.redaction.placeholder import PLACEHOLDER

OPAQUE = "Xk7" + "pQ2vN8w" + "L4tR9yB3m" + "Z6sJ1hF5"
"""As random as a secret without a shape."""


def said_in_base64(encoded: str) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {"content": [{"type": "text", "text": f"blob {encoded} end"}]},
    }


class TestKnownValues:
    VALUE = "correct-horse/battery"

    @pytest.fixture
    def redactor(self) -> Redactor:
        return Redactor(
            environment={"MY_PASSWORD": self.VALUE, "HOME": "/home/me", "DATABASE_URL": "pg://u:pä-ss1@h/d"}
        )

    def test_the_value_of_a_secret_variable_is_found_anywhere(self, redactor: Redactor) -> None:
        in_hex, in_url = self.VALUE.encode().hex(), self.VALUE.replace("/", "%2F")
        for text in (f"It is {self.VALUE}.", f"x{self.VALUE}y", in_url, in_hex):
            said = redactor.text(text)
            assert "[REDACTED:env:" in said
            assert "horse" not in said
            assert in_hex not in said
        assert redactor.text("pä-ss1") == redactor.text("p%C3%A4-ss1") == redactor.text(r"p\u00e4-ss1")

    @pytest.mark.parametrize("padding", [b"", b"a", b"ab", b"\xff\x00", b"\xff"])
    def test_the_value_is_found_in_base64_wherever_it_begins(
        self, redactor: Redactor, padding: bytes
    ) -> None:
        encoded = base64.b64encode(padding + self.VALUE.encode() + b"\x01rest").decode()

        said = all_text(redactor.message(said_in_base64(encoded), answers="tools/call"))

        assert "horse" not in said
        assert "[REDACTED:env:" in said

    def test_another_value_of_the_variable_has_the_same_placeholder(self, redactor: Redactor) -> None:
        other = Redactor(environment={"MY_PASSWORD": "quite-another!"})

        assert other.text('{"password": "quite-another!"}') == redactor.text(
            f'{{"password": "{self.VALUE}"}}'
        )
        assert other.text("use quite-another! now") == redactor.text(f"use {self.VALUE} now")

    def test_a_common_word_is_only_taken_out_under_a_name(self) -> None:
        redactor = Redactor(environment={"POSTGRES_PASSWORD": "postgres", "ADMIN_PASSWORD": "x"})

        assert redactor.text("postgres is up") == "postgres is up"
        assert "[REDACTED:env:" in redactor.text('{"password": "postgres"}')
        assert "[REDACTED:env:" in redactor.text("password=x;")

    def test_folders_switches_and_paths_are_no_secrets(self) -> None:
        environment = {
            "PWD": "/home/me/work",
            "USE_TOKEN": "true",
            "SSH_AUTH_SOCK": "/tmp/agent-123456",
            "TOKEN_FILE": "/run/abc",
        }

        text = json.dumps(environment | {"USE_TOKEN": True})

        assert Redactor(environment=environment).text(text) == text

    def test_the_environment_of_the_process_is_taken_by_default(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MCPFLOW_TEST_TOKEN", self.VALUE)

        assert self.VALUE not in Redactor().text(f"It is {self.VALUE}.")


class TestRules:
    def test_a_rule_of_a_user_is_looked_for_in_data_and_descriptions(self) -> None:
        redactor = Redactor([Rule("ticket", r"TICKET-(?P<secret>\d+)")], environment={})
        message = {
            "jsonrpc": "2.0",
            "id": 1,
            "result": {"tools": [{"name": "t", "description": "as TICKET-12"}]},
        }

        assert PLACEHOLDER.sub("#", redactor.text("see TICKET-12")) == "see TICKET-#"
        described = redactor.message(message, answers="tools/list")["result"]["tools"][0]["description"]
        assert described == redactor.text("as TICKET-12")

    def test_a_rule_may_match_a_text_of_one_letter(self) -> None:
        redactor = Redactor([Rule("letter", "q")], environment={})

        assert PLACEHOLDER.sub("#", redactor.text("q")) == "#"

    def test_a_rule_with_a_hint_is_tried_where_the_hint_is(self) -> None:
        redactor = Redactor([Rule("ticket", r"TICKET-\d+", hints=("TICKET",))], environment={})

        assert "[REDACTED:ticket:" in redactor.text("see TICKET-12")
        assert not redactor.suspects(b"see ticket 12")

    def test_rules_named_keep_say_what_is_no_secret(self) -> None:
        redactor = Redactor(rules_from_ini([f"keep = {OPAQUE[:3]}.*"]), environment={})

        assert redactor.text(OPAQUE) == OPAQUE

    def test_ini_lines_are_rules(self) -> None:
        assert rules_from_ini(["", " ticket = A=\\d+ "]) == (Rule("ticket", "A=\\d+"),)

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("ticket", "is not of the form"),
            ("= x", "redaction rule ''"),
            ("Ticket = x", "lower-case letters"),
            ("ticket = (", "is not a regular expression"),
            ("ticket = x*", "matches the empty text"),
        ],
    )
    def test_a_wrong_line_says_what_is_wrong(self, line: str, said: str) -> None:
        with pytest.raises(CassetteError) as caught:
            rules_from_ini([line])
        assert said in str(caught.value)

    def test_the_fingerprint_is_that_of_the_rules(self) -> None:
        plain = Redactor(environment={})
        same = Redactor(environment={"MY_TOKEN": OPAQUE})
        others = [
            Redactor([Rule("ticket", "x")], environment={}),
            Redactor(environment={}, personal=True),
            Redactor(environment={}, entropy=False),
        ]

        assert plain.fingerprint == same.fingerprint
        assert len({plain.fingerprint, *(each.fingerprint for each in others)}) == 4

    def test_people_are_taken_out_on_request(self) -> None:
        text = "Ann <ann@example.org>, +49 30 1234567, git@github.com:a/b.git, 2026-11-21 10:00"

        assert Redactor(environment={}).text(text) == text
        after = PLACEHOLDER.sub("#", Redactor(environment={}, personal=True).text(text))
        assert after == "Ann <#>, #, git@github.com:a/b.git, 2026-11-21 10:00"


def test_a_tape_says_by_its_fingerprint_whether_addresses_were_taken_out() -> None:
    rules = (Rule("customer", r"C-\d+"),)
    call = {"id": 1, "method": "tools/call", "params": {"name": "find", "arguments": {"who": "ada@x.org"}}}

    for personal in (False, True):
        recorded_by = Redactor(rules, environment={}, personal=personal)
        found = Redactor.of_tape(recorded_by.fingerprint, rules)
        assert found is not None
        assert found.message(call) == recorded_by.message(call)
        assert ("ada@x.org" in all_text(found.message(call))) is not personal
    assert Redactor.of_tape(None) is None


def test_the_ini_file_and_the_command_line_say_the_same_of_addresses() -> None:
    by_ini = Redactor((Rule("customer", r"C-\d+"), personal_data()), environment={})
    by_command = Redactor((Rule("customer", r"C-\d+"),), environment={}, personal=True)

    assert by_ini.fingerprint == by_command.fingerprint
    assert by_ini.text("ada@x.org has C-12") == by_command.text("ada@x.org has C-12")
    assert "ada@x.org" not in by_ini.text("ada@x.org has C-12")


def test_addresses_are_taken_out_of_a_recording_of_a_test(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)  # where nothing can be recorded
    pytester.makeini("[pytest]\nmcp_redact_personal = true\n")
    pytester.makepyfile(
        """
        from mcp.server import MCPServer

        server = MCPServer("people")

        @server.tool()
        def find(who: str) -> str:
            return f"{who} was found"

        async def test_finding(mcpflow):
            mcpflow.use(server, cassette="people.jsonl")
            assert "was found" in (await mcpflow.call_tool("people.find", {"who": "ada@x.org"})).text
        """
    )
    unloaded = ("-pno:asyncio", "-pno:cacheprovider", "-pno:randomly")

    pytester.runpytest_subprocess(*unloaded, "--mcp-record=once").assert_outcomes(passed=1)
    tape = (pytester.path / "people.jsonl").read_text(encoding="utf-8")
    pytester.runpytest_subprocess(*unloaded, "--mcp-record=none").assert_outcomes(passed=1)

    assert "ada@x.org" not in tape
    assert "[REDACTED:email:" in tape
