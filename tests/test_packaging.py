"""What is built is what is in the tree: through the links, through the sdist, and in each kind of installation."""

from __future__ import annotations

import re
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import cast

import pytest
from checkout import ROOT, copy_checkout, install, made_once, make_environment, run

PACKAGE = "pytest_mcpflow"
PROJECT = cast(
    "dict[str, object]", tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
)
KINDS = ("wheel", "wheel from sdist", "editable")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the `tree`, and in `direct` and `through-sdist` what was built of it."""

    def build(folder: Path) -> None:
        tree = copy_checkout(folder / "tree")
        command = [sys.executable, "-m", "build", "--no-isolation"]
        run([*command, "--wheel", "--outdir", folder / "direct"], cwd=tree)
        run([*command, "--outdir", folder / "through-sdist"], cwd=tree)

    return made_once(tmp_path_factory, "built", build)


def _only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def _contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _package_files(tree: Path) -> dict[str, bytes]:
    """The package's files as a program sees them, that is through the links."""
    folders, files = [tree / PACKAGE], dict[str, bytes]()
    for folder in folders:
        for each in folder.iterdir():
            if each.is_dir() and each.name != "__pycache__":  # which is there as soon as it was imported
                folders.append(each)
            elif each.is_file():
                files[each.relative_to(tree).as_posix()] = each.read_bytes()
    return files


def test_the_wheel_has_exactly_the_files_of_the_tree(built: Path) -> None:
    wheel = _contents(_only(built / "direct", "*.whl"))

    packed = {name: data for name, data in wheel.items() if ".dist-info/" not in name}

    assert packed == _package_files(built / "tree")
    assert {
        f"{PACKAGE}/py.typed",
        f"{PACKAGE}/fakes/kubernetes.py",
        f"{PACKAGE}/fixtures/hub.py",
        f"{PACKAGE}/scenarios/__init__.py",
    } <= packed.keys()


def test_the_wheel_built_from_the_sdist_equals_the_wheel_built_directly(built: Path) -> None:
    direct = _contents(_only(built / "direct", "*.whl"))
    through_sdist = _contents(_only(built / "through-sdist", "*.whl"))

    assert through_sdist == direct


def test_the_sdist_has_what_its_own_tests_and_docs_need(built: Path) -> None:
    with tarfile.open(_only(built / "through-sdist", "*.tar.gz")) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}

    tree = built / "tree"
    shipped = {
        each.relative_to(tree).as_posix()
        for folder in ("tests", "examples", "docs", "benchmarks", ".ci")
        for each in (tree / folder).rglob("*")
        if each.is_file() and each.parent.name != "__pycache__"
    }
    single = {"CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml"}
    assert sorted((shipped | single | _package_files(tree).keys()) - packed) == []


def test_the_wheel_carries_licence_entry_points_and_the_mark_of_typed_packages(built: Path) -> None:
    wheel = _contents(_only(built / "direct", "*.whl"))
    (metadata,) = {name.partition("/")[0] for name in wheel if ".dist-info/" in name}

    assert wheel[f"{metadata}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    assert wheel[f"{metadata}/entry_points.txt"].decode().split() == [
        *("[console_scripts]", "mcpflow", "=", "pytest_mcpflow.cli:main"),
        *("[pytest11]", "mcpflow", "=", "pytest_mcpflow.plugin"),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_installation_has_every_fake_and_the_command(
    kind: str, built: Path, tmp_path: Path
) -> None:
    python = make_environment(tmp_path / "environment")
    if kind == "editable":
        install(python, "-e", copy_checkout(tmp_path / "tree"))
    else:
        install(python, _only(built / ("direct" if kind == "wheel" else "through-sdist"), "*.whl"))

    neutral = tmp_path / "neutral"
    neutral.mkdir()
    said = run([python, "-W", "error", "-c", _IMPORT_EVERYTHING], cwd=neutral).split()

    assert said == sorted(name for name in _modules(built / "tree") if ".fakes." in name)
    assert "scenarios" in run([tmp_path / "environment" / "bin" / "mcpflow", "--help"], cwd=neutral)


_IMPORT_EVERYTHING = """
import importlib, pathlib, pkgutil, sys
import pytest_mcpflow.fakes, pytest_mcpflow.fixtures, pytest_mcpflow.scenarios
here = pathlib.Path(pytest_mcpflow.__file__).resolve()
assert pathlib.Path(sys.prefix).resolve().parent in here.parents, here
for package in (pytest_mcpflow.fakes, pytest_mcpflow.fixtures, pytest_mcpflow.scenarios):
    names = pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    for name in sorted(module.name for module in names if not module.ispkg):
        importlib.import_module(name)
        if package is pytest_mcpflow.fakes:
            print(name)
"""


def _modules(tree: Path) -> list[str]:
    names = (name.removesuffix(".py") for name in _package_files(tree) if name.endswith(".py"))
    return [name.replace("/", ".") for name in names if not name.endswith("__init__")]


def test_a_bare_checkout_can_be_imported(built: Path, tmp_path: Path) -> None:
    python = make_environment(tmp_path / "environment")

    said = run(
        [python, "-c", "from pytest_mcpflow.fakes import kubernetes; print(kubernetes.__file__)"],
        cwd=built / "tree",
    )

    assert Path(said.strip()) == built / "tree" / PACKAGE / "fakes" / "kubernetes.py"


def test_dependencies_have_a_floor_and_no_cap() -> None:
    extras = cast("dict[str, list[str]]", PROJECT["optional-dependencies"])
    required = [
        *cast("list[str]", PROJECT["dependencies"]),
        *(each for extra in extras.values() for each in extra),
    ]

    wrong = [each for each in required if not re.fullmatch(r"[\w.-]+(\[\w+\])?>=[\d.]+", each)]

    assert wrong == []


def test_the_three_folders_are_linked_and_not_copied() -> None:
    for name in ("fakes", "fixtures", "scenarios"):
        assert (ROOT / PACKAGE / name).samefile(ROOT / name) or not (ROOT / name).exists(), name


def test_the_plugin_works_with_nothing_but_what_it_depends_on(built: Path, tmp_path: Path) -> None:
    """No plugin of the tests may be needed to read pyproject.toml: a stranger installs the package alone."""
    tree = copy_checkout(tmp_path / "tree")
    (tree / "tests" / "test_alone.py").write_text("def test_alone() -> None: ...\n", encoding="utf-8")
    alone = ["-m", "pytest", "-p", "pytest_mcpflow.plugin", "-p", "no:cacheprovider", "tests/test_alone.py"]

    said = run([sys.executable, *alone], cwd=tree, set_environment={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})

    assert "1 passed" in said
