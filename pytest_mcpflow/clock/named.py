"""Clocks and the like that a module has under their own name: `from time import monotonic`.

The module's name is bound to the real function, so that putting another one into `time` does not reach it. Modules of
the standard library are left alone, since their locks and queues wait in real time and must count it, and so is
pytest, which measures how long tests take.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

__all__ = ["in_place_of"]

LEFT_ALONE = sys.stdlib_module_names | {"_pytest"}
Functions = Mapping[str, Callable[..., Any]]


@contextmanager
def in_place_of(real: Functions, virtual: Functions) -> Generator[None]:
    """While in here, modules that have a real function under its name have the virtual one.

    Modules that are imported meanwhile have got the virtual ones, and are given the real ones at the end.
    """
    known = {*sys.modules}
    changed = [*_having(real, known)]
    for module, name in changed:
        setattr(module, name, virtual[name])
    try:
        yield
    finally:
        for module, name in (*changed, *_having(virtual, sys.modules.keys() - known)):
            if getattr(module, name, None) is virtual[name]:
                setattr(module, name, real[name])


def _having(functions: Functions, names: Iterable[str]) -> Iterator[tuple[ModuleType, str]]:
    wanted = tuple(functions.items())
    for known_as in names:
        module = sys.modules[known_as]
        members: Mapping[str, object] = getattr(module, "__dict__", {})
        for name, function in wanted:
            if members.get(name) is function and known_as.partition(".")[0] not in LEFT_ALONE:
                yield module, name
