# SPDX-License-Identifier: Apache-2.0
"""Reads from a package's source the texts of the errors that it raises.

What is known only at run time becomes a word in capital letters, as ``UNIT``.
"""

import ast
import functools
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = "BootstrapError"
_DEEP = 6
_WORDS = dict.fromkeys(("exc", "strerror", "name__", "longest", "rstrip"), "REASON")
_SERVER = {"advice", "refusal", "database_refusal"}
"""Functions and attributes that give what the tables of the servers' answers have."""
_CAUSE, _TABLES = "\0cause", "\0tables"
_MEANS = {
    _CAUSE: "What the message says: it is the advice of its cause.",
    _TABLES: "See `The servers' answers`_.",
}
Scope = tuple[ast.FunctionDef | ast.ClassDef, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """One place that raises an error; ``kinds`` are the classes that it may be of."""

    place: str
    kinds: tuple[str, ...]
    attempted: tuple[str, ...]
    why: tuple[str, ...]
    todo: tuple[str, ...]

    @property
    def is_silent(self) -> bool:
        """Whether it may say nothing about what to do."""
        return not self.todo or not all(self.todo)

    @property
    def title(self) -> str:
        """How the message begins, with its causes; reStructuredText."""
        whys = "; or ".join(each.rstrip(".") for each in self.why)
        text = " / ".join(self.attempted)
        return _escaped(f"{text}: {whys}" if whys else text)

    @property
    def advice(self) -> str:
        """All that it may advise; reStructuredText."""
        texts = (_CAUSE if each.isupper() else each for each in self.todo)
        return " *Or:* ".join(dict.fromkeys(map(_escaped, texts)))


def _escaped(text: str) -> str:
    text = re.sub(r"([*`|_\\])", r"\\\1", text.strip())
    for token, meaning in _MEANS.items():
        text = text.replace(token, meaning)
    return text


class Module:
    """One file: its functions, its constants, and from where its names come."""

    def __init__(self, name: str, tree: ast.Module) -> None:
        self.name, self.tree = name, tree
        self.functions: dict[str, ast.FunctionDef] = {}
        self.constants: dict[str, ast.expr] = {}
        self.imported: dict[str, tuple[str, str]] = {}
        self.bases: dict[str, list[str]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                self.functions.setdefault(node.name, node)
            elif isinstance(node, ast.ImportFrom) and node.module:
                for one in node.names:
                    self.imported[one.asname or one.name] = (node.module, one.name)
            elif isinstance(node, ast.ClassDef):
                self.bases[node.name] = [ast.unparse(one) for one in node.bases]
        for statement in tree.body:
            if isinstance(statement, ast.Assign):
                for target in statement.targets:
                    self.constants[ast.unparse(target)] = statement.value


class Source:
    """All modules of a package."""

    def __init__(self, package: Path) -> None:
        self.modules: dict[str, Module] = {}
        self.bases: dict[str, list[str]] = {}
        for path in sorted(package.rglob("*.py")):
            parts = path.relative_to(package.parent).with_suffix("").parts
            name = ".".join(parts).removesuffix(".__init__")
            self.modules[name] = Module(name, ast.parse(path.read_text()))
            self.bases |= self.modules[name].bases

    def is_a(self, name: str, ancestor: str) -> bool:
        """Whether a class is another one or derives from it."""
        return name == ancestor or any(
            self.is_a(base, ancestor) for base in self.bases.get(name, ())
        )

    def messages(self) -> Iterator[Message]:
        """Each call that makes an error, in the order of the source."""
        for module in self.modules.values():
            for node, scope, at in _calls(module.tree, (), None):
                reader = _Reader(self, module, scope, at)
                kinds = reader.kinds(node.func)
                if kinds:
                    yield self._message(module, node, kinds, reader)

    @staticmethod
    def _message(
        module: Module, node: ast.Call, kinds: tuple[str, ...], reader: "_Reader"
    ) -> Message:
        given = {each.arg or "": each.value for each in node.keywords}
        texts = {name: tuple(reader.texts(value)) for name, value in given.items()}
        attempted = tuple(reader.texts(node.args[0])) if node.args else ("",)
        place = f"{module.name}:{node.lineno}"
        why, todo = texts.get("why", ()), texts.get("todo", ())
        return Message(place, kinds, attempted, why, todo)


def _calls(
    node: ast.AST, scope: Scope, at: ast.stmt | None
) -> Iterator[tuple[ast.Call, Scope, ast.stmt | None]]:
    """Each call, with the functions and classes around it, and its statement."""
    for child in ast.iter_child_nodes(node):
        here = child if isinstance(child, ast.stmt) else at
        if isinstance(child, ast.Call):
            yield child, scope, here
        inner = scope
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            inner = (*scope, child)
        yield from _calls(child, inner, here)


class _Reader:
    """Finds the texts that an expression may have, in the functions around it."""

    def __init__(
        self,
        source: Source,
        module: Module,
        scope: Scope = (),
        at: ast.stmt | None = None,
    ) -> None:
        self.source, self.module, self.at = source, module, at
        self.classes = [each for each in scope if isinstance(each, ast.ClassDef)]
        self.functions = [each for each in scope if isinstance(each, ast.FunctionDef)]

    def kinds(self, function: ast.expr) -> tuple[str, ...]:
        """The classes of errors that a call of this makes; none if it makes none."""
        name = ast.unparse(function)
        names = [each.name for each in self.classes[-1:]] if name == "cls" else [name]
        names += self._named(function)
        found = [each for each in names if self.source.is_a(each, ROOT)]
        return tuple(dict.fromkeys(found))

    def _named(self, function: ast.expr) -> Iterator[str]:
        """What a local name stands for, such as ``kind``."""
        if isinstance(function, ast.Name):
            for value in self._assigned(function.id):
                if not isinstance(value, ast.Call):
                    inner = ast.walk(value)
                    yield from (one.id for one in inner if isinstance(one, ast.Name))

    def texts(self, node: ast.expr, deep: int = 0) -> list[str]:
        """Each text that the expression may have."""
        read = getattr(self, f"_{type(node).__name__.lower()}", None)
        if read is None or deep > _DEEP:
            return [_placeholder(node)]
        return list(dict.fromkeys(read(node, deep + 1)))

    def _constant(self, node: ast.Constant, _: int) -> list[str]:
        return [] if node.value is None else [str(node.value)]

    def _joinedstr(self, node: ast.JoinedStr, deep: int) -> list[str]:
        parts = [
            self._inserted(each.value, deep)
            if isinstance(each, ast.FormattedValue)
            else self.texts(each, deep)
            for each in node.values
        ]
        return ["".join(each) for each in itertools.product(*parts)]

    def _inserted(self, node: ast.expr, deep: int) -> list[str]:
        """The texts of a part of a sentence; a word where they would be many."""
        found = self.texts(node, deep)
        return found if len(found) == 1 else [_placeholder(node)]

    def _binop(self, node: ast.BinOp, deep: int) -> list[str]:
        if not isinstance(node.op, ast.Add):
            return [_placeholder(node)]
        pair = (self.texts(node.left, deep), self.texts(node.right, deep))
        return ["".join(each) for each in itertools.product(*pair)]

    def _ifexp(self, node: ast.IfExp, deep: int) -> list[str]:
        return self.texts(node.body, deep) + self.texts(node.orelse, deep)

    def _boolop(self, node: ast.BoolOp, deep: int) -> list[str]:
        found = [one for each in node.values for one in self.texts(each, deep)]
        return [one for one in found if one] or [""]

    def _attribute(self, node: ast.Attribute, deep: int) -> list[str]:
        if node.attr in _SERVER:
            return [_TABLES]
        if isinstance(node.value, ast.Name) and node.value.id in self.module.imported:
            name = ".".join(self.module.imported[node.value.id])
            if name in self.source.modules:
                reader = _Reader(self.source, self.source.modules[name])
                return reader.texts(ast.Name(node.attr), deep)
        return [_CAUSE if node.attr == "todo" else _placeholder(node)]

    def _dict(self, node: ast.Dict, deep: int) -> list[str]:
        return [one for each in node.values for one in self.texts(each, deep)]

    def _subscript(self, node: ast.Subscript, deep: int) -> list[str]:
        table = self._table(node.value)
        return self.texts(table, deep) if table else [_placeholder(node)]

    def _table(self, node: ast.expr) -> ast.Dict | None:
        """A table of the module, by its name."""
        found = self.module.constants.get(ast.unparse(node))
        return found if isinstance(found, ast.Dict) else None

    def _name(self, node: ast.Name, deep: int) -> list[str]:
        values = self._assigned(node.id)
        if values:
            return [one for each in values for one in self.texts(each, deep)]
        module, name = self._origin(node.id)
        if name in module.constants:
            reader = _Reader(self.source, module)
            return reader.texts(module.constants[name], deep)
        return [_placeholder(node)]

    def _call(self, node: ast.Call, deep: int) -> list[str]:
        name = ast.unparse(node.func).rpartition(".")[2]
        if name in _SERVER:
            return [_TABLES]
        if isinstance(node.func, ast.Attribute) and name == "get":
            return self._subscript(ast.Subscript(node.func.value, node.args[0]), deep)
        module, name = self._origin(name)
        function = module.functions.get(name)
        if function is None or ast.unparse(node.func).startswith("'"):
            return [_placeholder(node)]
        found = []
        for each in ast.walk(function):
            if isinstance(each, ast.Return) and each.value is not None:
                reader = _Reader(self.source, module, (function,), each)
                found += reader.texts(each.value, deep)
        return found or [_placeholder(node)]

    def _origin(self, name: str) -> tuple[Module, str]:
        """The module that defines a name, and what it is called there."""
        module, original = self.module.imported.get(name, (self.module.name, name))
        return self.source.modules.get(module, self.module), original

    def _assigned(self, name: str) -> list[ast.expr]:
        """What the functions around it give to a local name, or their callers."""
        pairs = [
            (statement, value)
            for function in self.functions
            for statement, value in _given(function, name)
            if self.at is None or statement.lineno < self.at.lineno
        ]
        found = [value for _, value in self._last(pairs)]
        for function in [] if found else self.functions:
            names = [
                one.arg for one in (*function.args.args, *function.args.kwonlyargs)
            ]
            if name in names:
                found += self._passed(function, name, names.index(name))
        return found

    def _last(
        self, pairs: list[tuple[ast.stmt, ast.expr]]
    ) -> list[tuple[ast.stmt, ast.expr]]:
        """Without those that a later one replaces, as far as indentation shows it."""
        pairs.sort(key=lambda pair: pair[0].lineno)
        for number in reversed(range(len(pairs))):
            statement = pairs[number][0]
            adds = isinstance(statement, ast.AugAssign)
            if self.at and not adds and statement.col_offset <= self.at.col_offset:
                first = statement.lineno
                return [pair for pair in pairs if pair[0].lineno >= first]
        return pairs

    def _passed(
        self, function: ast.FunctionDef, name: str, position: int
    ) -> Iterator[ast.expr]:
        """What this module's calls of a function give for a parameter, if constant."""
        for each in ast.walk(self.module.tree):
            if not isinstance(each, ast.Call):
                continue
            called = ast.unparse(each.func)
            if called.rpartition(".")[2] == function.name:
                given = {one.arg: one.value for one in each.keywords}
                args = each.args[position - called.startswith("self.") :]
                value = given.get(name) or next(iter(args), None)
                if isinstance(value, ast.Constant | ast.JoinedStr):
                    yield value


def _given(function: ast.FunctionDef, name: str) -> Iterator[tuple[ast.stmt, ast.expr]]:
    """The statements that give a local name a value, also as one of a tuple."""
    for target, statement, value in _assignments(function):
        if target == name:
            yield statement, value


@functools.cache
def _assignments(
    function: ast.FunctionDef,
) -> tuple[tuple[str, ast.stmt, ast.expr], ...]:
    """Each target in the function, its statement and what it is given."""
    found: list[tuple[str, ast.stmt, ast.expr]] = []
    for node in ast.walk(function):
        if isinstance(node, ast.AugAssign | ast.AnnAssign) and node.value is not None:
            found.append((ast.unparse(node.target), node, node.value))
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                names, values = [target], [node.value]
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    names, values = target.elts, node.value.elts
                for one, value in zip(names, values, strict=False):
                    found.append((ast.unparse(one), node, value))
    return tuple(found)


def _placeholder(node: ast.expr) -> str:
    """A word in capital letters for what is known only at run time."""
    if isinstance(node, ast.FormattedValue):
        node = node.value
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("join"):
        node = node.args[0]
    if isinstance(node, ast.Call) and node.args:
        node = node.args[0]
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.BinOp):
        return "NUMBER"
    names = re.findall(r"[A-Za-z]\w+", ast.unparse(node))
    word = names[-1] if names else "value"
    return _WORDS.get(word, word.upper())
