"""Fakes made of tapes: what the recorded server offers, and a state."""

from __future__ import annotations

import copy
import pickle
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from checkout import ROOT
from mcp import MCPError
from tapes import ask, called, opened, say, tell, write

from pytest_mcpflow import (
    CassetteError,
    Era,
    Fake,
    FakeDefinitionError,
    Hub,
    HubError,
    Recording,
    ToolError,
    Way,
    mcpflow_fuzz,
    resource,
    tool,
)

TAPES = ROOT / "fixtures" / "tapes"
MEMORY = TAPES / "memory.jsonl"
EVERYTHING = TAPES / "everything.jsonl"
OBJECT = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
QUEUE = {"name": "queue-1", "entityType": "host", "observations": ["9 jobs wait"]}
every_way = pytest.mark.parametrize("way", Way)
every_era = pytest.mark.parametrize("era", Era)


@dataclass
class Memory(Fake):
    entities: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def begin_with(self, recording: Recording) -> None:
        self.entities = recording.answer("read_graph", dict[str, list[dict[str, Any]]])["entities"]

    @tool()
    def create_entities(self, entities: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
        """Keep them."""
        self.entities += entities
        return {"entities": entities}

    @tool(reads=True)
    def open_nodes(self, names: list[str]) -> dict[str, list[dict[str, Any]]]:
        """Those of these names."""
        return {"entities": [each for each in self.entities if each["name"] in names], "relations": []}


def _run(
    fake: Fake, *calls: tuple[str, dict[str, Any]], way: Way = Way.MEMORY, era: Era = Era.STATELESS
) -> Any:
    """The answer to the last of the calls."""

    async def ask_all() -> Any:
        async with Hub(way=way, era=era) as hub:
            hub.serve(fake, name="taped")
            answers = [await hub.call_tool(f"taped.{name}", arguments) for name, arguments in calls]
            hub.verify()
            return answers[-1]

    return Hub().run(ask_all())


def _sent(fake: Memory) -> Memory:
    """As another process gets it."""
    return cast("Memory", pickle.loads(pickle.dumps(fake)))  # noqa: S301 - our own


def _listed(*tools: dict[str, Any]) -> list[Any]:
    """A session in which a client asks for the list of tools."""
    described = [{"inputSchema": OBJECT, **each} for each in tools]
    return [*opened(), ask(1, "tools/list"), say(1, result={"tools": described})]


@every_way
@every_era
def test_what_is_written_can_be_read_over_each_way(way: Way, era: Era) -> None:
    memory = Memory.from_tape(MEMORY)

    found = _run(
        memory,
        ("create_entities", {"entities": [QUEUE]}),
        ("open_nodes", {"names": ["queue-1", "db-1"]}),
        way=way,
        era=era,
    )

    assert [each["name"] for each in found["entities"]] == ["db-1", "queue-1"]
    assert memory.entities[-1] == QUEUE


@every_way
def test_what_has_no_method_is_answered_from_the_tape_as_often_as_it_is_asked(way: Way) -> None:
    calls = [("search_nodes", {"query": "connections"})] * 2

    found = _run(Memory.from_tape(MEMORY), *calls, way=way)

    assert [each["name"] for each in found["entities"]] == ["db-1"]


@every_way
def test_an_answer_that_may_have_become_wrong_fails_the_test(way: Way) -> None:
    with pytest.raises(
        FakeDefinitionError, match=r"Memory answers search_nodes from memory.jsonl, and its state is no"
    ):
        _run(
            Memory.from_tape(MEMORY),
            ("create_entities", {"entities": [QUEUE]}),
            ("search_nodes", {"query": "connections"}),
            way=way,
        )


def test_a_state_that_the_test_changed_makes_recorded_answers_wrong_as_well() -> None:
    memory = Memory.from_tape(MEMORY)
    memory.entities.clear()

    with pytest.raises(FakeDefinitionError, match="its state is no longer the recorded one; write a method"):
        _run(memory, ("search_nodes", {"query": "connections"}))


def test_an_answer_that_is_always_right_is_given_whatever_was_written() -> None:
    memory = Memory.from_tape(MEMORY, steady=["search_*"])

    found = _run(
        memory, ("create_entities", {"entities": [QUEUE]}), ("search_nodes", {"query": "connections"})
    )

    assert len(found["entities"]) == 1


def test_a_copy_of_a_fake_knows_what_was_recorded() -> None:
    memory = Memory.from_tape(MEMORY)
    memory.entities.append(QUEUE)

    assert Memory.from_tape(MEMORY).is_as_recorded
    assert not copy.deepcopy(memory).is_as_recorded


def test_a_fake_made_of_a_tape_is_of_its_class() -> None:
    assert type(Memory.from_tape(MEMORY)) is Memory
    assert type(Fake.from_tape(MEMORY)) is Fake


def test_a_fake_made_of_a_tape_can_be_sent_to_another_process() -> None:
    memory = Memory.from_tape(MEMORY)
    memory.entities.append(QUEUE)

    sent = _sent(memory)

    assert sent == memory
    assert not sent.is_as_recorded
    assert _run(sent, ("open_nodes", {"names": ["queue-1"]}))["entities"] == [QUEUE]
    found = _run(_sent(Memory.from_tape(MEMORY)), ("search_nodes", {"query": "connections"}))
    assert [each["name"] for each in found["entities"]] == ["db-1"]


def test_the_methods_of_a_fake_made_of_a_tape_can_be_fuzzed() -> None:
    report = mcpflow_fuzz(Memory.from_tape(MEMORY), tools=["open_nodes"], examples=5, steps=3)

    assert report.tools.keys() == {"open_nodes"}
    assert report.never_answered == ()


def test_a_fake_of_a_class_with_a_tape_is_what_its_class_says() -> None:
    Memory.from_tape(MEMORY)

    async def names() -> list[str]:
        async with Hub() as hub:
            hub.serve(Memory())
            return [each.name for each in await hub.list_tools()]

    assert sorted(Hub().run(names())) == ["create_entities", "open_nodes"]


@every_way
def test_a_write_without_a_method_fails_the_test_even_where_the_workflow_swallows_it(way: Way) -> None:
    async def swallow() -> None:
        async with Hub(way=way) as hub:
            hub.serve(Memory.from_tape(MEMORY))
            with pytest.raises(FakeDefinitionError, match="has no method for delete_entities"):
                await hub.call_tool("memory.delete_entities", {"entityNames": ["db-1"]})
            hub.verify()

    with pytest.raises(HubError, match=r"the fake behind memory.delete_entities crashed"):
        Hub().run(swallow())


def test_arguments_that_were_not_recorded_fail_the_test_with_the_nearest() -> None:
    with pytest.raises(
        CassetteError, match="at /arguments/query was recorded 'connections', and asked 'hosts'"
    ):
        _run(Memory.from_tape(MEMORY), ("search_nodes", {"query": "hosts"}))


def test_several_answers_to_one_request_depend_on_state_and_are_not_given() -> None:
    with pytest.raises(FakeDefinitionError, match="has 2 answers to the same request"):
        _run(Fake.from_tape(TAPES / "git-2026-07-28.jsonl"), ("git_status", {"repo_path": "."}))


@every_era
def test_tools_are_listed_as_they_were_recorded(era: Era) -> None:
    recorded = Recording.read(MEMORY)

    async def listed() -> list[Any]:
        async with Hub(era=era) as hub:
            hub.serve(Memory.from_tape(MEMORY))
            return await hub.list_tools()

    tools = Hub().run(listed())

    assert [each.name for each in tools] == [*recorded.tools]
    for each in tools:
        assert each.description == recorded.tools[each.name].description
        assert each.input_schema == recorded.tools[each.name].input_schema
        assert each.output_schema == recorded.tools[each.name].output_schema


@every_era
def test_resources_and_prompts_are_those_of_the_recording(era: Era) -> None:
    async def ask_all() -> tuple[list[str], str]:
        async with Hub(era=era) as hub:
            hub.serve(Fake.from_tape(EVERYTHING))
            client = await hub.client("mcp-servers/everything")
            resources = (await client.list_resources()).resources
            prompt = await client.get_prompt("simple-prompt")
            return [str(each.uri) for each in resources], str(prompt.messages[0].content)

    uris, prompt = Hub().run(ask_all())

    assert uris[0] == "demo://resource/static/document/architecture.md"
    assert "This is a simple prompt without arguments" in prompt


def test_a_client_is_instructed_as_the_recorded_server_did() -> None:
    async def ask_all() -> str | None:
        async with Hub(era=Era.HANDSHAKE) as hub:
            hub.serve(Fake.from_tape(EVERYTHING), name="all")
            return (await hub.client("all")).instructions

    assert (Hub().run(ask_all()) or "").startswith("# Everything Server")


@dataclass
class Shelf(Fake):
    books: list[str] = field(default_factory=list[str])


@dataclass
class LabelledShelf(Shelf):
    @resource("shelf://label")
    def label(self) -> str:
        """Its own."""
        return f"{len(self.books)} books"


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    text = [{"uri": "shelf://label", "text": "books from A to C"}]
    return write(
        tmp_path / "shelf.jsonl",
        [
            *_listed({"name": "look"}),
            ask(2, "resources/read", uri="shelf://label"),
            say(2, result={"contents": text}),
        ],
    )


def _read(fake: Fake) -> str:
    async def read() -> str:
        async with Hub() as hub:
            hub.serve(fake, name="shelf")
            result = await (await hub.client("shelf")).read_resource("shelf://label")
            return str(result.contents[0].model_dump()["text"])

    return Hub().run(read())


def test_a_resource_is_read_as_it_was_recorded(shelf: Path) -> None:
    assert _read(Shelf.from_tape(shelf)) == "books from A to C"


def test_a_resource_that_may_have_changed_is_an_error(shelf: Path) -> None:
    fake = Shelf.from_tape(shelf)
    fake.books.append("D")

    with pytest.raises(
        MCPError, match=r"Shelf answers shelf://label from shelf.jsonl, and its state is no longer"
    ):
        _read(fake)


@every_way
@every_era
@pytest.mark.parametrize("method", ["resources/read", "prompts/get"])
def test_what_has_no_answer_fails_the_test_even_where_the_workflow_swallows_it(
    way: Way, era: Era, method: str
) -> None:
    async def swallow() -> None:
        async with Hub(way=way, era=era) as hub:
            hub.serve(Fake.from_tape(EVERYTHING), name="all")
            client = await hub.client("all")
            with suppress(MCPError):
                if method == "resources/read":
                    await client.read_resource("demo://nowhere")
                else:
                    await client.get_prompt("unheard-of")
            hub.verify()

    with pytest.raises(
        HubError, match=r"the fake behind all\.(demo://nowhere|unheard-of) crashed \(NeverRec"
    ):
        Hub().run(swallow())


def test_resources_of_the_fake_itself_are_in_place_of_the_recorded_ones(shelf: Path) -> None:
    fake = LabelledShelf.from_tape(shelf)
    fake.books.append("D")

    assert _read(fake) == "1 books"


def test_a_recorded_refusal_is_given_as_it_was() -> None:
    with pytest.raises(ToolError, match="expected number, received string"):
        _run(Fake.from_tape(EVERYTHING), ("get-sum", {"a": "two"}))


@every_way
def test_progress_comes_as_it_was_recorded(way: Way) -> None:
    seen: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    async def wait() -> None:
        async with Hub(way=way) as hub:
            hub.serve(Fake.from_tape(EVERYTHING), name="all")
            arguments = {"duration": 0.4, "steps": 4}
            await hub.call_tool("all.trigger-long-running-operation", arguments, on_progress=note)

    Hub().run(wait())

    assert seen == [1, 2, 3, 4]


@every_way
def test_an_error_of_the_protocol_is_given_as_it_was(way: Way, tmp_path: Path) -> None:
    failing = [
        *_listed({"name": "look", "annotations": {"readOnlyHint": True}}),
        ask(2, "tools/call", name="look", arguments={"id": "1"}),
        tell("notifications/message", level="warning", data="it is dark"),
        say(2, error={"code": -32050, "message": "too dark", "data": {"lux": 0}}),
    ]
    fake = Fake.from_tape(write(tmp_path / "dark.jsonl", failing))

    with pytest.raises(MCPError, match="too dark") as error:
        _run(fake, ("look", {"id": "1"}), way=way)

    assert error.value.code == -32050


@dataclass
class Unknown(Fake):
    @tool()
    def lock(self, id: str) -> str:  # noqa: A002 - the server's name for it
        """Not what the server has."""
        return id


@dataclass
class OtherParameter(Fake):
    @tool()
    def look(self, key: str) -> str:
        """Not what the server takes."""
        return key


@dataclass
class NeedsMore(Fake):
    @tool()
    def look(self, id: str, at: str) -> str:  # noqa: A002 - the server's name for it
        """More than the server requires."""
        return at


@dataclass
class ReturnsNothing(Fake):
    @tool()
    def look(self, id: str) -> None:  # noqa: A002 - the server's name for it
        """Less than the server promises."""


@dataclass
class Seen:
    shape: str


@dataclass
class ReturnsOther(Fake):
    @tool()
    def look(self, id: str) -> Seen:  # noqa: A002 - the server's name for it
        """Something else than the server promises."""
        return Seen(id)


TWO: dict[str, Any] = {"type": "object", "properties": {"id": {}, "at": {}}, "required": ["id"]}
COLOUR: dict[str, Any] = {
    "type": "object",
    "properties": {"colour": {"type": "string"}},
    "required": ["colour"],
}


@pytest.mark.parametrize(
    ("fake", "listed", "why"),
    [
        (Unknown, {}, "Unknown.lock is not the tool on server.jsonl: the server has no such tool; .*look"),
        (OtherParameter, {}, "it has no parameter 'id'"),
        (NeedsMore, {}, "its parameter 'at' is not the server's"),
        (NeedsMore, {"inputSchema": TWO}, "its parameter 'at' needs a default"),
        (ReturnsNothing, {"outputSchema": COLOUR}, "it returns nothing"),
        (ReturnsOther, {"outputSchema": COLOUR}, "what it returns has no 'colour'"),
    ],
)
def test_a_method_that_is_not_like_the_recorded_tool_is_found_when_the_fake_is_made(
    fake: type[Fake], listed: dict[str, Any], why: str, tmp_path: Path
) -> None:
    tape = write(tmp_path / "server.jsonl", _listed({"name": "look", **listed}))

    with pytest.raises(FakeDefinitionError, match=why):
        fake.from_tape(tape)


def test_a_tape_without_a_list_of_tools_makes_no_fake(tmp_path: Path) -> None:
    tape = write(tmp_path / "unlisted.jsonl", [*opened(), *called(1, "look", {}, "dark")])

    with pytest.raises(CassetteError, match="does not list the server's tools; record a session"):
        Fake.from_tape(tape)


def test_a_tool_that_asks_its_client_needs_a_method() -> None:
    with pytest.raises(FakeDefinitionError, match="where the server asked its client something"):
        _run(
            Fake.from_tape(EVERYTHING, steady=["trigger-*"]),
            ("trigger-sampling-request", {"prompt": "tea"}),
        )


def test_arguments_without_a_place_in_the_schema_of_a_method_are_refused() -> None:
    with pytest.raises(ToolError, match="names: required"):
        _run(Memory.from_tape(MEMORY), ("open_nodes", {}))
