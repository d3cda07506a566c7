"""`python -m pytest_mcpflow` is `mcpflow`."""

import sys

from pytest_mcpflow.cli import main

sys.exit(main())
