# SPDX-License-Identifier: Apache-2.0
"""Signals that shall end a program: noted when they come, heeded where it is safe.

Safe is a moment at which every process that was started is known to whoever stops
it. So nothing is lost between a start and its note, and no second signal cuts the
cleaning-up short.
"""

import signal

_noted: list[signal.Signals] = []


class InterruptionError(Exception):
    """Somebody wants the program to end; ``number`` is the first signal that came."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number
        super().__init__(f"ended by {number.name}")


def note_signals() -> None:
    """From now on SIGTERM, SIGINT and SIGHUP are noted, and end nothing themselves.

    One that is ignored already, as under nohup, stays so.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _note)


def heed() -> None:
    """Go on, or :raises InterruptionError: one of the signals has come."""
    if _noted:
        raise InterruptionError(_noted[0])


def _note(number: int, _frame: object) -> None:
    _noted.append(signal.Signals(number))
