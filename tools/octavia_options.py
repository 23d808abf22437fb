# SPDX-License-Identifier: Apache-2.0
"""Print the options that releases of Octavia declare in [task_flow], as JSON.

    octavia_options.py            of the Octavia of this Python, which it imports
    octavia_options.py WHEEL...   of wheels, which it reads without installing them

Reading wheels needs only oslo.config. They come from PyPI:

    pip download --no-deps --only-binary :all: octavia==16.1.0

The output is a list of {"releases": [VERSION, ...], "options": {NAME: {...}}};
consecutive releases with the same declarations are one entry. A declaration omits what
is null, false or empty, except a default.
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import ast
import json
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

_KINDS = {
    "StrOpt": "str",
    "IntOpt": "int",
    "PortOpt": "port",
    "BoolOpt": "bool",
    "ListOpt": "list",
    "DictOpt": "dict",
}
_LIST = "task_flow_opts"


def main(wheels: list[str]) -> None:
    """Print the declarations, one option a line."""
    if wheels:
        found = sorted(map(_of_wheel, map(Path, wheels)), key=lambda one: one[0])
    else:
        found = [_installed()]
    groups: list[dict[str, Any]] = []
    for number, options in found:
        version = ".".join(map(str, number))
        # Compared as text, since the order of options matters, too.
        if groups and json.dumps(groups[-1]["options"]) == json.dumps(options):
            groups[-1]["releases"].append(version)
        else:
            groups.append({"releases": [version], "options": options})
    print(_text(groups))


def _installed() -> tuple[list[int], dict[str, Any]]:
    from importlib import import_module, metadata

    options = getattr(import_module("octavia.common.config"), _LIST)
    return _number(metadata.version("octavia")), _declared(options)


def _of_wheel(wheel: Path) -> tuple[list[int], dict[str, Any]]:
    from oslo_config import cfg

    with zipfile.ZipFile(wheel) as archive:
        config = archive.read("octavia/common/config.py").decode()
        constants = archive.read("octavia/common/constants.py").decode()
    names = {"cfg": cfg, "_": str, "constants": _literals(constants)}
    code = compile(ast.Expression(_assigned(config)), str(wheel), "eval")
    return _number(wheel.name.split("-")[1]), _declared(eval(code, names))


def _number(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _assigned(source: str) -> ast.expr:
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == _LIST:
            return node.value
    raise SystemExit(f"no assignment of {_LIST}")


def _literals(source: str) -> types.SimpleNamespace:
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue  # built from other names; no option uses it
    return types.SimpleNamespace(**found)


def _declared(options: list[Any]) -> dict[str, Any]:
    return {option.name: _declaration(option) for option in options}


def _declaration(option: Any) -> dict[str, Any]:
    more = {
        "choices": list(getattr(option.type, "choices", None) or ()),
        "min": getattr(option.type, "min", None),
        "max": getattr(option.type, "max", None),
        "secret": option.secret or None,
    }
    present = {name: value for name, value in more.items() if value not in (None, [])}
    kind = _KINDS[type(option).__name__]
    return {"kind": kind, "default": option.default, **present}


def _text(groups: list[dict[str, Any]]) -> str:
    blocks = []
    for group in groups:
        lines = [
            f"    {json.dumps(name)}: {json.dumps(declaration)}"
            for name, declaration in group["options"].items()
        ]
        releases = json.dumps(group["releases"])
        options = ",\n".join(lines)
        blocks.append(f'{{"releases": {releases},\n  "options": {{\n{options}}}}}')
    return "[" + ",\n".join(blocks) + "]"


if __name__ == "__main__":
    main(sys.argv[1:])
