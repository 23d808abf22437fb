# SPDX-License-Identifier: Apache-2.0
"""How the daemon handles its signals, in any order."""

import signal
from collections.abc import Iterator

import pytest

from amphv2_bootstrap.cmd.daemon import _Signals
from tests.servers.process import wait_until


class Conductor:
    """Records how it was asked to stop."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def stop(self) -> None:
        self.asked.append("stop")

    def stop_now(self) -> None:
        self.asked.append("now")


@pytest.fixture
def signals() -> Iterator[_Signals]:
    """Install the handlers, and restore the former ones after the test."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    found = _Signals(lambda: True)
    found.conductor = Conductor()  # type: ignore[assignment]
    yield found
    for number, handler in before.items():
        signal.signal(number, handler)


CASES = [
    (["HUP"], True, ["stop"]),
    (["TERM"], False, ["stop"]),
    (["TERM", "TERM"], False, ["stop", "now"]),
    (["HUP", "TERM"], False, ["stop", "stop"]),
    (["HUP", "TERM", "INT"], False, ["stop", "stop", "now"]),
    (["TERM", "HUP"], False, ["stop"]),
    (["HUP", "HUP"], True, ["stop"]),
]


@pytest.mark.parametrize(("sent", "reload", "asked"), CASES)
def test_sigterm_outranks_sighup(
    sent: list[str], reload: bool, asked: list[str], signals: _Signals
) -> None:
    """SIGTERM ends the process also while SIGHUP is about to reload it."""
    conductor = signals.conductor
    assert isinstance(conductor, Conductor)
    for count, name in enumerate(sent):
        signal.raise_signal(signal.Signals[f"SIG{name}"])
        so_far = asked[: count + 1]
        wait_until(lambda want=so_far: conductor.asked == want, what=f"{so_far}")
    assert conductor.asked == asked
    assert signals.ending is not reload
    assert signals.stopping.is_set()
