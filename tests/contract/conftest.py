# SPDX-License-Identifier: Apache-2.0
"""The boards under test."""

import contextlib
from collections.abc import Iterator

import pytest

from tests.contract.boards import ALL, SERVED, Boards


@pytest.fixture(params=ALL, ids=lambda maker: maker.__name__)
def board_factory(request: pytest.FixtureRequest) -> Iterator[Boards]:
    """Boards of every kind, in turn."""
    with contextlib.closing(request.param(request)) as boards:
        yield boards


@pytest.fixture(params=SERVED, ids=lambda maker: maker.__name__)
def served(request: pytest.FixtureRequest) -> Iterator[Boards]:
    """Boards of every kind with a server other than a database, in turn."""
    with contextlib.closing(request.param(request)) as boards:
        yield boards
