# SPDX-License-Identifier: Apache-2.0
"""Exit codes: part of the interface, the same for every command."""

from amphv2_bootstrap.errors import BootstrapError, InvalidInputError

DONE = 0
FAILED = 1
BAD_INPUT = 2
TIMED_OUT = 3
CHANGES = 4
"""``plan`` has found changes to be made."""
SIGNALLED = 128
"""Plus the number of the signal, as shells have it."""


def code_of(error: BootstrapError) -> int:
    return BAD_INPUT if isinstance(error, InvalidInputError) else FAILED


def message_of(error: BootstrapError) -> str:
    """The error as a terminal shows it: one problem a line."""
    if isinstance(error, InvalidInputError):
        head = "The configuration or the arguments can't be used; nothing was changed:"
        return "\n".join([head, *(f"  * {problem}" for problem in error.problems)])
    return f"ERROR: {error}"
