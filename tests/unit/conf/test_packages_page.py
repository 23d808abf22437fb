# SPDX-License-Identifier: Apache-2.0
"""The configuration in the page for Debian's packages."""

import re
from pathlib import Path

from amphv2_bootstrap.conf.build import build
from amphv2_bootstrap.conf.loading import load
from tests import REPOSITORY

_PAGE = (REPOSITORY / "doc/source/packages.rst").read_text()


def test_the_file_is_right_as_it_is_written(tmp_path: Path) -> None:
    """All its options exist, and nothing that is needed is left out."""
    (block,) = re.findall(r"code-block:: ini\n\n((?:   .*\n|\n)+)", _PAGE)
    file = tmp_path / "amphv2-bootstrap.conf"
    text = re.sub("(?m)^   ", "", block)
    octavia = tmp_path / "octavia.conf"
    octavia.touch()
    file.write_text(
        text.replace("\n[octavia]", f"\n[octavia]\nconfig_file = {octavia}")
    )
    file.chmod(0o600)
    loaded = build(load([], [str(file)]), find_python=lambda _command: None)
    assert loaded.host.name == "ctl1"
    assert loaded.spec.controllers == ("ctl1", "ctl2", "ctl3")
    assert loaded.host.service_arguments == ()
    assert loaded.warnings == ()
