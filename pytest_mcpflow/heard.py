"""What a server from outside says beside its answers: on its standard error, and what is no message."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from pydantic import ValidationError

from pytest_mcpflow.outcome import shortened
from pytest_mcpflow.serve.lines import LineTooLongError

if TYPE_CHECKING:
    from mcp.client.session import IncomingMessage

__all__ = ["Heard", "listening_to_a_server"]

LONGEST = 400
"""How many characters of the standard error's end are told."""


@dataclass
class Heard:
    """What was heard of one connection.

    Args:
        errors: Gets the standard error.
        garbage: The first line that was no message.
    """

    errors: TextIO
    garbage: str | None = None

    async def notice(self, message: IncomingMessage) -> None:
        """Look at what came without having been asked for."""
        if isinstance(message, LineTooLongError) or (isinstance(message, Exception) and self.garbage is None):
            line = message.errors()[0]["input"] if isinstance(message, ValidationError) else message
            self.garbage = line.decode(errors="replace") if isinstance(line, bytes) else str(line)

    def __str__(self) -> str:
        """All of it as the rest of a sentence."""
        self.errors.seek(0)
        said = self.errors.read().strip()
        told = "" if self.garbage is None else f"; it wrote what is not MCP: {shortened(self.garbage)}"
        return f"{told}; its standard error ends: {said[-LONGEST:]}" if said else told


@contextmanager
def listening_to_a_server() -> Generator[Heard]:
    """A context in which a server is listened to, and the SDK logs no traceback for each line that is no message."""

    def is_no_garbage(record: logging.LogRecord) -> bool:
        return record.msg != "Failed to parse JSONRPC message from server"

    logger = logging.getLogger("mcp.client.stdio")
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        logger.addFilter(is_no_garbage)
        try:
            yield Heard(errors)
        finally:
            logger.removeFilter(is_no_garbage)
