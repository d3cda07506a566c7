"""What is drawn from a JSON Schema is valid, and what is drawn against it is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from schema_corpus import real_schemas, tricky_schemas

from pytest_mcpflow import SchemaError
from pytest_mcpflow.strategies import arguments, invalid_arguments

FEW = settings(
    max_examples=6,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
LONG = settings(max_examples=2000, deadline=None, database=None, derandomize=True)
MORE = settings(FEW, max_examples=25)
REAL, TRICKY = real_schemas(), tricky_schemas()


def accepts(schema: Mapping[str, Any], value: object) -> bool:
    return bool(validator_for(schema, default=Draft202012Validator)(schema).is_valid(value))  # type: ignore[arg-type]


def drawn(strategy: st.SearchStrategy[Any], how: settings) -> list[Any]:
    found: list[Any] = []

    @how
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found


def test_the_corpus_is_of_several_servers() -> None:
    assert len({name.partition(".")[0] for name in REAL}) >= 5
    assert len(REAL) >= 40


@pytest.mark.parametrize("name", TRICKY)
def test_what_is_drawn_from_a_tricky_schema_is_valid(name: str) -> None:
    values = drawn(arguments(TRICKY[name]), MORE)

    assert [value for value in values if not accepts(TRICKY[name], value)] == []
    assert values


@pytest.mark.parametrize("name", TRICKY)
def test_what_is_drawn_against_a_tricky_schema_is_invalid(name: str) -> None:
    values = drawn(invalid_arguments(TRICKY[name]), MORE)

    assert [value for value in values if accepts(TRICKY[name], value)] == []
    assert values
    assert all(isinstance(value, dict) for value in values)


def test_what_is_drawn_from_the_schemas_of_real_servers_is_valid() -> None:
    wrong = [
        (name, value)
        for name, schema in REAL.items()
        for value in drawn(arguments(schema), FEW)
        if not accepts(schema, value)
    ]

    assert wrong == []


def test_what_is_drawn_against_the_schemas_of_real_servers_is_invalid() -> None:
    strategies = {name: invalid_arguments(schema) for name, schema in REAL.items()}
    wrong = [
        (name, value)
        for name, strategy in strategies.items()
        if not strategy.is_empty
        for value in drawn(strategy, FEW)
        if accepts(REAL[name], value)
    ]

    assert wrong == []
    assert sum(not strategy.is_empty for strategy in strategies.values()) > len(REAL) * 0.8


def test_a_schema_that_takes_every_object_has_no_invalid_arguments() -> None:
    assert invalid_arguments({"type": "object"}).is_empty
    assert invalid_arguments({"type": "object", "properties": {"any": {}}}).is_empty


@pytest.mark.parametrize(
    ("name", "reached"),
    [
        ("integer range", {3, 4, 5}),
        ("exclusive range", {4}),
        ("multiple", {21, 28}),
        ("multiple of a fraction", {0.5}),
        ("two multiples", {12, 24}),
        ("enum and type", {1, 2.5}),
        ("not", {0, 1, 2, 4, 5}),
    ],
)
def test_every_value_that_a_small_schema_allows_is_drawn(name: str, reached: set[float]) -> None:
    assert {
        value["it"] for value in drawn(arguments(TRICKY[name]), settings(MORE, max_examples=150))
    } == reached


ALTERNATIVES: dict[str, tuple[Callable[[Any], bool], ...]] = {
    "any of": (lambda it: isinstance(it, str), lambda it: isinstance(it, list)),
    "one of by kind": (lambda it: it["kind"] == "a", lambda it: it["kind"] == "b"),
    "if then else": (lambda it: it["how"] == "file", lambda it: it["how"] == "text"),
    "several types": (lambda it: it is None, lambda it: isinstance(it, int), lambda it: isinstance(it, str)),
}


@pytest.mark.parametrize("name", ALTERNATIVES)
def test_every_alternative_is_drawn(name: str) -> None:
    values = [value["it"] for value in drawn(arguments(TRICKY[name]), MORE)]

    assert all(any(map(alternative, values)) for alternative in ALTERNATIVES[name])


def test_recursion_is_followed_and_ends() -> None:
    values = drawn(arguments(TRICKY["recursion"]), settings(MORE, max_examples=100))

    assert any(value["tree"].get("children") for value in values)
    assert all(len(str(value)) < 20_000 for value in values)


def test_properties_that_the_schema_does_not_name_are_left_out() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}

    assert {name for value in drawn(arguments(schema), MORE) for name in value} == {"a"}


def test_the_smallest_arguments_have_what_is_required_only() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "string"}, "c": {"type": "array"}},
        "required": ["b"],
    }

    assert find(arguments(schema), lambda _: True, settings=LONG) == {"b": ""}


def test_integers_stay_within_what_every_parser_tells_apart() -> None:
    schema = {"type": "object", "properties": {"it": {"type": "integer"}}, "required": ["it"]}

    assert (
        max(abs(value["it"]) for value in drawn(arguments(schema), settings(MORE, max_examples=200))) < 2**53
    )


def test_both_branches_of_a_condition_are_drawn() -> None:
    code = {"properties": {"code": {"type": "string", "pattern": "^[0-9]{9}$"}}, "required": ["code"]}
    schema = {
        "type": "object",
        "properties": {"kind": {"enum": ["open", "locked"]}},
        "required": ["kind"],
        "if": {"properties": {"kind": {"const": "locked"}}},
        "then": code,
    }

    values = drawn(arguments(schema), settings(MORE, max_examples=60))

    assert {each["kind"] for each in values} == {"open", "locked"}


def test_invalid_arguments_lie_right_beside_the_limits() -> None:
    limits = {"word": {"minLength": 3, "maxLength": 5}, "dice": {"minimum": 2, "exclusiveMaximum": 7}}
    types = {"word": "string", "dice": "integer"}
    properties = {name: {"type": types[name], **limit} for name, limit in limits.items()}
    schema = {"type": "object", "properties": properties, "required": ["word", "dice"]}

    values = drawn(invalid_arguments(schema), settings(MORE, max_examples=300))

    words = {len(each["word"]) for each in values if isinstance(each.get("word"), str)}
    dice = {each["dice"] for each in values if type(each.get("dice")) is int}
    assert words >= {2, 6}
    assert dice >= {1, 7}


def test_invalid_arguments_have_one_mistake() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer", "minimum": 1}, "b": {"type": "string"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    }

    values = drawn(invalid_arguments(schema), settings(MORE, max_examples=150))

    validator: Any = Draft202012Validator(schema)
    mistakes = [len([*validator.iter_errors(value)]) for value in values]
    assert {*mistakes} == {1}
    assert any("a" not in value for value in values)
    assert any(value.get("a") == 0 for value in values)
    assert any(isinstance(value.get("b"), list) for value in values)
    assert any(value.keys() - {"a", "b"} for value in values)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "nothing"}, "no JSON Schema: at type, 'nothing' is not valid"),
        ({"properties": {"a": {"$ref": "#/$defs/a"}}}, "refers to '#/\\$defs/a', which is not in it"),
        ({"properties": {"a": {"$ref": "https://example.com/b"}}}, "refers to 'https://example.com/b'"),
        ({"properties": {"a": {"pattern": "\\p{L}"}}}, "a pattern that Python cannot read, '.*p{L}'"),
        ({"$ref": "#"}, "refers to '#', which leads back"),
        (
            {
                "properties": {"x": {"$ref": "#/$defs/a"}},
                "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
            },
            "which leads back",
        ),
        ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}, "which leads back"),
        ({"$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}}, "refers to '#/\\$defs/a', which leads back"),
        ({"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}}}, "which leads back"),
        ({"$defs": {"a": {"oneOf": [{"type": "null"}, {"$ref": "#/$defs/a"}]}}}, "which leads back"),
        ({"$defs": {"a": {"not": {"$ref": "#/$defs/a"}}}}, "which leads back"),
        ({"$defs": {"a": {"if": {"$ref": "#/$defs/a"}}}}, "which leads back"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        arguments({"type": "object", **schema})


def test_a_schema_without_an_end_for_some_values_is_refused_when_it_meets_one() -> None:
    name = {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/name"}]}
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/name"}}, "$defs": {"name": name}}

    assert any(isinstance(value.get("a"), str) for value in drawn(arguments(schema), MORE))
    with pytest.raises(SchemaError, match="refers to itself without an end for this value"):
        drawn(invalid_arguments(schema), MORE)


@pytest.mark.parametrize("schema", [{"type": "array"}, {"not": {}, "type": ["string", "null"]}])
def test_a_schema_of_no_object_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(SchemaError, match="no arguments are what this schema demands"):
        arguments(schema)
