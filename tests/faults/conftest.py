# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the fault suite."""

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cloud import SEED, BoardChoice, Cloud, MakeCloud, make_backends
from tests.faults.machine import Machine, running_machine


@pytest.fixture(scope="session")
def near() -> Iterator[Machine]:
    """The machine of the tests; its processes see each other."""
    with running_machine() as machine:
        yield machine


@pytest.fixture(scope="session")
def far() -> Iterator[Machine]:
    """Another machine: processes outside can't see its own."""
    with running_machine(apart=True) as machine:
        yield machine


@pytest.fixture
def make_cloud(
    request: pytest.FixtureRequest, tmp_path: Path, near: Machine, far: Machine
) -> Iterator[MakeCloud]:
    """Make a cloud on a board of a kind; its conductors end with the test."""
    with contextlib.ExitStack() as stack:

        def make(kind: str) -> Cloud:
            folder = tmp_path / f"{kind}-{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            cloud = Cloud(folder, make_backends(request, kind, folder), [near, far])
            stack.callback(cloud.database.close)
            stack.callback(cloud.stop)
            return cloud

        yield make


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """A random generator, seeded with the printed seed and the test's name."""
    print(f"AMPHV2_FAULTS_SEED={SEED}")
    return random.Random(f"{SEED} {request.node.nodeid}")


_FORMS = [
    pytest.param(False, marks=pytest.mark.timeout(600), id="short"),
    pytest.param(True, marks=[pytest.mark.long, pytest.mark.timeout(0)], id="long"),
]


@pytest.fixture(params=_FORMS)
def whole(request: pytest.FixtureRequest) -> bool:
    """Whether the test tries everything (``-m long``), or a sample."""
    return bool(request.param)


@pytest.fixture
def board_choice(
    request: pytest.FixtureRequest, whole: bool, chance: random.Random
) -> BoardChoice:
    """Chooses the boards of the test."""
    return BoardChoice(request.config, whole, chance)
