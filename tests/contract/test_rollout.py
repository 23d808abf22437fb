# SPDX-License-Identifier: Apache-2.0
"""The release of hosts in their turns is the same on every board."""

import contextlib
import dataclasses
import threading
from pathlib import Path

import pytest

from amphv2_bootstrap.engine.storage.control.pausing import pause, unpause
from amphv2_bootstrap.errors import PermanentError
from tests.contract.boards import Boards
from tests.servers.process import wait_until
from tests.unit.engine.rolling import come_alive, post
from tests.unit.engine.toys import SETTINGS, Cloud, Ledger, ToyFlows

# A conductor that reconciles seldom: what it does at once, others need not restore.
QUICK = dataclasses.replace(SETTINGS, reconcile_interval=1.0)
HOSTS = ("one", "two")


class Out:
    """Counts how many flows are in their step at once; the first one may fail."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0
        self.broken = False
        self.gate = threading.Event()
        self.gate.set()

    def step(self) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            assert self.gate.wait(60)
            if self.broken:
                raise PermanentError("work", why="as the test wants it")
        finally:
            with self._lock:
                self._now -= 1


@pytest.fixture
def out() -> Out:
    return Out()


@pytest.fixture
def cloud(tmp_path: Path, out: Out) -> Cloud:
    return Cloud(tmp_path, ToyFlows(Ledger(), {"host": ["a"]}, {"a": out.step}))


def _start(
    stack: contextlib.ExitStack, cloud: Cloud, boards: Boards, *hosts: str
) -> None:
    for host in hosts:
        stack.enter_context(cloud.running(host, QUICK, boards.make()))


def test_one_after_the_other(board_factory: Boards, cloud: Cloud, out: Out) -> None:
    """A failure stops the rest, a pause too; an absent host is taken up at its end."""
    out.broken = True
    # All signs of life first: a host without one lets the others go before it.
    come_alive(cloud, *HOSTS)
    uuid = post(cloud, ("one", "two", "three"))
    with contextlib.ExitStack() as stack:
        _start(stack, cloud, board_factory, *HOSTS)
        cloud.wait_for(uuid, "parked", "waiting", "waiting")
        pause(cloud.journal, uuid, "root@one")
        out.broken = False
        out.gate.clear()
        cloud.journal.resume(uuid)
        assert cloud.states(uuid) == ["waiting"] * 3
        unpause(cloud.journal, uuid, "root@one")
        cloud.wait_for(uuid, "running", "waiting", "waiting")
        out.gate.set()
        cloud.wait_for(uuid, "done", "done", "waiting")
        _start(stack, cloud, board_factory, "three")
        cloud.wait_for(uuid, "done")
    assert out.most == 1
    wait_until(
        lambda: cloud.store.job(uuid).finished_at is not None, what="the job is closed"
    )
