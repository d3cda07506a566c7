"""Which names GitHub takes: of branches, of secrets and variables."""

from __future__ import annotations

import re
from typing import Literal

from pytest_mcpflow.fake import FakeError

__all__ = ["check_key", "is_ref_name"]

_NOT_IN_A_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|\.$|/$|^/|^\.|^$|^@$")
"""What `git check-ref-format` refuses."""


def is_ref_name(branch: str) -> bool:
    """Whether a branch may have that name."""
    return _NOT_IN_A_REF.search(branch) is None


def check_key(kind: Literal["Secret", "Variable"], name: str) -> None:
    """Refuse what is no name of a secret or of a variable of Actions.

    Raises:
        FakeError: In GitHub's words.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise FakeError(
            f"{kind} names can only contain alphanumeric characters ([A-Z], [a-z], [0-9]) or underscores (_). Spaces "
            "are not allowed. Must start with a letter ([A-Z], [a-z]) or underscores (_)."
        )
    if name.upper().startswith("GITHUB_"):
        raise FakeError(f"{kind} names must not start with GITHUB_.")
