"""Every fake that ships keeps its promises, in the worlds of the scenarios; benchmarks/laws.py looks longer."""

from __future__ import annotations

import pytest
from laws import fuzz_of, lived_worlds

SERVICES = [
    "communication-hub",
    "context7",
    "desktop-commander",
    "docker",
    "droplet-executor",
    "github",
    "kubernetes",
    "prometheus-monitoring",
    "s3-storage",
    "security-scanner",
    "utility",
]


def test_these_are_all_services_of_the_scenarios() -> None:
    assert [*lived_worlds()] == SERVICES


@pytest.mark.parametrize("service", SERVICES)
def test_a_fake_that_ships_keeps_its_promises(service: str) -> None:
    report = fuzz_of(service, examples=30)

    assert report.sessions == 30
    assert len(report.never_answered) <= len(report.tools) * 0.6
