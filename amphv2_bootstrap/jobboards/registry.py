# SPDX-License-Identifier: Apache-2.0
"""Jobboards by the name of their driver."""

import contextlib
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, cast, runtime_checkable

from stevedore import driver, exception

from amphv2_bootstrap.engine.board import Board
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.jobboards.settings import BoardSettings

NAMESPACE = "amphv2_bootstrap.jobboards"


def open_board(settings: BoardSettings) -> Board:
    """The board of ``settings``, not yet connected; only its driver is imported.

    :raises PermanentError: no such driver, or its client library is missing.
    """
    opening = cast(Callable[[BoardSettings], Board], _load(settings.driver))
    return opening(settings)


@runtime_checkable
class JudgesItself(Protocol):
    """A board that can look at how its own backend would fail over."""

    def risks(self) -> Sequence[str]:
        """What a fail-over may lose, as full sentences; called when connected."""


def risks(settings: BoardSettings) -> Sequence[str]:
    """What a fail-over of the board's backend may lose, where that can be seen.

    Raises what :meth:`Board.connect` does.
    """
    board = open_board(settings)
    if not isinstance(board, JudgesItself):
        return ()
    with contextlib.closing(board):
        board.connect()
        return board.risks()


def _load(name: str) -> object:
    failures: list[BaseException] = []

    def remember(_: object, __: EntryPoint, error: BaseException) -> None:
        failures.append(error)

    try:
        return driver.DriverManager(
            NAMESPACE, name, on_load_failure_callback=remember
        ).driver
    except exception.NoMatches as error:
        raise _unusable(name, failures) from (failures[0] if failures else error)


def _unusable(name: str, failures: list[BaseException]) -> PermanentError:
    if not failures:
        return PermanentError(
            "open the jobboard",
            on=name,
            why="there is no such driver",
            todo=f"Set jobboard_backend_driver to one of {', '.join(_names())}",
        )
    return PermanentError(
        "open the jobboard",
        on=name,
        why=f"its driver can't be imported: {failures[0]}",
        todo=f"Install amphv2-bootstrap[{name}]",
    )


def _names() -> list[str]:
    """The drivers that are installed, whether they can be imported or not."""
    return sorted(entry_points(group=NAMESPACE).names)
