# SPDX-License-Identifier: Apache-2.0
"""A real Octavia, installed in its own virtual environment."""

import os
from pathlib import Path

import pytest

from tests import REPOSITORY
from tests.servers.process import unavailable


def find_octavia() -> Path:
    """The folder that AMPHV2_OCTAVIA_VENV names; without one the test is skipped."""
    folder = Path(os.environ.get("AMPHV2_OCTAVIA_VENV") or "/nonexistent")
    if not (folder / "bin" / "octavia-db-manage").exists():
        unavailable("AMPHV2_OCTAVIA_VENV names no virtual environment with Octavia")
    return folder


def find_release(release: str) -> Path:
    """The folder with that Octavia, made by ``tools/octavia-venv.sh RELEASE``.

    Without it the test is skipped; in CI it fails.
    """
    folder = REPOSITORY / ".cache" / "octavia-releases" / release
    if not (folder / "bin" / "octavia-db-manage").exists():
        unavailable(f"no Octavia {release}: run tools/octavia-venv.sh {release}")
    return folder


@pytest.fixture(scope="session")
def octavia_venv() -> Path:
    """The folder of a virtual environment with Octavia."""
    return find_octavia()


@pytest.fixture(scope="session")
def octavia_python_path(octavia_venv: Path) -> str:
    """Octavia's interpreter."""
    return str(octavia_venv / "bin" / "python")
