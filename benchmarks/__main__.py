"""Measure everything and print tables: what there is no other of, and cassettes beside the recorders of others."""

from __future__ import annotations

import os
import platform

import calls
import cassettes
import laws
import processes
import virtual_time
import workflows

# What is measured is compiled once, as for everybody, and not in each process anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}\n")
print("| what | measured | baseline | bar | reached |")
print("|---|---|---|---|---|")
for module in (processes, calls, virtual_time, workflows, laws):
    for measurement in module.measure():
        print(measurement, flush=True)
print()
for line in cassettes.table():
    print(line, flush=True)
