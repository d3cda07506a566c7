"""The project as files: copies of the checkout, what is built of it, and environments to try that in."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

__all__ = [
    "ROOT",
    "borrow",
    "copy_checkout",
    "install",
    "kept_environment",
    "made_once",
    "make_environment",
    "project_files",
    "require_registry",
    "run",
]

ROOT = Path(__file__).resolve().parents[1]
NOT_FILES = {"__pycache__", ".git", ".venv", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache"}


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    timeout: float = 300.0,
    accept: Sequence[int] = (0,),
    set_environment: dict[str, str] | None = None,
    stdin: str = "",
) -> str:
    """Run a program and return what it wrote to both streams; an exit code that is not in `accept` fails the test."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=kept_environment() | (set_environment or {}),
        text=True,
        encoding="utf-8",
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
        check=False,
    )
    if done.returncode not in accept:
        pytest.fail(
            f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}", pytrace=False
        )
    return done.stdout


def kept_environment() -> dict[str, str]:
    """The environment of a developer: without what this run of pytest, or CI, has put there."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "COVERAGE_", "COV_")) and name not in ("PYTHONPATH", "CI")
    }


def project_files() -> list[Path]:
    """What git knows or would add, relative to the root, links as links; without git (an sdist), what is there."""
    if (ROOT / ".git").exists():
        listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT)
        names = [Path(name) for name in listed.split("\0") if name]
    else:
        names = [each.relative_to(ROOT) for each in ROOT.rglob("*") if each.is_file()]
    return sorted(
        name for name in {*names} if os.path.lexists(ROOT / name) and not NOT_FILES.intersection(name.parts)
    )


def copy_checkout(target: Path) -> Path:
    """Copy the project's files, so that nothing a build leaves behind is left in the checkout."""
    for name in project_files():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name, follow_symlinks=False)
    return target


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that `make` fills once for all workers of a run.

    Workers of pytest-xdist have folders of their own beside each other; a lock in their parent decides who makes it.
    """
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made, attempt = shared / name, shared / f"{name}.attempt"
        if not made.exists():
            shutil.rmtree(attempt, ignore_errors=True)
            attempt.mkdir()
            make(attempt)
            attempt.rename(made)
    return made


def make_environment(folder: Path) -> Path:
    """A fresh virtual environment that borrows this interpreter's packages, but not this project. Its Python."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    borrow(python, Path(sysconfig.get_path("purelib")))
    return python


def borrow(python: Path, folder: Path) -> None:
    """Put a folder at the end of an environment's path; .pth files in it, such as an editable install's, do nothing."""
    site_packages = run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], cwd=python.parent
    )
    Path(site_packages.strip(), f"borrowed_{folder.name}.pth").write_text(f"{folder}\n", encoding="utf-8")


def install(python: Path, *what: str | Path, online: bool = False) -> None:
    """Install into an environment that has no pip of its own; without the registry unless `online`."""
    offline = () if online else ("--no-deps", "--no-index", "--no-build-isolation")
    run(
        [sys.executable, "-m", "pip", "--python", python, "install", "-q", *offline, *what],
        cwd=python.parent,
        timeout=600,
    )


def require_registry() -> None:
    """Skip the test, counted and with the reason, where no package registry can be reached."""
    asked = [sys.executable, "-m", "pip", "install", "-q", "--dry-run", "--no-deps", "--ignore-installed"]
    try:
        done = subprocess.run(
            [*asked, "--retries", "1", "--timeout", "10", "iniconfig"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip("the package registry does not answer within a minute")
    if done.returncode != 0:
        pytest.skip("no package registry can be reached")
