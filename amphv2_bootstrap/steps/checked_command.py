# SPDX-License-Identifier: Apache-2.0
"""Run a command that must succeed, such as pip or a restart command."""

import shlex
from collections.abc import Sequence

from amphv2_bootstrap.adapters.host import commands
from amphv2_bootstrap.errors import TransientError
from amphv2_bootstrap.steps.base import Context


def run(
    context: Context, command: Sequence[str], *, attempted: str, timeout: float
) -> None:
    """Run a command, which must succeed within ``timeout`` seconds.

    :raises TransientError: it failed; the message has the end of its output.
    """
    done = commands.run(command, timeout=timeout, cancelled=context.cancelled)
    if done.returncode:
        raise TransientError(
            attempted,
            on=shlex.join(command),
            why=done.output[-1000:] or f"it ended with {done.returncode}",
            todo="Run the command by hand to see more.",
        )
