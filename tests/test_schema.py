"""From signatures to schemas: what a client may send is what the signature says, and nothing else."""

from __future__ import annotations

import asyncio
import copy
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from pytest_mcpflow import (
    Call,
    Fake,
    FakeDefinitionError,
    FakeError,
    Hub,
    ManualClock,
    prompt,
    resource,
    tool,
)
from pytest_mcpflow.fake import Change, Readable, Verbatim
from pytest_mcpflow.schema import RawResult, contract_of, invoke


@dataclass
class Size:
    width: int
    height: int = 1


@dataclass
class Tree:
    children: list[Tree] = field(default_factory=list["Tree"])


@dataclass
class Everything(Fake):
    """Has parameters of every kind."""

    seen: list[Any] = field(default_factory=list[Any])

    @tool(idempotent=False)
    def keep(
        self,
        name: str,
        size: Size,
        mode: Literal["fast", "slow"] = "fast",
        ratio: float = 0.5,
        tags: list[str] | None = None,
        sizes: dict[str, Size] | None = None,
    ) -> Size:
        """Keep what was sent."""
        self.seen.append((name, size, mode, ratio, tags, sizes))
        return size

    @tool(reads=True)
    def grow(self) -> Tree:
        """A class that contains itself."""
        return Tree([Tree()])

    @tool(reads=True)
    def words(self) -> list[str]:
        """A list, which travels wrapped."""
        return ["a", "b"]

    @tool()
    def nothing(self) -> None:
        """Answers nothing."""

    @tool()
    def refuses(self) -> str:
        """Refuses."""
        raise FakeError("not today")

    @tool(reads=True)
    def lies(self) -> int:
        """Returns what its annotation does not say."""
        return "text"  # type: ignore[return-value]


class Silent(Call):
    """A caller that nobody listens to."""

    async def progress(
        self, done: float, *, total: float | None = None, message: str | None = None
    ) -> None: ...
    async def log(self, message: str, *, level: Any = "info") -> None: ...
    async def elicit(self, question: str, answer: Any) -> Any: ...
    async def sample(self, prompt: str, *, max_tokens: int = 1000) -> str:
        return ""


def call(fake: Fake, name: str, arguments: dict[str, Any]) -> RawResult:
    return asyncio.run(invoke(fake, contract_of(type(fake)).tools[name], arguments, Silent()))


def test_a_signature_is_an_input_schema() -> None:
    schema = contract_of(Everything).tools["keep"].parameters.json_schema
    properties = schema["properties"]
    assert schema["required"] == ["name", "size"]
    assert schema["additionalProperties"] is False
    assert properties["name"]["type"] == "string"
    assert properties["mode"] | {"title": ""} == {
        "default": "fast",
        "enum": ["fast", "slow"],
        "title": "",
        "type": "string",
    }
    assert properties["ratio"]["default"] == 0.5
    assert properties["tags"]["anyOf"] == [{"items": {"type": "string"}, "type": "array"}, {"type": "null"}]
    assert schema["$defs"]["Size"]["required"] == ["width"]
    assert contract_of(Everything).tools["keep"].description == "Keep what was sent."


def test_a_return_type_is_an_output_schema_with_an_object_at_the_top() -> None:
    tools = contract_of(Everything).tools
    schemas = {name: spec.output_schema for name, spec in tools.items()}
    assert schemas.pop("nothing") is None
    assert all(schema is not None and schema["type"] == "object" for schema in schemas.values())
    assert tools["words"].wraps
    assert not tools["grow"].wraps


def test_answers_are_structured_and_text() -> None:
    fake = Everything()
    assert call(fake, "words", {})["structuredContent"] == {"result": ["a", "b"]}
    assert call(fake, "grow", {})["content"] == [{"type": "text", "text": '{"children":[{"children":[]}]}'}]
    assert call(fake, "nothing", {}) == {"content": [], "isError": False}
    assert call(fake, "refuses", {}) == {"content": [{"type": "text", "text": "not today"}], "isError": True}


def test_arguments_become_what_the_signature_says() -> None:
    fake = Everything()
    call(fake, "keep", {"name": "a", "size": {"width": 2}, "sizes": {"s": {"width": 3, "height": 4}}})
    assert fake.seen == [("a", Size(2), "fast", 0.5, None, {"s": Size(3, 4)})]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "name: required; size: required"),
        ({"name": 1, "size": {"width": 1}}, "name: input should be a valid string, got 1"),
        ({"name": "a", "size": {"width": "1"}}, 'size.width: input should be a valid integer, got "1"'),
        ({"name": "a", "size": {"width": True}}, "size.width: input should be a valid integer, got true"),
        (
            {"name": "a", "size": {"width": 1}, "mode": "x"},
            "mode: input should be 'fast' or 'slow', got \"x\"",
        ),
        ({"name": "a", "size": {"width": 1}, "nmae": "b"}, "nmae: unknown argument (nearest: name, "),
        ({"name": object(), "size": {}}, "not JSON"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_runs(arguments: dict[str, Any], words: str) -> None:
    fake = Everything()
    result = call(fake, "keep", arguments)
    assert result["isError"]
    assert words in result["content"][0]["text"]
    assert fake.seen == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-100, 100) | st.floats(-10, 10) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["width", "height", "x"]), inner)
    ),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(["name", "size", "mode", "ratio", "tags", "sizes", "other"]), JSON))
def test_whatever_is_sent_either_runs_or_changes_nothing(arguments: dict[str, Any]) -> None:
    fake = Everything()
    result = call(fake, "keep", arguments)
    assert len(fake.seen) == (0 if result["isError"] else 1)


def test_a_returned_value_that_breaks_its_annotation_is_the_fakes_mistake() -> None:
    with pytest.raises(FakeDefinitionError, match=r"Everything\.lies returned 'text'"):
        call(Everything(), "lies", {})


class Opaque:
    """Has no JSON form."""


class Unannotated(Fake):
    @tool()
    def go(self, what) -> str:  # type: ignore[no-untyped-def]  # the point
        """Go."""
        return ""


class NoReturn(Fake):
    @tool()
    def go(self):  # type: ignore[no-untyped-def]  # the point
        """Go."""


class NoDocstring(Fake):
    @tool()
    def go(self) -> str:
        return ""


class Starred(Fake):
    @tool()
    def go(self, *what: str) -> str:
        """Go."""
        return ""


class Unresolvable(Fake):
    @tool()
    def go(self, what: Nowhere) -> str:  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore  # the point
        """Go."""
        return ""


class Opaquely(Fake):
    @tool()
    def go(self, what: Opaque) -> str:
        """Go."""
        return ""


class WrongUri(Fake):
    @resource("x://{name}")
    def go(self, other: str) -> str:
        """Go."""
        return ""


class Doubled(Fake):
    @tool()
    def go(self) -> None:
        """Go."""

    @tool(name="go")
    def also_go(self) -> None:
        """Go."""


class Empty(Fake):
    """Offers nothing."""


@pytest.mark.parametrize(
    ("fake_type", "words"),
    [
        (Unannotated, r"Unannotated\.go cannot be served: parameter 'what' is not annotated"),
        (NoReturn, "its return type is not annotated"),
        (NoDocstring, "it has no docstring, which is the description"),
        (Starred, "parameter 'what' cannot be given by name"),
        (Unresolvable, "its annotations cannot be resolved: name 'Nowhere'"),
        (Opaquely, "Opaque has no JSON form|has no JSON form"),
        (WrongUri, r"its URI 'x://\{name\}' has no \{other\}"),
        (Doubled, r"Doubled\.also_go cannot be served: another method is the tool 'go' already"),
        (Empty, "Empty offers nothing; mark a method"),
    ],
)
def test_a_fake_that_cannot_be_described_says_why(fake_type: type[Fake], words: str) -> None:
    with pytest.raises(FakeDefinitionError, match=words):
        contract_of(fake_type)


@dataclass
class Hyphens(Fake):
    """Uses names that are none in Python."""

    @tool(reads=True, name="get-route")
    def get_route(self, from_: Annotated[str, Field(alias="from")] = "home", to: str = "work") -> str:
        """Say how to go."""
        return f"{from_} to {to}"


async def test_clients_may_see_names_that_are_none_in_python(mcpflow: Hub) -> None:
    mcpflow.serve(Hyphens())

    answers = [
        (await mcpflow.call_tool("hyphens.get-route", arguments)).text
        for arguments in ({"from": "a"}, {"to": "b"})
    ]

    assert answers == ["a to work", "home to b"]
    properties = contract_of(Hyphens).tools["get-route"].parameters.json_schema["properties"]
    assert {name: each["default"] for name, each in properties.items()} == {"from": "home", "to": "work"}


def test_ids_are_counted_or_decided_by_the_seed() -> None:
    first, second, other = Everything(), Everything(), Everything(seed=1)
    assert [first.new_id("INC"), first.new_id("INC"), first.new_id("PR")] == ["INC-1", "INC-2", "PR-1"]
    assert first.new_hex(12) == second.new_hex(12) != other.new_hex(12)
    assert first.new_hex(12) != second.new_hex(8)


def test_a_copy_is_a_snapshot_of_the_state_that_nobody_listens_to() -> None:
    heard: list[Change] = []
    fake = Everything(seen=[1])
    stop = fake.on_change(heard.append)
    twin = copy.deepcopy(fake)
    twin.seen.append(2)
    twin.withdraw("keep")
    assert (fake.seen, fake.withdrawn, heard) == ([1], frozenset(), [])
    fake.withdraw("keep")
    fake.offer("keep")
    stop()
    fake.withdraw("keep")
    assert heard == [Change("tools"), Change("tools")]


def test_an_unserved_fake_has_a_clock_that_a_test_moves() -> None:
    fake = Everything()
    assert isinstance(fake.clock, ManualClock)
    fake.clock.advance(5)
    assert (fake.clock.now(), fake.clock.wall().isoformat()) == (5, "2026-01-01T00:00:05+00:00")
    with pytest.raises(ValueError, match="does not go back"):
        fake.clock.advance(-1)


class Letters(Fake):
    """Writes."""

    @prompt()
    def letter(self, to: str, tone: str = "kind") -> str:
        """A letter."""
        return f"{tone} {to}"


def test_prompts_take_their_parameters_as_arguments() -> None:
    spec = contract_of(Letters).prompts["letter"]
    assert (spec.parameters.names, spec.parameters.json_schema["required"]) == (("to", "tone"), ["to"])


@dataclass
class Page(Readable):
    """A page that reads as its text."""

    body: str

    def as_text(self) -> str:
        return self.body


@dataclass
class Book(Fake):
    """Has pages."""

    @tool(reads=True)
    def page(self) -> Page:
        """Read the page."""
        return Page("Once")

    @tool(reads=True)
    def picture(self) -> Verbatim:
        """See the picture."""
        return Verbatim(
            {"content": [{"type": "image", "data": "", "mimeType": "image/png"}], "isError": False}
        )


def test_a_result_may_read_differently_from_its_json() -> None:
    assert call(Book(), "page", {}) == {
        "content": [{"type": "text", "text": "Once"}],
        "structuredContent": {"body": "Once"},
        "isError": False,
    }


def test_a_result_may_be_given_whole() -> None:
    assert call(Book(), "picture", {})["content"][0]["type"] == "image"
