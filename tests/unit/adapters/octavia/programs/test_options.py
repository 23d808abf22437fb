# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import pytest
from oslo_config import cfg, types

from amphv2_bootstrap.adapters.octavia.programs import options

PLAIN = [
    cfg.StrOpt("driver", default="a", choices=["a", "b"], help="Which."),
    cfg.StrOpt("engine", choices=[("serial", "In turn."), ("parallel", "At once.")]),
    cfg.StrOpt("password", secret=True),
    cfg.IntOpt("seconds", default=30, min=1, max=90),
    cfg.PortOpt("port", default=6379),
    cfg.BoolOpt("enabled", default=False),
    cfg.ListOpt("hosts", default=["127.0.0.1"]),
    cfg.DictOpt("tls", default={"ssl": False, "keyfile": None}),
]


def test_options_are_the_same_by_their_descriptions() -> None:
    """What is remembered of options makes options that are equal to them."""
    described = options.described(PLAIN)
    assert described is not None
    assert options.defined(json.loads(json.dumps(described))) == PLAIN


@pytest.mark.parametrize(
    "option",
    [
        cfg.StrOpt("name", required=True),
        cfg.StrOpt("name", deprecated_name="old"),
        cfg.StrOpt("name", regex="^a"),
        cfg.ListOpt("hosts", bounds=True),
        cfg.Opt("size", type=types.Integer(1, 2)),
        cfg.DictOpt("tls", default={"ssl": {"a", "b"}}),
    ],
    ids=lambda option: type(option).__name__,
)
def test_what_a_description_does_not_tell(option: cfg.Opt) -> None:
    """Options with more to them than is described aren't described at all."""
    assert options.described([*PLAIN, option]) is None


@pytest.mark.parametrize(
    ("text", "refers"),
    [
        ("[task_flow]\na = ${b}\n", True),
        ("[task_flow]\na = $b\n", True),
        ("[task_flow]\na = $$b \\$c\n", False),
        ("# $a\n;$b\n", False),
    ],
)
def test_references(tmp_path: Path, text: str, refers: bool) -> None:
    """A reference to another option is told from an escape, in folders too."""
    (tmp_path / "1.conf").write_text(text)
    assert options.refers([str(tmp_path), "/no/such/file"]) is refers
