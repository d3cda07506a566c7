"""A fake of knowledge graph, begun from memory.jsonl: its tools, and the answers that were recorded."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Fake, FakeError, tool
from typing_extensions import TypedDict


@dataclass
class Entity:
    entityType: str
    name: str
    observations: list[str]


@dataclass
class CreateEntitiesResult:
    entities: list[Entity]


@dataclass
class CreateRelationsResult:
    relations: list[Relation]


@dataclass
class Observation:
    contents: list[str]
    entityName: str


@dataclass
class AddObservationsResult:
    results: list[Result]


@dataclass
class Result:
    addedObservations: list[str]
    entityName: str


@dataclass
class DeleteEntitiesResult:
    message: str
    success: bool


@dataclass
class Deletion:
    entityName: str
    observations: list[str]


@dataclass
class ReadGraphResult:
    entities: list[Entity]
    relations: list[Relation]


Relation = TypedDict("Relation", {"from": str, "relationType": str, "to": str})


@dataclass
class KnowledgeGraph(Fake):
    """What memory.jsonl has of knowledge graph; anything else is refused."""

    done: list[str] = field(default_factory=list[str])
    """What clients had it do, in order. Put what the service really remembers in its place."""

    @tool()
    def create_entities(self, entities: list[Entity]) -> CreateEntitiesResult:
        """Create multiple new entities in the knowledge graph"""
        if entities == [
            Entity(
                entityType="host",
                name="db-1",
                observations=["195 of 200 connections"],
            ),
        ]:
            self.done.append(f"create_entities(entities={entities!r})")
            return CreateEntitiesResult(
                entities=[
                    Entity(
                        entityType="host",
                        name="db-1",
                        observations=["195 of 200 connections"],
                    ),
                ],
            )
        raise FakeError("nothing is recorded for these arguments")

    @tool()
    def create_relations(self, relations: list[Relation]) -> CreateRelationsResult:
        """Create multiple new relations between entities in the knowledge graph.
        Relations should be in active voice
        """
        raise FakeError("nothing is recorded for these arguments")

    @tool()
    def add_observations(
        self,
        observations: list[Observation],
    ) -> AddObservationsResult:
        """Add new observations to existing entities in the knowledge graph"""
        raise FakeError("nothing is recorded for these arguments")

    @tool(destroys=True, idempotent=True)
    def delete_entities(self, entityNames: list[str]) -> DeleteEntitiesResult:
        """Delete multiple entities and their associated relations from the knowledge
        graph

        Args:
            entityNames: An array of entity names to delete
        """
        raise FakeError("nothing is recorded for these arguments")

    @tool(destroys=True, idempotent=True)
    def delete_observations(self, deletions: list[Deletion]) -> DeleteEntitiesResult:
        """Delete specific observations from entities in the knowledge graph"""
        raise FakeError("nothing is recorded for these arguments")

    @tool(destroys=True, idempotent=True)
    def delete_relations(self, relations: list[Relation]) -> DeleteEntitiesResult:
        """Delete multiple relations from the knowledge graph

        Args:
            relations: An array of relations to delete
        """
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True, idempotent=True)
    def read_graph(self) -> ReadGraphResult:
        """Read the entire knowledge graph"""
        return ReadGraphResult(
            entities=[
                Entity(
                    entityType="host",
                    name="db-1",
                    observations=["195 of 200 connections"],
                ),
            ],
            relations=[],
        )

    @tool(reads=True, idempotent=True)
    def search_nodes(self, query: str) -> ReadGraphResult:
        """Search for nodes in the knowledge graph based on a query

        Args:
            query: The search query to match against entity names, types, and
                observation content
        """
        if query == "connections":
            return ReadGraphResult(
                entities=[
                    Entity(
                        entityType="host",
                        name="db-1",
                        observations=["195 of 200 connections"],
                    ),
                ],
                relations=[],
            )
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True, idempotent=True)
    def open_nodes(self, names: list[str]) -> ReadGraphResult:
        """Open specific nodes in the knowledge graph by their names

        Args:
            names: An array of entity names to retrieve
        """
        raise FakeError("nothing is recorded for these arguments")
