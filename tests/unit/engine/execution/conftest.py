# SPDX-License-Identifier: Apache-2.0
"""A cloud that carries out the flows of each test module's own fixture ``flows``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.engine.toys import Cloud


@pytest.fixture
def cloud(tmp_path: Path, flows: Any) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path, flows)
    yield cloud
    cloud.database.close()
