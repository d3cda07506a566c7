"""Merging two trees of files that began as one, as git does: by what each has changed since."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import SequenceMatcher

__all__ = ["merge_trees"]


def merge_trees(
    began: Mapping[str, str], ours: Mapping[str, str], theirs: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Our tree with what they have changed, and the paths of which both have changed the same lines.

    Args:
        began: What both trees were once.
        ours: What is merged into; a path in conflict stays as it is here.
        theirs: What is merged.
    """
    merged, conflicts = dict(ours), list[str]()
    for path in sorted({*began, *theirs}):
        before, our, their = began.get(path), ours.get(path), theirs.get(path)
        if their in (before, our):
            continue
        text = their if our == before else _merge_lines(before, our, their)
        if text is not None:
            merged[path] = text
        elif our == before:
            merged.pop(path, None)
        else:
            conflicts.append(path)
    return merged, conflicts


def _merge_lines(before: str | None, ours: str | None, theirs: str | None) -> str | None:
    """A text with the changes of both, or `None` where these touch, or one of them has deleted or created it."""
    if before is None or ours is None or theirs is None:
        return None
    lines, our, their = (text.splitlines(keepends=True) for text in (before, ours, theirs))
    hunks, others = _hunks(lines, our), _hunks(lines, their)
    both = [hunk for hunk in hunks if hunk in others]
    for start, end, _ in (hunk for hunk in hunks if hunk not in both):
        if any(start <= to and since <= end for since, to, _ in others):
            return None
    for start, end, new in sorted([*hunks, *(hunk for hunk in others if hunk not in both)], reverse=True):
        lines[start:end] = new
    return "".join(lines)


def _hunks(before: list[str], after: list[str]) -> list[tuple[int, int, list[str]]]:
    """From which line to which a text was changed, and what is there now."""
    found = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return [(start, end, after[since:to]) for tag, start, end, since, to in found if tag != "equal"]
