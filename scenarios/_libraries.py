"""Libraries that reference workflows use and the package does not depend on."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["needed"]


@contextmanager
def needed(library: str) -> Generator[None]:
    """Import a library within: a scenario can be listed, and run with a workflow of one's own, without it.

    Raises:
        ModuleNotFoundError: It is not installed; the message says how to install it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"this reference workflow needs {library}; install it with: pip install 'pytest-mcpflow[scenarios]'",
            name=library,
        ) from error
