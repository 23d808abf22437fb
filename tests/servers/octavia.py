# SPDX-License-Identifier: Apache-2.0
"""A real Octavia, installed in a virtual environment of its own."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def octavia_venv() -> Path:
    """The folder that AMPHV2_OCTAVIA_VENV names; without it the test is skipped."""
    folder = os.environ.get("AMPHV2_OCTAVIA_VENV")
    if folder and (Path(folder) / "bin" / "octavia-db-manage").exists():
        return Path(folder)
    reason = "AMPHV2_OCTAVIA_VENV names no virtual environment with Octavia"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def octavia_python_path(octavia_venv: Path) -> str:
    """Octavia's interpreter."""
    return str(octavia_venv / "bin" / "python")
