"""Fixtures of the project's own tests."""

from __future__ import annotations

from importlib.util import find_spec

# httpx2 imports it with its first request, and keeps its exceptions. Were that in a run of pytester in this process,
# which forgets all modules that are imported meanwhile, later requests would raise exceptions of another copy of it.
import httpcore2 as httpcore2

pytest_plugins = ["pytester"]

# A stranger who runs the scenarios in a clone has installed the package alone, and pytest reads this file all the same.
if find_spec("hypothesis") is not None:
    from hypothesis import HealthCheck, settings

    # How long an example takes says something of the machine: the first text has a table of characters made.
    settings.register_profile(
        "unhurried", parent=settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("unhurried")
