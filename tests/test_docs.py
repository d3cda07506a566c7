"""Every code block on a page is a file that a test runs, or a command that does what docs/blocks.toml says."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from checkout import ROOT, borrow, copy_checkout, kept_environment, make_environment, require_registry, run
from docs_blocks import Block, blocks_of, commands, fill, pages, shown

BLOCKS = [block for page in pages() for block in blocks_of(page)]
FILES = [block for block in BLOCKS if block.kind == "file"]
COMMANDS = {block.target: block for block in BLOCKS if block.kind == "command"}
DESCRIBED = commands()
RUN_HERE = [name for name, command in DESCRIBED.items() if not command.line_of]


def test_every_block_says_where_it_comes_from() -> None:
    assert [str(block) for block in BLOCKS if block.kind is None] == []


@pytest.mark.parametrize("block", FILES, ids=str)
def test_a_block_shows_its_file(block: Block) -> None:
    assert block.target.startswith(("examples/", ".github/", "fakes/", "scenarios/")), "nothing would run it"
    assert (ROOT / block.target).is_file(), f"{block}: there is no {block.target}"
    assert block.text == shown(block.target, block.region), f"{block}: run `python tests/docs_blocks.py`"


def test_every_command_on_a_page_is_described_and_every_description_used() -> None:
    on_pages = [block.target for block in BLOCKS if block.kind == "command"]

    assert sorted(on_pages) == sorted(DESCRIBED)


def test_every_description_checks_something() -> None:
    assert [name for name, each in DESCRIBED.items() if not (each.line_of or each.prints or each.makes)] == []


@pytest.mark.parametrize("name", [name for name in DESCRIBED if name not in RUN_HERE])
def test_a_command_that_a_script_runs_is_a_line_of_that_script(name: str) -> None:
    script = (ROOT / DESCRIBED[name].line_of).read_text(encoding="utf-8")

    assert COMMANDS[name].text.strip() in [line.strip() for line in script.splitlines()]


def test_the_readme_gives_one_command_to_see_it_and_one_to_test_it() -> None:
    commands_of_readme = [block.target for block in blocks_of(ROOT / "README.md") if block.kind == "command"]

    assert commands_of_readme == ["main", "tests"]


@pytest.mark.parametrize("name", RUN_HERE)
def test_a_command_does_what_its_description_says(name: str, tmp_path: Path) -> None:
    command = DESCRIBED[name]
    for registry in command.needs:
        {"pypi": require_registry, "npm": _require_npm}[registry]()
    folder = tmp_path / "here"
    if command.folder:
        shutil.copytree(ROOT / command.folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        folder.mkdir()
    environment = dict[str, str]()
    if "pip install" in COMMANDS[name].text:
        environment["PIP_FIND_LINKS"] = str(_wheels(tmp_path))
    else:
        programs = _programs(tmp_path / "environment")
        (folder / ".venv").symlink_to(programs.parent)
        environment["PATH"] = f"{programs}:{kept_environment()['PATH']}"

    shell = ["bash", "-euo", "pipefail", "-c", COMMANDS[name].text]
    if command.until:
        said = _interrupted(shell, folder, environment, command.until)
    else:
        said = run(
            shell, cwd=folder, set_environment=environment, stdin=command.stdin, accept=[command.exits]
        )

    assert [each for each in command.prints if each not in said] == [], said
    assert [each for each in command.makes if not (folder / each).exists()] == [], said


def _interrupted(shell: list[str], folder: Path, environment: dict[str, str], until: str) -> str:
    """Run a command, press Ctrl-C when it has said `until`, and return all that it said; it must end well."""
    running = subprocess.Popen(
        shell,
        cwd=folder,
        env=kept_environment() | environment,
        text=True,
        encoding="utf-8",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    late = threading.Timer(60, os.killpg, (running.pid, signal.SIGKILL))
    late.start()
    try:
        assert running.stdout is not None
        said = ""
        for line in running.stdout:
            said += line
            if until in line:
                os.killpg(running.pid, signal.SIGINT)
        assert running.wait() == 0, said
    finally:
        late.cancel()
        running.communicate()
    return said


def _wheels(folder: Path) -> Path:
    """Where pip finds this project, which the registry may not have."""
    tree = copy_checkout(folder / "tree")
    run([sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder / "wheels"], cwd=tree)
    return folder / "wheels"


def _programs(folder: Path) -> Path:
    """The bin folder of an environment in which this checkout is installed; without other plugins of the tests."""
    python = make_environment(folder)
    borrow(python, ROOT)
    for name, home in (
        ("pytest", "pytest import console_main as main"),
        ("mcpflow", "pytest_mcpflow.cli import main"),
    ):
        program = folder / "bin" / name
        text = f"#!{python}\nimport sys\nfrom {home}\nsys.exit(main())\n"
        program.write_text(text, encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return folder / "bin"


def _require_npm() -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm")
    asked = subprocess.run([npm, "ping"], capture_output=True, timeout=60, check=False)
    if asked.returncode != 0:
        pytest.skip("the npm registry cannot be reached")


def _prose(page: Path) -> str:
    """A page without its blocks of code, in which brackets are no links."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in pages()
        for link in re.findall(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)", _prose(page))
        if not (page.parent / link).exists()
    ]

    assert broken == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_leads_to_the_files_that_it_does_not_show(page: Path) -> None:
    shown_of: dict[Path, set[Path]] = {}
    for block in blocks_of(page):
        if block.kind == "file" and block.target.startswith("examples/") and block.target.endswith(".py"):
            file = ROOT / block.target
            shown_of.setdefault(file.parent, set()).update([] if block.region else [file])
    linked = {
        (page.parent / link).resolve() for link in re.findall(r"\]\((?!https?://|#)([^)#]+)", _prose(page))
    }
    lacking = [
        str(folder.relative_to(ROOT))
        for folder, whole in shown_of.items()
        if {*folder.glob("*.py")} - whole and not {folder, *folder.glob("*.py")} & linked
    ]

    assert lacking == [], "excerpts cannot be run by who reads them"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, todo = set[Path](), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page not in reached and page.suffix == ".md" and page.exists():
            reached.add(page)
            links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
            todo += [(page.parent / link).resolve() for link in links]

    assert [str(page.relative_to(ROOT)) for page in pages() if page not in reached] == []


def test_filling_the_blocks_of_a_page_leaves_what_is_right_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    source = "examples/own_scenario/pytest.ini"
    page.write_text(f"Text.\n\n<!-- file: {source} -->\n```ini\nold\n```\n\nMore.\n", encoding="utf-8")

    fill(page)
    once = page.read_text(encoding="utf-8")
    fill(page)

    expected = (ROOT / source).read_text(encoding="utf-8")
    assert once == f"Text.\n\n<!-- file: {source} -->\n```ini\n{expected}```\n\nMore.\n"
    assert page.read_text(encoding="utf-8") == once
