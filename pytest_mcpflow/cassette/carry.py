"""Identifiers that a server makes up anew in each run, carried to where the client sends them back.

A tool that opens something answers with an id, and the next call sends that id. A live server knows its own id only,
and the tape has another one; so the client's side of the tape is played with the live one in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from pytest_mcpflow.cassette.compare import differences
from pytest_mcpflow.cassette.redaction.placeholder import PLACEHOLDER
from pytest_mcpflow.cassette.volatile import ids_in, with_ids

__all__ = ["Carried"]


class Carried:
    """Which live identifier stands for which recorded one."""

    def __init__(self) -> None:
        self._live: dict[str, str] = {}
        self._recorded: dict[str, str] = {}

    def learn(self, recorded: object, live: object) -> None:
        """Take note of the identifiers in an answer and in the live answer to the same request."""
        for each in differences(recorded, live, exact=True):
            if not isinstance(each.old, str) or not isinstance(each.new, str):
                continue
            name = each.pointer.rpartition("/")[2]
            if PLACEHOLDER.fullmatch(each.old):
                pairs = [(each.old, each.new)]
            else:
                olds, news = ids_in(each.old, name=name), ids_in(each.new, name=name)
                pairs = list(zip(olds, news, strict=True)) if len(olds) == len(news) else []
            for old, new in pairs:
                if old != new:
                    self._live.setdefault(old, new)
                    self._recorded.setdefault(new, old)

    def live(self, document: object) -> object:
        """What the client sent, with live identifiers in place of recorded ones."""
        return _replaced(document, self._live) if self._live else document

    def recorded(self, document: object) -> object:
        """What passed, with recorded identifiers in place of live ones: what belongs together still does on tape."""
        return _replaced(document, self._recorded) if self._recorded else document


def _replaced(document: object, names: Mapping[str, str]) -> object:
    if isinstance(document, str):
        return with_ids(document, names)
    if isinstance(document, Mapping):
        members = cast("Mapping[str, object]", document)
        return {name: _replaced(value, names) for name, value in members.items()}
    if isinstance(document, list):
        return [_replaced(item, names) for item in cast("list[object]", document)]
    return document
