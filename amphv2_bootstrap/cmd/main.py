# SPDX-License-Identifier: Apache-2.0
"""``amphv2-bootstrap``: the operator's command."""

import signal
import sys
from collections.abc import Sequence

from amphv2_bootstrap.cmd import exit_codes


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out a command; returns its exit code.

    :param argv: None is the console script: signals end its process.
    """
    if argv is None:
        _end_at_once_on_ctrl_c()
    # Imported here: loading it takes a moment, in which Ctrl-C may come.
    from amphv2_bootstrap.cmd.app import BootstrapApp

    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return int(BootstrapApp().run(arguments or ["--help"]))
    except BrokenPipeError:
        return exit_codes.DONE


def _end_at_once_on_ctrl_c() -> None:
    """Have SIGINT end the process as SIGTERM does, unless a shell had it ignored.

    Python's own way, an exception in the main thread, waits for calls into C, such as a
    name lookup, and is lost in a destructor. What a command does survives SIGKILL.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main())
