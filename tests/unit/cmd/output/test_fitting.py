# SPDX-License-Identifier: Apache-2.0
"""Lines are broken between words, so that they fit the terminal."""

import fcntl
import io
import pty
import struct
import termios

from amphv2_bootstrap.cmd.output.fitting import columns_of, fitted


def test_lines_fit() -> None:
    """What is continued is indented further; columns of a table stay."""
    text = "  a      done  created it for the account\nshort"
    assert fitted(text, 26) == (
        "  a      done  created it\n      for the account\nshort"
    )


def test_a_long_word_stays_whole() -> None:
    """A path can be copied."""
    path = "/etc/octavia/octavia.conf.d/further.conf"
    assert path in fitted(f"see {path} there", 20).split()


def test_without_a_terminal_nothing_is_broken() -> None:
    """A log and a pipe get each line as it is."""
    assert columns_of(io.StringIO()) is None
    assert fitted("a " * 200, None) == "a " * 200


def test_the_width_is_that_of_the_stream() -> None:
    """Not that of another terminal of the process."""
    leader, follower = pty.openpty()
    with open(leader, "rb"), open(follower, "w") as stream:  # noqa: PTH123
        fcntl.ioctl(stream, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 71, 0, 0))
        assert columns_of(stream) == 71
