"""What a server offers: its tools, prompts and resources, and which of its tools may do damage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_mcpflow.cassette.compare import MISSING, differences
from pytest_mcpflow.cassette.drift import Change
from pytest_mcpflow.cassette.operations import Operation, Result
from pytest_mcpflow.cassette.values import as_object

__all__ = ["LISTINGS", "Listing", "changed_offers", "changed_terms", "danger_of", "offers_of", "pages_of"]


@dataclass(frozen=True, slots=True)
class Listing:
    """A kind of listing: the member of its result that has the entries, and the member of an entry that names it."""

    member: str
    key: str
    noun: str


LISTINGS: Mapping[str, Listing] = {
    "tools/list": Listing("tools", "name", "tool"),
    "prompts/list": Listing("prompts", "name", "prompt"),
    "resources/list": Listing("resources", "uri", "resource"),
    "resources/templates/list": Listing("resourceTemplates", "uriTemplate", "resource template"),
}


def offers_of(listing: Listing, pages: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The entries of a listing by name. Their order means nothing, nor on which page they stand."""
    return {
        str(as_object(entry).get(listing.key)): as_object(entry)
        for page in pages
        for entry in _list(page.get(listing.member))
    }


def pages_of(first: Operation, recorded: Iterable[Operation]) -> list[Operation]:
    """A listing's first request and those that followed its cursors."""
    pages = [first]
    for operation in recorded:
        before = pages[-1].outcome
        if not isinstance(before, Result) or "nextCursor" not in before.body:
            break
        if operation.method != first.method or operation.line <= pages[-1].line:
            continue
        cursor = operation.params.get("cursor")
        if cursor == before.body["nextCursor"] and isinstance(operation.outcome, Result):
            pages.append(operation)
    return pages


def changed_offers(
    listing: Listing,
    old: Mapping[str, Mapping[str, Any]],
    new: Mapping[str, Mapping[str, Any]],
    *,
    line: int,
    is_whole: bool,
) -> Iterator[Change]:
    """What came and what went.

    Args:
        listing: The kind of listing.
        old: The recorded entries.
        new: The live ones.
        line: Where the recorded ones stand.
        is_whole: Whether the client read the recorded listing to its end; what is new cannot be told otherwise.
    """
    for name in sorted({*old, *new}):
        if (name in old and name in new) or (name not in old and not is_whole):
            continue
        yield Change(f"{listing.noun} {name}", "", old.get(name, MISSING), new.get(name, MISSING), line)


def changed_terms(
    listing: Listing,
    old: Mapping[str, Mapping[str, Any]],
    new: Mapping[str, Mapping[str, Any]],
    *,
    line: int,
    ignore: Sequence[str] = (),
) -> Iterator[Change]:
    """What the entries of both say otherwise about themselves."""
    for name in sorted({*old} & {*new}):
        for each in differences(old[name], new[name], ignore=ignore, exact=True, schema=True):
            yield Change(f"{listing.noun} {name}", each.pointer, each.old, each.new, line)


def danger_of(tool: Mapping[str, Any]) -> str | None:
    """Why calling a tool may destroy something; `None` if it says that it does not.

    By the schema of the Model Context Protocol (ToolAnnotations, in 2025-11-25 and 2026-07-28 alike), `readOnlyHint`
    is false and `destructiveHint` is true unless the tool says otherwise.
    """
    annotations = as_object(tool.get("annotations"))
    if annotations.get("destructiveHint") is True:
        return "it says destructiveHint"
    if annotations.get("readOnlyHint") is True or annotations.get("destructiveHint") is False:
        return None
    return "it does not say readOnlyHint or destructiveHint: false, so by the protocol it is destructive"


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()  # pyright: ignore[reportUnknownVariableType]
