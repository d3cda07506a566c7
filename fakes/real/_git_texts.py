"""What git prints, for `pytest_mcpflow.fakes.real.mcp_server_git`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from pytest_mcpflow.fake import FakeError
from pytest_mcpflow.fakes.desktop_commander import Repository

__all__ = ["check_name", "difference", "history_of", "staged_line"]


def staged_line(path: str, before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """A staged file, as `git status` shows it."""
    what = "deleted: " if path not in after else "modified:" if path in before else "new file:"
    return f"\t{what}   {path}"


def check_name(name: str, what: str) -> None:
    """Refuse what git would take for an option."""
    if not name or name.startswith("-"):
        raise FakeError(f"Invalid {what}: '{name}' - cannot start with '-'")


def difference(before: Mapping[str, str], after: Mapping[str, str], context: int) -> str:
    """How files differ, as `git diff` shows it."""
    parts: list[str] = []
    for path in sorted({*before, *after}):
        old, new = before.get(path, ""), after.get(path, "")
        if old != new:
            old_name = "/dev/null" if path not in before else f"a/{path}"
            new_name = "/dev/null" if path not in after else f"b/{path}"
            hunks = difflib.unified_diff(
                old.splitlines(), new.splitlines(), old_name, new_name, n=max(context, 0), lineterm=""
            )
            parts.append(f"diff --git a/{path} b/{path}\n" + "".join(f"{line}\n" for line in hunks))
    return "".join(parts)


def history_of(repository: Repository, head: str | None) -> set[str]:
    """The hashes of a commit and of all that came before it."""
    found: set[str] = set()
    while head is not None:
        found.add(head)
        head = repository.commits[head].parent
    return found
