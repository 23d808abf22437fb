# SPDX-License-Identifier: Apache-2.0
"""Signals that end a program, but only where it is safe.

A handler records each signal; the program acts on it by calling :func:`heed` where
every started process is known to the code that stops it. So no process is lost between
its start and its record, and no second signal cuts the clean-up short.
"""

import signal

_noted: list[signal.Signals] = []


class InterruptionError(Exception):
    """The program must end; ``number`` is the first signal that came."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number
        super().__init__(f"ended by {number.name}")


def note_signals() -> None:
    """Record SIGTERM, SIGINT and SIGHUP from now on, instead of ending.

    A signal that is ignored already, as under nohup, stays ignored.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _note)


def heed() -> None:
    """:raises InterruptionError: one of the signals has come."""
    if _noted:
        raise InterruptionError(_noted[0])


def _note(number: int, _frame: object) -> None:
    _noted.append(signal.Signals(number))
