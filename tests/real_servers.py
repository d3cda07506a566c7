"""Real MCP servers that nobody here wrote, installed once from the package registries.

A test skips, with a reason that is counted, where npm or a registry is not to be had; with
MCPFLOW_REQUIRE_REAL_SERVERS=1, as in CI, it fails instead.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from mcp import StdioServerParameters

__all__ = ["everything", "filesystem", "git", "memory", "python_with_sdk_1", "time"]

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pytest-mcpflow" / "servers"
INSTALL_LIMIT = 300.0
"""Real seconds that installing one package may take."""


def everything() -> StdioServerParameters:
    """The reference server with something of every kind."""
    return _npm("@modelcontextprotocol/server-everything", "mcp-server-everything")


def filesystem(root: Path) -> StdioServerParameters:
    """Files below a folder."""
    return _npm("@modelcontextprotocol/server-filesystem", "mcp-server-filesystem", str(root))


def memory(store: Path) -> StdioServerParameters:
    """A knowledge graph in a file."""
    server = _npm("@modelcontextprotocol/server-memory", "mcp-server-memory")
    return server.model_copy(update={"env": {"MEMORY_FILE_PATH": str(store)}})


def git(repository: Path) -> StdioServerParameters:
    """A git repository."""
    return _pypi("mcp-server-git", "--repository", str(repository))


def time() -> StdioServerParameters:
    """What time it is in the world."""
    return _pypi("mcp-server-time", "--local-timezone", "UTC")


def python_with_sdk_1() -> Path:
    """The Python of an environment that has version 1 of the SDK, and nothing of this project."""
    folder = CACHE / "pypi" / "sdk-1"
    python = folder / "bin" / "python"
    installed = folder / "bin" / "mcp"
    commands = [
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "mcp==1.30.0"],
    ]
    _install_once(folder, installed, lambda: commands)
    return python


def _npm(package: str, program: str, *arguments: str) -> StdioServerParameters:
    npm = shutil.which("npm")
    if npm is None:
        _unavailable(f"{package}: npm is not installed")
    folder = CACHE / "npm" / package.replace("/", "-")
    executable = folder / "node_modules" / ".bin" / program
    command = [str(npm), "install", "--no-audit", "--no-fund", "--prefix", str(folder), package]
    _install_once(folder, executable, lambda: [command])
    return StdioServerParameters(command=str(executable), args=list(arguments))


def _pypi(package: str, *arguments: str) -> StdioServerParameters:
    """In an environment of its own: it may need another version of the SDK than ours."""
    folder = CACHE / "pypi" / package
    executable = folder / "bin" / package
    commands = [
        [sys.executable, "-m", "venv", str(folder)],
        [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", package],
    ]
    _install_once(folder, executable, lambda: commands)
    return StdioServerParameters(command=str(executable), args=list(arguments))


def _install_once(folder: Path, executable: Path, commands: Callable[[], list[list[str]]]) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{folder.name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if executable.exists():
            return
        for command in commands():
            try:
                done = subprocess.run(
                    command, capture_output=True, text=True, timeout=INSTALL_LIMIT, check=False
                )
            except subprocess.TimeoutExpired:
                _unavailable(f"{folder.name}: installing it took more than {INSTALL_LIMIT:g} s")
            if done.returncode:
                _unavailable(f"{folder.name}: cannot be installed: {done.stderr.strip()[-200:]}")


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get("MCPFLOW_REQUIRE_REAL_SERVERS") == "1":
        pytest.fail(f"real server needed: {reason}", pytrace=False)
    pytest.skip(f"real server: {reason}")
