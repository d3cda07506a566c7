"""`python benchmarks/chaos`: look for planted bugs in several ways, measure, print tables, write results.md."""

import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
importlib.import_module("chaos.command").main()
