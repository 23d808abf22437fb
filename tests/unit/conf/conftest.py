# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the configuration's tests."""

from pathlib import Path

import pytest

from tests.unit.conf.configuration import Configuration


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    """A good configuration, for tests to change."""
    return Configuration(tmp_path)
