# SPDX-License-Identifier: Apache-2.0
"""The committed sample configuration."""

import os
import re
import subprocess
import sys
from configparser import ConfigParser
from importlib import metadata
from pathlib import Path

import pytest

from amphv2_bootstrap.conf import list_opts
from tests import REPOSITORY

SAMPLE = REPOSITORY / "etc/amphv2-bootstrap/amphv2-bootstrap.conf.sample"
_OSLO_LOG = re.compile(r"#\n# From oslo\.log\n#\n.*?(?=^\[)", re.DOTALL | re.MULTILINE)


def _with_entry_points(folder: Path) -> Path:
    """A folder that declares the package's entry points without an install."""
    setup = ConfigParser()
    setup.read(REPOSITORY / "setup.cfg")
    lines = setup["entry_points"]["oslo.config.opts"]
    info = folder / "amphv2_bootstrap-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: amphv2-bootstrap\n")
    (info / "entry_points.txt").write_text(f"[oslo.config.opts]{lines}\n")
    return folder


def _is_installed() -> bool:
    try:
        points = metadata.distribution("amphv2-bootstrap").entry_points
    except metadata.PackageNotFoundError:
        return False
    return bool(points.select(group="oslo.config.opts"))


@pytest.fixture
def generated(tmp_path: Path) -> str:
    """The sample that oslo-config-generator writes from the present options."""
    paths = [str(REPOSITORY)]
    if not _is_installed():
        paths.append(str(_with_entry_points(tmp_path)))
    subprocess.run(
        [
            sys.executable,
            "-c",
            "from oslo_config import generator; generator.main()",
            "--config-file=etc/oslo-config-generator/amphv2-bootstrap.conf",
            f"--output-file={tmp_path / 'sample'}",
        ],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "XDG_CACHE_HOME": str(tmp_path),
        },
        check=True,
    )
    return (tmp_path / "sample").read_text()


def test_committed_sample_is_up_to_date(generated: str) -> None:
    """The sample equals what tools/genconfig.sh writes, except oslo.log's part."""
    committed = SAMPLE.read_text()
    assert "From oslo.log" in committed
    assert _OSLO_LOG.sub("", committed) == _OSLO_LOG.sub("", generated)


def test_sample_has_every_option() -> None:
    """The sample has each option, commented out."""
    text = "\n" + SAMPLE.read_text()
    for group, options in list_opts():
        section = text.partition(f"\n[{group}]\n")[2].partition("\n[")[0]
        for option in options:
            assert re.search(rf"^#{option.name} =( |$)", section, re.MULTILINE), (
                option.name
            )


def test_sample_depends_on_no_host() -> None:
    """The sample doesn't have the name of the host where it was made."""
    text = SAMPLE.read_text()
    assert "#host = <this host's name>" in text
    assert os.uname().nodename not in re.findall(r"^#\w+ = (.*)$", text, re.MULTILINE)
