"""Scenarios: a world, a workflow, what must come out of it, and what must hold whatever happens.

    @dataclass
    class Restock(Scenario):
        \"\"\"The shelf is empty. Order more, once.\"\"\"

        tags = ("shop",)
        shop: Shop = field(default_factory=empty_shop)

        async def workflow(self, hub: Hub) -> None:
            await hub.call_tool("shop.order", {"item": "tea"})

        def expect(self, run: Run) -> None:
            assert self.shop.ordered == ["tea"]

        @invariant
        def orders_once(self, run: Run) -> None:
            \"\"\"A lost answer must not order twice.\"\"\"
            assert len(run.effects("shop.order")) <= 1

Fields that are fakes are the world; each is served under its service's name, a second one of a service under
the field's. The docstring is the task.
"""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, TypeVar

from pytest_mcpflow.admission import result_admits_failure
from pytest_mcpflow.clock import EPOCH
from pytest_mcpflow.errors import ScenarioError, UnansweredQuestionError
from pytest_mcpflow.fake import Fake
from pytest_mcpflow.hub import Hub
from pytest_mcpflow.question import Answer, Question
from pytest_mcpflow.transcript import Transcript

__all__ = ["Invariant", "Run", "Scenario", "Workflow", "invariant", "invariants_of", "summary_of", "world_of"]

C = TypeVar("C", bound=Callable[..., None])


class Workflow(Protocol):
    """The code under test: any async callable that takes a hub."""

    def __call__(self, hub: Hub, /) -> Awaitable[Any]: ...


@dataclass(frozen=True)
class Run:
    """One run of a workflow, for expectations and invariants to look at.

    Args:
        result: What the workflow returned, `None` where it raised.
        error: What it raised.
        transcript: What it did.
        seconds: How long it took, in the run's own time.
    """

    result: Any
    error: BaseException | None
    transcript: Transcript
    seconds: float

    def calls(self, pattern: str) -> Transcript:
        """The calls of a tool, see `Transcript.calls`."""
        return self.transcript.calls(pattern)

    def effects(self, pattern: str) -> Transcript:
        """The calls of a tool that changed the world, see `Transcript.effects`."""
        return self.transcript.effects(pattern)


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule by its name, its claim (the docstring), and the method that checks it."""

    name: str
    claim: str
    check: Callable[[Run], None]


@dataclass
class Scenario(ABC):
    """See the module's docstring. Subclass it as a dataclass whose fields all have defaults.

    Args:
        seed: Decides the ids that the fakes issue.
    """

    name: ClassVar[str]
    """What `--mcp-scenario` takes, by default the class name in kebab case."""

    tags: ClassVar[tuple[str, ...]] = ()
    starts_at: ClassVar[datetime] = EPOCH
    """The calendar time at which the run begins."""
    depth: ClassVar[int] = 1
    """How many faults at once its workflow must stand: what `--mcp-chaos` without a number tries."""
    faults: ClassVar[tuple[str, ...]] = ()
    """What can go wrong with its servers, each as a plan has it: `refuse`, `delay(60)`. If there are none, whatever an
    exploration tries by default."""
    accepts: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """What its workflow may end badly under, with the reason: `{"mail.send#*=stale": "the list is a day old"}`. An
    exploration shows it, and fails nothing."""

    seed: int = field(default=0, kw_only=True, repr=False)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" not in cls.__dict__:
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()

    @abstractmethod
    async def workflow(self, hub: Hub) -> Any:
        """The reference answer; a user's own workflow takes its place."""

    @abstractmethod
    def expect(self, run: Run) -> None:
        """Assert what must have come out when nothing failed: the world first, then what people were told."""

    def answer(self, question: Question) -> Answer:
        """Answer what servers ask in the middle of a call; scenarios whose servers ask override this."""
        raise UnansweredQuestionError(f"{question}; the scenario {self.name} does not say what people answer")

    def admits(self, run: Run) -> bool:
        """Whether people can see of a run that not everything came out.

        By default they can if the workflow raised, or returned what reads as a failure: `success` is false, or
        `error` is not empty (`result_admits_failure` has all the names). A scenario whose people learn of it in
        another way, such as by an alert, overrides this.
        """
        return run.error is not None or result_admits_failure(run.result)

    def served(self) -> dict[str, Fake]:
        """The fakes by the names they are served under: those of the fields, unless a scenario overrides this.

        Raises:
            ScenarioError: Two fakes would have one name.
        """
        return _fakes_of_fields(self)

    def connect(self, hub: Hub) -> None:  # noqa: B027 - most scenarios have nothing to wire
        """Wire effects between services, which do not know each other; called before the workflow."""


def invariant(method: C) -> C:
    """Make a method of a scenario a rule that must hold whatever fails; its docstring says the rule."""
    setattr(method, INVARIANT_ATTRIBUTE, True)
    return method


INVARIANT_ATTRIBUTE = "__mcpflow_invariant__"


def invariants_of(scenario: Scenario) -> Iterator[Invariant]:
    """The rules of a scenario, in source order."""
    for name, claim in _claims_of(scenario).items():
        yield Invariant(name, claim, getattr(scenario, name))


def _claims_of(scenario: Scenario) -> Mapping[str, str]:
    """What its rules claim, by their names; found out once per class."""
    known: Mapping[str, str] | None = type(scenario).__dict__.get("_claims")
    if known is not None:
        return known
    names: dict[str, None] = {}
    for base in reversed(type(scenario).__mro__):
        names.update(
            {name: None for name, member in vars(base).items() if hasattr(member, INVARIANT_ATTRIBUTE)}
        )
    claims = {name: " ".join((inspect.getdoc(getattr(scenario, name)) or "").split()) for name in names}
    setattr(type(scenario), "_claims", claims)  # noqa: B010 - a cache that lives and dies with the class
    return claims


def world_of(scenario: Scenario) -> dict[str, Fake]:
    """The fakes of a scenario by the names they are served under.

    Raises:
        ScenarioError: Two fakes would have one name.
    """
    return scenario.served()


def _fakes_of_fields(scenario: Scenario) -> dict[str, Fake]:
    world: dict[str, Fake] = {}
    for each in fields(scenario):
        fake = getattr(scenario, each.name)
        if not isinstance(fake, Fake):
            continue
        name = fake.service if fake.service not in world else each.name.replace("_", "-")
        if name in world:
            raise ScenarioError(
                f"{type(scenario).__qualname__}: two fakes are named {name!r}; rename the field {each.name!r}"
            )
        world[name] = fake
    return world


def summary_of(scenario: type[Scenario]) -> str:
    """The first line of the task."""
    return (inspect.getdoc(scenario) or "").partition("\n")[0]


def check_definition(scenario: type[Scenario]) -> None:
    """Refuse a scenario whose checks would never be evaluated.

    Raises:
        ScenarioError: `expect` or an invariant is async, or an invariant does not say its rule.
    """
    where = f"{scenario.__module__}.{scenario.__qualname__}"
    if inspect.isabstract(scenario):
        missing = ", ".join(sorted(scenario.__abstractmethods__))
        raise ScenarioError(f"{where} lacks {missing}; a scenario has a workflow and expectations")
    if not scenario.__doc__:
        raise ScenarioError(f"{where} has no docstring, which is its task")
    if not inspect.iscoroutinefunction(scenario.workflow):
        raise ScenarioError(f"{where}.workflow is not async; write `async def workflow(self, hub)`")
    checks = {"expect": scenario.expect} | {
        name: member for name, member in inspect.getmembers(scenario) if hasattr(member, INVARIANT_ATTRIBUTE)
    }
    for name, check in checks.items():
        if inspect.iscoroutinefunction(check) or inspect.isgeneratorfunction(check):
            raise ScenarioError(
                f"{where}.{name} is async or a generator, so nothing would evaluate it; write a plain `def`"
            )
        if name != "expect" and not check.__doc__:
            raise ScenarioError(f"{where}.{name} has no docstring, which is the rule that reports quote")
