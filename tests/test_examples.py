"""Every example is a small project of a user: copied out of the checkout, its tests pass as they stand."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest
from checkout import ROOT, run

EXAMPLES = sorted(folder for folder in (ROOT / "examples").iterdir() if any(folder.glob("*.py")))
OPTIONS = {
    "own_incident": ("--mcp-scenario", "first-aid"),
    "own_scenario": ("--mcp-scenario", "warehouse"),
    "own_workflow": ("--mcp-scenario", "deployment-chain"),
}
"""For examples that pytest runs only when asked by name."""


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_an_example_passes_as_it_stands(folder: Path, tmp_path: Path) -> None:
    project = tmp_path / folder.name
    shutil.copytree(folder, project, ignore=shutil.ignore_patterns("__pycache__"))
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-p",
        "no:asyncio",
    ]

    said = run([*command, *OPTIONS.get(folder.name, ())], cwd=project, timeout=120)

    (summary,) = re.findall(r"^=+ (.*) in [\d.]+s.*=+$", said, flags=re.MULTILINE)
    assert re.fullmatch(r"\d+ passed", summary), said


def test_every_example_is_shown_on_a_page() -> None:
    text = "".join(
        page.read_text(encoding="utf-8") for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
    )

    assert [folder.name for folder in EXAMPLES if f"<!-- file: examples/{folder.name}/" not in text] == []
