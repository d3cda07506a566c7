"""What a test's own marks say, read from its function, its class and its file."""

from __future__ import annotations

from functools import partial

import pytest

from pytest_mcpflow import UnknownNameError, parameter_of
from pytest_mcpflow.own_marks import own_marks

pytestmark = [pytest.mark.mcpflow(seed=3)]


def named() -> None: ...


ANY, OTHER = object(), object()
ROWS = [
    (named, 1),
    (ANY, 2),
    pytest.param(OTHER, 3, id="other"),
    (named, 4),
]


@pytest.mark.mcpflow(seed=2)
class Cases:
    @pytest.mark.mcpflow(seed=1)
    @pytest.mark.parametrize("what, number", ROWS)  # noqa: PT006 - pytest takes it
    def both(self, what: object, number: int) -> None: ...


@pytest.mark.parametrize("what", [ANY, OTHER], ids=["one", "two"])
def tupled(what: object) -> None: ...


@pytest.mark.parametrize(argnames="what", argvalues=(each for each in [ANY]))
def generated(what: object) -> None: ...


def test_the_nearest_mark_comes_first() -> None:
    assert [mark.kwargs["seed"] for mark in own_marks(Cases.both, "mcpflow")] == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "case", "value"),
    [
        ("what", "named", named),
        ("what", "what1", ANY),
        ("what", "other", OTHER),
        ("what", "named-3", named),
        ("number", "number3", 4),
    ],
)
def test_a_value_is_found_by_its_id_or_by_its_name_or_its_number(name: str, case: str, value: object) -> None:
    assert parameter_of(Cases.both, name, case) is value


def test_ids_beside_the_values_count() -> None:
    assert parameter_of(tupled, "what", "two") is OTHER


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (partial(parameter_of, tupled, "what", "three"), "'what' of .*tupled 'three'.*one, two"),
        (partial(parameter_of, generated, "what", "what0"), "'what0'"),
    ],
)
def test_a_case_that_is_gone_is_told_with_those_there_are(asked: partial[object], message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        asked()
