"""Initial states that are drawn by the type hints of a fake."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import find, given, settings

from pytest_mcpflow import Fake, FakeDefinitionError, UnknownNameError, load_state, save_state, tool
from pytest_mcpflow.fakes.kubernetes import Kubernetes
from pytest_mcpflow.strategies import worlds


@dataclass
class Parcel:
    to: str
    weight: float
    state: Literal["here", "sent"] = "here"


@dataclass
class Depot(Fake):
    """Keeps parcels."""

    parcels: dict[str, Parcel] = field(default_factory=dict[str, Parcel])
    room: int = 10
    notes: list[str] = field(default_factory=list[str], compare=False)

    @tool(reads=True)
    def look(self) -> int:
        """Count parcels."""
        return len(self.parcels)


LONG = settings(max_examples=2000, deadline=None, database=None, derandomize=True)
QUICK = settings(max_examples=60, deadline=None, database=None, derandomize=True)


@QUICK
@given(worlds(Depot))
def test_a_drawn_world_is_what_its_type_hints_say(depot: Depot) -> None:
    assert all(isinstance(parcel, Parcel) for parcel in depot.parcels.values())
    assert all(parcel.state in ("here", "sent") for parcel in depot.parcels.values())
    assert load_state(Depot, save_state(depot)) == depot


@QUICK
@given(worlds(Kubernetes))
def test_the_world_of_a_fake_that_ships_can_be_drawn(cluster: Kubernetes) -> None:
    assert load_state(Kubernetes, save_state(cluster)) == cluster


@QUICK
@given(worlds(Depot(room=3, notes=["mind the step"]), vary=["parcels"]))
def test_fields_that_do_not_vary_are_as_they_were(depot: Depot) -> None:
    assert (depot.room, depot.notes) == (3, ["mind the step"])


def test_every_field_of_the_state_varies() -> None:
    assert find(worlds(Depot), lambda depot: depot.room > 10, settings=LONG).room == 11
    assert [*find(worlds(Depot), lambda depot: len(depot.parcels) > 1, settings=LONG).parcels.values()] == [
        Parcel("", 0.0),
        Parcel("", 0.0),
    ]


def test_what_is_no_part_of_the_compared_state_does_not_vary() -> None:
    seen: set[tuple[int, tuple[str, ...]]] = set()

    @QUICK
    @given(worlds(Depot))
    def collect(depot: Depot) -> None:
        seen.add((depot.seed, tuple(depot.notes)))

    collect()
    assert seen == {(0, ())}


def test_each_world_is_a_new_object() -> None:
    given_to = Depot()
    strategy = worlds(given_to, vary=["room"])
    found = find(strategy, lambda _: True, settings=LONG)
    found.parcels["p"] = Parcel("Ada", 1.0)

    assert find(strategy, lambda _: True, settings=LONG).parcels == {}
    assert given_to == Depot()


def test_a_field_that_the_fake_has_not_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"field of Depot 'parcel'; .*parcels"):
        worlds(Depot, vary=["parcel"])


@pytest.mark.parametrize("nothing", [None, "depot", int])
def test_what_is_no_fake_is_refused(nothing: Any) -> None:
    with pytest.raises(FakeDefinitionError, match=r"worlds are drawn of a fake: .*, got "):
        worlds(nothing)


def test_a_field_that_has_no_json_form_is_refused() -> None:
    @dataclass
    class Odd(Fake):
        """Keeps a type that JSON has not."""

        kinds: list[object] = field(default_factory=list[object])
        key: complex = 1j
        when: range = range(3)

        @tool(reads=True)
        def look(self) -> int:
            """Look."""
            return 1

    with pytest.raises(FakeDefinitionError, match="Odd"):
        worlds(Odd)
