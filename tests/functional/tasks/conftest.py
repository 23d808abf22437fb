# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the steps' tests."""

from pathlib import Path

import pytest

from tests.functional.tasks.target import Target
from tests.servers.mariadb import MariaDB


@pytest.fixture
def target(mariadb: MariaDB, tmp_path: Path) -> Target:
    """A cloud with an empty database server, without Octavia."""
    return Target(mariadb, tmp_path)
