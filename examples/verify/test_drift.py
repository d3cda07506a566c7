from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from mcp import StdioServerParameters

from pytest_mcpflow.cassette.verify import verify

HERE = Path(__file__).parent


def test_the_server_still_does_what_was_recorded() -> None:
    server = StdioServerParameters(command=sys.executable, args=[str(HERE / "server.py")])

    drift = asyncio.run(verify(HERE / "tape.jsonl", server))

    assert not drift, str(drift)
    assert [skipped.subject for skipped in drift.skipped] == ["clear(article='screw')"]
