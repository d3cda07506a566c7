"""A fake of the memory server on memory.jsonl."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Fake, Recording, tool


@dataclass
class Entity:
    name: str
    entityType: str  # noqa: N815 - the server's name for it
    observations: list[str]


@dataclass
class Graph:
    entities: list[Entity] = field(default_factory=list[Entity])
    relations: list[dict[str, str]] = field(default_factory=list[dict[str, str]])


@dataclass
class Created:
    entities: list[Entity]


@dataclass
class Memory(Fake):
    graph: Graph = field(default_factory=Graph)

    def begin_with(self, recording: Recording) -> None:
        self.graph = recording.answer("read_graph", Graph)

    @tool()
    def create_entities(self, entities: list[Entity]) -> Created:
        """Entities of a name that is known already are left out."""
        known = {entity.name for entity in self.graph.entities}
        new = [entity for entity in entities if entity.name not in known]
        self.graph.entities += new
        return Created(new)

    @tool(reads=True)
    def read_graph(self) -> Graph:
        """All of it."""
        return self.graph
