"""Reads tapes with one recorder's own code and says what came of each, as JSON: `python load_tapes.py LOAD TAPE ...`.

LOAD is Python that defines `load`. It runs in the recorder's environment and imports nothing else.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
from pathlib import Path
from typing import Any

LONGEST = 5
"""Seconds that one tape may take."""


def _too_long(number: int, frame: object) -> None:
    raise TimeoutError(f"took longer than {LONGEST} s")


def main(defining: str, paths: list[str]) -> None:
    logging.disable()
    names: dict[str, Any] = {}
    exec(defining, names)  # noqa: S102 - it is what recorders.py says
    signal.signal(signal.SIGALRM, _too_long)
    came: list[str | None] = []
    for path in paths:
        signal.alarm(LONGEST)
        try:
            names["load"](Path(path))
            came.append(None)
        except Exception as error:
            came.append(f"{type(error).__name__}: {error}")
        finally:
            signal.alarm(0)
    print(json.dumps(came))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
