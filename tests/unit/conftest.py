# SPDX-License-Identifier: Apache-2.0
"""Fixtures that several layers' tests use."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import tenacity

from amphv2_bootstrap.engine.execution import retry_until_cancelled
from tests.unit.engine.toys import Cloud, Ledger, ToyFlows
from tests.unit.steps.controller_host import Controller


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry fast: the outages of tests are over at the next attempt."""
    monkeypatch.setattr(retry_until_cancelled, "_WAIT", tenacity.wait_fixed(0.01))


@pytest.fixture
def make_cloud(tmp_path: Path) -> Iterator[Callable[..., Cloud]]:
    """Make a cloud of the given flows: ``make_cloud(NAME=[STEP, ...])``."""
    made: list[Cloud] = []

    def make(**steps: Sequence[str]) -> Cloud:
        cloud = Cloud(tmp_path, ToyFlows(Ledger(), steps))
        made.append(cloud)
        return cloud

    yield make
    for cloud in made:
        cloud.database.close()


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    """A controller host with a fake Octavia."""
    return Controller(tmp_path)
