"""`mcpflow new`: what it writes works as it is, whatever the name; what is there stays as it is."""

from __future__ import annotations

import keyword
import sys
from pathlib import Path

import pytest
from checkout import run
from hypothesis import given
from hypothesis import strategies as st
from written import EXAMPLE, write_all

from pytest_mcpflow.catalogue import scenarios_in
from pytest_mcpflow.cli import main
from pytest_mcpflow.explore import explore
from pytest_mcpflow.new.files import write_new
from pytest_mcpflow.new.names import Name, NewFileError

PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist")
FORMS = [
    "nightly-backup",
    "nightly_backup",
    "NightlyBackup",
    "Nightly Backup",
    "nightlyBackup",
    "NIGHTLY-BACKUP",
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the command runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("text", FORMS)
def test_a_name_is_one_however_it_is_written(text: str) -> None:
    name = Name.parse(text)

    assert (name.kebab, name.module, name.class_name) == ("nightly-backup", "nightly_backup", "NightlyBackup")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("HTTPServer", ("http", "server")),
        ("s3-storage", ("s3", "storage")),
        ("S3Storage", ("s3", "storage")),
        ("v1-2", ("v1", "2")),
        ("context7", ("context7",)),
    ],
)
def test_words_end_where_capitals_begin(text: str, words: tuple[str, ...]) -> None:
    assert Name.parse(text).words == words


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "'' is no name; take letters and digits in words that hyphens part, such as nightly-backup"),
        ("../etc/passwd", "is no name"),
        ("a/b", "is no name"),
        ("a\nb", "is no name"),
        ("a\n", "is no name"),
        ("-rf", "is no name"),
        ("2fast", "is no name"),
        ("café", "is no name"),
        ("x" * 61, "has 61 characters; take a name of at most 60"),
        ("class", "'class' is a word of Python's own; take another name, such as class-service"),
        ("match", "is a word of Python's own"),
        ("conftest", "what pytest takes for its own or for tests"),
        ("test-shop", "what pytest takes for its own or for tests"),
        ("shop-test", "what pytest takes for its own or for tests"),
        ("Fake", "Fake is something else already, which the file uses"),
        ("runtime-error", "RuntimeError is something else already"),
    ],
)
def test_a_name_that_would_do_harm_is_refused_with_a_cure(text: str, why: str) -> None:
    with pytest.raises(NewFileError) as refused:
        Name.parse(text, taken=("Fake",))

    assert why in str(refused.value)


@given(st.text(st.characters(codec="ascii"), max_size=70))
def test_whatever_is_a_name_gives_a_module_a_class_and_a_server(text: str) -> None:
    try:
        name = Name.parse(text)
    except NewFileError:
        return

    assert name.module.isidentifier()
    assert not keyword.iskeyword(name.module)
    assert name.class_name.isidentifier()
    assert Name.parse(name.kebab) == Name.parse(name.module) == name


@pytest.mark.parametrize("name", ["time", "json", "pytest"])
def test_a_module_that_is_there_is_not_hidden(
    name: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", "fake", name]) == 2

    assert f"there is a module {name!r} already" in capsys.readouterr().err
    assert [*project.iterdir()] == []


def test_a_new_scenario_in_an_empty_folder_passes_at_once(tmp_path: Path) -> None:
    said = run([sys.executable, "-m", "pytest_mcpflow", "new", "scenario", "Nightly Backup"], cwd=tmp_path)

    assert said == "wrote nightly_backup.py\nwrote pytest.ini\nrun it: pytest --mcp-scenario nightly-backup\n"
    assert "1 passed" in run([*PYTEST, "--mcp-scenario", "nightly-backup"], cwd=tmp_path)


def test_a_new_scenario_beside_an_ini_file_says_what_to_add_and_runs_without(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ini = "[tool.pytest.ini_options]\naddopts = '--strict-markers'\n"
    (project / "pyproject.toml").write_text(ini, encoding="utf-8")
    (project / "flows").mkdir()

    assert main(["new", "scenario", "nightly-backup", "--folder", "flows"]) == 0

    said = capsys.readouterr().out
    assert "add to mcp_scenarios in pyproject.toml: flows/nightly_backup.py" in said
    assert (project / "pyproject.toml").read_text(encoding="utf-8") == ini
    options = ["--mcp-scenario", "nightly-backup", "-o", "mcp_scenarios=flows/nightly_backup.py"]
    assert said.splitlines()[-1] == f"run it: pytest {' '.join(options)}"
    assert "1 passed" in run([*PYTEST, *options], cwd=project)


def test_a_new_scenario_in_a_folder_that_the_ini_file_names_needs_nothing_more(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", "scenario", "first-of-two"]) == 0
    (project / "pytest.ini").write_text("[pytest]\nmcp_scenarios = .\n", encoding="utf-8")
    capsys.readouterr()

    assert main(["new", "scenario", "second-of-two"]) == 0

    said = capsys.readouterr().out
    assert said == "wrote second_of_two.py\nrun it: pytest --mcp-scenario second-of-two\n"
    names = ["first-of-two", "second-of-two"]
    assert [scenario.name for scenario in scenarios_in(project)] == names


def test_a_scenario_that_is_known_already_is_not_written_again(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", "scenario", "incident-response"]) == 2

    assert "there is a scenario 'incident-response' already" in capsys.readouterr().err
    assert [*project.iterdir()] == []


def test_a_new_fake_passes_its_test_at_once(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "fake", "v1-2"]) == 0

    assert capsys.readouterr().out == "wrote v1_2.py\nwrote test_v1_2.py\nrun its test: pytest test_v1_2.py\n"
    assert "2 passed" in run([*PYTEST, "test_v1_2.py"], cwd=project)


@pytest.mark.parametrize("there", ["shop.py", "test_shop.py"])
def test_nothing_is_written_over_what_is_there(
    there: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / there).write_text("mine", encoding="utf-8")

    assert main(["new", "fake", "shop"]) == 2

    assert f"{there} exists; move it away, or take another name or --folder" in capsys.readouterr().err
    assert {each.name: each.read_text(encoding="utf-8") for each in project.iterdir()} == {there: "mine"}


def test_all_files_that_are_there_are_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "fake", "shop"]) == 0
    assert main(["new", "fake", "shop"]) == 2

    assert "shop.py, test_shop.py exist; move them away, or" in capsys.readouterr().err


def test_what_to_write_is_asked_for_by_its_two_names(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["new"])

    assert "the following arguments are required: fake|scenario, NAME" in capsys.readouterr().err


def test_a_link_to_nowhere_is_something_that_is_there(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "shop.py").symlink_to(project / "elsewhere.py")

    assert main(["new", "fake", "shop"]) == 2

    assert "shop.py exists" in capsys.readouterr().err
    assert not (project / "elsewhere.py").exists()


def test_of_files_of_which_one_cannot_be_written_none_is(project: Path) -> None:
    first = project / "shop.py"

    with pytest.raises(NewFileError, match=r"test_shop\.py cannot be written: No such file or directory"):
        write_new({first: "text", project / "nowhere" / "test_shop.py": "text"})

    assert not first.exists()


def test_a_folder_that_is_none_is_not_made(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "fake", "shop", "--folder", "nowhere"]) == 2

    assert "there is no folder nowhere; make it first" in capsys.readouterr().err


def test_a_scenario_is_not_made_from_a_tape(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "scenario", "backup", "--from", "tape.jsonl"]) == 2

    assert "say `mcpflow new fake NAME --from TAPE`" in capsys.readouterr().err


def test_a_new_scenario_hides_no_single_fault(project: Path) -> None:
    """What a user begins with must be worth copying."""
    assert main(["new", "scenario", "worth-copying"]) == 0
    [scenario] = scenarios_in(project / "worth_copying.py")

    exploration = explore(None, scenario)

    assert exploration.proven, str(exploration)


def test_the_example_is_what_is_written() -> None:
    """Linters, type checkers and test_examples.py look at the example; `python tests/written.py` writes it."""
    kept = {path.name: path.read_text(encoding="utf-8") for path in EXAMPLE.iterdir() if path.is_file()}
    del kept["ruff.toml"]

    assert write_all() == kept
