# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.octavia.programs import facts


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"oslo.config-1.2.dist-info/METADATA": "Version: 1.2\n\n"}, "1.2"),
        ({"Oslo_Config-1.2.dist-info/METADATA": "Version: 1.2\n\n"}, "1.2"),
        ({"oslo.config-1.2-py3.11.egg-info/PKG-INFO": "Version: 1.2\n\n"}, "1.2"),
        ({"oslo.config-1.2.egg-info": "Version: 1.2\n\n"}, "1.2"),
        ({"oslo.config.egg-info/PKG-INFO": "Name: oslo.config\nVersion: 1.2\n"}, "1.2"),
        ({"oslo.config-1.2.dist-info/METADATA": "\n\nVersion: 3\n"}, None),
        ({"oslo.config_more-1.2.dist-info/METADATA": "Version: 1.2\n\n"}, None),
    ],
)
def test_version_in_every_form(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, str],
    version: str | None,
) -> None:
    """As pip, distributions and setup.py leave it."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert facts.version("oslo.config") == version


_PLAIN = "revision = 'b'\ndown_revision = 'a'\n"


@pytest.mark.parametrize(
    ("second", "found"),
    [
        (_PLAIN, ["a", "b"]),
        (_PLAIN + "branch_labels = None\n", ["a", "b"]),
        (_PLAIN + "branch_labels = ('x',)\n", None),
        ("revision = 'b'\ndown_revision = ('a', 'c')\n", None),
        ("revision = 'b'\ndown_revision = None\n", None),
        ("revision = 'b'\ndown_revision = 'c'\n", None),
        ("revision = 'b'\nrevision = 'c'\ndown_revision = 'a'\n", None),
        ("revision = name()\ndown_revision = 'a'\n", None),
        ("down_revision = 'a'\n", None),
        ("revision = ", None),
    ],
)
def test_revisions_are_read_only_where_plain(
    tmp_path: Path, second: str, found: list[str] | None
) -> None:
    """Whatever isn't one plain chain is left to alembic."""
    (tmp_path / "versions").mkdir()
    first = "import os\nLOG = os.getcwd()\nrevision = 'a'\ndown_revision = None\n"
    (tmp_path / "versions" / "one.py").write_text(first)
    (tmp_path / "versions" / "two.py").write_text(second)
    assert facts.revisions_from_source(str(tmp_path)) == found
