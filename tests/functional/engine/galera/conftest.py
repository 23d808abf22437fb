# SPDX-License-Identifier: Apache-2.0
"""The engine as it is seen through each node."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from amphv2_bootstrap.engine.execution.retry_until_cancelled import (
    retry_until_cancelled,
)
from tests.servers.galera import Galera
from tests.servers.process import wait_until
from tests.unit.engine.toys import Cloud, Ledger, ToyFlows

T = TypeVar("T")
Behind = Callable[[Callable[[], object], Callable[[], T]], T]


@pytest.fixture
def sides(galera: Galera, tmp_path: Path) -> Iterator[tuple[Cloud, Cloud]]:
    """One engine, through the first and through the second node."""
    galera.nodes[0].execute("CREATE DATABASE amphv2_engine")
    flows = ToyFlows(Ledger(), {"first": ["a", "b"], "second": ["c"]})
    with contextlib.ExitStack() as stack:
        clouds = []
        for node in galera.nodes:
            galera.wait_until_in_step()
            clouds.append(Cloud(tmp_path, flows, f"{node.root_url}/amphv2_engine"))
            stack.callback(clouds[-1].database.close)
        galera.wait_until_in_step()
        yield clouds[0], clouds[1]


@pytest.fixture
def behind(galera: Galera) -> Behind[T]:
    """Call two functions, the second one on a node that lags behind the first.

    ``behind(first, second)`` lets the node catch up when ``second`` has ended or waits
    for that, and returns its result. ``second`` is repeated as a conductor does.
    """

    def call(first: Callable[[], object], second: Callable[[], T]) -> T:
        with ThreadPoolExecutor(1) as pool:
            with galera.lagging():
                first()
                end = pool.submit(retry_until_cancelled, second, threading.Event())
                wait_until(
                    lambda: end.done() or galera.nodes[1].is_waiting(),
                    what="the node that lags behind is written to",
                )
            return end.result(60)

    return call
