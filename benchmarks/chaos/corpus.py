"""The workflows, in three sets, and the kinds of faults they are tried with."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from chaos.case import Case
from chaos.development import deliveries, records, shared
from chaos.frozen import crowds, dealings, traffic, upkeep
from chaos.validation import lookouts, promises, together
from pytest_mcpflow.faults import FaultKind
from pytest_mcpflow.faults.answers import Malformed, Stale
from pytest_mcpflow.faults.broken import Disconnect
from pytest_mcpflow.faults.lost import Delay, Duplicate, Late, LoseReply, LoseRequest
from pytest_mcpflow.faults.refused import Error

__all__ = [
    "ALL",
    "DEVELOPMENT",
    "FROZEN",
    "FROZEN_DIGEST",
    "KINDS",
    "VALIDATION",
    "buggy",
    "correct",
    "digest_of_frozen",
]

KINDS: tuple[FaultKind, ...] = (
    Error(),
    Disconnect("before"),
    LoseRequest(),
    LoseReply(),
    Late(),
    Duplicate(),
    Stale(),
    Malformed(),
    Delay(4),
    Delay(4, "reply"),
)
"""What may happen to one call, without an aftermath for others, so that the size of a plan counts calls."""

DEVELOPMENT: tuple[ModuleType, ...] = (deliveries, records, shared)
VALIDATION: tuple[ModuleType, ...] = (lookouts, promises, together)
FROZEN: tuple[ModuleType, ...] = (crowds, dealings, traffic, upkeep)
FROZEN_DIGEST = "3e1bbd1bc2751c3114d5da073108074a933bdf3f221a480534548735083e3f80"
"""The frozen set, and what it is made of, as it was written before anybody looked at what the explorer finds in it."""

ALL = (*DEVELOPMENT, *VALIDATION, *FROZEN)


def buggy(*sets: ModuleType) -> list[type[Case]]:
    """The workflows with a bug."""
    return [case for case in _cases(sets) if case.plan]


def correct(*sets: ModuleType) -> list[type[Case]]:
    """The workflows without."""
    return [case for case in _cases(sets) if not case.plan]


def digest_of_frozen() -> str:
    """A hash of the files of the frozen set and of those it is made of."""
    here = Path(__file__).parent
    files = [here / "case.py", here / "services.py", *sorted((here / "frozen").glob("*.py"))]
    text = b"".join(file.read_bytes().replace(b"\r\n", b"\n") for file in files)
    return hashlib.sha256(text).hexdigest()


def _cases(modules: tuple[ModuleType, ...]) -> Iterator[type[Case]]:
    for module in modules:
        for member in vars(module).values():
            if inspect.isclass(member) and issubclass(member, Case) and member.__module__ == module.__name__:
                yield member
