# SPDX-License-Identifier: Apache-2.0
"""Changes wake waiters, and listening never ends by itself."""

import threading

from amphv2_bootstrap.jobboards.change_notifier import ChangeNotifier, Listener
from tests.servers.process import wait_until


def test_a_change_before_the_wait_is_kept() -> None:
    """Changes before a wait end it at once, but not the next wait."""
    changes = ChangeNotifier()
    changes.notify()
    changes.notify()
    assert changes.wait(60)
    assert not changes.wait(0.01)


def test_all_waiters_are_woken() -> None:
    """One change ends every wait that is under way."""
    changes, woken = ChangeNotifier(), []
    threads = [
        threading.Thread(target=lambda: woken.append(changes.wait(60)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(changes._condition._waiters) == 3, what="all wait")  # type: ignore[attr-defined]
    changes.notify()
    for thread in threads:
        thread.join(60)
    assert woken == [True] * 3


def test_listener_that_is_stopped_while_it_waits() -> None:
    """It makes no further connection: its backend may not exist any more."""
    calls: list[int] = []
    listener = Listener("ears", lambda stopped: calls.append(1))
    listener.start()
    wait_until(lambda: len(calls) > 3, what="it waits between connections")
    listener.stop()
    wait_until(
        lambda: all(thread.name != "ears" for thread in threading.enumerate()),
        what="its thread ended",
    )
    calls.clear()
    stopped = Listener("ears", lambda stopped: calls.append(1))
    stopped.stop()
    assert stopped._hear_once() == float("inf")
    assert not calls


def test_listener_outlives_its_connections() -> None:
    """Whatever ends a connection, the listener makes another until it is stopped."""
    calls: list[int] = []

    def hear(stopped: threading.Event) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("nobody expected this")
        if len(calls) > 2:
            stopped.wait(60)

    listener = Listener("ears", hear)
    listener.start()
    wait_until(lambda: len(calls) == 3, what="it listens again")
    listener.stop()
    wait_until(
        lambda: all(thread.name != "ears" for thread in threading.enumerate()),
        what="its thread ended",
    )
