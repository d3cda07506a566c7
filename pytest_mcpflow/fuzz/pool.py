"""Values that a session has seen, by name, so that later calls can ask for what there is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import lru_cache
from typing import Any, cast

__all__ = ["Pool"]

Words = tuple[str, ...]
"""In order and each once: sets have another order in each process, and so would what is drawn."""
Known = tuple[str, Any]
"""A value with the name of its JSON type, since 1 is 1.0 and no text is a number."""

LIMIT, SHOWN, LONGEST, PREFIX = 600, 8, 200, 3
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_FIELD = re.compile("[a-z][A-Za-z]*(_[a-z]+)*")
_NAMED_IN_TEXT = re.compile(r"""["'`]([^"'`\n]{1,80})["'`]|\b([A-Za-z0-9][\w./:-]*\d[\w./:-]*)""")
"""In prose: what stands in quotation marks, and words with a digit in them, as ids have."""


@dataclass
class Pool:
    """Values by the words of the names under which they were seen: `deployment_id`, `deployment: {id}`.

    Args:
        given: Values by the names of parameters, which somebody knows to be good.
        worked: Arguments of calls that were answered, by the names of parameters, the latest last.
        seen: All values, with the words of the names above them.
    """

    given: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])
    worked: dict[str, dict[Known, None]] = field(default_factory=dict[str, dict[Known, None]])
    seen: dict[Known, Words] = field(default_factory=dict[Known, Words])
    _of_word: dict[str, dict[Known, None]] = field(default_factory=dict[str, dict[Known, None]])

    def learn(self, value: object, words: Words = ()) -> None:
        """Keep every value in a JSON value, and the keys that are no names of fields."""
        if isinstance(value, dict):
            for name, inner in cast("dict[str, object]", value).items():
                if not _FIELD.fullmatch(name):
                    self._keep(name, words)
                self.learn(inner, _joined(words, _words_of(name)))
        elif isinstance(value, list):
            for inner in cast("list[object]", value):
                self.learn(inner, words)
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            self._keep(value, words)

    def learn_state(self, value: object, words: Words = ()) -> None:
        """Keep every value in a state, and every key of its mappings."""
        if isinstance(value, dict):
            for name, inner in cast("dict[object, object]", value).items():
                if isinstance(name, str):
                    self._keep(name, words)
                    self.learn_state(inner, _joined(words, _words_of(name)))
        elif is_dataclass(value):
            for each in (each for each in fields(value) if each.compare):
                self.learn_state(getattr(value, each.name), _joined(words, _words_of(each.name)))
        elif isinstance(value, set | frozenset):
            self.learn_state(sorted(map(str, cast("Iterable[object]", value))), words)
        elif isinstance(value, list | tuple):
            for inner in cast("Iterable[object]", value):
                self.learn_state(inner, words)
        else:
            self.learn(value, words)

    def learn_text(self, text: str) -> None:
        """Keep what looks like a name or an id in prose."""
        for quoted, marked in _NAMED_IN_TEXT.findall(text):
            self._keep(quoted or marked, ())

    def learn_worked(self, arguments: Mapping[str, Any]) -> None:
        """Keep the arguments of a call that was answered."""
        for name, value in arguments.items():
            if isinstance(value, str | int | float) and not isinstance(value, bool):
                values = self.worked.setdefault(name, {})
                values.pop((_type_of(value), value), None)
                values[_type_of(value), value] = None

    def good(self, name: str, types: Sequence[str]) -> list[Any]:
        """Values that somebody knows to be good for a parameter of this name, or that were."""
        given = [value for value in self.given.get(name, ()) if _fits(_type_of(value), types)]
        return given + [value for kind, value in reversed(self.worked.get(name, {})) if _fits(kind, types)]

    def like(self, name: str, types: Sequence[str]) -> list[Any]:
        """Values that a parameter of this name may mean, the likeliest first."""
        common = Counter(
            known for word in _words_of(name) for alike in self._alike(word) for known in self._of_word[alike]
        )
        most = max(common.values(), default=0)
        best = [known for known, count in common.items() if count == most and _fits(known[0], types)]
        return [value for _, value in sorted(best, key=lambda known: len(self.seen[known]))[:SHOWN]]

    def any(self, types: Sequence[str]) -> list[Any]:
        """Values of these types, the earliest first."""
        return [value for kind, value in self.seen if _fits(kind, types)]

    def _alike(self, word: str) -> list[str]:
        """Words that mean the same: `repo` and `repository`, `env` and `environment`."""
        if word in self._of_word:
            return [word]
        return [
            other
            for other in self._of_word
            if min(len(word), len(other)) >= PREFIX and (other.startswith(word) or word.startswith(other))
        ]

    def _keep(self, value: str | float, words: Words) -> None:
        if isinstance(value, str) and not 0 < len(value) <= LONGEST:
            return
        known = (_type_of(value), value)
        if known not in self.seen and len(self.seen) >= LIMIT:
            return
        self.seen[known] = _joined(self.seen.get(known, ()), words)
        for word in words:
            self._of_word.setdefault(word, {})[known] = None


@lru_cache(maxsize=4096)
def _words_of(name: str) -> Words:
    """The words of a name, in lower case and the singular: `pullNumber`, `pull_numbers` -> pull, number."""
    return tuple(dict.fromkeys(word.lower().removesuffix("s") for word in _WORD.findall(name)))


def _joined(first: Words, second: Words) -> Words:
    return tuple(dict.fromkeys(first + second))


_TYPES: Mapping[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
    type(None): "null",
}


def _type_of(value: object) -> str:
    return _TYPES[type(value)]


def _fits(kind: str, types: Sequence[str]) -> bool:
    return kind in types or (kind == "integer" and "number" in types)
