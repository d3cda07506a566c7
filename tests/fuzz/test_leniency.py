"""What a lenient server makes of values that are written as another type."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from pytest_mcpflow.fuzz.leniency import lenient_readings


@pytest.mark.parametrize(
    ("written", "kind"),
    [("7", int), ("1.5", float), ("yes", bool), (1, bool), (True, int), ("OFF", bool), (" 7 ", int)],
)
def test_what_pydantic_reads_is_among_the_readings(written: object, kind: type) -> None:
    read: Any = TypeAdapter(kind).validate_python(written)

    assert {"of": read} in [*lenient_readings({"of": written})]


def test_json_in_a_text_is_read_and_prose_is_not() -> None:
    assert [*lenient_readings({"tags": '["a"]'})] == [{"tags": ["a"]}]
    assert [*lenient_readings({"tags": "a, b"})] == []


def test_one_value_is_read_at_a_time_however_deep_it_stands() -> None:
    arguments = {"box": {"sizes": [1.5, "2"]}, "name": None}

    assert {"box": {"sizes": [1.5, 2]}, "name": None} in [*lenient_readings(arguments)]
    assert [*lenient_readings({"first": "x", "second": [2, None]})] == []
