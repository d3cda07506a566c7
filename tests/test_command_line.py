"""The `mcpflow` command as a shell has it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

COMMAND = [sys.executable, "-m", "pytest_mcpflow", "scenarios"]


def test_a_list_that_nobody_reads_to_its_end_ends_without_a_word(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(COMMAND, cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, timeout=60)
    finally:
        os.close(writing)

    assert (done.returncode, done.stderr) == (141, b"")
