# SPDX-License-Identifier: Apache-2.0
"""The table of Octavia's options, against a real Octavia."""

import json
import subprocess
from typing import Any

from amphv2_bootstrap.spec.octavia_options import (
    ALWAYS_WRITTEN,
    BY_NAME,
    TASK_FLOW_OPTIONS,
    TaskFlowOption,
)

_DUMP = """
import json
from octavia.common import config
kinds = {"StrOpt": "str", "IntOpt": "int", "PortOpt": "port", "BoolOpt": "bool",
         "ListOpt": "list", "DictOpt": "dict"}
print(json.dumps([
    {
        "name": option.name,
        "kind": kinds[type(option).__name__],
        "default": option.default,
        "secret": option.secret,
        "minimum": getattr(option.type, "min", None),
        "maximum": getattr(option.type, "max", None),
        "choices": list(getattr(option.type, "choices", None) or ()),
        "keys": list(option.default) if isinstance(option.default, dict) else [],
    }
    for option in config.task_flow_opts
]))
"""


def _comparable(option: TaskFlowOption) -> dict[str, Any]:
    default = option.default
    return {
        "name": option.name,
        "kind": option.kind,
        "default": list(default) if isinstance(default, tuple) else default,
        "secret": option.secret,
        "minimum": option.minimum,
        "maximum": option.maximum,
        "choices": list(option.choices),
        "keys": list(option.keys),
    }


def test_table_agrees_with_octavia(octavia_python_path: str) -> None:
    """Names, order, types, defaults, limits and secrecy are Octavia's own."""
    done = subprocess.run(
        [octavia_python_path, "-c", _DUMP], capture_output=True, text=True, check=True
    )
    theirs = json.loads(done.stdout.splitlines()[-1])
    assert [_comparable(option) for option in TASK_FLOW_OPTIONS] == theirs


def test_table_is_consistent() -> None:
    """Names are unique, each has a help text, and the five are in the table."""
    assert len(BY_NAME) == len(TASK_FLOW_OPTIONS)
    assert set(ALWAYS_WRITTEN) <= set(BY_NAME)
    for option in TASK_FLOW_OPTIONS:
        assert option.help.endswith("."), option.name
        assert set(option.secret_keys) <= set(option.keys)
        assert set(option.drivers) <= {"redis", "zookeeper", "etcd"}
