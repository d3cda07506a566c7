"""The arrows of the house: who may import whom, who may patch, and how large a room may grow.

The layers below are the table of docs/architecture.md. A new module needs a place in both.
"""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from checkout import ROOT

import pytest_mcpflow

HOUSE = "pytest_mcpflow"

LAYERS = (
    (
        "admission",
        "coroutine_function",
        "errors",
        "notices",
        "orders",
        "outcome",
        "plain_yaml",
        "question",
        "uri",
        "ways",
    ),
    ("clock",),
    ("fake", "transcript"),
    ("fakes", "parameters", "refusal"),
    (
        *(
            "asking",
            "connection",
            "context",
            "diff",
            "hub_clock",
            "journal",
            "matchers",
            "result",
            "running",
            "schema",
        ),
        *("serve", "shelf", "stable_text", "stage", "state"),
    ),
    ("effects", "members", "server", "snapshot", "vacuity"),
    ("faults", "wire"),
    ("answers", "cassette", "heard", "strategies"),
    ("direct", "hub_client", "line"),
    ("served",),
    ("calls", "connections", "intake", "redirect"),
    ("hub",),
    ("fuzz", "scenario"),
    ("performance", "scenarios"),
    ("catalogue", "verdict"),
    ("explore",),
    ("option_list", "own_marks", "report"),
    ("hookspecs", "marker", "options", "stash"),
    ("plans", "verified"),
    ("async_tests", "scenario_node"),
    ("chaos",),
    ("scenario_items",),
    ("explore_command", "fixtures", "new", "scenario_list", "serving", "survival"),
    ("cli", "plugin"),
    ("__main__",),
)
"""Rooms, the lowest first. A room is a module or a folder of them; it may import rooms of lower layers only."""

IMPORTS_PYTEST = {
    "async_tests": "runs test functions",
    "chaos.arguments": "reads what parametrization gave a test",
    "chaos.items": "makes items",
    "chaos.marked": "runs test functions",
    "chaos.options": "reads what pytest was asked",
    "chaos.summary": "writes to pytest's terminal",
    "explore_command": "asks pytest which scenarios and kinds of faults there are",
    "fixtures.hub": "is a fixture",
    "hookspecs": "names pytest's types",
    "new.command": "asks pytest which ini file counts, and which scenarios there are",
    "marker": "reads the marker of a test",
    "option_list": "adds pytest's options",
    "options": "reads what pytest was asked",
    "own_marks": "reads the marks of a test",
    "plans": "reads what pytest was asked",
    "plugin": "is the plugin",
    "scenario_items": "makes items",
    "scenario_node": "makes items",
    "scenario_list": "lets pytest collect what it lists",
    "stash": "keeps things with an item",
    "survival": "asks pytest which scenarios there are",
    "verified": "fails tests",
}

IMPORTS_MCP = {
    "asking": "asks through a server's session",
    "cassette.live": "speaks to live servers",
    "cassette.replay": "is a transport",
    "cassette.tap": "is a transport",
    "connection": "enters clients",
    "hub_client": "makes clients",
    "line": "is a client's session",
    "redirect": "stands in the SDK's ways out",
    "served": "connects clients",
    "serve.channel": "is a transport",
    "serve.checking": "holds answers against schemas as a session does",
    "serve.http": "is a transport",
    "serve.killing": "reads requests and answers as they pass",
    "serve.lines": "is a transport's framing",
    "serve.memory": "is a transport",
    "serve.outside": "is a transport",
    "serve.stdio": "is a transport",
    "serve.tamper": "spoils a transport's messages",
    "serve.wired": "carries a session's messages",
    "server": "is an MCP server",
    "wire": "wraps a session's dispatcher",
}
"""Who imports mcp when imported itself; everybody else waits until it is needed, since it takes most of a second."""

UPWARD = {
    (
        "fake",
        "cassette.taped",
    ): "whoever declares a fake looks for Fake.from_tape there, and making one takes the "
    "tapes, the schemas and the matching of rooms above; nothing is imported before it is called",
}
"""The only arrows that go up, each from a function, and why."""

PATCHES = {
    "catalogue": "sys.path, while a user's file is imported",
    "clock.order": "the order of cancellation, while a virtual loop runs",
    "clock.patches": "clocks, sleeping and worker threads, while a virtual loop runs",
    "clock.zone": "the local time zone, while a virtual loop runs",
    "redirect": "the SDK's ways out of the process, while a hub redirects clients",
}

OPTIONAL = {"fuzz": {"hypothesis"}, "snapshot": {"syrupy"}, "strategies": {"hypothesis", "jsonschema"}}
"""Rooms that need an extra; nothing imports them but their users and each other."""

OF_WORKFLOWS = {"cachetools", "tenacity"}
"""Libraries that reference workflows use, as a user's would."""


@dataclass(frozen=True)
class Import:
    """`name` is a full module name; `when` is `now`, `deferred` (in a function) or `typing` (never at run time)."""

    name: str
    when: str

    @property
    def root(self) -> str:
        return self.name.partition(".")[0]

    @property
    def house_name(self) -> str:
        return self.name.removeprefix(HOUSE).removeprefix(".")


@dataclass(frozen=True)
class Module:
    name: str
    path: Path

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(encoding="utf-8"), str(self.path))

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        return tuple(_imports(self.tree, "now"))

    @property
    def room(self) -> str:
        return self.name.partition(".")[0]


def _house() -> dict[str, Module]:
    folders, found = [ROOT / HOUSE], dict[str, Module]()
    for folder in folders:  # by hand, since rglob does not follow the links
        for path in sorted(folder.iterdir()):
            if path.is_dir() and path.name != "__pycache__":
                folders.append(path)
            elif path.suffix == ".py":
                parts = path.relative_to(ROOT / HOUSE).with_suffix("").parts
                name = ".".join(part for part in parts if part != "__init__")
                found[name] = Module(name, path)
    return found


def _imports(node: ast.AST, when: str) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, when) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            module = "." * child.level + (child.module or "")
            for alias in child.names:
                inner = f"{module}.{alias.name}".removeprefix(f"{HOUSE}.")
                yield Import(f"{HOUSE}.{inner}" if inner in MODULE_NAMES else module, when)
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from (each for part in child.body for each in _imports(ast.Module([part], []), "typing"))
            yield from (each for part in child.orelse for each in _imports(ast.Module([part], []), when))
        else:
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, "deferred" if is_function and when == "now" else when)


def _module_names() -> frozenset[str]:
    base = ROOT / HOUSE
    folders, names = [base], set[str]()
    for folder in folders:
        for path in folder.iterdir():
            if path.is_dir() and (path / "__init__.py").exists():
                folders.append(path)
                names.add(".".join(path.relative_to(base).parts))
            elif path.suffix == ".py" and path.stem != "__init__":
                names.add(".".join(path.relative_to(base).with_suffix("").parts))
    return frozenset(names)


MODULE_NAMES = _module_names()
MODULES = _house()
RANKS = {room: rank for rank, layer in enumerate(LAYERS) for room in layer}
INSIDE = [module for name, module in MODULES.items() if name]


def test_every_room_has_one_place_and_every_place_a_room() -> None:
    placed = [room for layer in LAYERS for room in layer]

    assert sorted(placed) == sorted({module.room for module in INSIDE})


def test_the_architecture_page_shows_the_same_layers_in_the_same_order() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", page, flags=re.MULTILINE)

    assert [int(number) for number, _ in rows] == [*range(1, len(LAYERS) + 1)]
    assert [tuple(sorted(re.findall(r"`([^`]+)`", rooms))) for _, rooms in rows] == [
        tuple(sorted(layer)) for layer in LAYERS
    ]


def test_a_room_imports_lower_rooms_only() -> None:
    upward = [
        (module.name, each.house_name)
        for module in INSIDE
        for each in module.imports
        if each.root == HOUSE and each.when != "typing" and each.house_name
        if each.house_name.partition(".")[0] != module.room
        if RANKS[each.house_name.partition(".")[0]] >= RANKS[module.room]
        if each.when == "now" or (module.name, each.house_name) not in UPWARD
    ]

    assert upward == []


def test_the_arrows_that_go_up_are_there() -> None:
    deferred = {
        (module.name, each.house_name)
        for module in INSIDE
        for each in module.imports
        if each.when == "deferred"
    }

    assert UPWARD.keys() <= deferred


def test_nothing_imports_the_plugin() -> None:
    assert [
        module.name
        for module in MODULES.values()
        for each in module.imports
        if each.house_name == "plugin" and each.root == HOUSE
    ] == []


def test_only_scenarios_import_the_package_itself() -> None:
    """The package's names are for users; a room that took them from there would hide its arrows."""
    assert [
        module.name
        for module in INSIDE
        for each in module.imports
        if each.name == HOUSE and module.room != "scenarios"
    ] == []


def test_a_scenario_imports_public_names_fakes_and_libraries_of_workflows() -> None:
    for module in INSIDE:
        if module.room == "scenarios":
            foreign = {each.root for each in module.imports} - sys.stdlib_module_names - OF_WORKFLOWS
            rooms = {each.house_name.partition(".")[0] for each in module.imports if each.root == HOUSE}
            assert (module.name, foreign - {HOUSE}, rooms - {"", "fakes", "scenarios"}) == (
                module.name,
                set(),
                set(),
            )


def test_a_fake_imports_what_fakes_are_made_of_and_its_own_private_modules() -> None:
    for module in [each for each in INSIDE if each.room == "fakes"]:
        own = "fakes.real._" if module.name.startswith("fakes.real.") else "fakes._"
        others = {
            each.house_name or each.name
            for each in module.imports
            if each.root not in sys.stdlib_module_names
            and each.house_name not in ("fake", "plain_yaml")
            and not each.house_name.startswith(own)
        }

        # A real server's tools stand before the state of one fake.
        assert (module.name, others - {_service_of(module)}) == (module.name, set())


def test_no_two_fakes_share_a_private_module() -> None:
    owners: dict[str, str] = {}
    fakes = [each for each in INSIDE if each.room == "fakes" and each.name not in ("fakes", "fakes.real")]
    for public in [each for each in fakes if "._" not in each.name]:
        reached, todo = set[str](), [public.name]
        while todo:
            name = todo.pop()
            if name not in reached and name != _service_of(public):
                reached.add(name)
                todo += [
                    each.house_name for each in MODULES[name].imports if each.house_name.startswith("fakes.")
                ]
        for private in reached - {public.name}:
            assert owners.setdefault(private, public.name) == public.name, private
    assert owners.keys() == {each.name for each in fakes if "._" in each.name}


def _service_of(module: Module) -> str:
    """The fake whose state a real server's tools stand before; nothing for other fakes."""
    if not module.name.startswith("fakes.real."):
        return ""
    found = [each.house_name for each in module.imports if re.fullmatch(r"fakes\.[a-z]\w*", each.house_name)]
    return found[0] if found else ""


def test_only_those_who_deal_with_pytest_import_it() -> None:
    importers = {
        module.name for module in INSIDE for each in module.imports if each.root in ("pytest", "_pytest")
    }

    assert importers == IMPORTS_PYTEST.keys()


def test_nobody_imports_the_private_parts_of_pytest() -> None:
    assert [module.name for module in INSIDE for each in module.imports if each.root == "_pytest"] == []


def test_only_those_who_speak_the_protocol_import_mcp_at_once() -> None:
    importers = {
        module.name
        for module in INSIDE
        for each in module.imports
        if each.root in ("mcp", "mcp_types") and each.when == "now"
    }

    assert importers == IMPORTS_MCP.keys()


def test_every_foreign_module_belongs_to_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[\[>]", each)[0] for each in project["dependencies"]}
    providers = importlib.metadata.packages_distributions()
    undeclared = {
        (module.name, each.root)
        for module in INSIDE
        for each in module.imports
        if each.root not in {*sys.stdlib_module_names, HOUSE}
        and each.root not in OPTIONAL.get(module.room, ())
        if not declared & {re.sub(r"[-_.]+", "-", name).lower() for name in providers.get(each.root, ())}
    }

    assert undeclared == set()


def test_only_those_who_say_so_change_what_is_not_theirs() -> None:
    patching = {module.name: found for module in INSIDE if (found := [*_patches(module.tree)])}

    assert patching.keys() == PATCHES.keys(), patching


def _patches(tree: ast.Module) -> Iterator[str]:
    """Where a module changes something it imported, or takes hold of another library's seam."""
    imported = {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    tools = {"MonkeyPatch", "mock", "seam", "time_machine"}
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    yield from (f"imports {name}" for name in sorted(imported & tools))
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign | ast.Delete):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("setattr", "delattr"):
            targets = [ast.Attribute(node.args[0], "set", ast.Store())]
        for target in targets:
            root = target
            while isinstance(root, ast.Attribute | ast.Subscript):
                root = root.value
            if root is not target and isinstance(root, ast.Name) and root.id in imported - defined:
                yield f"line {root.lineno}: changes {ast.unparse(target)}"


def test_no_module_and_no_class_keeps_what_happens() -> None:
    """What begins empty, or counts, is filled by somebody: it belongs to an object, which ends with a test."""
    kept = {module.name: found for module in INSIDE if (found := [*_keeps(module.tree.body)])}

    assert kept == {}


def _keeps(scope: Sequence[ast.stmt]) -> Iterator[str]:
    fillable = {"count", "Counter", "defaultdict", "deque", "dict", "list", "set"}
    for node in scope:
        if isinstance(node, ast.ClassDef | ast.If | ast.Try | ast.With):
            yield from _keeps(node.body)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            value = node.value
            made = ast.unparse(value.func).partition("[")[0] if isinstance(value, ast.Call) else ""
            name = made.rpartition(".")[2]
            if ast.unparse(value) in ("[]", "{}") or name in fillable or name.startswith("Weak"):
                yield f"line {node.lineno}: {ast.unparse(node)}"


def test_a_module_says_what_it_is_for() -> None:
    assert [name for name, module in MODULES.items() if not ast.get_docstring(module.tree)] == []


def test_imports_are_absolute() -> None:
    elsewhere = {"fakes", "fixtures", "scenarios", "tests", "examples"}
    assert [
        (module.name, each.name)
        for module in MODULES.values()
        for each in module.imports
        if each.name.startswith(".") or each.root in elsewhere
    ] == []


def test_no_room_is_above_400_lines() -> None:
    lines = {name: len(each.path.read_text(encoding="utf-8").splitlines()) for name, each in MODULES.items()}

    assert {name: count for name, count in lines.items() if count > 400} == {}


def test_public_functions_name_their_keywords() -> None:
    """`**options: Any` would hide what a function takes from its readers and from type checkers."""
    vague: list[tuple[str, str]] = []
    for module in MODULES.values():
        public = {node for node in module.tree.body if getattr(node, "name", "_") in pytest_mcpflow.__all__}
        if module.room in ("fakes", "fixtures", "scenarios"):
            public |= {*module.tree.body}
        vague += [(module.name, each) for each in _vague_signatures([*public])]

    assert vague == []


def _vague_signatures(scope: Sequence[ast.stmt]) -> Iterator[str]:
    for node in scope:
        if isinstance(node, ast.ClassDef):
            yield from (f"{node.name}.{each}" for each in _vague_signatures(node.body))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            is_public = not node.name.startswith("_") or node.name == "__init__"
            keywords = node.args.kwarg
            if (
                is_public
                and keywords
                and (keywords.annotation is None or ast.unparse(keywords.annotation) == "Any")
            ):
                yield node.name
