from __future__ import annotations

import sys
from pathlib import Path

from mcp import StdioServerParameters
from notes import make_server

from pytest_mcpflow import mcpflow_fuzz


# region: server
def test_the_server_keeps_its_promises() -> None:
    report = mcpflow_fuzz(make_server, examples=20)

    assert report.never_answered == ()


# endregion


# region: command
def test_the_started_server_keeps_its_promises() -> None:
    script = Path(__file__).with_name("notes.py")
    server = StdioServerParameters(command=sys.executable, args=[str(script)])

    mcpflow_fuzz(server, examples=2, known={"title": ["shopping"]}, without=["titles"])


# endregion
