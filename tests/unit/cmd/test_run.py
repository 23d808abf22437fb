# SPDX-License-Identifier: Apache-2.0
"""What ``run`` makes of its signals."""

import signal
import threading

import pytest

from amphv2_bootstrap.cmd.run import stop_on_signals
from tests.servers.process import wait_until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_never_blocks_the_main_thread(number: signal.Signals) -> None:
    """The handler returns although stopping waits for a lock of the main thread."""
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    lock, stopped = threading.Lock(), threading.Event()

    def stop() -> None:
        assert threading.current_thread() is not threading.main_thread()
        with lock:
            stopped.set()

    try:
        stop_on_signals(stop)
        with lock:
            signal.raise_signal(number)
            assert not stopped.is_set()
        wait_until(stopped.is_set, what="it has stopped")
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
