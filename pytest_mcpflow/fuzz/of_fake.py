"""A fake under the fuzz: its methods are called without any protocol, and its state can be looked at."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import fields
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from pytest_mcpflow.clock import VirtualTimeLoop
from pytest_mcpflow.errors import ArgumentError
from pytest_mcpflow.fake import Call, Declined, Fake, FakeError, LogLevel
from pytest_mcpflow.fuzz.steps import (
    Answered,
    CallTool,
    Crashed,
    GetPrompt,
    Outcome,
    ReadResource,
    Refused,
    Step,
    Unfinished,
    Wait,
)
from pytest_mcpflow.fuzz.subject import Answerer, Offer, Subject, Tool
from pytest_mcpflow.question import Elicitation, Sampling
from pytest_mcpflow.schema import PromptSpec, RawResult, ResourceSpec, contract_of, describe_crash, invoke
from pytest_mcpflow.state import load_state, save_state, state_adapter
from pytest_mcpflow.uri import match_uri

__all__ = ["FakeSubject", "offer_of"]

T = TypeVar("T")
PATIENCE = 3600.0
"""Virtual seconds until a call counts as unfinished."""


def offer_of(fake: Fake) -> Offer:
    """What a fake offers."""
    contract = contract_of(fake)
    return Offer(
        fake.service,
        {
            name: Tool(
                name,
                spec.parameters.json_schema,
                spec.output_schema,
                spec.mark.reads,
                spec.mark.idempotent and not spec.mark.reads,
            )
            for name, spec in contract.tools.items()
        },
        [spec.mark.uri for spec in contract.resources.values()],
        {
            name: {
                each: each in spec.parameters.json_schema.get("required", ())
                for each in spec.parameters.names
            }
            for name, spec in contract.prompts.items()
        },
    )


class FakeSubject(Subject):
    """A fake from its initial state on, on a virtual loop of its own."""

    is_fake = True
    can_wait = True

    def __init__(self, fake: Fake) -> None:
        self._contract = contract_of(fake)  # before there is a loop, which would have to be closed again
        self._not_compared = {each.name for each in fields(fake) if not each.compare}
        self._runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        loop = self._runner.get_loop()
        assert isinstance(loop, VirtualTimeLoop)
        self._loop, self._clock = loop, loop.clock
        self._surroundings = ExitStack()
        self._surroundings.enter_context(loop.surroundings())
        self.fake = fake
        began = fake.clock.now()
        fake.clock = self._clock
        if began > 0:  # it was used already, and its state knows of instants up to now
            self._run(asyncio.sleep(began))

    def now(self) -> float:
        return self._clock.now()

    def close(self) -> None:
        try:
            self._runner.close()
        finally:
            self._surroundings.close()

    def initial_state(self) -> object:
        return self.fake

    def do(self, step: Step, answerer: Answerer) -> Outcome | None:
        return self._run(self._do(self.fake, step, answerer))

    def state(self) -> bytes:
        """The compared fields as JSON."""
        return self.state_of(self.fake)

    def state_of(self, fake: Fake) -> bytes:
        """The compared fields of a fake of the same class as JSON, whatever their annotations say."""
        return state_adapter(type(fake)).dump_json(fake, exclude=self._not_compared, warnings=False)

    def twins(self) -> Mapping[str, Fake]:
        """The fake copied, and the fake saved and loaded.

        Raises:
            FakeDefinitionError: It cannot be saved: a field holds what its annotation does not say.
            StateError: What was saved cannot be loaded.
        """
        copied = copy.deepcopy(self.fake)
        loaded = load_state(type(self.fake), save_state(self.fake))
        loaded.take_tape_of(self.fake)
        loaded.clock = copied.clock = self._clock
        return {"a deep copy": copied, "what was saved and loaded": loaded}

    def do_alike(
        self, step: Step, answerer: Answerer, twins: Sequence[Fake], twins_answerer: Callable[[], Answerer]
    ) -> list[Outcome | None]:
        """Make a step with the fake and with its twins at the same instant."""

        async def all_of_them() -> list[Outcome | None]:
            theirs = (self._do(twin, step, twins_answerer()) for twin in twins)
            return await asyncio.gather(self._do(self.fake, step, answerer), *theirs)

        return self._run(all_of_them())

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(coroutine)

    async def _do(self, fake: Fake, step: Step, answerer: Answerer) -> Outcome | None:
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
            return None
        limit = asyncio.timeout(PATIENCE)
        try:
            async with limit:
                match step:
                    case CallTool():
                        spec = self._contract.tools[step.tool]
                        return _outcome(await invoke(fake, spec, step.arguments, _FuzzedCall(fake, answerer)))
                    case ReadResource():
                        return self._read(fake, step.uri)
                    case GetPrompt():
                        prompt = self._contract.prompts[step.prompt]
                        return _get(prompt, lambda: _validated(prompt, step.arguments), fake)
        except Exception as crash:
            return Unfinished(PATIENCE) if limit.expired() else Crashed(describe_crash(crash), crash)

    def _read(self, fake: Fake, uri: str) -> Outcome:
        for spec in self._contract.resources.values():
            values = match_uri(spec.mark.uri, uri)
            if values is not None:
                return _get(spec, lambda: spec.parameters.adapter.validate_strings(values), fake)  # noqa: B023
        return Refused(f"Resource not found: {uri}", as_invalid=True)


def _validated(spec: PromptSpec, values: Mapping[str, str]) -> dict[str, Any]:
    return spec.parameters.adapter.validate_python(dict(values))


def _get(spec: ResourceSpec | PromptSpec, arguments: Callable[[], dict[str, Any]], fake: Fake) -> Outcome:
    try:
        content: object = spec.method(fake, **arguments())
    except ValidationError as error:
        return Refused(str(error), as_invalid=True)
    except FakeError as error:
        return Refused(str(error))
    if isinstance(content, bytes):
        return Answered(repr(content))
    return Answered(content if isinstance(content, str) else from_json(to_json(content)))


def _outcome(result: RawResult) -> Outcome:
    text = "\n".join(block["text"] for block in result["content"] if block["type"] == "text")
    if result["isError"]:
        return Refused(text, as_invalid=text.startswith(ArgumentError.BEGINNING))
    return Answered(result.get("structuredContent", text))


class _FuzzedCall(Call):
    """A call whose questions are answered at random."""

    def __init__(self, fake: Fake, answerer: Answerer) -> None:
        self._fake, self._answerer = fake, answerer

    async def progress(self, done: float, *, total: float | None = None, message: str | None = None) -> None:
        pass  # nobody watches

    async def log(self, message: str, *, level: LogLevel = "info") -> None:
        pass  # nobody listens

    async def elicit(self, question: str, answer: type[T]) -> T:
        # It loads the SDK, which most fakes never need.
        from pytest_mcpflow.asking import elicitation_schema, elicited

        given = self._answerer(Elicitation(self._fake.service, question, elicitation_schema(answer)))
        fields_given = given if isinstance(given, Mapping) else None
        return elicited(answer, "decline" if fields_given is None else "accept", fields_given)

    async def sample(self, prompt: str, *, max_tokens: int = 1000) -> str:
        given = self._answerer(Sampling(self._fake.service, prompt, max_tokens))
        if not isinstance(given, str):
            raise Declined("User rejected sampling request")
        return given
