"""Whether every fake that ships keeps its promises, and what it takes to look."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from measure import Measurement

from pytest_mcpflow import Fake, Way
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
    """A fake's richest worlds among the scenarios: those of which most tools answer, and what is asked there."""

    worlds: list[Fake] = field(default_factory=list[Fake])
    known: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])


@cache
def lived_worlds() -> Mapping[str, Lived]:
    """By service, in alphabetical order."""
    found: dict[str, list[tuple[float, Fake, dict[str, list[Any]]]]] = {}
    for scenario in builtin_scenarios():
        transcript = judge(scenario(), way=Way.DIRECT).transcript
        for name, fake in world_of(scenario()).items():
            known: dict[str, list[Any]] = {}
            for call in transcript:
                for parameter, value in call.arguments.items() if call.server == name else ():
                    if value not in known.setdefault(parameter, []):
                        known[parameter].append(value)
            calls = transcript.by_server(name)
            answered = [call.name for call in calls if call.ok]
            rank = (
                len({*answered}) * (len(answered) / max(1, len(calls))) ** 2
            )  # few worlds begin with an outage
            found.setdefault(fake.service, []).append((rank, fake, known))
    return {service: _richest(worlds) for service, worlds in sorted(found.items())}


def _richest(worlds: list[tuple[float, Fake, dict[str, list[Any]]]]) -> Lived:
    lived = Lived()
    for _, fake, known in sorted(worlds, key=lambda world: -world[0])[:WORLDS]:
        lived.worlds.append(fake)
        for parameter, values in known.items():
            of_all = lived.known.setdefault(parameter, [])
            of_all += [value for value in values if value not in of_all]
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
