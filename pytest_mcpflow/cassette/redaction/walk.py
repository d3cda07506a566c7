"""Taking secrets out of JSON: by the places of a protocol message, and by the names in anybody's data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from pytest_mcpflow.cassette.redaction.grammar import (
    Fields,
    Shape,
    Strength,
    Values,
    looks_like_form,
    looks_like_schema,
    shape_of_params,
    shape_of_result,
)
from pytest_mcpflow.cassette.redaction.known import KnownValues
from pytest_mcpflow.cassette.redaction.names import holds_secret, holds_secret_number
from pytest_mcpflow.cassette.redaction.rules import Rule
from pytest_mcpflow.cassette.redaction.strings import Strings

__all__ = ["Walk"]

LONG_NAME = 12
LONG_NUMBER = 10**11
"""A known value of fewer digits may stand anywhere."""
ENVELOPE = ("jsonrpc", "id", "method")
NAMING = ("name", "key", "header", "variable")
"""What a member `value` may be named by: `{"name": "API_TOKEN", "value": ...}`."""

OFTEN_NAMES = ("secrets", "credentials", "keys", "codes")
"""Lists of these are often the names of secrets."""

Json = Any


class Walk:
    """Redacts JSON values. What it need not change, it returns as it is.

    Args:
        suspects: Whether there may be something to take out of a text in UTF-8.
    """

    def __init__(
        self,
        shapes: Sequence[Rule],
        own: Sequence[Rule],
        known: KnownValues,
        *,
        entropy: bool,
        personal: bool,
        suspects: Callable[[bytes], bool],
    ) -> None:
        self._suspects = suspects
        self._strings = Strings(shapes, own, known, entropy=entropy, personal=personal, walk=self.data)

    def message(self, body: Mapping[str, Any], answers: str | None) -> Mapping[str, Any]:
        """Redact a JSON-RPC message; `answers` is the method of the request that it answers."""
        shape = Fields(
            {
                **dict.fromkeys(ENVELOPE, Strength.NONE),
                "params": shape_of_params(body.get("method")),
                "result": shape_of_result(answers),
                "error": Fields({"code": Strength.NONE}),
            }
        )
        return cast("Mapping[str, Any]", self._value(body, shape, "", 0))

    def deep_message(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Redact a message that is nested more deeply than the stack allows, as text; nobody reads such a thing."""
        return {name: part if name in ENVELOPE else self._strings.flat(part) for name, part in body.items()}

    def data(self, value: Json, depth: int = 0) -> Json:
        """Redact anybody's data, found `depth` times inside of a string."""
        return self._value(value, Strength.FREE, "", depth)

    def text(self, text: str, name: str = "", depth: int = 0) -> str:
        """Redact a string of data that stands under a name."""
        suspicious = self._suspects(text.encode("utf-8", errors="surrogatepass"))
        return self._strings.free(text, name=name, depth=depth) if suspicious else text

    def _described(self, text: str) -> str:
        suspicious = self._suspects(text.encode("utf-8", errors="surrogatepass"))
        return self._strings.described(text) if suspicious else text

    def _value(self, value: Json, shape: Shape, name: str, depth: int) -> Json:
        if shape is Strength.NONE:
            return value
        if isinstance(value, str):
            return self._described(value) if shape is Strength.DESCRIBED else self.text(value, name, depth)
        if isinstance(value, list):
            return self._list(cast("Sequence[Json]", value), shape, name, depth)
        if isinstance(value, Mapping):
            return self._object(cast("Mapping[str, Json]", value), shape, name, depth)
        return self._number(value)

    def _number(self, value: Json) -> Json:
        """A number, `true` or nothing; 0 for a number that is a known value."""
        is_long = isinstance(value, int) and abs(value) >= LONG_NUMBER
        return 0 if is_long and self._strings.known(str(value)) != str(value) else value

    def _list(self, values: Sequence[Json], shape: Shape, name: str, depth: int) -> Sequence[Json]:
        after = [self._value(each, shape, name, depth) for each in values]
        if shape is Strength.FREE:
            for index, value in enumerate(values):
                if isinstance(value, str) and _is_secret_item(values, index, name):
                    after[index] = self._strings.named(name or "option", value)
        return values if _are_same(after, values) else after

    def _object(self, value: Mapping[str, Json], shape: Shape, name: str, depth: int) -> Mapping[str, Json]:
        if shape is Strength.FREE:
            if not looks_like_schema(name, value):
                return self._data_object(value, depth)
            shape = Strength.DESCRIBED
        after = {key: self._known_member(value, key, shape, depth) for key in value}
        return value if _are_same(after.values(), value.values()) else after

    def _known_member(self, owner: Mapping[str, Json], key: str, shape: Shape, depth: int) -> Json:
        item = owner[key]
        if isinstance(shape, Fields):
            inner = shape.known.get(key, shape.other)
            if key == "content" and looks_like_form(item):
                # The form that a person filled in, where the answered method is not known.
                inner = Strength.FREE
            return (
                self._member(owner, key, depth)
                if inner is Strength.FREE
                else self._value(item, inner, key, depth)
            )
        return self._value(item, shape.each if isinstance(shape, Values) else shape, key, depth)

    def _data_object(self, value: Mapping[str, Json], depth: int) -> Mapping[str, Json]:
        after = dict[str, Json]()
        for key in value:
            name = self._described(key) if len(key) >= LONG_NAME else self._strings.known(key)
            after[_not_taken(name, after)] = self._member(value, key, depth)
        same = after.keys() == value.keys() and _are_same(after.values(), value.values())
        return value if same else after

    def _member(self, owner: Mapping[str, Json], key: str, depth: int) -> Json:
        """A member of an object of data, by its own name or by the one that stands beside it."""
        item, name = owner[key], key
        if key.lower() == "value":
            name = next((owner[each] for each in NAMING if isinstance(owner.get(each), str)), key)
        if isinstance(item, str):
            return self._strings.named(name, item) if holds_secret(name) else self.text(item, key, depth)
        if isinstance(item, int | float) and not isinstance(item, bool):
            return type(item)() if holds_secret_number(name) else self._number(item)
        if isinstance(item, Mapping):
            members = cast("Mapping[str, Json]", item)
            is_secret = key in ("data", "stringData") and owner.get("kind") == "Secret"
            if is_secret or (holds_secret(key) and all(map(str.isupper, members))):
                return self._secret_values(members, depth)
        return self._value(item, Strength.FREE, key, depth)

    def _secret_values(self, members: Mapping[str, Json], depth: int) -> Mapping[str, Json]:
        """An object of secrets by name: the data of a Kubernetes secret, or `{"secrets": {"API_TOKEN": ...}}`."""
        after = {
            name: self._strings.named(name, item)
            if isinstance(item, str)
            else self._member(members, name, depth)
            for name, item in members.items()
        }
        return members if _are_same(after.values(), members.values()) else after


def _is_secret_item(values: Sequence[Json], index: int, name: str) -> bool:
    """Whether an item is one of several secrets (`passwords`), or follows an option such as `--token`."""
    before = values[index - 1] if index else None
    if isinstance(before, str) and before.startswith("-") and "=" not in before and holds_secret(before):
        return not values[index].startswith("-")
    return holds_secret(name) and not name.lower().endswith(OFTEN_NAMES)


def _are_same(after: Iterable[Json], before: Iterable[Json]) -> bool:
    return all(
        new is old or (isinstance(new, str) and new == old) for new, old in zip(after, before, strict=True)
    )


def _not_taken(name: str, taken: Mapping[str, Json]) -> str:
    """Two names may not become one, or a member would be lost."""
    free, number = name, 2
    while free in taken:
        free, number = f"{name}#{number}", number + 1
    return free
