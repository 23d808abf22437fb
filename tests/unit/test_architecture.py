# SPDX-License-Identifier: Apache-2.0
"""The shape of the source: the direction of imports, and the size of modules."""

import ast
import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import REPOSITORY

PACKAGE = "amphv2_bootstrap"

LAYERS = (
    "cmd",
    "web",
    "conf",
    "posting",
    "jobboards",
    "engine",
    "flows",
    "checks",
    "steps",
    "adapters",
    "spec",
    "errors",
)
"""A layer may import itself and the layers after it, never one before it."""

FLOORS = {"engine": ("conductor", "execution", "description", "storage", "")}
"""The same within a layer; the empty name means the modules at its root."""

CLOSED_TO = {
    "engine": {"flows", "steps", "checks", "adapters"},
    "posting": {"steps", "checks", "adapters"},
    "jobboards": {"flows", "steps", "checks", "adapters"},
    "flows": {"checks", "adapters"},
}
"""Later layers that these must not import either; see the architecture."""

WITHOUT_GLOBAL_CONF = set(LAYERS) - {"cmd", "conf"}
VAGUE_NAMES = {"util", "utils", "helper", "helpers", "manager", "managers", "common"}
MODULE_LINES = 330
FUNCTION_LINES = 40
FOLDER_MODULES = 14
PLAIN_LINES = 5
"""A function of this length at most needs no docstring."""

PROGRAMS = ("adapters.octavia.programs",)
"""Separate programs, which Octavia's Python runs with Octavia's configuration."""

CATCH_ALL_ALLOWED = (
    "steps.plan.foresight",
    "checks.verification",
    "cmd",
    "engine.conductor",
    "engine.execution.runner",
    "engine.execution.supervision",
    "engine.lease",
    "jobboards.change_notifier",
    "jobboards.zookeeper.claim_timer",
    "web.application",
    "web.server",
    *PROGRAMS,
)
"""The outermost frames of processes, threads and checks may catch every error."""


CHANGES_FILES = {"steps", "checks", "adapters"}
CHANGES_BY_NAME = {
    *(f"os.{name}" for name in ("chmod", "chown", "link", "mkdir", "makedirs")),
    *(f"os.{name}" for name in ("open", "remove", "rename", "replace", "rmdir")),
    *(f"os.{name}" for name in ("symlink", "unlink")),
    *(f"shutil.{name}" for name in ("chown", "copy", "copy2", "move", "rmtree")),
    *(f"tempfile.{name}" for name in ("mkdtemp", "mkstemp", "NamedTemporaryFile")),
}
CHANGES_OF_PATH = {"chmod", "mkdir", "rmdir", "touch", "write_bytes", "write_text"}
BY_NAME_ALLOWED = (
    "adapters.host.no_follow",
    "adapters.octavia.db_manage",  # in state_path, which only root may write
)


@dataclass(frozen=True)
class Module:
    """One source file."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def place(self) -> str:
        """The name without the package's; empty for the package itself."""
        return self.name.partition(".")[2]

    @property
    def layer(self) -> str:
        return self.place.partition(".")[0]


@dataclass(frozen=True)
class Import:
    """One imported dotted name, and the line that imports it."""

    target: str
    line: int


Rule = Callable[[Module], Iterator[str]]


def parse(name: str, text: str, path: Path = Path("example.py")) -> Module:
    """Read ``text`` as the module ``name``."""
    return Module(name, path, text, ast.parse(text, filename=str(path)))


@functools.cache
def read(folder: Path) -> tuple[Module, ...]:
    """Every module below ``folder``, by path."""
    return tuple(_read(path) for path in sorted(folder.rglob("*.py")))


def _read(path: Path) -> Module:
    relative = path.relative_to(REPOSITORY)
    parts = relative.with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return parse(name, path.read_text(encoding="utf-8"), relative)


def imports(module: Module) -> Iterator[Import]:
    """All imports, also in functions; relative ones are resolved."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = _base(module, node)
            for alias in node.names:
                yield Import(f"{base}.{alias.name}", node.lineno)


def _base(module: Module, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    parts = module.name.split(".")
    if module.path.name != "__init__.py":
        parts = parts[:-1]
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, node.module] if node.module else parts)


def at(module: Module, line: int, rule: str) -> str:
    """The message for a broken rule."""
    return f"{module.path}:{line}: {rule}"


def layer_order(module: Module) -> Iterator[str]:
    """A layer imports itself and later layers only."""
    if not module.layer:
        return
    if module.layer not in LAYERS:
        yield at(module, 1, f"{module.layer} is not one of the layers {LAYERS}")
        return
    own = LAYERS.index(module.layer)
    for imported in imports(module):
        target = _layer_of(imported.target)
        if target is None:
            continue
        if target not in LAYERS or LAYERS.index(target) < own:
            yield at(
                module, imported.line, f"{module.layer} must not import {target or '*'}"
            )
        elif target in CLOSED_TO.get(module.layer, set()):
            yield at(module, imported.line, f"{module.layer} knows nothing of {target}")


def floor_order(module: Module) -> Iterator[str]:
    """Within a layer that has floors, imports go one way, too."""
    floors = FLOORS.get(module.layer, ())
    own = _floor_of(module.place, floors)
    for imported in imports(module):
        if floors and _layer_of(imported.target) == module.layer:
            target = _floor_of(imported.target.partition(".")[2], floors)
            if floors.index(target) < floors.index(own):
                rule = f"{module.layer}.{own} must not import {target}"
                yield at(module, imported.line, rule)


def _floor_of(place: str, floors: Sequence[str]) -> str:
    name = place.split(".")[1] if "." in place else ""
    return name if name in floors else ""


def _layer_of(target: str) -> str | None:
    package, _, rest = target.partition(".")
    return rest.partition(".")[0] if package == PACKAGE else None


def no_octavia(module: Module) -> Iterator[str]:
    """The engine and the jobboards are not specific to Octavia."""
    if module.layer not in {"engine", "jobboards"}:
        return
    for imported in imports(module):
        if "octavia" in imported.target.lower():
            yield at(module, imported.line, f"{module.layer} knows nothing of Octavia")


def no_global_configuration(module: Module) -> Iterator[str]:
    """Below ``cmd``, values are parameters, not globals."""
    if module.layer not in WITHOUT_GLOBAL_CONF or _is_program(module):
        return
    for imported in imports(module):
        if imported.target == "oslo_config.cfg.CONF":
            yield at(module, imported.line, "no global CONF below cmd")
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr == "CONF":
            yield at(module, node.lineno, "no global CONF below cmd")


def _is_program(module: Module) -> bool:
    return f"{module.place}.".startswith(tuple(f"{name}." for name in PROGRAMS))


def standalone(module: Module) -> Iterator[str]:
    """A program that Octavia's Python runs imports nothing else of the package."""
    if not _is_program(module):
        return
    for imported in imports(module):
        place = imported.target.partition(".")[2]
        if _layer_of(imported.target) and not place.startswith(PROGRAMS):
            yield at(module, imported.line, f"Octavia's Python lacks {imported.target}")


def clear_name(module: Module) -> Iterator[str]:
    """The name of a module says its purpose."""
    vague = VAGUE_NAMES & set(module.name.split("."))
    if vague:
        yield at(module, 1, f"a module named {vague.pop()} has no one purpose")


def licence_line(module: Module) -> Iterator[str]:
    """The licence is the first line."""
    if not module.text.startswith("# SPDX-License-Identifier: Apache-2.0\n"):
        yield at(module, 1, "the first line must be the SPDX licence line")


def module_length(module: Module) -> Iterator[str]:
    """A module is short enough to be read at once."""
    lines = len(module.text.splitlines())
    if lines > MODULE_LINES:
        yield at(module, lines, f"{lines} lines; {MODULE_LINES} is the limit")


def function_length(module: Module) -> Iterator[str]:
    """A function does one thing; its docstring does not count."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            start = node.body[0].end_lineno if ast.get_docstring(node) else node.lineno
            length = (node.end_lineno or 0) - (start or 0)
            if length > FUNCTION_LINES:
                rule = f"{node.name}: {length} lines; {FUNCTION_LINES} is the limit"
                yield at(module, node.lineno, rule)


def documented(module: Module) -> Iterator[str]:
    """A public module, class or function states its contract."""
    if ast.get_docstring(module.tree) is None:
        yield at(module, 1, "the module has no docstring")
    for node in _public(module.tree.body):
        if ast.get_docstring(node) is None and not _is_plain(node):
            yield at(module, node.lineno, f"{node.name} has no docstring")
        if isinstance(node, ast.ClassDef) and not _overrides(node):
            for method in _public(node.body):
                if ast.get_docstring(method) is None and not _is_clear(node, method):
                    rule = f"{node.name}.{method.name} has no docstring"
                    yield at(module, method.lineno, rule)


Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _public(body: Iterable[ast.stmt]) -> Iterator[Definition]:
    for node in body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node


def _overrides(node: ast.ClassDef) -> bool:
    """Whether the base class documents the methods."""
    return bool(node.bases) and not _is_protocol(node)


def _is_protocol(node: ast.ClassDef) -> bool:
    return any("Protocol" in ast.unparse(base) for base in node.bases)


def _is_plain(node: Definition) -> bool:
    if isinstance(node, ast.ClassDef):
        return False
    return (node.end_lineno or 0) - node.body[0].lineno < PLAIN_LINES


def _is_clear(owner: ast.ClassDef, method: Definition) -> bool:
    """Whether a method needs no docstring; a Protocol's method always needs one."""
    if _is_protocol(owner):
        return False
    return _is_plain(method) or method.name in _protocol_methods()


@functools.cache
def _protocol_methods() -> frozenset[str]:
    return frozenset(
        method.name
        for module in read(REPOSITORY / PACKAGE)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and _is_protocol(node)
        for method in _public(node.body)
        if ast.get_docstring(method)
    )


def named_errors(module: Module) -> Iterator[str]:
    """Only the outermost frame of a process, thread or check may catch every error."""
    if f"{module.place}.".startswith(tuple(f"{name}." for name in CATCH_ALL_ALLOWED)):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler) and _swallows_all(node):
            yield at(module, node.lineno, "name the errors that are caught here")


def _swallows_all(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None:
        return False  # it cleans up and raises the error again
    return handler.type is None or any(
        isinstance(node, ast.Name) and node.id in {"Exception", "BaseException"}
        for node in ast.walk(handler.type)
    )


def by_descriptor(module: Module) -> Iterator[str]:
    """Root changes files in open folders, since a service may lay links on a path."""
    if module.layer not in CHANGES_FILES or module.place in BY_NAME_ALLOWED:
        return
    if _is_program(module):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and _changes_by_name(node):
            rule = f"{ast.unparse(node.func)}() takes a path; use adapters.host"
            yield at(module, node.lineno, f"{rule}.no_follow or durable_file")


def _changes_by_name(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    if name.startswith(("os.", "shutil.", "tempfile.")):
        given = {keyword.arg for keyword in call.keywords}
        return name in CHANGES_BY_NAME and not given & {"dir_fd", "src_dir_fd"}
    return name.rpartition(".")[2] in CHANGES_OF_PATH


def described_tests(module: Module) -> Iterator[str]:
    """The docstring of a test says what must hold."""
    for node in ast.walk(module.tree):
        if (
            isinstance(node, ast.FunctionDef)
            and node.name.startswith("test_")
            and ast.get_docstring(node) is None
        ):
            yield at(module, node.lineno, f"{node.name} doesn't say what must hold")


SOURCE_RULES: tuple[Rule, ...] = (
    layer_order,
    floor_order,
    no_octavia,
    no_global_configuration,
    standalone,
    clear_name,
    licence_line,
    module_length,
    function_length,
    documented,
    named_errors,
    by_descriptor,
)
TEST_RULES: tuple[Rule, ...] = (licence_line, clear_name, described_tests)


def cycle(graph: Mapping[str, set[str]]) -> list[str]:
    """A path in ``graph`` that ends where it begins; empty if there is none."""
    done: set[str] = set()

    def visit(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in done:
            return []
        done.add(name)
        paths = (visit(other, [*trail, name]) for other in sorted(graph[name]))
        return next(filter(None, paths), [])

    return next(filter(None, (visit(name, []) for name in sorted(graph))), [])


def import_graph(modules: Iterable[Module]) -> dict[str, set[str]]:
    """The modules that each module imports, also in functions and for types."""
    known = {module.name: module for module in modules}
    return {
        name: {
            target
            for imported in imports(module)
            if (target := _module_of(imported.target, known)) not in {name, PACKAGE, ""}
        }
        for name, module in known.items()
    }


def _module_of(target: str, known: Iterable[str]) -> str:
    """The module that ``target`` is or is defined in; empty for a foreign one."""
    parent = target.rpartition(".")[0]
    return next((name for name in (target, parent) if name in known), "")


def broken(rule: Rule, folder: str) -> str:
    """The messages for all places in ``folder`` that break the rule."""
    modules = read(REPOSITORY / folder)
    assert modules, f"no module found in {folder}"
    return "\n".join(found for module in modules for found in rule(module))


@pytest.mark.parametrize("rule", SOURCE_RULES, ids=lambda rule: rule.__name__)
def test_source(rule: Rule) -> None:
    """Every module of the package keeps the rule."""
    found = broken(rule, PACKAGE)
    assert not found, f"{rule.__doc__}\n{found}"


@pytest.mark.parametrize("rule", TEST_RULES, ids=lambda rule: rule.__name__)
def test_tests(rule: Rule) -> None:
    """Every module of the tests keeps the rule."""
    found = broken(rule, "tests")
    assert not found, f"{rule.__doc__}\n{found}"


def test_no_cycle() -> None:
    """No module imports itself through others."""
    assert not cycle(import_graph(read(REPOSITORY / PACKAGE)))


def crowded(modules: Iterable[Module]) -> list[str]:
    """The folders with too many modules."""
    counts = Counter(
        module.path.parent for module in modules if module.path.name != "__init__.py"
    )
    return [str(folder) for folder, n in counts.items() if n > FOLDER_MODULES]


def test_no_folder_is_crowded() -> None:
    """No folder has more than about a dozen modules."""
    assert not crowded(read(REPOSITORY / PACKAGE))


def test_crowded_folder_is_found() -> None:
    """One module too many is found; ``__init__`` does not count."""
    paths = [Path(f"spec/m{number}.py") for number in range(FOLDER_MODULES)]
    modules = [parse("spec.x", "", path) for path in paths]
    assert not crowded([*modules, parse("spec", "", Path("spec/__init__.py"))])
    assert crowded([*modules, parse("spec.y", "", Path("spec/y.py"))]) == ["spec"]


BREACHES: tuple[tuple[Rule, str, str], ...] = (
    (layer_order, "steps.x", "import amphv2_bootstrap.engine.board"),
    (layer_order, "steps.x", "from amphv2_bootstrap.jobboards import sql"),
    (layer_order, "steps.x", "from amphv2_bootstrap import engine"),
    (layer_order, "adapters.x", "from ..steps.base import Step"),
    (layer_order, "engine.x", "from amphv2_bootstrap.flows import cloud"),
    (layer_order, "engine.x", "from amphv2_bootstrap.adapters import mysql"),
    (layer_order, "spec.x", "def f():\n    import amphv2_bootstrap.conf"),
    (layer_order, "steps.x", "from amphv2_bootstrap.checks import finding"),
    (layer_order, "plumbing.x", ""),
    (
        floor_order,
        "engine.storage.x",
        "from amphv2_bootstrap.engine.execution import runner",
    ),
    (floor_order, "engine.board", "import amphv2_bootstrap.engine.storage.store"),
    (no_octavia, "engine.x", "import octavia.common.config"),
    (no_octavia, "jobboards.x", "from amphv2_bootstrap.spec import octavia_options"),
    (no_global_configuration, "steps.x", "from oslo_config.cfg import CONF"),
    (no_global_configuration, "steps.x", "from oslo_config import cfg\ncfg.CONF.x"),
    (standalone, "adapters.octavia.programs.x", "import amphv2_bootstrap.errors"),
    (standalone, "adapters.octavia.programs.x", "from amphv2_bootstrap import x"),
    (standalone, "adapters.octavia.programs.x", "from .. import canary"),
    (clear_name, "adapters.utils", ""),
    (clear_name, "engine.helpers.x", ""),
    (licence_line, "spec.x", "x = 1\n# SPDX-License-Identifier: Apache-2.0\n"),
    (module_length, "spec.x", "x = 1\n" * (MODULE_LINES + 1)),
    (function_length, "spec.x", "def f():\n" + "    x = 1\n" * (FUNCTION_LINES + 1)),
    (documented, "spec.x", "x = 1"),
    (documented, "spec.x", '"""A."""\ndef f():\n' + "    x = 1\n" * 6),
    (documented, "spec.x", '"""A."""\nclass C: ...'),
    (
        documented,
        "spec.x",
        '"""A."""\nclass C:\n    """A."""\n    def f(self):\n' + "        x = 1\n" * 6,
    ),
    (
        documented,
        "spec.x",
        '"""A."""\nclass C(Protocol):\n    """A."""\n    def f(self): ...',
    ),
    (named_errors, "steps.x", "try: ...\nexcept Exception: ..."),
    (named_errors, "steps.x", "try: ...\nexcept (OSError, Exception): ..."),
    (named_errors, "steps.x", "try: ...\nexcept: ..."),
    (by_descriptor, "steps.x", "import os\nos.chown(path, 0, 0)"),
    (by_descriptor, "adapters.x", "import os\nos.rename('a', 'b')"),
    (by_descriptor, "adapters.x", "path.write_text('x')"),
    (by_descriptor, "adapters.x", "import tempfile\ntempfile.mkstemp(dir=folder)"),
    (described_tests, "tests.x", "class TestC:\n    def test_f(self): ..."),
)


@pytest.mark.parametrize(("rule", "name", "text"), BREACHES)
def test_breach_is_found(rule: Rule, name: str, text: str) -> None:
    """Each rule finds its breach once, with the place."""
    (found,) = rule(parse(f"{PACKAGE}.{name}", text))
    assert found.startswith("example.py:")


def test_cycle_is_found() -> None:
    """A cycle of three is found, in its order."""
    graph = {"a": {"b"}, "b": {"c"}, "c": {"d"}, "d": {"b"}}
    assert cycle(graph) == ["b", "c", "d", "b"]
    assert cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
