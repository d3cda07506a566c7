"""What `mcpflow_fuzz` was given, as what sessions are begun with."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import TypeGuard, cast

import hypothesis
from hypothesis import strategies as st

from pytest_mcpflow.errors import FuzzError
from pytest_mcpflow.fake import Fake
from pytest_mcpflow.fuzz.of_fake import FakeSubject, offer_of
from pytest_mcpflow.fuzz.subject import Target
from pytest_mcpflow.outcome import shortened
from pytest_mcpflow.state import save_state

__all__ = ["targets_of"]

SHOWN = 60


def targets_of(server: object, *, patience: float) -> tuple[st.SearchStrategy[Target], Target]:
    """A strategy of what is fuzzed, and the first that it draws.

    Raises:
        FuzzError: It is nothing that can be called.
        ServerStartError: It cannot be reached.
    """
    if isinstance(server, st.SearchStrategy):
        drawn = cast("st.SearchStrategy[object]", server).map(_of_drawn)
        return drawn, _first_of(drawn)
    if isinstance(server, Fake):
        target = _of_fake(lambda: copy.deepcopy(server), _written(server))
    elif _is_class_of_fakes(server):
        target = _of_fake(server, _name_of(server))
    elif callable(server) and isinstance(server(), Fake):
        target = _of_fake(cast("Callable[[], Fake]", server), _name_of(server))
    else:
        from pytest_mcpflow.fuzz.outside import outside_target  # loads the SDK, which fakes do not need

        target = outside_target(server, patience=patience, shows=_name_of(server))
    return st.just(target), target


def _is_class_of_fakes(server: object) -> TypeGuard[type[Fake]]:
    return isinstance(server, type) and issubclass(server, Fake)


def _of_drawn(drawn: object) -> Target:
    if not isinstance(drawn, Fake):
        raise FuzzError(f"mcpflow_fuzz was given a strategy that draws {drawn!r}; it takes one of fakes")
    return _of_fake(lambda: copy.deepcopy(drawn), _loading(drawn))


def _of_fake(make: Callable[[], Fake], shows: str) -> Target:
    return Target(offer_of(make()), lambda: FakeSubject(make()), shows)


def _written(fake: Fake) -> str:
    text = repr(fake)
    return text if len(text) <= SHOWN and "<" not in text else f"<the same {type(fake).__name__}>"


def _loading(fake: Fake) -> str:
    saved = json.dumps(json.loads(save_state(fake)))
    return f"load_state({type(fake).__name__}, {saved!r})"


def _name_of(server: object) -> str:
    """How a reader can write it in a test; something in brackets where it has no name there."""
    if isinstance(server, str):
        return repr(server)
    name = str(getattr(server, "__qualname__", f"<{type(server).__qualname__}>"))
    return f"<the same {name.rpartition('.')[2].strip('<>')}>" if "<" in name else shortened(name)


def _first_of(targets: st.SearchStrategy[Target]) -> Target:
    found: list[Target] = []

    @hypothesis.settings(max_examples=1, database=None, deadline=None, phases=[hypothesis.Phase.generate])
    @hypothesis.given(targets)
    def first(target: Target) -> None:
        found.append(target)

    first()
    return found[0]
