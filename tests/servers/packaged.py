# SPDX-License-Identifier: Apache-2.0
"""A real Octavia as Debian packages it: its taskflow comes without migrations."""

import shutil
from pathlib import Path

VERSION = "5.12.0"
"""Of taskflow, as Debian 13 has it."""
HEAD = "40fc8c914bd2"
"""The newest revision that this taskflow knows."""

_SCRIPT = '#!/bin/sh\nPYTHONPATH={site} exec {program} "$@"\n'


def strip_migrations(site: Path, taskflow: Path) -> None:
    """Copy taskflow to the new folder ``site``, without what Debian leaves out."""
    left_out = shutil.ignore_patterns("alembic", "__pycache__", "tests", "examples")
    shutil.copytree(taskflow, site / "taskflow", ignore=left_out)
    (points,) = taskflow.parent.glob("taskflow-*.dist-info/entry_points.txt")
    metadata = site / f"taskflow-{VERSION}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: taskflow\nVersion: {VERSION}\n")
    shutil.copy(points, metadata.parent)


def package(octavia_venv: Path, folder: Path) -> tuple[str, str]:
    """Scripts in ``folder`` that start Octavia's Python and its octavia-db-manage."""
    site = folder / "site"
    (taskflow,) = octavia_venv.glob("lib/python*/site-packages/taskflow")
    strip_migrations(site, taskflow)
    scripts = []
    for name in ("python", "octavia-db-manage"):
        script = folder / name
        script.write_text(
            _SCRIPT.format(site=site, program=octavia_venv / "bin" / name)
        )
        script.chmod(0o755)
        scripts.append(str(script))
    return scripts[0], scripts[1]
