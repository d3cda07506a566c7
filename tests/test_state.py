"""Saving a fake's state as text, and loading it again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_mcpflow import Fake, FakeDefinitionError, StateError, load_state, save_state, tool
from pytest_mcpflow.catalogue import builtin_scenarios
from pytest_mcpflow.scenario import Scenario, world_of


@dataclass
class Parcel:
    to: str
    weight: float
    sent: datetime | None = None


@dataclass
class Post(Fake):
    """A post office."""

    parcels: dict[str, Parcel] = field(default_factory=dict[str, Parcel])
    counters: list[int] = field(default_factory=list[int])

    @tool()
    def send(self, to: str) -> str:
        """Send a parcel."""
        number = self.new_id("parcel")
        self.parcels[number] = Parcel(to, 1.5, datetime(2026, 1, 2, tzinfo=UTC))
        return number

    @tool(reads=True)
    def track(self, number: str) -> Parcel:
        """Say where a parcel goes."""
        return self.parcels[number]


@dataclass
class Confused(Fake):
    """Its annotation is wrong."""

    numbers: list[int] = field(default_factory=list[int])

    @tool()
    def confuse(self) -> None:
        """Keep a text as a number."""
        self.numbers.append("one")  # type: ignore[arg-type]  # the mistake that is told


@dataclass
class Calling(Fake):
    """Keeps a function."""

    back: Callable[[], None] = print

    @tool()
    def call(self) -> None:
        """Call back."""


@pytest.mark.parametrize("scenario", [*builtin_scenarios()], ids=lambda each: each.name)
def test_the_world_of_each_scenario_survives_saving_and_loading(scenario: type[Scenario]) -> None:
    for fake in world_of(scenario()).values():
        loaded = load_state(type(fake), save_state(fake))

        assert loaded == fake
        assert save_state(loaded) == save_state(fake)


def test_a_loaded_fake_goes_on_issuing_ids_where_the_saved_one_was() -> None:
    post = Post(seed=3)
    post.send("Ada")

    loaded = load_state(Post, save_state(post))

    assert loaded.send("Bob") == post.send("Bob") == "parcel-2"
    assert loaded.seed == 3


def test_withdrawn_tools_stay_withdrawn() -> None:
    post = Post()
    post.withdraw("send")

    assert load_state(Post, save_state(post)).withdrawn == {"send"}


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text(), st.builds(Parcel, st.text(), st.floats(allow_nan=False), st.datetimes() | st.none())
    )
)
def test_every_state_survives_saving_and_loading(parcels: dict[str, Parcel]) -> None:
    post = Post(parcels)

    assert load_state(Post, save_state(post)) == post


def test_infinity_survives_saving_and_loading() -> None:
    post = Post({"1": Parcel("Ada", math.inf)})

    assert load_state(Post, save_state(post)).parcels["1"].weight == math.inf


def test_a_field_that_was_not_saved_has_its_default() -> None:
    saved = json.loads(save_state(Post({"1": Parcel("Ada", 2.0)}, [1])))
    del saved["state"]["counters"]

    assert load_state(Post, json.dumps(saved)) == Post({"1": Parcel("Ada", 2.0)})


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(
        StateError, match=r"a saved state of post is JSON, and this is not: .* line 1 column 2"
    ):
        load_state(Post, "{parcels")


def test_what_is_no_saved_state_is_refused() -> None:
    with pytest.raises(StateError, match=r"an object of service, state and withdrawn, got .*parcels"):
        load_state(Post, '{"parcels": {}}')


def test_the_state_of_another_service_is_refused() -> None:
    with pytest.raises(StateError, match="a saved state of 'post', and Confused is 'confused'"):
        load_state(Confused, save_state(Post()))


def test_a_field_that_the_fake_has_not_is_refused_with_the_nearest() -> None:
    text = save_state(Post()).replace('"parcels"', '"parcel"')

    with pytest.raises(StateError, match="has a field 'parcel', which Post has not; nearest: parcels"):
        load_state(Post, text)


def test_a_value_that_a_field_cannot_hold_is_refused_with_its_place() -> None:
    text = save_state(Post({"1": Parcel("Ada", 2.0)})).replace('"Ada"', "7")

    with pytest.raises(StateError, match=r"has 7 at parcels\.1\.to: Input should be a valid string"):
        load_state(Post, text)


def test_a_state_that_its_annotations_do_not_describe_is_refused() -> None:
    confused = Confused()
    confused.confuse()

    with pytest.raises(FakeDefinitionError, match="Confused holds what its annotations do not say"):
        save_state(confused)


def test_a_field_without_a_json_form_is_refused() -> None:
    with pytest.raises(FakeDefinitionError, match="Calling"):
        save_state(Calling())
