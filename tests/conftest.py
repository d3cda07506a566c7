"""Fixtures of the project's own tests."""

from __future__ import annotations

# httpx2 imports it with its first request, and keeps its exceptions. Were that in a run of pytester in this process,
# which forgets all modules that are imported meanwhile, later requests would raise exceptions of another copy of it.
import httpcore2 as httpcore2

pytest_plugins = ["pytester"]
