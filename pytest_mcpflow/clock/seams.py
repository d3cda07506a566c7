"""The places in other libraries that virtual time takes hold of, checked when it begins."""

from __future__ import annotations

import importlib
from functools import reduce
from importlib.metadata import version
from typing import Any

from pytest_mcpflow.errors import VirtualTimeError

__all__ = ["check_seams", "seam"]


def seam(distribution: str, module: str, path: str) -> Any:
    """What `module` calls `path`.

    Raises:
        VirtualTimeError: It has moved.
    """
    try:
        return reduce(getattr, path.split("."), importlib.import_module(module))
    except (ImportError, AttributeError) as error:
        raise VirtualTimeError(
            f"virtual time takes hold of {module}.{path}, which {distribution} {version(distribution)} does not have; "
            f"use another version of {distribution}, or real time: @pytest.mark.mcpflow(virtual_time=False)"
        ) from error


def check_seams() -> None:
    """Look whether everything that virtual time takes hold of is there.

    Raises:
        VirtualTimeError: Something has moved.
    """
    for path in (
        "CancelScope.__init__",
        "WorkerThread.start",
        "AsyncIOBackend.run_sync_in_worker_thread",
    ):
        seam("anyio", "anyio._backends._asyncio", path)
