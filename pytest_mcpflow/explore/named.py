"""Names that a rule is given: one that nothing bears would let the rule hold of every run."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_mcpflow.errors import UnknownNameError
from pytest_mcpflow.fake import Fake
from pytest_mcpflow.scenario import Run
from pytest_mcpflow.schema import contract_of
from pytest_mcpflow.transcript import matches

__all__ = ["refuse_letters", "refuse_unknown"]


def refuse_letters(what: str, texts: tuple[str, ...] | str) -> None:
    """Refuse one text where several are meant, which would be taken letter by letter, and texts that are empty.

    Raises:
        TypeError: It is a single text.
        ValueError: One is empty.
    """
    if isinstance(texts, str):
        raise TypeError(f"{what} is a tuple of texts, got {texts!r}; write ({texts!r},)")
    if not all(texts):
        raise ValueError(f"{what} has an empty text, which is part of any other; leave it out")


def refuse_unknown(run: Run, world: Mapping[str, Fake], pattern: str, argument: str | None) -> None:
    """Refuse tools that no server has, and an argument that none of these tools takes.

    Of servers that are no fakes nobody knows which arguments their tools take.

    Raises:
        UnknownNameError: There is none.
    """
    calls = run.calls(pattern)
    if argument is None or any(argument in call.arguments for call in calls):
        return
    tools = [
        spec
        for server, fake in world.items()
        for name, spec in contract_of(fake).tools.items()
        if matches(pattern, f"{server}.{name}")
    ]
    known = {parameter for spec in tools for parameter in spec.parameters.names}
    if tools and argument not in known:
        raise UnknownNameError(f"argument of {pattern}", argument, known)
