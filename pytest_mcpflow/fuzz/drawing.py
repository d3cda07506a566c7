"""Sessions drawn by hypothesis, step by step, each step from what the steps before have shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

from pytest_mcpflow.fuzz.laws import Broken, Law
from pytest_mcpflow.fuzz.session import PromiseBroken, Session
from pytest_mcpflow.fuzz.steps import CallTool, GetPrompt, Happened, ReadResource, Step, Wait
from pytest_mcpflow.fuzz.subject import Target, Tool
from pytest_mcpflow.question import Answer, Elicitation, Question
from pytest_mcpflow.strategies.invalid import break_one_place
from pytest_mcpflow.strategies.schemas import Document
from pytest_mcpflow.strategies.valid import DeadEnd, Drawer
from pytest_mcpflow.uri import parameters_of

__all__ = ["Drawn", "sessions"]

WAITS = st.sampled_from((1.0, 10.0, 60.0, 600.0))
ALIKE = st.sampled_from((False,) * 5 + (True,))
"""Whether a step is made with copies, too, which takes as long as several steps."""
SOURCES = st.sampled_from(("made", "good", "like", "any"))
"""Where a value comes from: it is new, was good for this parameter before, is known by a name like its, or at all."""
CAREFUL = st.sampled_from((False, True, True))
"""Whether all arguments of a call are taken from what is good: a call needs all of them right to be answered."""


@dataclass(frozen=True)
class Drawn:
    """A session that was made: with what, what happened, and the promise that was broken."""

    target: Target
    happened: Sequence[Happened]
    broken: Broken | None = None

    def __repr__(self) -> str:
        return f"<a session of {len(self.happened)} steps>"


def sessions(
    targets: st.SearchStrategy[Target], *, tools: Sequence[str], steps: int, laws: Collection[Law]
) -> st.SearchStrategy[Drawn]:
    """Sessions of about so many steps, made while they are drawn."""
    more = st.integers(0, steps)

    @st.composite
    def drawn(draw: st.DrawFn) -> Drawn:
        target = draw(targets)
        session = Session(target, laws)
        steps_of = _Steps(draw, target, session, [target.offer.tools[name] for name in tools])
        try:
            while draw(more) and len(session.happened) < 2 * steps:
                step = steps_of.next()
                if step is not None:
                    session.make(step, steps_of.answer, alike=draw(ALIKE))
            if (last := steps_of.next()) is not None:
                session.make(last, steps_of.answer, alike=True)
        except PromiseBroken as broke:
            return Drawn(target, session.happened, broke.broken)
        finally:
            session.close()
        return Drawn(target, session.happened)

    return drawn()


class _Steps:
    """Draws the steps of one session."""

    def __init__(self, draw: st.DrawFn, target: Target, session: Session, tools: Sequence[Tool]) -> None:
        self._draw, self._session, self._offer = draw, session, target.offer
        self._tools = st.sampled_from(tools)
        self._is_careful = False
        breakable = [tool for tool in tools if tool.can_be_broken]
        self._breakable = st.sampled_from(breakable)
        kinds = ["call"] * 8 + ["invalid"] * (2 if breakable else 0)
        kinds += ["read"] * bool(target.offer.resources) + ["prompt"] * bool(target.offer.prompts)
        self._kinds = st.sampled_from(kinds + ["wait"] * session.can_wait)

    def next(self) -> Step | None:
        """A step, or `None` where no arguments were found."""
        self._is_careful = self._draw(CAREFUL)
        try:
            match self._draw(self._kinds):
                case "call":
                    tool = self._draw(self._tools)
                    return CallTool(tool.name, self._arguments(tool.document))
                case "invalid":
                    tool = self._draw(self._breakable)
                    drawer = Drawer(self._draw, tool.document, self._suggest)
                    return CallTool(tool.name, break_one_place(drawer, drawer.arguments()))
                case "read":
                    return self._read(self._draw(st.sampled_from(self._offer.resources)))
                case "prompt":
                    return self._prompt(self._offer.prompts or {})
                case _:
                    return Wait(self._draw(WAITS))
        except DeadEnd:
            return None

    def answer(self, question: Question) -> Answer:
        """Decline, or answer what a server asks."""
        if not self._draw(st.booleans()):
            return None
        if isinstance(question, Elicitation):
            try:
                return self._arguments(Document(question.schema))
            except DeadEnd:
                return None
        return self._draw(st.text(max_size=20))

    def _read(self, template: str) -> ReadResource:
        uri = template
        for name in parameters_of(template):
            value = self._drawn_text(name) or "x"
            uri = uri.replace(f"{{{name}}}", quote(value, safe=""))
        return ReadResource(uri)

    def _prompt(self, prompts: Mapping[str, Mapping[str, bool]]) -> GetPrompt:
        name = self._draw(st.sampled_from([*prompts]))
        given = [
            each for each, is_required in prompts[name].items() if is_required or self._draw(st.booleans())
        ]
        return GetPrompt(name, {each: self._drawn_text(each) for each in given})

    def _drawn_text(self, name: str) -> str:
        known = self._suggest(name, ["string"])
        return str(self._draw(st.sampled_from(known) if known else st.text(max_size=10)))

    def _arguments(self, document: Document) -> dict[str, Any]:
        return Drawer(self._draw, document, self._suggest).arguments()

    def _suggest(self, name: str, types: Sequence[str]) -> Sequence[Any]:
        pool = self._session.pool
        match "good" if self._is_careful else self._draw(SOURCES):
            case "good":
                return pool.good(name, types) or pool.like(name, types) or pool.any(types)
            case "like":
                return pool.like(name, types) or pool.any(types)
            case "any":
                return pool.any(types)
            case _:
                return ()
