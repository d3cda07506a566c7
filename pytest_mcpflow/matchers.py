"""Values that stand for an interaction in a comparison.

    assert mcpflow.transcript.calls("send_alert") == [sent({"severity": "high"})]

Objects in the style of dirty-equals may stand for a value or for all of them: `sent({"message": IsStr()})`,
`answered(IsPartialDict(success=True))`, `refused(IsStr(regex=".*not found"))`. Each part of an interaction can also be
compared by itself: `calls[0].arguments == {"severity": "high", "message": IsStr()}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from pytest_mcpflow.outcome import Answered, Outcome, Refused, shown_arguments, shown_value
from pytest_mcpflow.transcript import Interaction, matches

__all__ = ["CallMatcher", "Comparable", "answered", "refused", "sent"]


class Comparable(Protocol):
    """What is compared with a whole value, as the objects of dirty-equals are."""

    def __eq__(self, other: object, /) -> bool: ...


@dataclass(frozen=True, eq=False)
class CallMatcher:
    """Equals an interaction that has at least what is said here; what is `None` may be anything."""

    site: str | None = None
    arguments: Mapping[str, Any] | Comparable | None = None
    answer: Mapping[str, Any] | Comparable | None = None
    refusal: str | Comparable | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Interaction):
            return NotImplemented
        return (
            (self.site is None or matches(self.site, other.site))
            and (self.arguments is None or _has(other.arguments, self.arguments))
            and (
                self.answer is None
                or (isinstance(other.outcome, Answered) and _has(other.outcome.value, self.answer))
            )
            and (self.refusal is None or _refuses(other.outcome, self.refusal))
        )

    __hash__ = None  # type: ignore[assignment]  # equal to many different interactions

    def __repr__(self) -> str:
        call = f"{self.site or '*'}({'' if self.arguments is None else _shown(self.arguments)}, ...)"
        outcome = "" if self.answer is None else f" -> {shown_value(self.answer)}"
        return (
            call.replace("(, ", "(")
            + outcome
            + ("" if self.refusal is None else f" -> refused: {self.refusal}")
        )


def sent(arguments: Mapping[str, Any] | Comparable, *, to: str | None = None) -> CallMatcher:
    """A call with at least these arguments, to the tool that the pattern `to` names if it is given."""
    return CallMatcher(site=to, arguments=arguments)


def answered(answer: Mapping[str, Any] | Comparable, *, by: str | None = None) -> CallMatcher:
    """A call that was answered with at least these values."""
    return CallMatcher(site=by, answer=answer)


def refused(words: str | Comparable = "", *, by: str | None = None) -> CallMatcher:
    """A call that was refused in a message with these words; also by a fake whose refusals look like successes."""
    return CallMatcher(site=by, refusal=words)


def _refuses(outcome: Outcome, words: str | Comparable) -> bool:
    if isinstance(outcome, Answered) and outcome.says_no:
        message = str(outcome.value)
    elif isinstance(outcome, Refused):
        message = outcome.message
    else:
        return False
    return words in message if isinstance(words, str) else bool(words == message)


def _has(actual: object, wanted: Mapping[str, Any] | Comparable) -> bool:
    if not isinstance(wanted, Mapping):
        return bool(wanted == actual)
    if not isinstance(actual, Mapping):
        return False
    values, parts = cast("Mapping[str, Any]", actual), cast("Mapping[str, Any]", wanted)
    return all(name in values and bool(values[name] == parts[name]) for name in parts)


def _shown(arguments: Mapping[str, Any] | Comparable) -> str:
    if isinstance(arguments, Mapping):
        return shown_arguments(cast("Mapping[str, Any]", arguments))
    return repr(arguments)
