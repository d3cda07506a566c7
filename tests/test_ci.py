"""CI runs one script, which runs on any machine, on every Python that the project says it supports."""

from __future__ import annotations

import os
import re
import tomllib
from typing import cast

from checkout import ROOT, run

WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
SCRIPT = ROOT / ".ci" / "run"


def test_ci_does_nothing_but_call_the_script() -> None:
    assert re.findall(r"^ +- run: (.*)$", WORKFLOW, flags=re.MULTILINE) == [".ci/run"]
    assert os.access(SCRIPT, os.X_OK)


def test_foreign_actions_are_pinned_by_their_full_commit() -> None:
    used = re.findall(r"uses: (.*)$", WORKFLOW, flags=re.MULTILINE)

    assert used
    assert [
        each for each in used if not re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)
    ] == []


def test_ci_runs_on_every_python_that_the_package_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(cast("list[str]", project["classifiers"])))

    (matrix,) = re.findall(r"python: \[(.*)\]", WORKFLOW)

    assert re.findall(r"3\.\d+", matrix) == named
    assert project["requires-python"] == f">={named[0]}"


def test_the_script_is_bash_that_stops_at_the_first_failure() -> None:
    run(["bash", "-n", SCRIPT], cwd=ROOT)

    assert "\nset -euo pipefail\n" in SCRIPT.read_text(encoding="utf-8")
