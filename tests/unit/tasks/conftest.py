# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from tests.unit.tasks.controller_host import Controller


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return Controller(tmp_path)
