# SPDX-License-Identifier: Apache-2.0
"""When ``verify`` last succeeded on this host: the time of a file in ``state_path``.

The conductor of the host gives it to Prometheus. It isn't in the engine's database,
since ``verify`` must work, and be seen to have worked, while that is away.
"""

from pathlib import Path

from amphv2_bootstrap.adapters.host import durable_file

_NAME = "last-successful-verify"


def note(state_path: str) -> None:
    """It has succeeded now.

    :raises BootstrapError: ``state_path`` can't be written.
    """
    durable_file.write_private(str(Path(state_path) / _NAME), b"")


def noted_at(state_path: str) -> float | None:
    """In epoch seconds by this host's clock; None if it never has."""
    try:
        return (Path(state_path) / _NAME).stat().st_mtime
    except OSError:
        return None
