"""Whether every fake that ships keeps its promises, and what it takes to look."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from measure import Measurement

from pytest_mcpflow import Fake, Transcript, Way
from pytest_mcpflow.catalogue import builtin_scenarios
from pytest_mcpflow.fuzz import FuzzReport, mcpflow_fuzz
from pytest_mcpflow.scenario import world_of
from pytest_mcpflow.verdict import judge

EXAMPLES = 2000
WORLDS = 3
STEPS = 12
ALSO_KNOWN = {"prometheus-monitoring": {"duration": ["5m", "2h"]}}
"""What no workflow of a scenario calls with, by service and parameter."""


@dataclass
class Lived:
    """A fake in some worlds, and what workflows call it with there."""

    worlds: list[Fake] = field(default_factory=list[Fake])
    known: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])


@dataclass
class Story:
    """One scenario for a fake: its world before and after the workflow, and its calls."""

    before: Fake
    after: Fake
    calls: Transcript

    @property
    def richness(self) -> float:
        """How many tools were answered; less where much was refused, as in a world that begins with an outage."""
        answered = [call.name for call in self.calls if call.ok]
        return len({*answered}) * (len(answered) / max(1, len(self.calls))) ** 2


@cache
def lived_worlds() -> Mapping[str, Lived]:
    """By service, in alphabetical order: before and after the richest scenario, and before the second richest."""
    stories: dict[str, list[Story]] = {}
    for scenario_type in builtin_scenarios():
        scenario = scenario_type()
        before = copy.deepcopy(world_of(scenario))
        transcript = judge(scenario, way=Way.DIRECT).transcript
        for name, fake in world_of(scenario).items():
            story = Story(before[name], fake, transcript.by_server(name))
            stories.setdefault(fake.service, []).append(story)
    return {service: _lived(found) for service, found in sorted(stories.items())}


def _lived(stories: list[Story]) -> Lived:
    richest = sorted(stories, key=lambda story: -story.richness)[:2]
    lived = Lived([richest[0].before, richest[0].after, richest[-1].before])
    for story in richest:
        for call in story.calls:
            for parameter, value in call.arguments.items():
                if value not in (values := lived.known.setdefault(parameter, [])):
                    values.append(value)
    return lived


def fuzz_of(service: str, *, examples: int, world: int = 0, steps: int = 20, seed: int = 0) -> FuzzReport:
    """Fuzz the fake of a service in one of its worlds."""
    lived = lived_worlds()[service]
    fake = lived.worlds[world % len(lived.worlds)]
    return mcpflow_fuzz(
        fake, examples=examples, steps=steps, seed=seed, known={**lived.known, **ALSO_KNOWN.get(service, {})}
    )


def measure() -> Iterator[Measurement]:
    services = [*lived_worlds()]
    began = time.perf_counter()
    with ProcessPoolExecutor() as pool:
        tasks = [(service, world) for service in services for world in range(WORLDS)]
        steps = sum(pool.map(_steps_in, *zip(*tasks, strict=True)))
    taken = time.perf_counter() - began
    yield Measurement(
        f"laws: {len(services)} fakes in {WORLDS} worlds each, {EXAMPLES} sessions a fake, none broken",
        taken, "s", "11 fakes, under 180 s", len(services) == 11 and taken < 180, f"{steps} steps",
    )  # fmt: skip


def _steps_in(service: str, world: int) -> int:
    return fuzz_of(service, examples=EXAMPLES // WORLDS + 1, world=world, steps=STEPS, seed=world).steps
