"""Measure everything and print a table."""

from __future__ import annotations

import os
import platform

import calls
import cassettes
import fuzz_tapes
import laws
import leaks
import processes
import steps
import virtual_time
import workflows

# What is measured is compiled once, as for everybody, and not in each process anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}\n")
print("| what | measured | baseline | bar | reached |")
print("|---|---|---|---|---|")
for module in (processes, calls, virtual_time, cassettes, leaks, fuzz_tapes, steps, workflows, laws):
    for measurement in module.measure():
        print(measurement, flush=True)
