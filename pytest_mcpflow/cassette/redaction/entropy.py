"""Whether a run of characters looks like chance made it.

Words, names in camel case, paths, UUIDs and hashes do not: random letters change between upper case, lower case
and digits at 62 of 100 places, names at 30. Hexadecimal is never called random, since commits and digests are.
"""

from __future__ import annotations

import math
import re
from collections import Counter

__all__ = ["RUN", "is_mixed", "looks_random"]

LENGTH, CHANGES, BITS = 24, 0.4, 3.6
RUN = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{24,}={0,2}(?![A-Za-z0-9+/_=-])")
DIGIT = re.compile(r"\d")
UPPER, LOWER = re.compile(r"[A-Z]"), re.compile(r"[a-z]")
KIND = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", "a" * 26 + "A" * 26 + "0" * 10, "+/_=-"
)
SEPARATED = re.compile(r"[/_-]")


def is_mixed(run: str) -> bool:
    """Whether a run has upper case, lower case and digits, without which nothing is called random."""
    return not (UPPER.search(run) is None or LOWER.search(run) is None or DIGIT.search(run) is None)


def looks_random(run: str) -> bool:
    """Whether a run of letters, digits and the marks of base64 is too irregular to be a name, a path or a hash."""
    parts = SEPARATED.split(run) if "+" not in run and "=" not in run else [run]
    longest = max(parts, key=len)
    if len(longest) >= LENGTH:
        return _irregular(longest)
    # A token of base64url has separators, too, but at random places; names and paths have words between theirs.
    return len(run) >= 32 and len(parts) <= 1 + len(run) // 12 and "/" not in run and _irregular(run)


def _irregular(run: str) -> bool:
    if not is_mixed(run):
        return False
    kinds = run.translate(KIND)
    if len(kinds) < 2:
        return False
    changes = sum(map(str.__ne__, kinds, kinds[1:])) / (len(kinds) - 1)
    return changes >= CHANGES and _bits(run) >= BITS


def _bits(run: str) -> float:
    """Shannon's entropy, in bits a character."""
    total = len(run)
    return -sum(count / total * math.log2(count / total) for count in Counter(run).values())
