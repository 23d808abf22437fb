# SPDX-License-Identifier: Apache-2.0
"""Lists fit the terminal: a table, or a paragraph for each row."""

import fcntl
import os
import pty
import struct
import termios
from argparse import Namespace

import pytest

from amphv2_bootstrap.cmd.output.lists import FittingTableFormatter

_NAMES = ("host", "flows", "why")
_ROWS = [("ctl1", "", "it is away"), ("ctl2", "cloud", None)]
_CHOICE = {"print_empty": False, "max_width": 0, "fit_width": False}


def _shown(columns: int, **choice: object) -> list[str]:
    """What a terminal of so many columns shows."""
    leader, follower = pty.openpty()
    with open(leader, "rb"), open(follower, "w") as stream:  # noqa: PTH123
        fcntl.ioctl(stream, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        arguments = Namespace(**{**_CHOICE, **choice})
        FittingTableFormatter().emit_list(_NAMES, iter(_ROWS), stream, arguments)
        stream.flush()
        return os.read(leader, 9999).decode().splitlines()


def test_a_table_that_fits() -> None:
    """It has a line for each row."""
    assert _shown(80)[1].split() == ["|", "host", "|", "flows", "|", "why", "|"]
    assert len(_shown(80)) == 6


def test_a_terminal_that_is_too_narrow() -> None:
    """Each row has its lines, with the names, and without what is empty."""
    assert _shown(20) == [
        "host: ctl1  why: it",
        "    is away",
        "host: ctl2  flows:",
        "    cloud",
    ]


@pytest.mark.parametrize("choice", [{"fit_width": True}, {"max_width": 20}], ids=str)
def test_a_width_that_was_chosen(choice: dict[str, object]) -> None:
    """cliff's own options give a table, as with other programs."""
    assert _shown(20, **choice)[0].startswith("+-")
