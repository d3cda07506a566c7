"""Measure everything and print a table."""

from __future__ import annotations

import platform

import calls
import cassettes
import processes
import virtual_time

print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}\n")
print("| what | measured | baseline | bar | reached |")
print("|---|---|---|---|---|")
for module in (processes, calls, virtual_time, cassettes):
    for measurement in module.measure():
        print(measurement, flush=True)
