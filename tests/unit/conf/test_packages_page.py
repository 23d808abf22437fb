# SPDX-License-Identifier: Apache-2.0
"""The configuration in the page for Debian's packages."""

import re
from pathlib import Path

from amphv2_bootstrap.conf.build import build
from amphv2_bootstrap.conf.loading import load
from tests import REPOSITORY

_PAGE = (REPOSITORY / "doc/source/deployment/packages.rst").read_text()


def test_the_file_is_right_as_it_is_written(tmp_path: Path) -> None:
    """All its options exist, and nothing that is needed is left out."""
    (block,) = re.findall(r"code-block:: ini\n\n((?:   .*\n|\n)+)", _PAGE)
    octavia, file = tmp_path / "octavia.conf", tmp_path / "amphv2-bootstrap.conf"
    octavia.write_text("[database]\nconnection = mysql+pymysql://o:s3same@db1/o\n")
    text = re.sub("(?m)^   ", "", block).rstrip()
    file.write_text(f"{text}\nconfig_file = {octavia}\n")
    file.chmod(0o600)
    loaded = build(load([], [str(file)]), find_python=lambda _command: None)
    assert loaded.host.service_arguments == ()
    assert loaded.warnings == ()
