from __future__ import annotations

import sys
from pathlib import Path

import pytest
from mcp import StdioServerParameters

from pytest_mcpflow import Hub

HERE = Path(__file__).parent
BANK = StdioServerParameters(command=sys.executable, args=[str(HERE / "bank.py")])


@pytest.mark.parametrize("password", ["the one of this machine", "the one of another"])
async def test_a_new_account_has_money(mcpflow: Hub, monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setenv("BANK_PASSWORD", password)
    mcpflow.use(BANK, name="bank", cassette="bank.jsonl")

    account = await mcpflow.call_tool("bank.open_account", {"name": "Ada", "password": password})
    balance = await mcpflow.call_tool("bank.balance", {"token": account["token"]})

    assert balance["result"] == 30


def test_no_secret_is_on_the_tape() -> None:
    tape = (HERE / "bank.jsonl").read_text(encoding="utf-8")

    assert "the one of" not in tape
    assert "C-1042" not in tape
    assert '"password":"[REDACTED:env:' in tape
    assert '"token":"[REDACTED:named:' in tape
