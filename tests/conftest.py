"""Fixtures of the project's own tests."""

from __future__ import annotations

# httpx2 imports it with its first request, and keeps its exceptions. Were that in a run of pytester in this process,
# which forgets all modules that are imported meanwhile, later requests would raise exceptions of another copy of it.
import httpcore2 as httpcore2
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

# How long an example takes says something of the machine: the first text that is drawn has a table of characters made.
settings.register_profile(
    "unhurried", parent=settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")
