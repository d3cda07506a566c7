"""What `mcpflow new` writes, as examples/new keeps it for readers and type checkers.

`python tests/written.py` writes it again.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pytest_mcpflow.cli import main

__all__ = ["EXAMPLE", "write_all"]

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "new"
TAPES = {
    "stock": "examples/verify/tape.jsonl",
    "everything-server": "fixtures/tapes/everything.jsonl",
    "file-server": "fixtures/tapes/filesystem.jsonl",
    "repository": "fixtures/tapes/git-2026-07-28.jsonl",
    "knowledge-graph": "fixtures/tapes/memory.jsonl",
    "world-clock": "fixtures/tapes/time-2026-07-28.jsonl",
}
"""The fakes of recorded servers, and the tapes that they are made from."""


def write_all() -> dict[str, str]:
    """The texts of all files by name, written by the command in an empty folder."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            codes = [main(["new", "scenario", "nightly-backup"]), main(["new", "fake", "note-book"])]
            for name, tape in TAPES.items():
                codes.append(main(["new", "fake", name, "--from", str(ROOT / tape)]))
        finally:
            os.chdir(before)
        assert codes == [0] * len(codes), codes
        return {
            path.name: path.read_text(encoding="utf-8") for path in Path(folder).iterdir() if path.is_file()
        }


if __name__ == "__main__":
    for written, text in write_all().items():
        (EXAMPLE / written).write_text(text, encoding="utf-8")
