"""Taking secrets out of messages before they are written, and out of live requests before they are compared.

The shapes of tokens are a list of our own and no detector's; docs/how-to/redact.md says which were measured.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_mcpflow.cassette.redaction.known import KnownValues
from pytest_mcpflow.cassette.redaction.shapes import hints, shapes
from pytest_mcpflow.cassette.redaction.sieve import Sieve

if TYPE_CHECKING:
    from pytest_mcpflow.cassette.redaction.rules import Rule
    from pytest_mcpflow.cassette.redaction.walk import Walk

__all__ = ["Redactor"]

VERSION = 1
"""Changes when the transform makes something else of the same text by the same rules."""


class Redactor:
    """Puts `[REDACTED:rule:hash8]` in the place of secrets.

    The same text gives the same placeholder on every machine, and redacting twice changes nothing; so a live
    request that went through a redactor of the same rules equals its recording. For the value of a secret
    environment variable the hash is that of the variable's name, so that the recording also matches where the
    variable has another value. A number under a name such as `passcode` becomes 0.

    Args:
        rules: Rules besides those that are always looked for.
        environment: Where values of secret variables are taken from; by default that of this process.
        entropy: Whether runs of 24 and more characters that look random are taken out.
        personal: Whether e-mail addresses and telephone numbers are taken out, too.
    """

    def __init__(
        self,
        rules: Iterable[Rule] = (),
        *,
        environment: Mapping[str, str] | None = None,
        entropy: bool = True,
        personal: bool = False,
    ) -> None:
        self._own = tuple(rules)
        if any(rule.stands_for_personal_data for rule in self._own):
            self._own = tuple(rule for rule in self._own if not rule.stands_for_personal_data)
            personal = True
        self._entropy, self._personal = entropy, personal
        self._known = KnownValues(os.environ if environment is None else environment)
        finding = [rule.hints for rule in self._own if not rule.keeps]
        own_hints = None if () in finding else [hint for each in finding for hint in each]
        self._sieve = Sieve(hints(), self._known, personal=personal, own_hints=own_hints)

    @classmethod
    def of_tape(cls, fingerprint: str | None, rules: Sequence[Rule] = ()) -> Redactor | None:
        """The redaction that a tape names by its fingerprint, with these rules; `None` if nothing was taken out of it.

        Whether addresses and telephone numbers were taken out, the tape says; rules of one's own it cannot.
        """
        if fingerprint is None:
            return None
        usual = cls(rules)
        if usual.fingerprint == fingerprint:
            return usual
        personal = cls(rules, personal=True)
        return personal if personal.fingerprint == fingerprint else usual

    @property
    def fingerprint(self) -> str:
        """What identifies rules and options, and not the environment: 12 hexadecimal digits."""
        from pytest_mcpflow.cassette.redaction.placeholder import digest

        known = [name for name, _, _ in shapes()]
        own = [(rule.name, rule.pattern) for rule in self._own]
        return digest(json.dumps([VERSION, self._entropy, self._personal, known, own]), length=12)

    def suspects(self, raw: bytes) -> bool:
        """Whether there may be a secret in a message, given as JSON. If not, redacting would change nothing."""
        return self._sieve.suspects(raw)

    def message(self, body: Mapping[str, Any], *, answers: str | None = None) -> Mapping[str, Any]:
        """A JSON-RPC message without its secrets; the same object if there are none.

        Args:
            body: The message.
            answers: The method of the request that a response answers, since the response does not say it.
        """
        raw = json.dumps(body, ensure_ascii=False).encode("utf-8", errors="surrogatepass")
        if not self._sieve.suspects(raw):
            return body
        try:
            return self._walk.message(body, answers)
        except RecursionError:
            return self._walk.deep_message(body)

    def text(self, text: str) -> str:
        """Any text without its secrets: a line that was no message, a URL, the body of an HTTP answer."""
        return self._walk.text(text)

    def arguments(self, arguments: Sequence[str]) -> list[str]:
        """A command line without its secrets: `--api-token=x`, `--password x`, URLs, headers."""
        return [*map(str, self._walk.data([*arguments]))]

    @cached_property
    def _walk(self) -> Walk:
        """What finds secrets; made when one is suspected, since it takes 30 ms to import."""
        from pytest_mcpflow.cassette.redaction.rules import default_rules
        from pytest_mcpflow.cassette.redaction.walk import Walk

        return Walk(
            default_rules(),
            self._own,
            self._known,
            entropy=self._entropy,
            personal=self._personal,
            suspects=self._sieve.suspects,
        )
