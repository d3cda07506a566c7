"""Exceptions of a server that the SDK keeps from its clients, who hear of an error like any other or of no details."""

from __future__ import annotations

import logging
import re
from types import TracebackType
from typing import Self

__all__ = ["CrashLog", "is_crash_of_tool", "with_frames_of_its_own"]

_LOGGERS = ("mcp.server.mcpserver.server", "mcp.server.runner", "mcp.shared.jsonrpc_dispatcher")
"""Where the SDK (mcp 2.3) writes down what a tool, a resource or a prompt raised and did not mean to."""

_MACHINERY = frozenset({"anyio", "asyncio", "concurrent", "mcp", "pydantic", "pytest_mcpflow", "threading"})

_OF_TOOL = "Error executing tool {}(: Error (executing tool|reading resource|creating resource) .*)?"
"""All that `MCPServer` says of an exception that is no `ToolError`, whose text stands behind the name."""


class CrashLog(logging.Filter):
    """Takes what servers of this process raised out of the SDK's log, while it is entered.

    A search calls what crashes some hundred times, and a failure that prints as many tracebacks is not read. A server
    that logs nothing below CRITICAL, or is in another process, leaves nothing here.
    """

    def __init__(self) -> None:
        super().__init__()
        self.raised: BaseException | None = None

    def __enter__(self) -> Self:
        self.raised = None
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self)
        return self

    def __exit__(self, *_: object) -> None:
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        raised = record.exc_info[1] if record.exc_info else None
        if raised is None:
            return True
        self.raised = _beneath(raised)
        return False


def is_crash_of_tool(name: str, message: str) -> bool:
    """Whether `MCPServer` says with this text that a tool raised what is no `ToolError`."""
    return re.fullmatch(_OF_TOOL.format(re.escape(name)), message) is not None


def with_frames_of_its_own(crash: BaseException) -> BaseException:
    """The exception without the frames of what called the server's code, which its reader wants to see first."""
    frames: TracebackType | None = crash.__traceback__
    while frames is not None and _is_machinery(frames):
        frames = frames.tb_next
    return crash if frames is None else crash.with_traceback(frames)


def _beneath(error: BaseException) -> BaseException:
    """What the SDK's own wrappers are about."""
    from mcp.server.mcpserver.exceptions import UnexpectedResourceError, UnexpectedToolError

    while isinstance(error, UnexpectedToolError | UnexpectedResourceError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _is_machinery(frame: TracebackType) -> bool:
    module: str = frame.tb_frame.f_globals.get("__name__", "")
    return module.partition(".")[0] in _MACHINERY
